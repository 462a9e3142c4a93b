package rehearse

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/rehearse/enclose"
	"github.com/magewright/magewright/tools/rehearse/local"
	"github.com/magewright/magewright/tools/rehearse/results"
)

// rehearse takes HEAD to production.
func rehearse(ctx context.Context, cfg project.Config, o options) (err error) {
	if err := cdk.Preflight(ctx); err != nil {
		return err
	}
	started := clock.System().Now()
	endpoint, err := connect(ctx, cfg, o)
	if err != nil {
		return err
	}
	defer func() { err = endpoint.ended(ctx, errors.Join(err, endpoint.close())) }()
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	// An endpoint that somebody keeps running may already have a production. A new one has none,
	// whatever the assembly says.
	production := &awsConfig
	if endpoint.server != nil {
		production = nil
	}
	base, err := baseline.Find(ctx, cfg, o.base, production)
	if err != nil {
		return err
	}
	subject, err := newSubject(ctx, cfg, base)
	if err != nil {
		return err
	}
	removeMirror, err := subject.mirror(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeMirror()) }()
	subject.describe(cfg.Stdout)
	known, err := readHistory(cfg.Dir)
	if err != nil {
		// Nothing depends on it.
		fmt.Fprintln(cfg.Stderr, err)
	}
	subject.expect(cfg.Stdout, known[cfg.Dir])
	fmt.Fprintf(cfg.Stdout, "endpoint  %s\n", endpoint.url)
	fmt.Fprintf(cfg.Stdout, "isolation %s\n", enclose.Describe(endpoint.network))
	local.DescribeForward(cfg.Stdout, endpoint.forward)
	endpoint.showConsole(ctx, cfg, subject.base)
	// Until HEAD's assembly exists, the names in an earlier one are good enough.
	names, err := manifest.ReadOrOld(cfg)
	if err != nil {
		return err
	}
	r := &rehearsal{
		cfg:       cfg,
		names:     names,
		pipelines: codepipeline.NewFromConfig(awsConfig),
		aws:       awsConfig,
		forward:   endpoint.forward,
		clock:     clock.System(),
		report:    Report{Commit: subject.commit, Endpoint: endpoint.url},
	}
	r.view = newView(cfg.Stdout, r.clock)
	r.view.says = r.lastLine
	r.pass = "release"
	if endpoint.context, err = r.prepare(ctx, subject); err != nil {
		return err
	}
	if err := r.begin(ctx, subject, o.baseVerify); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Stdout, "\nrelease   %.12s\n", subject.commit)
	failure := r.deliver(ctx, subject.commit, approver(cfg, o.approve, endpoint, r.view))
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	if err := r.describeProduction(ctx); err != nil {
		return errors.Join(failure, err)
	}
	if r.report.NotRehearsed, err = r.notRehearsed(ctx); err != nil {
		return errors.Join(failure, err)
	}
	describeLeft(cfg.Stdout, r.report.NotRehearsed)
	if err := r.report.write(cfg); err != nil {
		return errors.Join(failure, err)
	}
	if endpoint.server != nil {
		if err := writeAccess(cfg, endpoint.server.Access(), failure != nil); err != nil {
			return errors.Join(failure, err)
		}
		if failure == nil {
			if err := r.keepAccess(ctx, endpoint.server.Access()); err != nil {
				return err
			}
		}
	}
	took := clock.Since(clock.System(), started)
	if failure == nil {
		fmt.Fprintf(cfg.Stdout, "took        %s\n", span(took.Seconds()))
		if err := subject.remember(took); err != nil {
			fmt.Fprintln(cfg.Stderr, err)
		}
	}
	if o.keep {
		remove, err := local.WriteEnv(cfg, endpoint.exports())
		if err != nil {
			return errors.Join(failure, err)
		}
		fmt.Fprintf(cfg.Stdout, "\nThe endpoint runs until Ctrl-C. In another shell, in this directory:\n\neval \"$(go tool mage local -env)\"\n\nor, anywhere:\n\n%s", endpoint.exports())
		<-ctx.Done()
		return errors.Join(failure, remove())
	}
	return failure
}

// A rehearsal drives the pipeline through CodePipeline's API.
type rehearsal struct {
	cfg       project.Config
	aws       aws.Config
	forward   map[string]string // services that other endpoints have
	pipelines *codepipeline.Client
	clock     clock.Clock
	view      *view
	// pass says what goes through the pipeline: the base or the release.
	pass   string
	report Report
	// names are the names in the assembly whose pipeline is deployed.
	names manifest.Manifest

	source     source
	pipelineOf string // the commit that defines the deployed pipeline
	needs      deploy.Needs
	roles      deploy.Roles
	anything   error // why CloudFormation may do anything; nil if it may not
}

