package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodebuild"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodeconnections"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodepipeline"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodepipelineactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/tools/project/agreed"
)

// PipelineProps say what is delivered, from where, and through which stages.
type PipelineProps struct {
	// Name is what the names of all stacks begin with; NameOf(Repository) by default. The
	// pipeline's role may use alarms, functions and topics whose names begin with it. So the
	// name of another delivery should not begin with this name and a hyphen. The result of
	// NameOf is never a prefix of another one.
	Name string
	// Repository is owner/name at the source provider.
	Repository string
	// Branch is the branch whose commits are delivered; main by default.
	Branch string
	// ConnectionARN is the ARN of a connection to the source provider. Without one, the stack
	// creates a connection, which somebody must complete once in the console.
	ConnectionARN string
	// Context is the CDK context, as JSON, with which builds synthesize.
	Context string
	// BuildSpec is the path of the buildspec in the repository; buildspec.yml by
	// default.
	BuildSpec string
	// Judge is the command that runs the program magewright in a checkout of the repository;
	// DefaultJudge by default. The builds that judge and promote run it in a checkout of the
	// last release.
	Judge string
	// Description of the pipeline's stack.
	Description string
	// Env is the account and region of the pipeline; nil means those of the credentials.
	Env *awscdk.Environment
	// NotificationEmail is subscribed to the results of executions and to approvals.
	NotificationEmail string
	// EvidenceKeyAlias names the key that signs evidence; alias/magewright-evidence by
	// default. The key is not created here, because its public half is pinned in the context
	// with which the stacks are synthesized.
	EvidenceKeyAlias string
	// RecordKeyAlias names the key with which the builds that deploy sign what they did;
	// alias/magewright-record by default. The key is not created here either.
	RecordKeyAlias string
	// VerifyBuilds is how many builds of the stage Verify run at once. The default, 0, means
	// all four. CodeBuild refuses those beyond the quota of the account.
	VerifyBuilds int
	// Untagged says that stacks with these names and without a tag are ours, because they
	// were deployed before stacks had tags.
	Untagged bool
	// Stages are two or more stages, in order. The last one is the one that users have.
	Stages []Stage
}

// A Stage is one deployment of what is delivered.
type Stage struct {
	// Name is a word in lower case, such as staging.
	Name string
	// Wave is a word in lower case. Consecutive stages with the same word form a wave: a
	// release reaches them side by side. "" means that a release reaches the stage alone. The
	// word must not be the name of a stage. The first stage and the last one can't be part of
	// a wave.
	Wave string
	// Stack is the stack of the stage. It must have the name that StackName returns.
	Stack awscdk.Stack
	// Functions are all functions that the stack delivers.
	Functions []*Delivery
	// Evidence is where the stage keeps evidence; nil if it keeps none.
	Evidence *Evidence
	// Assembled is a stage of another CDK app. It replaces Stack, Functions and Evidence. See
	// [ReadAssembly].
	Assembled *AssembledStage
	// Approval comes before the stage. The approval of a wave's first stage comes before the
	// whole wave. A stage without an approval starts by itself. Only the last stage always
	// has one: before it, [Readiness] decides and a person is asked.
	Approval *Approval
	// Actions run one after the other. The default is what [Trial] returns for the first
	// stage, [Promotion] for the last one, and [Rollout] for those in between.
	Actions []Action
	// ReturnOnFailure returns to the last release that passed the stage if an action fails.
	ReturnOnFailure bool
}

// An Approval asks a person, after some actions.
type Approval struct {
	// Stage is the name of the approval in the pipeline. The default is Approval before the
	// last stage, and the stage's name followed by Approval before the others.
	Stage string
	// Actions run before the person is asked, one after the other; see Readiness.
	Actions []Action
	// Text and Link are shown to the person.
	Text, Link string
}

// What an action does with the evidence of the actions before it.
type evidenceUse int

const (
	// NoEvidence is for an action that neither reads nor leaves evidence.
	NoEvidence evidenceUse = iota
	// ReadsEvidence is for an action that gets the evidence of the actions before it.
	ReadsEvidence
	// AddsEvidence is for an action that gets that evidence and passes it on together with
	// its own.
	AddsEvidence
)

