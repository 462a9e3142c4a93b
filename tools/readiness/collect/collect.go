// Package collect gathers the evidence for the readiness assessment: from files
// that targets left, from the repository's history, from the cloud assembly and
// from AWS.
package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// An Env is what a collector may read.
type Env struct {
	Project   project.Config
	Candidate readiness.Candidate
	Policy    readiness.Policy
	// PolicyFrom is the commit from which the policy was read.
	PolicyFrom string
	Clock      clock.Clock
	// AWS is nil if there are no credentials.
	AWS *aws.Config
}

// A Collector makes one predicate.
type Collector struct {
	Of      evidence.Predicate // its type
	Collect func(context.Context, Env) (evidence.Predicate, error)
	// After says that it reads what the previous collector in the list leaves.
	After bool
	// Long says that it takes longer than all that are not, so that it starts first.
	Long bool
}

// collectors lists all collectors, in the order of the checklist.
var collectors = []Collector{
	{Of: readiness.Attestations{}, Collect: Attestations},
	{Of: readiness.ChangedCode{}, Collect: ChangedCode},
	{Of: readiness.Reviews{}, Collect: Reviews},
	{Of: readiness.Rescan{}, Collect: Rescan},
	{Of: readiness.Recheck{}, Collect: Recheck, Long: true},
	{Of: readiness.Suppressions{}, Collect: Suppressions},
	{Of: readiness.Assembly{}, Collect: Assembly, Long: true},
	{Of: readiness.Builds{}, Collect: Builds},
	{Of: readiness.Shipped{}, Collect: Shipped},
	{Of: readiness.SBOM{}, Collect: SBOM},
	{Of: readiness.Policies{}, Collect: Policies, After: true},
	{Of: readiness.Deployed{}, Collect: DeployedStacks},
	{Of: readiness.Production{}, Collect: Production},
	{Of: readiness.Drill{}, Collect: Drill},
	{Of: readiness.Rollbacks{}, Collect: Rollbacks},
	{Of: readiness.Staging{}, Collect: Staging},
	{Of: readiness.Reference{}, Collect: Reference},
	{Of: readiness.Surfaces{}, Collect: Surfaces},
	{Of: readiness.Changelog{}, Collect: Changelog},
}

// together is how many collectors run at once. Some of them wait for a program
// that uses one processor.
const together = 2

// All runs all collectors and returns a statement for each predicate, in the
// order of the checklist. What can't be collected becomes an absence statement
// with the reason and the next command, because an absence is evidence too. All
// calls progress whenever a collector starts.
func All(ctx context.Context, e Env, progress func(predicateType string)) ([]evidence.Statement, error) {
	statements := make([]evidence.Statement, len(collectors))
	var mu sync.Mutex // guards progress
	group := errgroup.Group{}
	group.SetLimit(together)
	for _, c := range chains() {
		chain, into := collectors[c.first:c.next], statements[c.first:c.next]
		group.Go(func() error {
			for i, c := range chain {
				mu.Lock()
				progress(c.Of.PredicateType())
				mu.Unlock()
				var err error
				if into[i], err = c.statement(ctx, e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return statements, nil
}

// A chain is a part of collectors that runs one after the other: [first, next).
type chain struct{ first, next int }

// chains returns all collectors, those that take long first.
func chains() []chain {
	var long, short []chain
	for first := 0; first < len(collectors); {
		next := first + 1
		for next < len(collectors) && collectors[next].After {
			next++
		}
		into := &short
		if collectors[first].Long {
			into = &long
		}
		*into = append(*into, chain{first, next})
		first = next
	}
	return append(long, short...)
}

// statement collects a predicate, or its absence.
func (c Collector) statement(ctx context.Context, e Env) (evidence.Statement, error) {
	predicate, err := c.Collect(ctx, e)
	if ctx.Err() != nil {
		return evidence.Statement{}, fmt.Errorf("collecting evidence: %w", context.Cause(ctx))
	}
	if err != nil {
		predicate = absence(c.Of, err, e.Clock.Now())
	}
	return evidence.NewStatement(e.Candidate.Commit, e.Candidate.Package, predicate)
}

// refused reports whether AWS has answered that the judge may not ask.
func refused(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains([]string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}, e.ErrorCode())
}

func absence(of evidence.Predicate, err error, now time.Time) readiness.Absence {
	a := readiness.Absence{Made: evidence.Made{FinishedOn: now}, Of: of.PredicateType(), Reason: err.Error(), Refused: refused(err)}
	if e, ok := errors.AsType[*exit.Error](err); ok {
		a.Reason, a.Next = e.Err.Error(), e.Next
	}
	return a
}
