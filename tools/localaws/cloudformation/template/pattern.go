package template

import (
	"fmt"
	"regexp"
	"time"

	"github.com/dlclark/regexp2"
)

// A pattern is an AllowedPattern, which has to match a whole value. CloudFormation's
// patterns are Java's, which have lookaheads and other things that Go's do not have.
type pattern struct {
	text  string
	match func(value string) (bool, error)
}

// patternTimeout is how long a pattern that may backtrack can take to match a value.
const patternTimeout = 10 * time.Second

func readPattern(text string) (*pattern, error) {
	whole := "^(?:" + text + ")$"
	if simple, err := regexp.Compile(whole); err == nil {
		return &pattern{text, func(value string) (bool, error) { return simple.MatchString(value), nil }}, nil
	}
	re, err := regexp2.Compile(`\A(?:`+text+`)\z`, regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("reading the pattern: %w", err)
	}
	re.MatchTimeout = patternTimeout
	return &pattern{text, re.MatchString}, nil
}
