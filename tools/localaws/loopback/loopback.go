// Package loopback decides which names of this machine an endpoint answers to. A
// web page can make a name of its own point to 127.0.0.1, and would then be allowed
// to read the endpoint's answers.
package loopback

import (
	"net"
	"strings"
)

// Is reports whether host, with or without a port, is a loopback address,
// localhost or a name below localhost.
func Is(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
