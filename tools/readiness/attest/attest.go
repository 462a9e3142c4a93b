package attest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/notes"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/suggest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/readiness/collect"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// attest signs what the options say about HEAD, and stores it there as a git note.
func attest(ctx context.Context, cfg project.Config, o options, c clock.Clock) error {
	if cfg.Dirty {
		return exit.Failed("git stash --include-untracked", "files differ from commit %.12s, so you would sign something that you have not seen", cfg.Commit)
	}
	if err := o.waivable(); err != nil {
		return err
	}
	key, file, err := readKey(o.key)
	if err != nil {
		return err
	}
	base, err := findBase(ctx, cfg, o.base)
	if err != nil {
		return err
	}
	candidate, err := collect.Candidate(ctx, cfg, base, c)
	if err != nil {
		return err
	}
	if !candidate.AuthorsKnown() {
		return exit.Missing("git fetch --unshallow", "the clone is shallow, so it is unknown whether you are an author of the change")
	}
	policy, err := collect.Policy(ctx, cfg, candidate, c)
	if err != nil {
		return err
	}
	person, err := signer(ctx, cfg, candidate, policy, key, file)
	if err != nil {
		return err
	}
	if o.waive != "" && !slices.Contains(policy.Policy.Required, o.waive) {
		return exit.Failed("git show "+policy.From+":"+policy.File, "the policy of commit %.12s does not require %s, so a waiver would be unused, which is NO-GO", policy.From, o.waive)
	}
	bundle := ""
	if o.approve {
		if bundle, err = evidenceOf(ctx, cfg, candidate.Commit, c); err != nil {
			return err
		}
	}
	predicate, pkg, err := o.predicate(cfg, candidate, bundle, c)
	if err != nil {
		return err
	}
	statement, err := evidence.NewStatement(candidate.Commit, pkg, predicate)
	if err != nil {
		return err
	}
	envelope, err := evidence.Seal(ctx, key, statement)
	if err != nil {
		return err
	}
	line, err := json.Marshal(envelope)
	if err != nil {
		return fmt.Errorf("encoding what was signed: %w", err)
	}
	repository := notes.Repository(cfg.Dir)
	if err := repository.Fetch(ctx); err != nil {
		fmt.Fprintf(cfg.Stderr, "%v\n", err)
	}
	if err := repository.Append(ctx, candidate.Commit, string(line), notes.Author{Name: person.Name, Email: person.Emails[0]}); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Stdout, "%s has signed %s\nshare it: %s\n", person.Name, says(predicate, candidate, pkg), notes.Push)
	return nil
}

// evidenceOf returns the digest of the evidence of a commit that lies here. Nobody approves
// what the evidence refuses.
func evidenceOf(ctx context.Context, cfg project.Config, commit string, c clock.Clock) (string, error) {
	data, err := os.ReadFile(filepath.Join(cfg.Evidence, verify.BundleFile))
	if err != nil {
		return "", exit.Missing("go tool mage readiness, or get "+verify.BundleFile+" from where the release was judged", "there is no evidence to approve the release on: %w", err)
	}
	keys, err := verify.PublicKeys(cfg, "")
	if err != nil {
		return "", err
	}
	bundle, err := verify.Read(ctx, data, keys, c.Now())
	if err != nil {
		return "", exit.Failed("go tool mage verify", "the evidence can't be believed: %w", err)
	}
	if bundle.Recorded.Commit != commit {
		return "", exit.Failed("go tool mage readiness", "the evidence is for commit %.12s, but HEAD is %.12s", bundle.Recorded.Commit, commit)
	}
	again, err := bundle.Replay()
	if err != nil {
		return "", exit.Failed("go tool mage verify", "the evidence can't be believed: %w", err)
	}
	if again.Verdict == readiness.NoGo {
		return "", exit.Failed("go tool mage verify", "the verdict is %s, so there is nothing to approve", again.Verdict)
	}
	return bundle.Digest, nil
}

// findBase returns the base of HEAD. Without credentials it can only ask git,
// while readiness will ask production. It therefore prints which base it used.
func findBase(ctx context.Context, cfg project.Config, given string) (baseline.Base, error) {
	if given != "" {
		return baseline.Find(ctx, cfg, given, nil)
	}
	awsConfig, err := stack.Connect(ctx)
	if err == nil {
		return baseline.Find(ctx, cfg, "", &awsConfig)
	}
	base, findErr := baseline.Find(ctx, cfg, "", nil)
	if findErr == nil {
		reason, _, _ := strings.Cut(err.Error(), "\n")
		fmt.Fprintf(cfg.Stderr, "the base is %s. readiness asks production instead, which is not possible here: %s. If production serves another release, name it with -base=COMMIT\n", describe(base), reason)
	}
	return base, findErr
}

