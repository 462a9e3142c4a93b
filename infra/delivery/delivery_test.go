package delivery_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/infra/delivery"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// newFunction defines what a caller would.
func newFunction(stack awscdk.Stack, id string) awslambda.Function {
	return awslambda.NewFunction(stack, jsii.String(id), &awslambda.FunctionProps{
		Runtime: awslambda.Runtime_NODEJS_22_X(),
		Handler: jsii.String("index.handler"),
		Code:    awslambda.Code_FromInline(jsii.String("exports.handler = async () => 'ok'")),
	})
}

// define defines what a team might: in each of three stages a function with a
// URL, one behind a queue and a topic and one that a schedule calls, and evidence
// in a stack of its own. A person is asked before the second stage and the third.
func define(app awscdk.App, name, repository string) (awscdk.Stack, error) {
	keeper := awscdk.NewStack(app, jsii.String(delivery.StackName(name, "evidence")), nil)
	evidence := delivery.NewEvidence(keeper, "", &delivery.EvidenceProps{Of: repository, RetentionDays: 30})
	// All stages keep their evidence there but the last, which is in another account.
	stage := func(name, word string, env *awscdk.Environment) delivery.Stage {
		stack := awscdk.NewStack(app, jsii.String(delivery.StackName(name, word)), &awscdk.StackProps{Env: env})
		topic := awssns.NewTopic(stack, jsii.String("Alarms"), nil)
		deliver := func(id string) *delivery.Delivery {
			return delivery.NewDelivery(stack, id, &delivery.DeliveryProps{
				Function: newFunction(stack, id+"Code"), Topic: topic,
				Shift:  "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
				Alarms: delivery.Limits{ErrorPercent: 1.5, P90Milliseconds: 800},
			})
		}
		web, worker, nightly := deliver("Web"), deliver("Worker"), deliver("Nightly")
		web.URL(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_AWS_IAM})
		// What reaches into another stack makes that one export it.
		if env == nil {
			evidence.GrantLedger(awsiam.NewRole(stack, jsii.String("Keeper"), &awsiam.RoleProps{
				AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
			}))
		}
		worker.Queue(awssqs.NewQueue(stack, jsii.String("Orders"), nil), nil)
		worker.Subscribe(awssns.Topic_FromTopicArn(stack, jsii.String("Elsewhere"), jsii.String("arn:aws:sns:eu-central-1:111122223333:prices")), nil)
		nightly.Schedule("AtNight", awsevents.Schedule_Cron(&awsevents.CronOptions{Hour: jsii.String("3"), Minute: jsii.String("0")}))
		return delivery.Stage{Name: word, Stack: stack, Functions: []*delivery.Delivery{web, worker, nightly}}
	}
	test, pilot, live := stage(name, "test", nil), stage(name, "pilot", nil), stage(name, "live", &awscdk.Environment{
		Account: jsii.String("111122223333"), Region: jsii.String("eu-central-1"),
	})
	test.Evidence, test.ReturnOnFailure = evidence, true
	pilot.Approval = &delivery.Approval{Text: "Shall the pilots have it?"}
	return delivery.NewPipeline(app, &delivery.PipelineProps{
		Name: name, Repository: repository, Context: "{}", EvidenceKeyAlias: "alias/evidence",
		Stages: []delivery.Stage{test, pilot, live},
	})
}

// An assembly is what was synthesized.
type assembly struct {
	manifest  string
	templates map[string]map[string]any // by the stack's name
	tags      map[string]map[string]string
}

func synthesize(name, repository string) (assembly, error) {
	a := assembly{templates: map[string]map[string]any{}, tags: map[string]map[string]string{}}
	dir, err := os.MkdirTemp("", "delivery")
	if err != nil {
		return a, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &dir})
	if _, err := define(app, name, repository); err != nil {
		return a, err
	}
	for _, stack := range *app.Synth(nil).Stacks() {
		encoded, err := json.Marshal(stack.Template())
		if err != nil {
			return a, err
		}
		var template map[string]any
		if err := json.Unmarshal(encoded, &template); err != nil {
			return a, err
		}
		tags := map[string]string{}
		for key, value := range *stack.Tags() {
			tags[key] = *value
		}
		a.templates[*stack.StackName()], a.tags[*stack.StackName()] = template, tags
	}
	data, err := os.ReadFile(filepath.Join(dir, delivery.ManifestFile)) // #nosec G304 -- made above
	a.manifest = string(data)
	return a, err
}

// shop and bank are two repositories of one account. Starting the CDK's kernel
// takes seconds, so all tests look at one synthesis each.
var (
	shop = sync.OnceValues(func() (assembly, error) { return synthesize("shop", "example/shop") })
	bank = sync.OnceValues(func() (assembly, error) { return synthesize("shop-test", "example/bank") })
)

