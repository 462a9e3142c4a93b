package promote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// A caller is the identity of the credentials that deploy.
type caller struct{ account, arn string }

func identify(ctx context.Context, awsConfig aws.Config) (caller, error) {
	identity, err := sts.NewFromConfig(awsConfig).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return caller{}, exit.Missing("aws sts get-caller-identity", "asking AWS whose credentials these are: %w", err)
	}
	return caller{aws.ToString(identity.Account), aws.ToString(identity.Arn)}, nil
}

// allow verifies everything before anything is deployed. It returns the record of a
// deployment that the evidence allows, or an error with the reason why it does not. The key
// is the one that signs evidence in this account according to KMS. The CDK context does not
// count, because whoever runs promote could pin another key there.
func allow(ctx context.Context, cfg project.Config, awsConfig aws.Config, key evidence.Key, release cdk.Release, by caller, now time.Time, signed notesOf) (evidence.Deployment, error) {
	bundle, err := readBundle(ctx, cfg, key, now)
	if err != nil {
		return evidence.Deployment{}, err
	}
	pkg, zips, err := deployedPackage(cfg)
	if err != nil {
		return evidence.Deployment{}, err
	}
	files, err := cdk.Digests(cfg.Assembly)
	if err != nil {
		return evidence.Deployment{}, err
	}
	if err := bundle.Allows(verify.Release{Commit: release.Commit, Package: pkg, Account: by.account, Packages: zips, Files: files}, now); err != nil {
		return evidence.Deployment{}, err
	}
	if err := checkCommit(cfg, release.Commit); err != nil {
		return evidence.Deployment{}, err
	}
	if err := checkBase(ctx, cfg, awsConfig, bundle); err != nil {
		return evidence.Deployment{}, err
	}
	record := evidence.Deployment{Bundle: bundle.Digest, Verdict: bundle.Recorded.Verdict}
	if execution := os.Getenv("PIPELINE_EXECUTION_ID"); execution != "" {
		if record.Approval, err = approval(ctx, codepipeline.NewFromConfig(awsConfig), execution); err != nil {
			return evidence.Deployment{}, err
		}
	} else if strings.HasPrefix(os.Getenv("CODEBUILD_INITIATOR"), "codepipeline/") {
		return evidence.Deployment{}, errors.New("the action of the pipeline does not say to which execution it belongs: PIPELINE_EXECUTION_ID is not set")
	} else if record.Approval, err = signedApproval(ctx, bundle, signed, now); err != nil {
		return evidence.Deployment{}, err
	}
	if err := checkApprover(bundle, record.Approval); err != nil {
		return evidence.Deployment{}, err
	}
	return record, checkJudge(cfg, bundle, record.Approval)
}

// checkApprover returns an error if somebody has approved the release in the pipeline who
// must not.
func checkApprover(bundle verify.Bundle, approved *evidence.Approval) error {
	if approved == nil {
		return nil
	}
	var candidate readiness.Candidate
	var used readiness.PolicyUsed
	in := readiness.Inputs{Statements: bundle.Statements}
	if err := errors.Join(in.Read(&candidate), in.Read(&used)); err != nil {
		return err
	}
	if approved.Execution == "" {
		// It was signed by a person of the policy, which was verified.
		return nil
	}
	return used.Policy.CheckApprover(approved.By, candidate)
}

// checkCommit returns an error if production would claim to serve another commit than the
// release's. The next release would be compared with that commit and judged by its policy.
// Like [stack.CommitOf], it looks at the functions only if synth has not written the commit
// into the template.
func checkCommit(cfg project.Config, commit string) error {
	names, err := manifest.Read(cfg)
	if err != nil {
		return err
	}
	stage := names.Last()
	data, err := os.ReadFile(stage.TemplateFile(cfg)) // #nosec G304 -- a file of the assembly
	if err != nil {
		return fmt.Errorf("reading the cloud assembly: %w", err)
	}
	var template struct {
		Metadata  map[string]json.RawMessage
		Resources map[string]struct {
			Type       string
			Properties struct{ Description any }
		}
	}
	if err := json.Unmarshal(data, &template); err != nil {
		return fmt.Errorf("reading the cloud assembly: %s: %w", stage.Template, err)
	}
	if written, ok := template.Metadata[manifest.MetadataKey]; ok {
		var m manifest.Metadata
		if err := json.Unmarshal(written, &m); err != nil || m.Commit != commit {
			return fmt.Errorf("the metadata of template %s names commit %.12s, but the release is %.12s", stage.Template, orNone(m.Commit), commit)
		}
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(template.Resources)) {
		r := template.Resources[id]
		if r.Type != "AWS::Lambda::Function" || r.Properties.Description == nil {
			continue
		}
		text, ok := r.Properties.Description.(string)
		if !ok {
			return fmt.Errorf("the description of function %s in %s is not a text, so it is unknown which commit it will name", id, stage.Template)
		}
		if named := stack.Named(text); named != "" && named != commit {
			return fmt.Errorf("the description of function %s in %s names commit %.12s, but the release is %.12s", id, stage.Template, named, commit)
		}
	}
	return nil
}