// describe says which base it is, and how it was found.
func describe(base baseline.Base) string {
	if base.Commit == "" {
		return base.Is
	}
	return fmt.Sprintf("%.12s, %s", base.Commit, base.Is)
}

// signer returns the person whom the policy names for the key. It refuses
// authors right away, because what they sign about their own change does not count.
func signer(ctx context.Context, cfg project.Config, candidate readiness.Candidate, policy readiness.PolicyUsed, key evidence.PrivateKey, file string) (readiness.Person, error) {
	if policy.From == candidate.Commit {
		return readiness.Person{}, exit.Missing("release the policy first", "%w", collect.ErrOwnPolicy)
	}
	person, _, err := policy.Policy.Signer(key.ID())
	if errors.Is(err, readiness.ErrStranger) {
		return person, exit.Missing("add this line below people: in "+policy.File+"; it counts from the next release on\n"+policyLine(ctx, cfg, key.Key),
			"your key %.12s (%s) belongs to nobody in the policy that applies, which is that of commit %.12s", key.ID(), file, policy.From)
	}
	if err != nil {
		return person, err
	}
	if address := person.Wrote(candidate); address != "" {
		return person, exit.Failed("ask somebody else to try, to review or to approve", "you, %s, are an author of this change (%s)", person.Name, address)
	}
	return person, nil
}

// waivable refuses a check that does not exist, or that nobody may waive.
func (o options) waivable() error {
	if o.waive == "" {
		return nil
	}
	check, ok := readiness.Find(o.waive)
	if !ok {
		var ids []string
		for _, c := range readiness.Checks() {
			ids = append(ids, c.ID)
		}
		return usage("there is no check %q%s", o.waive, suggest.DidYouMean(o.waive, ids))
	}
	if check.Never {
		return exit.Failed(check.Next, "nobody may waive %s", check.ID)
	}
	return nil
}

// predicate returns what to sign, and the deployment package that it is about.
// The package is "" if it is about none.
func (o options) predicate(cfg project.Config, candidate readiness.Candidate, bundle string, c clock.Clock) (p evidence.Predicate, pkg string, err error) {
	made := evidence.Made{FinishedOn: c.Now().UTC()}
	switch {
	case o.review:
		return evidence.Attestation{Made: made, Kind: evidence.Review, Tree: candidate.Tree, What: o.what}, "", nil
	case o.approve:
		return evidence.Attestation{Made: made, Kind: evidence.Approve, Tree: candidate.Tree, What: o.what, Bundle: bundle}, candidate.Package, nil
	case o.waive == "":
		return evidence.Attestation{Made: made, Kind: evidence.ManualTest, Tree: candidate.Tree, What: o.what}, candidate.Package, nil
	}
	until, err := o.until()
	if err != nil {
		return nil, "", err
	}
	switch latest := made.FinishedOn.Add(evidence.MaxWaiver); {
	case until.After(latest):
		return nil, "", usage("-expires=%s is more than %.0f days away: %s is the last day", o.expires, evidence.MaxWaiver.Hours()/24, latest.Format("2006-01-02"))
	case !until.After(made.FinishedOn):
		return nil, "", usage("-expires=%s has already begun, so the waiver would never be valid", o.expires)
	}
	scope := evidence.Scope{Base: candidate.Base, Commit: candidate.Commit, Tree: candidate.Tree}
	if o.scope == scopePackage {
		release, err := cdk.ReadRelease(cfg)
		if err != nil {
			return nil, "", err
		}
		scope = evidence.Scope{Package: release.Package}
	}
	return evidence.Waiver{Made: made, Check: o.waive, Scope: scope, Reason: o.what, Owner: o.owner, Expires: until}, scope.Package, nil
}

// says describes what was signed in the terms of the command line.
func says(p evidence.Predicate, c readiness.Candidate, pkg string) string {
	of := fmt.Sprintf("commit %.12s, tree %.12s", c.Commit, c.Tree)
	switch p := p.(type) {
	case evidence.Waiver:
		if pkg != "" {
			of = fmt.Sprintf("package %.12s", pkg)
		} else if c.Base != "" {
			of += fmt.Sprintf(", since %.12s", c.Base)
		}
		return fmt.Sprintf("a waiver of %s until %s for %s", p.Check, p.Expires.Format("2006-01-02 15:04 MST"), of)
	case evidence.Attestation:
		if pkg != "" {
			of += fmt.Sprintf(", package %.12s", pkg)
		} else if p.Kind == evidence.ManualTest {
			of += ", no package: cdk.out has none for this commit"
		}
		if p.Kind == evidence.Approve {
			return fmt.Sprintf("an approval of %s, on evidence %.12s", of, p.Bundle)
		}
		return fmt.Sprintf("a %s of %s", p.Kind, of)
	}
	return of
}