func must(t *testing.T, made func() (assembly, error)) assembly {
	t.Helper()
	a, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestManifest(t *testing.T) {
	got := must(t, shop).manifest
	file := filepath.Join("testdata", "magewright.json")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file) // #nosec G304 -- a file of the test's own
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the manifest is\n%s\nwant that of %s; go test -update writes it", got, file)
	}
	again, err := synthesize("shop", "example/shop")
	if err != nil {
		t.Fatal(err)
	}
	if again.manifest != got {
		t.Errorf("the manifest of a second synthesis is\n%s", again.manifest)
	}
}

// TestTheManifestNamesWhatThereIs holds that each name in the manifest is that of a
// resource, of its type, or of an output.
func TestTheManifestNamesWhatThereIs(t *testing.T) {
	a := must(t, shop)
	var m delivery.Manifest
	if err := json.Unmarshal([]byte(a.manifest), &m); err != nil {
		t.Fatal(err)
	}
	is := func(stack, id, kind string) {
		t.Helper()
		if resource, _ := dig(a.templates[stack], "Resources", id).(map[string]any); resource["Type"] != kind {
			t.Errorf("%s of %s is %v, want a %s", id, stack, resource["Type"], kind)
		}
	}
	kinds := map[string]string{"queue": "AWS::SQS::Queue", "topic": "AWS::SNS::Topic", "schedule": "AWS::Events::Rule"}
	looked := 0
	for _, stage := range m.Stages {
		for _, f := range stage.Functions {
			is(stage.Stack, f.Function, "AWS::Lambda::Function")
			is(stage.Stack, f.Application, "AWS::CodeDeploy::Application")
			is(stage.Stack, f.DeploymentGroup, "AWS::CodeDeploy::DeploymentGroup")
			for _, from := range f.Sources {
				if from.Resource != "" {
					is(stage.Stack, from.Resource, kinds[from.Kind])
				}
			}
			for name, key := range f.Outputs {
				if dig(a.templates[stage.Stack], "Outputs", key) == nil {
					t.Errorf("%s has no output %s, which is %s", stage.Stack, key, name)
				}
			}
			looked++
		}
	}
	if looked != 9 {
		t.Errorf("the manifest has %d functions, want 9", looked)
	}
	e := m.Stages[0].Evidence
	is(e.Stack, e.Bucket, "AWS::S3::Bucket")
	is(e.Stack, e.Key, "AWS::KMS::Key")
	if e.Stack != "shop-evidence" || dig(a.templates[e.Stack], "Outputs", e.Output) == nil {
		t.Errorf("evidence is %+v, want it in a stack of its own that puts it out", e)
	}
}

// TestEventsReachTheAlias holds that nothing calls a function but by its alias:
// what calls the function itself calls code that nobody has shifted traffic to.
func TestEventsReachTheAlias(t *testing.T) {
	resources, _ := must(t, shop).templates["shop-test"]["Resources"].(map[string]any)
	called := map[string]int{}
	for id, r := range resources {
		resource, _ := r.(map[string]any)
		kind, _ := resource["Type"].(string)
		var callee any
		switch kind {
		case "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission":
			callee = dig(resource, "Properties", "FunctionName")
		case "AWS::SNS::Subscription":
			callee = dig(resource, "Properties", "Endpoint")
		case "AWS::Events::Rule":
			callee = dig(resource, "Properties", "Targets")
		case "AWS::Lambda::Url":
			if dig(resource, "Properties", "Qualifier") != delivery.Alias {
				t.Errorf("%s is of %v", id, resource)
			}
			called[kind]++
			continue
		default:
			continue
		}
		encoded, err := json.Marshal(callee)
		if err != nil {
			t.Fatal(err)
		}
		if called[kind]++; !strings.Contains(string(encoded), "Alias") {
			t.Errorf("%s calls %s, which is no alias", id, encoded)
		}
	}
	for _, kind := range []string{"AWS::Lambda::EventSourceMapping", "AWS::SNS::Subscription", "AWS::Events::Rule", "AWS::Lambda::Url"} {
		if called[kind] != 1 {
			t.Errorf("the stage has %d of %s, want 1", called[kind], kind)
		}
	}
}

