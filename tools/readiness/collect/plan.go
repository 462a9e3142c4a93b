package collect

import (
	"context"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/readiness"
)

// ForPlan gathers what a deployment plan is generated from, besides candidate
// and policy. Neither a second synthesis nor the detection of drift is waited
// for: the plan does not depend on them.
func ForPlan(ctx context.Context, e Env) ([]evidence.Statement, error) {
	a, err := readAssembly(e)
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
