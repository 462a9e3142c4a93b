package local

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/project/exit"
)

// ForwardUsage describes the flag -forward of the targets that start an embedded AWS.
const ForwardUsage = "services that other endpoints on this machine have instead, such as dynamodb=http://127.0.0.1:8000, with commas between them"

// ReadForward reads the flag -forward of a target: URLs by the signing names of services.
func ReadForward(target, flag string) (map[string]string, error) {
	forward := map[string]string{}
	if flag == "" {
		return forward, nil
	}
	for part := range strings.SplitSeq(flag, ",") {
		service, url, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || service == "" || url == "" {
			return nil, exit.Misused(target, "-forward=%s: it has the form SERVICE=URL, such as dynamodb=http://127.0.0.1:8000", flag)
		}
		if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			return nil, exit.Misused(target, "-forward=%s: %s is no URL: it begins with neither http:// nor https://", flag, url)
		}
		forward[service] = url
	}
	return forward, nil
}

// DescribeForward prints which services are not those of the embedded AWS.
func DescribeForward(w io.Writer, forward map[string]string) {
	for _, service := range slices.Sorted(maps.Keys(forward)) {
		fmt.Fprintf(w, "NOT OURS  %s: its requests go to %s, and what happens there is not rehearsed\n", service, forward[service])
	}
}
