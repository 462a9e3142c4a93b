package assess

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/readiness/collect"
)

// A decision is an assessment and what it was decided from.
type decision struct {
	readiness.Assessment
	candidate  readiness.Candidate
	policy     readiness.PolicyUsed
	statements []evidence.Statement
	aws        *aws.Config // nil without credentials
}

// decide collects evidence and decides.
func decide(ctx context.Context, cfg project.Config, base string, c clock.Clock) (decision, error) {
	var d decision
	awsConfig, account := connect(ctx, cfg)
	d.aws = awsConfig
	before, err := baseline.Find(ctx, cfg, base, awsConfig)
	if err != nil {
		return d, err
	}
	if d.candidate, err = collect.Candidate(ctx, cfg, before, c); err != nil {
		return d, err
	}
	if d.policy, err = collect.Policy(ctx, cfg, d.candidate, c); err != nil {
		return d, err
	}
	d.candidate.Account = account
	if d.statements, err = evidence.ReadDir(cfg.Evidence); err != nil {
		return d, err
	}
	candidate, policy := d.candidate, d.policy
	judge, err := collect.Judge(ctx, cfg, candidate, c)
	if err != nil {
		return d, err
	}
	for _, p := range []evidence.Predicate{candidate, policy, judge} {
		s, err := evidence.NewStatement(candidate.Commit, candidate.Package, p)
		if err != nil {
			return d, err
		}
		d.statements = append(d.statements, s)
	}
	env := collect.Env{Project: cfg, Candidate: candidate, Policy: policy.Policy, PolicyFrom: policy.From, Clock: c, AWS: awsConfig}
	collected, err := collect.All(ctx, env, func(predicateType string) {
		fmt.Fprintf(cfg.Stderr, "collecting %s\n", path.Base(path.Dir(predicateType)))
	})
	if err != nil {
		return d, err
	}
	d.statements = append(d.statements, collected...)
	d.Assessment, err = readiness.Evaluate(d.statements, c.Now())
	return d, err
}

// missing prints what is missing to require every check. It signs nothing.
func missing(ctx context.Context, cfg project.Config, base string, c clock.Clock) error {
	d, err := decide(ctx, cfg, base, c)
	if err != nil {
		return err
	}
	d.WriteMissing(cfg.Stdout, path.Join(cfg.Settings(), readiness.PolicyFile))
	return nil
}

// assess collects evidence, decides, and writes the results. It returns an
// error unless the verdict is a GO.
func assess(ctx context.Context, cfg project.Config, base string, c clock.Clock) error {
	d, err := decide(ctx, cfg, base, c)
	if err != nil {
		return err
	}
	a := d.Assessment
	page, err := write(cfg, a, d.statements)
	if err != nil {
		return err
	}
	a.WriteTable(cfg.Stdout)
	fmt.Fprintf(cfg.Stdout, "page      %s/readiness.html\n", cfg.Evidence)
	if d.policy.Starting {
		fmt.Fprintf(cfg.Stdout, "policy    commit %.12s has no %s, so the starting policy applied; readiness -missing lists the other checks\n", d.policy.From, d.policy.File)
	}
	if d.candidate.Looking {
		fmt.Fprintln(cfg.Stdout, "base      for looking only: without -base, HEAD follows another release; promote refuses this evidence")
	}
	if d.aws == nil {
		fmt.Fprintln(cfg.Stdout, "bundle    not signed: there are no AWS credentials")
		return refuse(a)
	}
	if err := hand(ctx, cfg, *d.aws, handover{assessment: a, statements: d.statements, page: page, now: c.Now(), looking: d.candidate.Looking}); err != nil {
		return errors.Join(refuse(a), err)
	}
	return refuse(a)
}

// connect returns the AWS account of the credentials, or nil if there are none.
// Checks that need the account are then unknown.
func connect(ctx context.Context, cfg project.Config) (*aws.Config, string) {
	awsConfig, err := stack.Connect(ctx)
	if err == nil {
		var identity *sts.GetCallerIdentityOutput
		if identity, err = sts.NewFromConfig(awsConfig).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
			return &awsConfig, aws.ToString(identity.Account)
		}
	}
	fmt.Fprintf(cfg.Stderr, "without AWS, the deployed state stays unknown: %s\n", firstLine(err))
	return nil, ""
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// refuse returns an error unless the verdict is a GO.
func refuse(a readiness.Assessment) error {
	blocking := a.Blocking()
	if a.Verdict != readiness.NoGo {
		return nil
	}
	ids := make([]string, len(blocking))
	for i, o := range blocking {
		ids[i] = o.ID
	}
	next := "go tool mage readiness"
	if len(a.RefusedWaivers()) > 0 {
		ids, next = append(ids, "invalid waivers"), a.MendWaivers()
	}
	if len(blocking) > 0 && blocking[0].Next != "" {
		next = blocking[0].Next
	}
	return exit.Failed(next, "readiness: %s because of %s", a.Verdict, strings.Join(ids, ", "))
}

// write writes the statements with the summary, and the page. It returns the page.
func write(cfg project.Config, a readiness.Assessment, statements []evidence.Statement) ([]byte, error) {
	data, err := json.MarshalIndent(struct {
		Summary    readiness.Assessment `json:"summary"`
		Statements []evidence.Statement `json:"statements"`
	}{a, statements}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the assessment: %w", err)
	}
	var page bytes.Buffer
	if err := a.WritePage(&page, statements); err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{"readiness.json": data, "readiness.html": page.Bytes()} {
		file, err := cfg.Path(name)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return nil, fmt.Errorf("writing the assessment: %w", err)
		}
	}
	return page.Bytes(), nil
}