// step runs a step of the preparation. Its output goes to a file, and is only
// shown if the step fails.
func (r *rehearsal) step(ctx context.Context, name string, f func(context.Context, project.Config) error) error {
	path, err := r.cfg.Path("rehearsal.log")
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Clean(path))
	if err != nil {
		return fmt.Errorf("storing the output of %s: %w", name, err)
	}
	defer func() { _ = log.Close() }()
	cfg := r.cfg
	cfg.Stdout, cfg.Stderr = log, log
	err = r.view.during(name, func() error { return f(ctx, cfg) })
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: stopped: %w", name, context.Cause(ctx))
	}
	if tail, readErr := os.ReadFile(filepath.Clean(path)); readErr == nil {
		fmt.Fprint(r.cfg.Stdout, results.Lines(string(tail), 30))
	}
	return fmt.Errorf("%s: %w", name, err)
}

// prepare bootstraps the account, connects the source, and makes the keys that
// sign evidence here. It returns the matching CDK context.
func (r *rehearsal) prepare(ctx context.Context, s *subject) (map[string]any, error) {
	err := r.step(ctx, "bootstrap", func(ctx context.Context, cfg project.Config) error {
		// As on AWS, CloudFormation may do what the stacks need. That is set up later.
		policy, err := r.allow(ctx)
		if err != nil {
			return err
		}
		return cdk.CLI(ctx, cfg, "bootstrap", "aws://"+accountID+"/"+r.aws.Region, "--cloudformation-execution-policies", policy)
	})
	if err != nil {
		return nil, err
	}
	if r.source, err = newSource(ctx, codeconnections.NewFromConfig(r.aws), r.cfg.Dir); err != nil {
		return nil, err
	}
	keys, _, err := kmssign.Ensure(ctx, r.aws)
	if err != nil {
		return nil, err
	}
	context := localaws.HostContext()
	context["connectionArn"] = r.source.connection
	context["branch"] = s.branch
	if r.cfg.Adopted() {
		context[cdk.AccountKey] = accountID
	}
	context[cdk.EvidenceKey] = keys.String()
	return context, local.SetContext(context)
}

// begin deploys the previous release to its stages, and deploys the pipeline.
func (r *rehearsal) begin(ctx context.Context, s *subject, baseVerify bool) error {
	if s.base == "" {
		fmt.Fprintf(r.cfg.Stdout, "base      %s; the first deployment shifts no traffic\n", s.baseIs)
		return r.deployPipeline(ctx, s, s.commit)
	}
	fmt.Fprintf(r.cfg.Stdout, "\nbase      %.12s, %s\n", s.base, s.baseIs)
	if baseVerify {
		if err := r.deliverBase(ctx, s); err != nil {
			return err
		}
		return r.deployPipeline(ctx, s, s.commit)
	}
	return r.deployBoth(ctx, s)
}

// deployBoth deploys the stages of the base and the pipeline of HEAD. It
// synthesizes the two one after the other, so that the second can reuse what
// the first has compiled. Then it deploys them concurrently, because the CDK
// CLI uses only one processor.
func (r *rehearsal) deployBoth(ctx context.Context, s *subject) error {
	var base, head project.Config
	var baseErr error
	err := r.step(ctx, "synthesize the base and HEAD", func(ctx context.Context, cfg project.Config) (err error) {
		base, baseErr = s.synthesize(ctx, cfg, s.base)
		head, err = s.synthesize(ctx, cfg, s.commit)
		return err
	})
	// Both are temporary directories.
	defer func() { _ = errors.Join(removeCheckout(base), removeCheckout(head)) }()
	if err == nil {
		r.names, err = r.namesOf(head)
	}
	if err == nil {
		err = onlyHere(r.names, r.aws.Region)
	}
	if err == nil {
		err = sameStages(base, r.names)
	}
	if err == nil {
		_, err = r.allow(ctx, base, head)
	}
	if err != nil {
		return err
	}
	err = r.step(ctx, "deploy the base and the pipeline", func(ctx context.Context, cfg project.Config) error {
		var said bytes.Buffer
		var deploying sync.WaitGroup
		if baseErr == nil {
			base.Stdout, base.Stderr = &said, &said
			deploying.Go(func() { baseErr = r.deployBase(ctx, base) })
		}
		head.Stdout, head.Stderr = cfg.Stdout, cfg.Stderr
		err := r.disconnected(ctx, func() error { return deploy.Run(ctx, head, r.names.Pipeline.Stack) })
		deploying.Wait()
		if baseErr != nil {
			baseErr = fmt.Errorf("%w\n%s", baseErr, results.Lines(said.String(), 30))
		}
		return err
	})
	if err != nil {
		return err
	}
	r.pipelineOf = s.commit
	r.haveBase(s, baseErr)
	if baseErr != nil {
		return nil
	}
	return r.pinJudge(ctx, s, base)
}

// haveBase prints the base, or says that it is missing.
func (r *rehearsal) haveBase(s *subject, err error) {
	r.report.Base = s.base
	if err != nil {
		r.report.Base = ""
		fmt.Fprintf(r.cfg.Stdout, "base      %.12s was not deployed, so there is nothing to shift traffic from or to roll back to: %v\n", s.base, err)
	}
}

