package lambda

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

var (
	traceRoot   = regexp.MustCompile(`^1-[0-9a-f]{8}-[0-9a-f]{24}$`)
	traceParent = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// traceOf returns the X-Ray trace header of an invocation. It continues the
// caller's trace if the caller's header names one. Otherwise it begins a new
// trace, which is not sampled.
// See https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader.
func traceOf(header string, now time.Time) string {
	r := randomHex(20)
	root, parent, sampled := fmt.Sprintf("1-%08x-%s", uint32(now.Unix()&math.MaxUint32), r[:24]), r[24:], "0"
	if header == "" {
		return traceHeader(root, parent, sampled)
	}
	given := map[string]string{}
	for field := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		given[name] = value
	}
	if traceRoot.MatchString(given["Root"]) {
		root = given["Root"]
		if traceParent.MatchString(given["Parent"]) {
			parent = given["Parent"]
		}
		if given["Sampled"] == "1" {
			sampled = "1"
		}
	}
	return traceHeader(root, parent, sampled)
}

func traceHeader(root, parent, sampled string) string {
	return "Root=" + root + ";Parent=" + parent + ";Sampled=" + sampled
}
