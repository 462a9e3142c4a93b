package assess

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/bucket"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// A handover is what an assessment passes on to the approver and to promote.
type handover struct {
	assessment readiness.Assessment
	statements []evidence.Statement
	page       []byte
	now        time.Time
	looking    bool // no approver should see it, because promote refuses it
}

// hand signs and stores the bundle, publishes it to staging's ledger if it
// allows the release, and exports what the approval shows.
func hand(ctx context.Context, cfg project.Config, awsConfig aws.Config, h handover) error {
	signer, err := kmssign.New(ctx, awsConfig)
	var pinned evidence.Keys
	if err == nil {
		pinned, err = cdk.PinnedKeys(cfg)
	}
	if missing, ok := errors.AsType[*exit.Error](err); ok && cfg.Adopted() {
		// Somebody who only wants to know the verdict needs no key yet. promote needs one.
		fmt.Fprintf(cfg.Stdout, "bundle    not signed: %v; next: %s\n", missing.Err, missing.Next)
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := pinned.Find(signer.Key.ID(), h.now); err != nil {
		return exit.Missing("go tool mage evidence:key", "this account's key is not one that the CDK context pins now, so nobody would accept what it signs: %w", err)
	}
	bundle, err := h.sign(ctx, signer)
	if err != nil {
		return err
	}
	file, err := cfg.Path(verify.BundleFile)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		return fmt.Errorf("keeping the bundle: %w", err)
	}
	fmt.Fprintf(cfg.Stdout, "bundle    %s, signed by key %.12s\n", file, signer.Key.ID())
	if h.looking {
		return nil
	}
	verdict := h.assessment.Verdict
	if h.assessment.Notice != "" {
		verdict += " (" + h.assessment.Notice + ")"
	}
	exports := map[string]string{"VERDICT": verdict, "WAIVERS": fmt.Sprint(h.assessment.Waived)}
	if h.assessment.Verdict != readiness.NoGo {
		if exports["REPORT_URL"], exports["EVIDENCE_DIGEST"], err = h.publish(ctx, cfg, awsConfig, signer, bundle); err != nil {
			return err
		}
	}
	return cfg.Export(exports)
}

// sign returns the signed bundle.
func (h handover) sign(ctx context.Context, signer evidence.Signer) ([]byte, error) {
	a := h.assessment
	all := h.statements
	made, ok, err := readiness.Provenance(h.statements)
	if err != nil {
		return nil, err
	}
	if ok {
		all = append(all[:len(all):len(all)], made)
	}
	levels, err := readiness.Levels(a.Verdict, h.statements)
	if err != nil {
		return nil, err
	}
	for _, p := range []evidence.Predicate{a, evidence.Page{Made: evidence.Made{FinishedOn: h.now}, HTML: string(h.page)}} {
		s, err := evidence.NewStatement(a.Commit, a.Package, p)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	var policy readiness.PolicyUsed
	if err := (readiness.Inputs{Statements: h.statements}).Read(&policy); err != nil {
		return nil, fmt.Errorf("signing the bundle: %w", err)
	}
	result := evidence.SummaryPassed
	if a.Verdict == readiness.NoGo {
		result = evidence.SummaryFailed
	}
	var bundle bytes.Buffer
	err = evidence.WriteBundle(ctx, &bundle, signer, all, evidence.Summary{
		Verifier:           evidence.Verifier{ID: evidence.Base + "readiness"},
		TimeVerified:       a.FinishedOn,
		ResourceURI:        "git+commit:" + a.Commit,
		Policy:             evidence.Resource{URI: policy.File + "@" + policy.From, Digest: map[string]string{evidence.SHA256: policy.Digest}},
		VerificationResult: result,
		VerifiedLevels:     levels,
		SLSAVersion:        evidence.SLSAVersion,
	}, a.Commit, a.Package)
	return bundle.Bytes(), err
}

// publish sends the bundle to the place where the delivery keeps evidence: the pipeline's
// bucket, or staging's ledger. It returns the link to the page, and the bundle's digest.
func (h handover) publish(ctx context.Context, cfg project.Config, awsConfig aws.Config, signer evidence.Signer, bundle []byte) (link, digest string, err error) {
	names, err := manifest.Read(cfg)
	if err != nil {
		return "", "", err
	}
	kept, found, err := bucket.Find(ctx, awsConfig, names, signer)
	if errors.Is(err, stack.ErrNotDeployed) || errors.Is(err, stack.ErrOtherAccount) {
		fmt.Fprintf(cfg.Stdout, "report    not published: %v\n", err)
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	if found {
		if link, digest, err = kept.Publish(ctx, h.assessment.Commit, bundle, h.page, evidence.MaxLinkLife); err != nil {
			return "", "", exit.Failed("aws sts get-caller-identity", "publishing the evidence, which only the pipeline's Judge and administrators may do: %w", err)
		}
		fmt.Fprintf(cfg.Stdout, "evidence  s3://%s/releases/%s/evidence/%s.intoto.jsonl\nreport    %s\n", kept.Name, h.assessment.Commit, digest, link)
		return link, digest, nil
	}
	outputs, err := stack.Main(ctx, awsConfig, names.First())
	if errors.Is(err, stack.ErrNotDeployed) || errors.Is(err, stack.ErrOtherAccount) {
		fmt.Fprintf(cfg.Stdout, "report    not published: %v\n", err)
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	if !outputs.KeepsRecords() {
		fmt.Fprintf(cfg.Stdout, "report    not published: staging is not a release ledger\n")
		return "", "", nil
	}
	l := ledgerclient.Client{URL: outputs.FunctionURL, Signer: signer}
	if digest, err = l.PutEvidence(ctx, h.assessment.Commit, bundle); err != nil {
		return "", "", exit.Failed("go tool mage deploy-staging smoke readiness", "publishing the evidence: %w", err)
	}
	link, err = l.Link(ctx, h.assessment.Commit, "/evidence/"+digest+"/assessment", h.now.Add(evidence.MaxLinkLife))
	if err != nil {
		return "", "", err
	}
	fmt.Fprintf(cfg.Stdout, "report    %s\n", link)
	return link, digest, nil
}