// deployPipeline deploys the pipeline's stack as a commit defines it. It does
// nothing if the deployed pipeline has the same definition.
func (r *rehearsal) deployPipeline(ctx context.Context, s *subject, commit string) error {
	if r.pipelineOf != "" {
		same, err := s.definedAlike(ctx, r.pipelineOf, commit)
		if err != nil || same {
			return err
		}
	}
	err := r.step(ctx, "deploy the pipeline", func(ctx context.Context, cfg project.Config) (err error) {
		checkout, err := s.synthesize(ctx, cfg, commit)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, removeCheckout(checkout)) }()
		if r.names, err = r.namesOf(checkout); err != nil {
			return err
		}
		if err := onlyHere(r.names, r.aws.Region); err != nil {
			return err
		}
		if _, err := r.allow(ctx, checkout); err != nil {
			return err
		}
		return r.disconnected(ctx, func() error { return deploy.Run(ctx, checkout, r.names.Pipeline.Stack) })
	})
	if err == nil {
		r.pipelineOf = commit
	}
	return err
}

// deliverBase takes the last release through the pipeline, so that a canary can
// shift traffic from it and a stage can return to it.
func (r *rehearsal) deliverBase(ctx context.Context, s *subject) error {
	report := r.report
	err := r.deployPipeline(ctx, s, s.base)
	if err == nil {
		r.pass = "base"
		err = r.deliver(ctx, s.base, always(true))
		r.pass = "release"
	}
	r.report = report
	r.report.Base = s.base
	if ctx.Err() != nil {
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	if err == nil {
		return nil
	}
	// It was released, whatever its checks say about it today.
	fmt.Fprintf(r.cfg.Stdout, "base      the pipeline does not deliver %.12s (%v), so its stacks are deployed as they are\n", s.base, err)
	err = r.step(ctx, "deploy the base", func(ctx context.Context, cfg project.Config) (err error) {
		checkout, err := s.synthesize(ctx, cfg, s.base)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, removeCheckout(checkout)) }()
		if _, err := r.allow(ctx, checkout); err != nil {
			return err
		}
		return r.deployBase(ctx, checkout)
	})
	if ctx.Err() != nil {
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	r.haveBase(s, err)
	return nil
}

// deployBase deploys the stages of the last release. Only its artifacts are
// needed, because it was verified when it was released. They come from the
// cache, which has what was last rehearsed, or otherwise from the release's own tree.
func (r *rehearsal) deployBase(ctx context.Context, checkout project.Config) error {
	names, err := r.namesOf(checkout)
	if err != nil {
		return err
	}
	stacks := slices.DeleteFunc(names.Stacks(), func(name string) bool { return name == names.Pipeline.Stack })
	return deploy.Run(ctx, checkout, stacks...)
}

// namesOf returns the names of the stacks in a checkout's assembly. If that is older than
// manifests, they are the same as in the next release.
func (r *rehearsal) namesOf(checkout project.Config) (manifest.Manifest, error) {
	names, err := manifest.Read(checkout)
	if errors.Is(err, manifest.ErrNone) {
		return r.names, nil
	}
	return names, err
}

// describeProduction prints what production serves now, according to Lambda.
func (r *rehearsal) describeProduction(ctx context.Context) error {
	outputs, err := stack.Main(ctx, r.aws, r.names.Last())
	if errors.Is(err, stack.ErrNotDeployed) {
		fmt.Fprintln(r.cfg.Stdout, "\nproduction is not deployed")
		return nil
	}
	if err != nil {
		return err
	}
	served, err := stack.Serving(ctx, r.aws, outputs)
	if err != nil {
		return err
	}
	if served.Commit, err = stack.CommitOf(ctx, r.aws, outputs, served); err != nil {
		return err
	}
	r.report.Production = &Production{
		FunctionName: outputs.FunctionName,
		Alias:        outputs.AliasName,
		Version:      served.Version,
		Package:      served.Package,
		Commit:       served.Commit,
		URL:          outputs.FunctionURL,
	}
	fmt.Fprintf(r.cfg.Stdout, "\nproduction  %s, version %s of %s\nserves      commit %s, package sha256 %.12s\n",
		outputs.Address(), served, outputs.FunctionName, cmp.Or(served.Commit, "not known"), served.Package)
	if r.report.Status == string(types.PipelineExecutionStatusSucceeded) && served.Commit != "" && served.Commit != r.report.Commit {
		// CloudFormation does not update a template's metadata alone, which names the commit.
		// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/metadata-section-structure.html.
		fmt.Fprintf(r.cfg.Stdout, "            %.12s changes nothing that is deployed, so the stack keeps the name of the commit before\n", r.report.Commit)
	}
	return nil
}

var errRejected = exit.Failed("go tool mage rehearse -approve", "the release was rejected at the approval; production is unchanged")