// checkBase returns an error unless the evidence compares the release with what production
// serves now, and the release contains that. Otherwise the release would be judged by another
// policy, or would remove something that is only in production.
func checkBase(ctx context.Context, cfg project.Config, awsConfig aws.Config, bundle verify.Bundle) error {
	var candidate readiness.Candidate
	if err := (readiness.Inputs{Statements: bundle.Statements}).Read(&candidate); err != nil {
		return err
	}
	base, err := baseline.Find(ctx, cfg, "", &awsConfig)
	if err != nil {
		return err
	}
	if base.Again || base.Commit == "" && candidate.Base == "" {
		return nil
	}
	if candidate.Base != base.Commit {
		return fmt.Errorf("the evidence compares the release with %s, but it follows %s (%s)", orNone(candidate.Base), orNone(base.Commit), base.Is)
	}
	leads, err := baseline.Ancestor(ctx, cfg, base.Commit, candidate.Commit)
	if err != nil {
		return err
	}
	if !leads {
		return fmt.Errorf("the release does not contain %.12s (%s), so it would remove what is only there", base.Commit, base.Is)
	}
	return nil
}

func orNone(commit string) string {
	if commit == "" {
		return "nothing"
	}
	return fmt.Sprintf("%.12s", commit)
}

func readBundle(ctx context.Context, cfg project.Config, key evidence.Key, now time.Time) (verify.Bundle, error) {
	data, err := os.ReadFile(filepath.Join(cfg.Evidence, verify.BundleFile))
	if err != nil {
		return verify.Bundle{}, fmt.Errorf("there is no evidence: %w", err)
	}
	return verify.Read(ctx, data, evidence.Trust(key), now)
}

// deployedPackage returns the digest of the packages of production's functions, and the
// SHA-256 of each package. It computes them from the bytes of the zip files and ignores what
// the assembly says about them.
func deployedPackage(cfg project.Config) (pkg string, zips []string, err error) {
	names, err := manifest.Read(cfg)
	if err != nil {
		return "", nil, err
	}
	packages, err := cdk.FunctionPackages(cfg.Assembly, names.Last().Template)
	if err != nil {
		return "", nil, err
	}
	if len(packages) == 0 {
		return "", nil, errors.New("no function of production is made from a zip file in the assembly")
	}
	for _, p := range packages {
		zips = append(zips, p.SHA256)
	}
	return cdk.PackageDigest(packages), zips, nil
}

// approval returns the answer to an execution's manual approval.
func approval(ctx context.Context, client *codepipeline.Client, execution string) (*evidence.Approval, error) {
	name, _ := strings.CutPrefix(os.Getenv("CODEBUILD_INITIATOR"), "codepipeline/")
	pages := codepipeline.NewListActionExecutionsPaginator(client, &codepipeline.ListActionExecutionsInput{
		PipelineName: &name,
		Filter:       &types.ActionExecutionFilter{PipelineExecutionId: &execution},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking up the approval of execution %s: %w", execution, err)
		}
		for _, action := range page.ActionExecutionDetails { // the newest comes first
			if action.Input == nil || action.Input.ActionTypeId == nil || action.Input.ActionTypeId.Category != types.ActionCategoryApproval {
				continue
			}
			if action.Status != types.ActionExecutionStatusSucceeded {
				return nil, fmt.Errorf("the approval of execution %s is %s", execution, action.Status)
			}
			if aws.ToString(action.UpdatedBy) == "" {
				return nil, fmt.Errorf("CodePipeline does not say who has approved execution %s", execution)
			}
			a := &evidence.Approval{Execution: execution, By: aws.ToString(action.UpdatedBy), Action: aws.ToString(action.StageName) + "/" + aws.ToString(action.ActionName)}
			if action.Output != nil && action.Output.ExecutionResult != nil {
				a.Summary = aws.ToString(action.Output.ExecutionResult.ExternalExecutionSummary)
			}
			return a, nil
		}
	}
	return nil, fmt.Errorf("nobody has approved execution %s of %s", execution, name)
}
