package egress

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/magewright/magewright/tools/project/exit"
)

// special are networks that are not private by the letter, and that no package comes from:
// shared addresses of providers, where clouds have services of their own, too, and addresses
// behind which there are others.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
}

// private reports whether an address is of this machine or of a network that it is in.
func private(ip netip.Addr) bool {
	ip = plain(ip)
	return !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// linkLocal reports whether an address is link-local. Where a machine of a cloud rehearses,
// its credentials are at one.
func linkLocal(ip netip.Addr) bool {
	ip = plain(ip)
	return ip.IsLinkLocalUnicast() || ip == netip.MustParseAddr("fd00:ec2::254")
}

// plain returns an address without what has it look like another one. The zone names an
// interface: fe80::1%eth0.
func plain(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

// open is what a user has opened with MAGEWRIGHT_EGRESS.
type open struct {
	all      bool // every private address, except link-local ones
	names    []string
	prefixes []netip.Prefix
	ports    []string // of this machine's loopback
}

// port returns the port of an entry like localhost:5432.
func port(entry string) (string, bool) {
	host, port, err := net.SplitHostPort(entry)
	number, notNumber := strconv.ParseUint(port, 10, 16)
	if err != nil || notNumber != nil || number == 0 || host != "localhost" && host != "127.0.0.1" {
		return "", false
	}
	return port, true
}

// parse reads a list of host names, addresses, networks, and ports of this machine.
func parse(list string) (open, error) {
	var o open
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.ToLower(strings.TrimSpace(entry))
		prefix, prefixErr := netip.ParsePrefix(entry)
		port, isPort := port(entry)
		ip, ipErr := netip.ParseAddr(entry)
		switch {
		case entry == "":
		case entry == "private":
			o.all = true
		case isPort:
			o.ports = append(o.ports, port)
		case prefixErr == nil:
			o.prefixes = append(o.prefixes, prefix)
		case ipErr == nil:
			ip = plain(ip)
			o.prefixes = append(o.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
		case strings.ContainsAny(entry, "/:*@ "):
			return open{}, exit.Missing("MAGEWRIGHT_EGRESS=npm.corp.example,10.1.0.0/16", "MAGEWRIGHT_EGRESS has %q, which is neither a host name, nor a private address or network, nor a port of this machine such as localhost:5432", entry)
		default:
			o.names = append(o.names, entry)
		}
	}
	return o, nil
}

// name reports whether a host's name, or the domain that it is in, is open.
func (o open) name(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.ContainsFunc(o.names, func(name string) bool { return host == name || strings.HasSuffix(host, "."+name) })
}

func (o open) address(ip netip.Addr) bool {
	ip = plain(ip)
	return o.all && !linkLocal(ip) || slices.ContainsFunc(o.prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// A privateError says that a request is for a network that it must not reach.
type privateError struct {
	host string
	ip   netip.Addr
}

func (e *privateError) Error() string {
	if linkLocal(e.ip) {
		return fmt.Sprintf("a rehearsal reaches no link-local address, such as that of a cloud's credentials: %s is %s", e.host, e.ip)
	}
	return fmt.Sprintf("a rehearsal reaches no private address: %s is %s\n  next: if packages come from there, MAGEWRIGHT_EGRESS=%s", e.host, e.ip, cmp.Or(hostname(e.host), e.host))
}

// allowed returns an error if a host's address is private and not open.
func (o open) allowed(host string, ip netip.Addr) error {
	if private(ip) && !o.address(ip) && !o.name(hostname(host)) {
		return &privateError{host, ip}
	}
	return nil
}

// check returns an error if a host is a private address, or if it will be asked of the
// user's proxy and is the name of one here. Other names are looked up when they are dialled.
func (e *Guard) check(r *http.Request, host string) error {
	if ip, err := netip.ParseAddr(hostname(host)); err == nil {
		return e.open.allowed(host, ip)
	}
	if proxy, err := e.upstream(r); err != nil || proxy == nil {
		// What reads the settings again reports the error.
		return nil //nolint:nilerr // see above
	}
	ips, err := e.resolve(r.Context(), "ip", hostname(host))
	if err != nil {
		// Behind a proxy, names of the internet are often not known.
		return nil //nolint:nilerr // see above
	}
	for _, ip := range ips {
		if err := e.open.allowed(host, ip); err != nil {
			return err
		}
	}
	return nil
}

// connect returns a function that dials a host for a request. It also refuses names of
// private addresses, except that of the user's own proxy.
func (e *Guard) connect(r *http.Request) func(ctx context.Context, network, host string) (net.Conn, error) {
	proxy, err := e.upstream(r)
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		d := net.Dialer{Timeout: 30 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
			ip, parseErr := netip.ParseAddr(hostname(address))
			if parseErr != nil {
				return fmt.Errorf("reading the address of %s: %w", host, parseErr)
			}
			if err == nil && proxy != nil {
				// The user has chosen it, and the request was checked.
				return nil
			}
			return e.open.allowed(host, ip)
		}}
		return d.DialContext(ctx, network, host)
	}
}

// hostname returns a host without its port, if it has one.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.Trim(host, "[]")
}