// An Action runs mage targets with the assembly that was synthesized.
type Action struct {
	Name string
	// Targets are the targets that mage runs.
	Targets string
	// Evidence says what the action does with evidence.
	Evidence evidenceUse
	// Variables is the namespace of the variables that the action exports for later ones.
	Variables string
	// Environment has variables of the build. Secrets has variables whose values are in
	// Secrets Manager, with the names of the secrets.
	Environment, Secrets map[string]string

	by builder
}

// A builder says which project runs an action.
type builder int

const (
	// trier runs the candidate's own code on the stages before the last one.
	trier builder = iota
	// judge runs the last release's code, which reads and signs.
	judge
	// promoter runs the last release's code, which deploys the last stage.
	promoter
	// updater runs the candidate's own code, once users have it, to update the pipeline.
	updater
)

// Trial returns the actions of the stage in which releases are tried. They deploy it,
// exercise it, and give it a bad version that it must take back.
func Trial() []Action {
	return []Action{
		{Name: "Deploy", Targets: "deploy-staging"},
		{Name: "Smoke", Targets: "smoke", Evidence: AddsEvidence},
		{Name: "Drill", Targets: "drill", Evidence: AddsEvidence},
	}
}

// Rollout returns the actions of a stage between the first and the last. They deploy and
// exercise it. It gets no bad version, because somebody may use it.
func Rollout(stage string) []Action {
	return []Action{
		{Name: "Deploy", Targets: "deploy-stage -stage=" + stage},
		{Name: "Smoke", Targets: "smoke -stage=" + stage, Evidence: AddsEvidence},
	}
}

// Question returns an approval that only asks a person, about a release that answers on one
// stage and goes to the next. It needs no evidence: evidence is needed before the last stage.
func Question(tried, next string) *Approval {
	return &Approval{Text: "Commit #{SourceVariables.CommitId} answers on " + tried + ". Approving takes it to " + next + "."}
}

// Readiness returns the approval of a release that was tried on a stage: the plan is sent,
// readiness decides from the evidence, and then a person decides. If token is not "", it is
// the name of a secret with a token that may read reviews.
func Readiness(tried, next, token string) *Approval {
	decide := Action{Name: "Readiness", Targets: "plan -send readiness", Evidence: AddsEvidence, Variables: "ReadinessVariables", by: judge,
		Environment: execution()}
	if token != "" {
		// Each platform reads its own variable.
		decide.Secrets = map[string]string{"GITHUB_TOKEN": token, "GITLAB_TOKEN": token}
	}
	return &Approval{
		Actions: []Action{decide},
		Link:    "#{ReadinessVariables.REPORT_URL}",
		Text: "Commit #{SourceVariables.CommitId} answers on " + tried + ": #{ReadinessVariables.VERDICT}, " +
			"#{ReadinessVariables.WAIVERS} waivers, evidence sha256 #{ReadinessVariables.EVIDENCE_DIGEST}. Approving takes it to " + next + ".",
	}
}

// Promotion returns the action of the last stage: a canary with CodeDeploy. It looks up who
// approved its execution.
func Promotion() []Action {
	return []Action{{
		Name: "Promote", Targets: "promote", Evidence: ReadsEvidence, by: promoter,
		Environment: execution(),
	}}
}

// execution tells an action to which execution it belongs.
func execution() map[string]string {
	return map[string]string{"PIPELINE_EXECUTION_ID": "#{codepipeline.PipelineExecutionId}"}
}

// The actions' artifacts. A build finds the second one in CODEBUILD_SRC_DIR_Assembly, and
// what an action left in .magewright in CODEBUILD_SRC_DIR_<action>Evidence.
const (
	sourceArtifact   = "Source"
	assemblyArtifact = "Assembly"
)

