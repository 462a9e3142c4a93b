package collect

import (
	"context"

	"github.com/magewright/magewright/tools/check/recheck"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/readiness"
)

// Recheck looks at the code again, if others than the judge have looked at it.
func Recheck(ctx context.Context, e Env) (evidence.Predicate, error) {
	again := readiness.Recheck{Made: evidence.Made{FinishedOn: e.Clock.Now()}, Base: e.Candidate.Base}
	if !e.Project.Judged() {
		again.Own = true
		return again, nil
	}
	found, err := recheck.Of(ctx, e.Project, e.Candidate.Base)
	if err != nil {
		return nil, err
	}
	again.FinishedOn, again.Tools = e.Clock.Now(), found.Tools
	again.Lint, again.Said, again.Gosec, again.Declared, again.Config = found.Lint, found.Said, found.Gosec, found.Declared, found.Config
	return again, nil
}