// TestEachFunctionIsGuarded holds that each function of a stack has a deployment
// group of its own, that is stopped by alarms on its own newest version.
func TestEachFunctionIsGuarded(t *testing.T) {
	resources, _ := must(t, shop).templates["shop-live"]["Resources"].(map[string]any)
	groups := 0
	for id, r := range resources {
		if dig(r, "Type") != "AWS::CodeDeploy::DeploymentGroup" {
			continue
		}
		groups++
		function, _, _ := strings.Cut(id, "Shift")
		if got := dig(r, "Properties", "DeploymentConfigName"); got != "CodeDeployDefault.LambdaLinear10PercentEvery1Minute" {
			t.Errorf("%s shifts by %v", id, got)
		}
		watched, _ := dig(r, "Properties", "AlarmConfiguration", "Alarms").([]any)
		var limits []float64
		for _, w := range watched {
			alarm, _ := dig(w, "Name", "Ref").(string)
			name, err := json.Marshal(dig(resources[alarm], "Properties", "AlarmName"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(alarm, function+"Version") || !strings.Contains(string(name), `"shop-live-`+function+`-Version`) || !strings.Contains(string(name), function+"CodeCurrentVersion") {
				t.Errorf("%s is stopped by %s, called %s", id, alarm, name)
			}
			limit, _ := dig(resources[alarm], "Properties", "Threshold").(float64)
			limits = append(limits, limit)
		}
		slices.Sort(limits)
		want := []float64{1.5, 800}
		if function == "Web" { // it has a URL, whose HTTP 5xx are watched like errors
			want = []float64{1.5, 1.5, 800}
		}
		if !slices.Equal(limits, want) {
			t.Errorf("%s is stopped above %v, want %v", id, limits, want)
		}
	}
	if groups != 3 {
		t.Errorf("the stage has %d deployment groups, want 3", groups)
	}
}

// TestServerErrorsOfAURLAreWatched holds that the newest version's answers are watched by the
// dimensions under which Lambda counts them.
func TestServerErrorsOfAURLAreWatched(t *testing.T) {
	resources, _ := must(t, shop).templates["shop-live"]["Resources"].(map[string]any)
	watched := 0
	for id, r := range resources {
		if !strings.HasPrefix(id, "WebVersionServerErrors") {
			continue
		}
		watched++
		var got []string
		queries, _ := dig(r, "Properties", "Metrics").([]any)
		for _, q := range queries {
			metric := dig(q, "MetricStat", "Metric")
			got = append(got, fmt.Sprint(dig(metric, "MetricName"), dig(q, "Expression")))
			dimensions, _ := dig(metric, "Dimensions").([]any)
			for _, d := range dimensions {
				got = append(got, fmt.Sprint(dig(d, "Name")))
			}
		}
		want := []string{"<nil>100 * failed / requests", "Url5xxCount<nil>", "ExecutedVersion", "FunctionName", "Resource", "UrlRequestCount<nil>", "ExecutedVersion", "FunctionName", "Resource"}
		if !slices.Equal(got, want) {
			t.Errorf("%s watches %q, want %q", id, got, want)
		}
	}
	if watched != 1 {
		t.Errorf("%d alarms watch them, want 1", watched)
	}
}

// TestPipelineOfThreeStages holds the order of stages, the approvals before two of
// them, and that evidence of all actions reaches the last though a build takes
// five artifacts at most.
func TestPipelineOfThreeStages(t *testing.T) {
	a := must(t, shop)
	var got []string
	resources, _ := a.templates["shop-pipeline"]["Resources"].(map[string]any)
	for _, r := range resources {
		if dig(r, "Type") != "AWS::CodePipeline::Pipeline" {
			continue
		}
		stages, _ := dig(r, "Properties", "Stages").([]any)
		for _, s := range stages {
			line := fmt.Sprint(dig(s, "Name"), ":")
			actions, _ := dig(s, "Actions").([]any)
			for _, action := range actions {
				line += fmt.Sprintf(" %v(%s)", dig(action, "Name"), strings.Join(names(dig(action, "InputArtifacts")), " "))
			}
			if dig(s, "OnFailure") != nil {
				line += " ROLLBACK"
			}
			got = append(got, line)
		}
	}
	want := []string{
		"Source: Source()",
		"Verify: Lint(Source) Test(Source) Sec(Source) Synth(Source)",
		"Test: Deploy(Source Assembly) Smoke(Source Assembly LintEvidence TestEvidence SecEvidence) Drill(Source Assembly SmokeEvidence) ROLLBACK",
		"PilotApproval: Approve()",
		"Pilot: Deploy(Source Assembly) Smoke(Source Assembly DrillEvidence)",
		"Approval: Readiness(Source Assembly PilotSmokeEvidence) Approve()",
		"Live: Promote(Source Assembly ReadinessEvidence)",
		"Update: Pipeline(Source Assembly ReadinessEvidence)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pipeline is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func names(artifacts any) []string {
	var all []string
	list, _ := artifacts.([]any)
	for _, a := range list {
		all = append(all, fmt.Sprint(dig(a, "Name")))
	}
	return all
}

func TestEveryStackIsTagged(t *testing.T) {
	tags := must(t, shop).tags
	if len(tags) != 5 {
		t.Errorf("%d stacks are tagged, want 5", len(tags))
	}
	for stack, tags := range tags {
		if tags[delivery.RepositoryTag] != "example/shop" {
			t.Errorf("%s has the tags %v", stack, tags)
		}
	}
}

// dig returns what a template has at a path, or nil.
func dig(value any, path ...string) any {
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}
