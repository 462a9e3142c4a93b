package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/deliver/drill/fault"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
)

// stage is what the target that deploys the first stage is called by.
const stage = "staging"

// run drills the first stage and leaves the signed record in .magewright.
func run(ctx context.Context, cfg project.Config, what string) error {
	if _, err := fault.Parse(what); err != nil {
		return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("-fault=%w", err), Next: "go tool mage -h drill"}
	}
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	release, err := cdk.ReadRelease(cfg)
	if err != nil {
		return err
	}
	names, err := manifest.Read(cfg)
	if err != nil {
		return err
	}
	fingerprint, config, err := production(cfg, names)
	if err != nil {
		return err
	}
	steps, err := probe.Load(cfg.Dir)
	if err != nil {
		return err
	}
	outputs, err := stack.Describe(ctx, awsConfig, names.First())
	if err != nil {
		return err
	}
	signer, err := kmssign.NewRecord(ctx, awsConfig)
	if err != nil {
		return err
	}
	d := newDrill(awsConfig, outputs)
	d.ledger = ledgerclient.Client{URL: outputs.FunctionURL, Signer: signer}
	d.fault, d.config, d.probes, d.enough = what, config, steps.Probes(), 600
	d.clock, d.out, d.stderr = clock.System(), cfg.Stdout, cfg.Stderr
	d.commit = release.Commit
	if d.released, err = released(ctx, awsConfig, names.Last()); err != nil {
		return err
	}
	d.smoke = func(ctx context.Context) error {
		_, err := smoke.Exercise(ctx, smoke.Target{
			AWS: awsConfig, Outputs: outputs, Steps: steps,
			Record: evidence.Deployment{Stage: names.First().Name, URL: outputs.FunctionURL},
			Commit: release.Commit, Package: release.Package, Signer: signer, Clock: d.clock,
		})
		return err
	}
	record, err := d.run(ctx)
	record.Fingerprint = fingerprint
	if err != nil {
		return err // one that came to no end says nothing
	}
	return d.conclude(ctx, cfg, release.Package, record)
}

// released returns the CodeSha256 of the version that serves production, or ""
// where these credentials see no production.
func released(ctx context.Context, awsConfig aws.Config, last manifest.Stage) (string, error) {
	outputs, err := stack.Describe(ctx, awsConfig, last)
	if errors.Is(err, stack.ErrNotDeployed) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	live, err := lambda.NewFromConfig(awsConfig).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{
		FunctionName: &outputs.FunctionName, Qualifier: &outputs.AliasName,
	})
	if err != nil {
		return "", fmt.Errorf("reading what production serves: %w", err)
	}
	return aws.ToString(live.CodeSha256), nil
}

// conclude signs the record of a drill that came to an end and leaves it for
// readiness. Whoever may drill has the key: the smoke test signs with it too.
func (d *drill) conclude(ctx context.Context, cfg project.Config, pkg string, record readiness.Drill) error {
	s, err := evidence.NewStatement(record.Commit, pkg, record)
	if err != nil {
		return err
	}
	sealed, err := evidence.Seal(ctx, d.ledger.Signer, s)
	if err != nil {
		return err
	}
	file, err := cfg.Path(readiness.DrillFile)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(sealed, "", "  ")
	if err != nil {
		return fmt.Errorf("recording the drill: %w", err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("recording the drill: %w", err)
	}
	if len(record.Failures) > 0 {
		failures := make([]error, len(record.Failures))
		for i, f := range record.Failures {
			failures[i] = errors.New(f)
		}
		return exit.Failed("aws deploy get-deployment --deployment-id "+d.failedIn, "the rollback did not go as it must:\n%w", errors.Join(failures...))
	}
	fmt.Fprintf(cfg.Stdout, "drilled: detected in %.0f s, restored in %.0f s, by AWS's clock; signed in %s\n",
		record.DetectedSeconds, record.RestoredSeconds, file)
	return nil
}

// production returns what the drill speaks for: the fingerprint of production's
// configuration, and that part of it by which traffic shifts. Both are of the
// template that is released.
func production(cfg project.Config, names manifest.Manifest) (fingerprint, config string, err error) {
	file := names.Last().TemplateFile(cfg)
	template, err := os.ReadFile(file) // #nosec G304 -- a file of the assembly
	if err != nil {
		return "", "", exit.Missing("go tool mage synth", "reading production's template: %w", err)
	}
	if fingerprint, err = readiness.Fingerprint(template); err != nil {
		return "", "", exit.Missing("go tool mage synth", "%s: %w", file, err)
	}
	if config, err = readiness.DeploymentConfig(template); err != nil {
		return "", "", exit.Missing("mend infra/service, then go tool mage synth", "the drill does not know how production's traffic shifts: %s: %w", file, err)
	}
	return fingerprint, config, nil
}