// NewPipeline defines the pipeline that takes a commit through the stages, in a stack of its
// own:
//
//	Source      the commit, through a connection to the source provider
//	Verify      lint | test | sec | synth, in parallel (see VerifyBuilds)
//	...         the stages or waves of stages, each after its approval
//	Update      the pipeline updates itself
//
// The builds that judge and promote run the last release's code, with a buildspec of this
// stack. All others run the commit's buildspec.yml, which runs the mage targets that the
// action names in MAGE_TARGETS. What synth built once is what is deployed. Each stack gets
// the tag that names its repository, and synthesis writes the manifest.
func NewPipeline(app awscdk.App, given *PipelineProps) (awscdk.Stack, error) {
	props, err := complete(given)
	if err != nil {
		return nil, err
	}
	stack := awscdk.NewStack(app, jsii.String(StackName(props.Name, PipelineStage)), &awscdk.StackProps{
		Env:         props.Env,
		Description: jsii.String(props.Description),
	})
	kept := keepEvidence(stack, props)
	p := newBuilds(stack, props, kept)
	topic := newTopic(stack, props.NotificationEmail, p.key)
	artifacts := newArtifactBucket(stack, p.key)
	p.pipeline = awscodepipeline.NewPipeline(stack, jsii.String("Pipeline"), &awscodepipeline.PipelineProps{
		PipelineName: stack.StackName(),
		PipelineType: awscodepipeline.PipelineType_V2,
		// The last stage updates the pipeline. The next release passes through the updated
		// one.
		RestartExecutionOnUpdate: jsii.Bool(false),
		ExecutionMode:            awscodepipeline.ExecutionMode_SUPERSEDED,
		ArtifactBucket:           artifacts,
		// The pipeline's own role starts the builds, so that there is one role to read
		// instead of one for each action.
		UsePipelineRoleForActions: jsii.Bool(true),
	})
	connection := connectionARN(stack, props)
	p.begin(props, connection)
	last := props.Stages[len(props.Stages)-1].Name
	for _, wave := range waves(props.Stages) {
		if wave[0].Approval != nil {
			p.approve(wave[0], wave[0].Name == last, topic)
		}
		p.reach(wave)
	}
	p.end()
	p.limit(artifacts)
	p.limitConnection(connection, props.Repository)
	notify(p.pipeline, topic)
	suppress(p.pipeline.Role(), true, "AwsSolutions-IAM5", "The wildcards are CodePipeline's own: the objects of its artifact bucket, and the uses of one key.", usesOfArtifacts()...)
	awscdk.NewCfnOutput(stack, jsii.String("PipelineName"), &awscdk.CfnOutputProps{Value: p.pipeline.PipelineName(), Description: jsii.String("the pipeline")})

	belongs(stack, props.Repository)
	for _, stage := range props.Stages {
		if stage.Assembled != nil {
			continue // its own app, or what named it, has tagged it
		}
		belongs(stage.Stack, props.Repository)
		if stage.Evidence != nil {
			belongs(awscdk.Stack_Of(stage.Evidence.scope), props.Repository)
		}
	}
	// All names are known when all constructs exist, which is when the app validates them.
	app.Node().AddValidation(&manifestWriter{app: app, pipeline: stack, evidence: kept, props: props})
	return stack, nil
}

