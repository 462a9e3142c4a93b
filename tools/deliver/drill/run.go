package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

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

// stage is part of the name of the target that deploys the first stage.
const stage = "staging"

// run drills each function of the first stage, one after the other. It leaves the signed
// record in .magewright.
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
	there := stack.In(awsConfig, names.First().Place)
	all, err := stack.DescribeAll(ctx, there, names.First())
	if err != nil {
		return err
	}
	serve, err := smoke.Serve(cfg, names, names.First(), release.Package)
	if err != nil {
		return err
	}
	signer, err := kmssign.NewRecord(ctx, awsConfig)
	if err != nil {
		return err
	}
	last, err := released(ctx, awsConfig, names.Last())
	if err != nil {
		return err
	}
	exercise := func(ctx context.Context) error {
		_, err := smoke.Exercise(ctx, smoke.Target{
			AWS: there, Outputs: all[0], Others: all[1:], Steps: steps, Serve: serve,
			Record: evidence.Deployment{Stage: names.First().Name, URL: all[0].FunctionURL},
			Commit: release.Commit, Package: release.Package, Signer: signer, Clock: clock.System(),
		})
		return err
	}
	var drilled []*drill
	var records []readiness.Drill
	for i, o := range all {
		if !o.Shifts() {
			return exit.Missing("put the function behind an alias with a deployment group in the CDK app", "CodeDeploy does not shift the traffic of function %s, so it can't take a bad version back", o.FunctionName)
		}
		probes := steps.Of(o, i == 0).Probes()
		if len(probes) == 0 {
			records = append(records, readiness.Drill{Commit: release.Commit, DeploymentConfig: config, NotDrilled: []string{
				readiness.NotDrilled(o.FunctionName) + fmt.Sprintf("no probe reaches it, so a bad version would not be noticed; add - {invoke: {}, function: %s, probe: true} to the steps", o.LogicalID),
			}})
			continue
		}
		d := newDrill(there, o)
		d.ledger = ledgerclient.Client{URL: o.FunctionURL, Signer: signer}
		d.fault, d.config, d.probes, d.enough, d.keeps = what, config, probes, 600, o.KeepsRecords()
		d.clock, d.out, d.stderr = clock.System(), cfg.Stdout, cfg.Stderr
		d.commit, d.smoke, d.released = release.Commit, exercise, last[o.LogicalID]
		if len(all) == 1 && len(last) == 1 { // the stages may have different logical ids for it
			for _, d.released = range last {
			}
		}
		if len(all) > 1 {
			fmt.Fprintf(cfg.Stdout, "function %s:\n", o.FunctionName)
		}
		record, err := d.run(ctx)
		if err != nil {
			return err // a drill without an end proves nothing
		}
		drilled, records = append(drilled, d), append(records, record)
	}
	if len(drilled) == 0 {
		return exit.Missing("mark a step in probes.yml with probe: true", "%s", records[0].NotDrilled[0])
	}
	record := together(records)
	record.Fingerprint = fingerprint
	failed := slices.IndexFunc(drilled, func(d *drill) bool { return len(d.failures) > 0 })
	return drilled[max(failed, 0)].conclude(ctx, cfg, release.Package, record)
}

// together returns one record for the drills of all functions: the slowest times, and
// everything that went wrong.
func together(records []readiness.Drill) readiness.Drill {
	all := records[0]
	for _, r := range records[1:] {
		all.DetectedSeconds, all.RestoredSeconds = max(all.DetectedSeconds, r.DetectedSeconds), max(all.RestoredSeconds, r.RestoredSeconds)
		all.Failures, all.NotDrilled = append(all.Failures, r.Failures...), append(all.NotDrilled, r.NotDrilled...)
		if r.DrilledOn.After(all.DrilledOn) {
			all.DrilledOn, all.FinishedOn = r.DrilledOn, r.FinishedOn
		}
	}
	return all
}

// released returns the CodeSha256 of the versions that serve production, by the functions'
// logical ids. It is empty if production is not deployed, or is in an account that these
// credentials can't ask.
func released(ctx context.Context, awsConfig aws.Config, last manifest.Stage) (map[string]string, error) {
	awsConfig = stack.In(awsConfig, last.Place)
	all, err := stack.DescribeAll(ctx, awsConfig, last)
	if errors.Is(err, stack.ErrNotDeployed) || errors.Is(err, stack.ErrOtherAccount) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	serve := map[string]string{}
	for _, o := range all {
		live, err := lambda.NewFromConfig(awsConfig).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{
			FunctionName: &o.FunctionName, Qualifier: o.Qualifier(),
		})
		if err != nil {
			return nil, fmt.Errorf("reading what production serves: %w", err)
		}
		serve[o.LogicalID] = aws.ToString(live.CodeSha256)
	}
	return serve, nil
}

// conclude signs the record of a completed drill and leaves it for readiness. Whoever may
// drill has the key, because the smoke test signs with it too.
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
		return exit.Failed("aws deploy get-deployment --deployment-id "+d.failedIn, "the rollback did not work as it should:\n%w", errors.Join(failures...))
	}
	fmt.Fprintf(cfg.Stdout, "drilled: detected after %.0f s and restored after %.0f s, in AWS's time; signed in %s\n",
		record.DetectedSeconds, record.RestoredSeconds, file)
	return nil
}

// production returns what the drill is valid for: the fingerprint of production's
// configuration, and the deployment configuration with which its traffic shifts. Both come
// from the template that is released.
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
