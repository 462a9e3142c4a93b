// Package collect gathers what the readiness assessment decides from: what
// targets left, the repository's history, the cloud assembly and AWS.
package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
)

// An Env is what a collector may look at.
type Env struct {
	Project   project.Config
	Candidate readiness.Candidate
	Policy    readiness.Policy
	// PolicyFrom is the commit that the policy was read from.
	PolicyFrom string
	Clock      clock.Clock
	// AWS is nil where there are no credentials.
	AWS *aws.Config
}

// A Collector makes one predicate.
type Collector struct {
	Of      evidence.Predicate // its type
	Collect func(context.Context, Env) (evidence.Predicate, error)
}

// collectors are all collectors, in the order of the checklist.
var collectors = []Collector{
	{readiness.Attestations{}, Attestations},
	{readiness.ChangedCode{}, ChangedCode},
	{readiness.Reviews{}, Reviews},
	{readiness.Assembly{}, Assembly},
	{readiness.Shipped{}, Shipped},
	{readiness.SBOM{}, SBOM},
	{readiness.Policies{}, Policies}, // after SBOM, whose file it reads
	{readiness.Deployed{}, DeployedStacks},
	{readiness.Production{}, Production},
	{readiness.Drill{}, Drill},
	{readiness.Staging{}, Staging},
	{readiness.Reference{}, Reference},
	{readiness.Surfaces{}, Surfaces},
	{readiness.Changelog{}, Changelog},
}

// All collects everything, and returns a statement for each predicate. What
// can't be collected becomes the statement of an absence, with the reason and
// the next command: it is evidence too. progress is told what is begun.
func All(ctx context.Context, e Env, progress func(predicateType string)) ([]evidence.Statement, error) {
	var statements []evidence.Statement
	for _, c := range collectors {
		progress(c.Of.PredicateType())
		predicate, err := c.Collect(ctx, e)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("collecting evidence: %w", context.Cause(ctx))
		}
		if err != nil {
			predicate = absence(c.Of, err, e.Clock.Now())
		}
		s, err := evidence.NewStatement(e.Candidate.Commit, e.Candidate.Package, predicate)
		if err != nil {
			return nil, err
		}
		statements = append(statements, s)
	}
	return statements, nil
}

func absence(of evidence.Predicate, err error, now time.Time) readiness.Absence {
	a := readiness.Absence{Made: evidence.Made{FinishedOn: now}, Of: of.PredicateType(), Reason: err.Error()}
	if e, ok := errors.AsType[*exit.Error](err); ok {
		a.Reason, a.Next = e.Err.Error(), e.Next
	}
	return a
}