// complete returns the properties with their defaults, or an error if they are not valid.
func complete(given *PipelineProps) (PipelineProps, error) {
	props := *given
	props.Stages = slices.Clone(given.Stages)
	for _, field := range []struct {
		of        *string
		otherwise string
	}{
		{&props.Name, NameOf(props.Repository)},
		{&props.Branch, "main"},
		{&props.BuildSpec, "buildspec.yml"},
		{&props.Judge, DefaultJudge},
		{&props.EvidenceKeyAlias, agreed.EvidenceKey},
		{&props.RecordKeyAlias, agreed.RecordKey},
		{&props.Description, "Delivers " + props.Repository + " from a commit to its users"},
	} {
		if *field.of == "" {
			*field.of = field.otherwise
		}
	}
	names := make([]string, len(props.Stages))
	for i, stage := range props.Stages {
		names[i] = stage.Name
	}
	if err := checkNames(props.Name, props.Repository, names); err != nil {
		return props, err
	}
	if err := checkWaves(props.Stages); err != nil {
		return props, err
	}
	if props.VerifyBuilds < 0 {
		return props, fmt.Errorf("%d builds of the stage Verify can't run at once: 0 means all", props.VerifyBuilds)
	}
	for i := range props.Stages {
		stage := &props.Stages[i]
		if len(stage.Actions) == 0 {
			stage.Actions = actionsOf(props.Stages, i)
		}
		if i == len(props.Stages)-1 && stage.Approval == nil {
			stage.Approval = Readiness(props.Stages[i-1].Name, stage.Name, "")
		}
		// These targets would use the first stage, whatever stage they belong to.
		if j := slices.IndexFunc(stage.Actions, func(a Action) bool { return i > 0 && (a.Targets == "deploy-staging" || a.Targets == "drill") }); j >= 0 {
			return props, fmt.Errorf("action %s of stage %s runs %s, which is for the first stage, %s: use delivery.Rollout(%q)",
				stage.Actions[j].Name, stage.Name, stage.Actions[j].Targets, names[0], stage.Name)
		}
		if stage.Assembled != nil {
			if own := StackName(props.Name, PipelineStage); stage.Assembled.Stack == own {
				return props, fmt.Errorf("the stack of stage %s and that of the pipeline would both be called %s", stage.Name, own)
			}
			continue
		}
		if want := StackName(props.Name, stage.Name); *stage.Stack.StackName() != want {
			return props, fmt.Errorf("the stack of stage %s is called %s: it must be called %s", stage.Name, *stage.Stack.StackName(), want)
		}
		for _, d := range stage.Functions {
			if at := awscdk.Stack_Of(d.scope); *at.Node().Addr() != *stage.Stack.Node().Addr() {
				return props, fmt.Errorf("stage %s names a function of stack %s", stage.Name, *at.StackName())
			}
		}
	}
	return props, nil
}

// actionsOf returns the default actions of a stage.
func actionsOf(stages []Stage, i int) []Action {
	switch i {
	case 0:
		return Trial()
	case len(stages) - 1:
		return Promotion()
	default:
		return Rollout(stages[i].Name)
	}
}

func title(stage string) string { return strings.ToUpper(stage[:1]) + stage[1:] }

// keepEvidence defines a store for the evidence of releases if no stage keeps it. It returns
// nil if a stage does.
func keepEvidence(stack awscdk.Stack, props PipelineProps) *Evidence {
	if slices.ContainsFunc(props.Stages, func(s Stage) bool { return s.Evidence != nil || s.Assembled != nil && s.Assembled.Evidence != nil }) {
		return nil
	}
	return NewEvidence(stack, "Evidence", &EvidenceProps{Of: "releases of " + props.Repository})
}

// builds makes the actions of a pipeline.
type builds struct {
	pipeline awscodepipeline.Pipeline
	key      awskms.Key

	lint, test, sec, synth awscodebuild.PipelineProject
	// by are the projects that run the actions that follow.
	by               map[builder]awscodebuild.PipelineProject
	source, assembly awscodepipeline.Artifact
	// evidence is what the next action that reads evidence gets.
	evidence []awscodepipeline.Artifact
	artifact map[string]bool // names that are already used
	// beside is the prefix of the names of actions that run beside those of other stages.
	beside string
	// leaves has the artifacts that each project's builds leave. writes has the other objects
	// that they may write: those of their cache, and evidence.
	leaves map[awscodebuild.PipelineProject][]string
	writes map[awscodebuild.PipelineProject][]*string
}

