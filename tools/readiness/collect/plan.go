package collect

import (
	"context"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/readiness"
)

// ForPlan collects what a deployment plan needs besides candidate and policy.
// It skips the second synthesis and drift detection, because the plan does not
// depend on them.
func ForPlan(ctx context.Context, e Env) ([]evidence.Statement, error) {
	a, err := readAssembly(ctx, e)
	if err != nil {
		return nil, err
	}
	d, err := deployedStacks(ctx, e, func(context.Context, string) readiness.Drift { return readiness.Drift{} })
	if err != nil {
		return nil, err
	}
	p, err := Production(ctx, e)
	if err != nil {
		return nil, err
	}
	var statements []evidence.Statement
	for _, predicate := range []evidence.Predicate{a, d, p} {
		s, err := evidence.NewStatement(e.Candidate.Commit, e.Candidate.Package, predicate)
		if err != nil {
			return nil, err
		}
		statements = append(statements, s)
	}
	return statements, nil
}
