package collect

import (
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/readiness"
)

// TestStaging checks that the collector asks staging, not production.
func TestStaging(t *testing.T) {
	t.Parallel()
	outputs := "<member><OutputKey>FunctionName</OutputKey><OutputValue>f</OutputValue></member><member><OutputKey>AliasName</OutputKey><OutputValue>live</OutputValue></member>"
	answers := map[string]string{
		"GetCallerIdentity":                     identity,
		"DescribeStacks":                        noStack,
		"DescribeStacks magewright-staging":     oneStack("CREATE_COMPLETE", outputs),
		"/2015-03-31/functions/f/aliases/live":  `{"FunctionVersion":"4"}`,
		"/2015-03-31/functions/f/configuration": `{"Version":"4","CodeSha256":"four","State":"Active"}`,
		"/2015-03-31/functions/f/versions":      `{"Versions":[{"Version":"4","CodeSha256":"four"}]}`,
	}
	got, err := Staging(t.Context(), Env{AWS: fakeAWS(t, answers), Clock: clock.System()})
	if s, ok := got.(readiness.Staging); err != nil || !ok || s.Version != "4" || s.CodeSHA256 != "four" || s.Account != "111122223333" || s.FinishedOn.IsZero() {
		t.Errorf("staging %+v, %v", got, err)
	}
	delete(answers, "DescribeStacks magewright-staging")
	got, err = Staging(t.Context(), Env{AWS: fakeAWS(t, answers), Clock: clock.System()})
	if s, ok := got.(readiness.Staging); err != nil || !ok || s.Absent == "" {
		t.Errorf("no stack gives %+v, %v", got, err)
	}
	delete(answers, "GetCallerIdentity")
	if got, err := Staging(t.Context(), Env{AWS: fakeAWS(t, answers), Clock: clock.System()}); err == nil || got != nil {
		t.Errorf("an AWS that does not answer gives %+v, %v", got, err)
	}
}