// newBuilds makes the projects. If there is a store of evidence, the judge and the promoter
// write to it, each only its own kind.
func newBuilds(stack awscdk.Stack, props PipelineProps, kept *Evidence) *builds {
	key := newKey(stack)
	// Unreviewed code can write to a cache, and so change what later builds compile. Lint and
	// Test have a cache each, because the code that they run can influence their reports
	// anyway. The other projects have none: Sec judges the code, Synth's assembly is
	// deployed, and Deploy's builds may deploy and sign.
	cache := newCacheBucket(stack, key)
	spec := awscodebuild.BuildSpec_FromSourceFilename(jsii.String(props.BuildSpec))
	judging := judgeSpec(stack, props)
	// A build that uses stages accepts no other stages from its commit.
	stages := map[string]string{"MAGEWRIGHT_STAGES": stagesOf(props)}
	deciding := maps.Clone(stages)
	if kept != nil {
		// The commit does not decide either where evidence is kept and which page an approver
		// sees.
		deciding["MAGEWRIGHT_EVIDENCE"] = *kept.Bucket.BucketName()
	}
	b := &builds{
		key:   key,
		lint:  newProject(stack, "Lint", "Checks the code; may touch nothing but its cache", key, props, spec, nil),
		test:  newProject(stack, "Test", "Runs the tests; may touch nothing but its cache", key, props, spec, nil),
		sec:   newProject(stack, "Sec", "Scans, and synthesizes a second time; may touch nothing", key, props, spec, nil),
		synth: newProject(stack, "Synth", "Synthesizes; may touch nothing", key, props, spec, nil),
		by: map[builder]awscodebuild.PipelineProject{
			trier:    newProject(stack, "Deploy", "Tries what was synthesized on the stages before the last", key, props, spec, stages),
			updater:  newProject(stack, "Update", "Deploys the pipeline itself, once users have the release", key, props, spec, stages),
			judge:    newProject(stack, "Judge", "Decides about a release, by the code of the last one", key, props, judging, deciding),
			promoter: newProject(stack, "Promote", "Takes a release to its users, by the code of the last one", key, props, judging, deciding),
		},
		source:   awscodepipeline.NewArtifact(jsii.String(sourceArtifact), nil),
		assembly: awscodepipeline.NewArtifact(jsii.String(assemblyArtifact), nil),
		artifact: map[string]bool{},
		leaves:   map[awscodebuild.PipelineProject][]string{},
	}
	b.writes = map[awscodebuild.PipelineProject][]*string{b.lint: {keepCache(b.lint, cache, "lint")}, b.test: {keepCache(b.test, cache, "test")}}
	b.grant(stack, props)
	if kept != nil {
		for by, pattern := range map[builder]string{judge: "releases/*/evidence/*", promoter: "releases/*/deployments/*"} {
			b.writes[b.by[by]] = append(b.writes[b.by[by]], kept.grantWriter(b.by[by], pattern))
		}
	}
	parameter := newJudgeParameter(stack)
	parameter.GrantRead(b.by[judge])
	parameter.GrantRead(b.by[promoter])
	parameter.GrantWrite(b.by[promoter])
	return b
}

// grant gives each project the permissions that its job needs, and no others.
func (b *builds) grant(stack awscdk.Stack, props PipelineProps) {
	jobs := map[builder][]func(*grantee){
		trier:    {(*grantee).look, (*grantee).invoke, (*grantee).message, (*grantee).try, (*grantee).follow, (*grantee).drill, (*grantee).signRecords},
		updater:  {(*grantee).update},
		judge:    {(*grantee).look, (*grantee).judge, (*grantee).signEvidence},
		promoter: {(*grantee).look, (*grantee).invoke, (*grantee).message, (*grantee).release, (*grantee).follow, (*grantee).promote, (*grantee).signRecords},
	}
	for _, by := range []builder{trier, judge, promoter, updater} {
		g := newGrantee(stack, b.by[by], props)
		for _, give := range jobs[by] {
			give(g)
		}
		g.done()
	}
}

// begin adds the stages that every delivery has.
func (b *builds) begin(props PipelineProps, connection *string) {
	owner, name := props.Repository[:strings.LastIndex(props.Repository, "/")], props.Repository[strings.LastIndex(props.Repository, "/")+1:]
	b.stage("Source", nil, awscodepipelineactions.NewCodeStarConnectionsSourceAction(&awscodepipelineactions.CodeStarConnectionsSourceActionProps{
		ActionName:         jsii.String("Source"),
		VariablesNamespace: jsii.String("SourceVariables"),
		ConnectionArn:      connection,
		Owner:              jsii.String(owner),
		Repo:               jsii.String(name),
		Branch:             jsii.String(props.Branch),
		Output:             b.source,
		// This is a full clone, because the checks examine the history and not only one tree.
		CodeBuildCloneOutput: jsii.Bool(true),
	}))
	begun := 0
	verify := func(name, targets string, project awscodebuild.PipelineProject, also ...awscodepipeline.Artifact) awscodepipeline.IAction {
		order := 1
		if props.VerifyBuilds > 0 {
			order += begun / props.VerifyBuilds
		}
		begun++
		action := b.build(Action{Name: name, Targets: targets}, project, order)
		left := b.leave("", name)
		also = append(also, left)
		for _, artifact := range also {
			b.leaves[project] = append(b.leaves[project], *artifact.ArtifactName())
		}
		action.Outputs = &also
		if len(also) == 1 { // the builds that deploy pass on what synth leaves
			b.evidence = append(b.evidence, left)
		}
		return awscodepipelineactions.NewCodeBuildAction(action)
	}
	b.stage("Verify", nil,
		verify("Lint", "lint", b.lint), verify("Test", "test", b.test), verify("Sec", "sec synth -second", b.sec), verify("Synth", "synth", b.synth, b.assembly))
}

