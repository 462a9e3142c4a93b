package buildspec

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/internal/suggest"
)

// What happens to a build when a phase fails.
const (
	Transition = ""         // CodeBuild's default transition
	Abort      = "ABORT"    // no further phase runs its commands
	Continue   = "CONTINUE" // the next phase runs, and the failure doesn't fail the build
	Retry      = "RETRY"    // the phase runs again
)

// OnFailure is the on-failure setting of a phase.
//
// AWS says that RETRY retries "the build". On a host, the phase runs again in
// the same shell. AWS does not document the status of a build that continued
// with CONTINUE. Here it may still succeed, but CODEBUILD_BUILD_SUCCEEDING is 0
// from then on.
type OnFailure struct {
	Action  string
	Retries int            // how many times a phase runs again; only for Retry
	Match   *regexp.Regexp // matches errors to retry; nil matches any; only for Retry
}

// defaultRetries is how often RETRY without a count tries again.
const defaultRetries = 3

// parseOnFailure reads ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex and
// RETRY-count-regex.
func parseOnFailure(text string) (OnFailure, error) {
	switch text {
	case Abort, Continue:
		return OnFailure{Action: text}, nil
	case Retry:
		return OnFailure{Action: Retry, Retries: defaultRetries}, nil
	}
	rest, ok := strings.CutPrefix(text, "RETRY-")
	if !ok {
		// AWS's own examples use this spelling.
		rest, ok = strings.CutPrefix(text, "Retry-")
	}
	if !ok || rest == "" {
		return OnFailure{}, fmt.Errorf("%q is not one of ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex and RETRY-count-regex%s",
			text, suggest.DidYouMean(text, []string{Abort, Continue, Retry}))
	}
	f := OnFailure{Action: Retry, Retries: defaultRetries}
	count, pattern, both := strings.Cut(rest, "-")
	if n, err := strconv.Atoi(count); err == nil {
		if n < 0 || n > 100 {
			return OnFailure{}, fmt.Errorf("%q requests %d retries; AWS accepts 0 to 100", text, n)
		}
		f.Retries = n
		if !both {
			return f, nil
		}
	} else {
		pattern = rest
	}
	match, err := regexp.Compile(pattern)
	if err != nil {
		return OnFailure{}, fmt.Errorf("%q has an invalid regular expression: %w", text, err)
	}
	f.Match = match
	return f, nil
}