// end adds the stage in which the pipeline updates itself. A release that nobody approved
// must not change what approves it.
func (b *builds) end() {
	b.stage("Update", nil, b.deliver("Update", []Action{{
		Name: "Pipeline", Targets: "pipeline:deploy", Evidence: ReadsEvidence, Environment: execution(), by: updater,
	}})...)
}

// reach adds the pipeline's stage in which a release reaches the stages of a wave. Their
// actions run side by side. Each gets what came before the wave, and what follows gets what
// all of them leave.
func (b *builds) reach(wave []Stage) {
	name := title(wave[0].Name)
	if wave[0].Wave != "" {
		name = title(wave[0].Wave)
	}
	var actions []awscodepipeline.IAction
	var left []awscodepipeline.Artifact
	var onFailure *awscodepipeline.FailureConditions
	before := b.evidence
	for _, stage := range wave {
		b.evidence = before
		b.beside = ""
		if len(wave) > 1 {
			b.beside = title(stage.Name)
		}
		actions = append(actions, b.deliver(title(stage.Name), stage.Actions)...)
		for _, artifact := range b.evidence {
			if !slices.Contains(left, artifact) {
				left = append(left, artifact)
			}
		}
		if stage.ReturnOnFailure {
			onFailure = &awscodepipeline.FailureConditions{Result: awscodepipeline.Result_ROLLBACK}
		}
	}
	b.evidence, b.beside = left, ""
	b.stage(name, onFailure, actions...)
}

// approve adds the approval before a stage or a wave.
func (b *builds) approve(stage Stage, last bool, topic awssns.ITopic) {
	name := stage.Approval.Stage
	switch {
	case name != "":
	case last:
		name = "Approval"
	case stage.Wave != "":
		name = title(stage.Wave) + "Approval"
	default:
		name = title(stage.Name) + "Approval"
	}
	actions := b.deliver(name, stage.Approval.Actions)
	b.stage(name, nil, append(actions, awscodepipelineactions.NewManualApprovalAction(&awscodepipelineactions.ManualApprovalActionProps{
		ActionName:            jsii.String("Approve"),
		RunOrder:              jsii.Number(float64(len(actions) + 1)),
		NotificationTopic:     topic,
		ExternalEntityLink:    text(stage.Approval.Link),
		AdditionalInformation: text(stage.Approval.Text),
	}))...)
}

// text returns nil for an empty text.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (b *builds) stage(name string, onFailure *awscodepipeline.FailureConditions, actions ...awscodepipeline.IAction) {
	b.pipeline.AddStage(&awscodepipeline.StageOptions{StageName: jsii.String(name), Actions: &actions, OnFailure: onFailure})
}

// build returns a build of the source.
func (b *builds) build(a Action, project awscodebuild.IProject, runOrder int) *awscodepipelineactions.CodeBuildActionProps {
	variables := map[string]*awscodebuild.BuildEnvironmentVariable{"MAGE_TARGETS": {Value: a.Targets}}
	for name, value := range a.Environment {
		variables[name] = &awscodebuild.BuildEnvironmentVariable{Value: value}
	}
	for name, secret := range a.Secrets {
		variables[name] = &awscodebuild.BuildEnvironmentVariable{Type: awscodebuild.BuildEnvironmentVariableType_SECRETS_MANAGER, Value: secret}
	}
	return &awscodepipelineactions.CodeBuildActionProps{
		ActionName:           jsii.String(b.beside + a.Name),
		Project:              project,
		Input:                b.source,
		RunOrder:             jsii.Number(float64(runOrder)),
		EnvironmentVariables: &variables,
		VariablesNamespace:   text(a.Variables),
	}
}

// deliver returns builds that get the assembly, one after the other. A build can have five
// input artifacts, so each build passes on what it got. See
// https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html.
func (b *builds) deliver(stage string, actions []Action) []awscodepipeline.IAction {
	var all []awscodepipeline.IAction
	for i, a := range actions {
		props := b.build(a, b.by[a.by], i+1)
		inputs := []awscodepipeline.Artifact{b.assembly}
		if a.Evidence != NoEvidence {
			inputs = append(inputs, b.evidence...)
		}
		props.ExtraInputs = &inputs
		if a.Evidence == AddsEvidence {
			b.evidence = []awscodepipeline.Artifact{b.leave(stage, a.Name)}
			b.leaves[b.by[a.by]] = append(b.leaves[b.by[a.by]], *b.evidence[0].ArtifactName())
			props.Outputs = &[]awscodepipeline.Artifact{b.evidence[0]}
		}
		all = append(all, awscodepipelineactions.NewCodeBuildAction(props))
	}
	return all
}

// limit keeps each build from writing the artifacts of other builds, or the source. The CDK
// lets a build with an output artifact write the whole bucket. CodePipeline stores an
// artifact below its name, of which it uses about ten characters. See
// https://docs.aws.amazon.com/codepipeline/latest/userguide/troubleshooting.html.
func (b *builds) limit(bucket awss3.IBucket) {
	const characters = 8
	for project, names := range b.leaves {
		var own []*string
		for _, name := range names {
			own = append(own, bucket.ArnForObjects(jsii.String("*/"+name[:min(len(name), characters)]+"*")))
		}
		own = append(own, b.writes[project]...)
		project.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Effect:       awsiam.Effect_DENY,
			Actions:      jsii.Strings("s3:PutObject*", "s3:DeleteObject*"),
			NotResources: &own,
		}))
	}
}

// limitConnection lets the pipeline and its builds use the connection for the one repository
// only. The CDK allows them every repository that the connection reaches. Before CodePipeline
// reads a repository, it also asks whether the connection may be used at all, and names none.
// See
// https://docs.aws.amazon.com/dtconsole/latest/userguide/security-iam.html#permissions-reference-connections-use.
func (b *builds) limitConnection(connection *string, repository string) {
	actions := jsii.Strings("codeconnections:UseConnection", "codestar-connections:UseConnection")
	projects := append(slices.Collect(maps.Values(b.by)), b.lint, b.test, b.sec, b.synth)
	for _, key := range []string{"codeconnections:FullRepositoryId", "codestar-connections:FullRepositoryId"} {
		statement := awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Effect: awsiam.Effect_DENY, Actions: actions, Resources: &[]*string{connection},
			Conditions: &map[string]any{"StringNotEquals": map[string]any{key: repository}, "Null": map[string]any{key: "false"}},
		})
		b.pipeline.AddToRolePolicy(statement)
		for _, project := range projects {
			project.AddToRolePolicy(statement)
		}
	}
}

// leave returns the artifact that an action leaves. Its name is unique, although two stages
// may have actions of the same name.
func (b *builds) leave(stage, action string) awscodepipeline.Artifact {
	name := action + "Evidence"
	if b.artifact[name] {
		name = stage + name
	}
	b.artifact[name] = true
	return awscodepipeline.NewArtifact(jsii.String(name), nil)
}

// connectionARN returns the given connection, or a new one, which is pending until somebody
// completes it in the console. Both are outputs of the stack, so that the outputs are the
// same for every team.
func connectionARN(stack awscdk.Stack, props PipelineProps) *string {
	arn := jsii.String(props.ConnectionARN)
	if props.ConnectionARN == "" {
		arn = awscodeconnections.NewCfnConnection(stack, jsii.String("Connection"), &awscodeconnections.CfnConnectionProps{
			ConnectionName: jsii.String(connectionName(props.Name)),
			ProviderType:   jsii.String("GitHub"),
		}).AttrConnectionArn()
	}
	awscdk.NewCfnOutput(stack, jsii.String("ConnectionArn"), &awscdk.CfnOutputProps{
		Value:       arn,
		Description: jsii.String("the connection to the source; a new one must be completed once in the console"),
	})
	return arn
}

// connectionName returns the name of a delivery's connection, which can have 32 characters.
// The names of an account's connections are unique.
func connectionName(name string) string {
	if len(name) <= 32 {
		return name
	}
	return NameOf(name)[len(NameOf(name))-16:]
}

func newArtifactBucket(stack awscdk.Stack, key awskms.IKey) awss3.IBucket {
	bucket := newBucket(stack, "Artifacts", key, true, &awss3.LifecycleRule{
		Expiration:                  awscdk.Duration_Days(jsii.Number(90)),
		NoncurrentVersionExpiration: awscdk.Duration_Days(jsii.Number(30)),
	})
	suppress(bucket, true, "AwsSolutions-S1", "Artifacts are written and read by the pipeline alone, which keeps a record of every execution.")
	return bucket
}

// newCacheBucket makes the bucket for the builds' caches. The key of each entry in
// buildspec.yml contains the week, so entries expire after eight days.
func newCacheBucket(stack awscdk.Stack, key awskms.IKey) awss3.IBucket {
	bucket := newBucket(stack, "Cache", key, false, &awss3.LifecycleRule{
		Expiration: awscdk.Duration_Days(jsii.Number(8)),
	})
	suppress(bucket, true, "AwsSolutions-S1", "Caches are written and read by the pipeline's builds alone, and expire within days.")
	return bucket
}

func newBucket(stack awscdk.Stack, id string, key awskms.IKey, versioned bool, rule *awss3.LifecycleRule) awss3.Bucket {
	rule.AbortIncompleteMultipartUploadAfter = awscdk.Duration_Days(jsii.Number(7))
	return awss3.NewBucket(stack, jsii.String(id), &awss3.BucketProps{
		Versioned:         jsii.Bool(versioned),
		Encryption:        awss3.BucketEncryption_KMS,
		EncryptionKey:     key,
		BucketKeyEnabled:  jsii.Bool(true),
		EnforceSSL:        jsii.Bool(true),
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
		LifecycleRules:    &[]*awss3.LifecycleRule{rule},
	})
}

func newKey(stack awscdk.Stack) awskms.Key {
	return awskms.NewKey(stack, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Artifacts and notifications of the pipeline"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
}

func newTopic(stack awscdk.Stack, email string, key awskms.Key) awssns.Topic {
	topic := awssns.NewTopic(stack, jsii.String("Notifications"), &awssns.TopicProps{
		EnforceSSL: jsii.Bool(true),
		MasterKey:  key,
	})
	if email != "" {
		awssns.NewSubscription(stack, jsii.String("NotificationEmail"), &awssns.SubscriptionProps{
			Topic:    topic,
			Protocol: awssns.SubscriptionProtocol_EMAIL,
			Endpoint: jsii.String(email),
		})
	}
	return topic
}

// notify tells the topic how executions end.
func notify(pipeline awscodepipeline.Pipeline, topic awssns.ITopic) {
	text := awsevents.RuleTargetInput_FromText(awscdk.Fn_Join(jsii.String(" "), &[]*string{
		jsii.String("Pipeline"), awsevents.EventField_FromPath(jsii.String("$.detail.pipeline")),
		jsii.String("execution"), awsevents.EventField_FromPath(jsii.String("$.detail.execution-id")),
		jsii.String("is"), awsevents.EventField_FromPath(jsii.String("$.detail.state")),
	}))
	pipeline.OnStateChange(jsii.String("Ended"), &awsevents.OnEventOptions{
		Description: jsii.String("An execution of the pipeline has ended"),
		EventPattern: &awsevents.EventPattern{Detail: &map[string]any{
			"state": jsii.Strings("SUCCEEDED", "FAILED", "STOPPED", "SUPERSEDED"),
		}},
		Target: awseventstargets.NewSnsTopic(topic, &awseventstargets.SnsTopicProps{Message: text}),
	})
}
