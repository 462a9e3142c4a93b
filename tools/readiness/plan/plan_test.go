package plan

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/readiness/collect"
)

// service is a template with the outputs that a plan uses.
const service = `{"Resources": {
	"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}},
	"Shift": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "v"}}},
 "Outputs": {"FunctionUrl": {"Value": "http://127.0.0.1/"}, "FunctionName": {"Value": "f"}, "AliasName": {"Value": "live"}, "NotificationTopic": {"Value": {"Ref": "Topic"}}}}`

const policy = "required: [plan]\nmaxAge: 24h\nowner: Team Ledger\ncontacts: [ledger@example.com]\n"

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	args = append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)
	out, err := (command.Cmd{Dir: dir}).Output(t.Context(), "git", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// repository makes a commit with a policy, and its assembly.
func repository(t *testing.T) project.Config {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "infra/"+readiness.PolicyFile, policy)
	git(t, dir, "init", "--quiet")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "--quiet", "-m", "one")
	cfg := project.Config{
		Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out"),
		Commit: git(t, dir, "rev-parse", "HEAD"), Stdout: io.Discard, Stderr: io.Discard,
	}
	artifacts := map[string]any{}
	for _, stage := range []string{"staging", "production", "pipeline"} {
		name := stageOf(t, stage).Stack
		artifacts[name] = map[string]any{
			"type": "aws:cloudformation:stack", "environment": "aws://unknown-account/unknown-region",
			"properties": map[string]any{"templateFile": name + ".template.json"},
		}
		write(t, cfg.Assembly, name+".template.json", service)
	}
	manifest, err := json.Marshal(map[string]any{"artifacts": artifacts})
	if err != nil {
		t.Fatal(err)
	}
	write(t, cfg.Assembly, "manifest.json", string(manifest))
	manifesttest.Write(t, cfg.Assembly, cfg.Commit, strings.Repeat("a", 64))
	return cfg
}

func startAWS(t *testing.T) aws.Config {
	t.Helper()
	return localawstest.Start(t)
}

// stageOf returns the stage that is called so, or the pipeline as if it were one.
func stageOf(t *testing.T, name string) manifest.Stage {
	t.Helper()
	if name == "pipeline" {
		return manifest.Stage{Place: manifest.Old().Pipeline.Place}
	}
	stage, err := manifest.Old().Stage(name)
	if err != nil {
		t.Fatal(err)
	}
	return stage
}

// deploy creates a stage's stack.
func deploy(t *testing.T, awsConfig aws.Config, stage string) {
	t.Helper()
	deployTemplate(t, awsConfig, stage, service)
}

func deployTemplate(t *testing.T, awsConfig aws.Config, stage, template string) {
	t.Helper()
	localawstest.CreateStack(t, awsConfig, stageOf(t, stage).Stack, template)
}

// stakeholder subscribes an endpoint to a stage's topic, and returns the
// received messages.
func stakeholder(t *testing.T, awsConfig aws.Config, stage string) <-chan string {
	t.Helper()
	messages, tokens := make(chan string, 8), make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n struct{ Type, Message, Subject, Token string }
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		if n.Token != "" {
			tokens <- n.Token
			return
		}
		messages <- n.Subject + "\n" + n.Message
	}))
	t.Cleanup(server.Close)
	outputs, err := stack.Describe(t.Context(), awsConfig, stageOf(t, stage))
	if err != nil {
		t.Fatal(err)
	}
	client := sns.NewFromConfig(awsConfig)
	if _, err := client.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &outputs.NotificationTopic, Protocol: aws.String("http"), Endpoint: &server.URL}); err != nil {
		t.Fatal(err)
	}
	token := <-tokens
	if _, err := client.ConfirmSubscription(t.Context(), &sns.ConfirmSubscriptionInput{TopicArn: &outputs.NotificationTopic, Token: &token}); err != nil {
		t.Fatal(err)
	}
	return messages
}

// outcome assesses the release with what is deployed now and what was recorded.
// It returns the outcome of the check plan.
func outcome(t *testing.T, cfg project.Config, awsConfig aws.Config) readiness.Outcome {
	t.Helper()
	c := clock.System()
	base, err := baseline.Find(t.Context(), cfg, "", &awsConfig)
	if err != nil {
		t.Fatal(err)
	}
	candidate, err := collect.Candidate(t.Context(), cfg, base, c)
	if err != nil {
		t.Fatal(err)
	}
	used, err := collect.Policy(t.Context(), cfg, candidate, c)
	if err != nil {
		t.Fatal(err)
	}
	candidate.Account = "000000000000"
	collected, err := collect.ForPlan(t.Context(), collect.Env{Project: cfg, Candidate: candidate, Policy: used.Policy, Clock: c, AWS: &awsConfig})
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := evidence.ReadDir(cfg.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	statements := slices.Concat(collected, recorded)
	for _, p := range []evidence.Predicate{candidate, used} {
		s, err := evidence.NewStatement(candidate.Commit, candidate.Package, p)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, s)
	}
	a, err := readiness.Evaluate(statements, c.Now())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(a.Outcomes, func(o readiness.Outcome) bool { return o.ID == "plan" })
	return a.Outcomes[i]
}

// TestSend publishes with a real client over a real wire. The stakeholder must
// receive the generated text. The record makes the check pass, and a deployment
// in between makes it fail.
func TestSend(t *testing.T) {
	t.Parallel()
	cfg, awsConfig := repository(t), startAWS(t)
	o := options{when: readiness.DefaultWhen}
	var out bytes.Buffer
	cfg.Stdout = &out
	if err := run(t.Context(), cfg, awsConfig, o, clock.System()); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(cfg.Evidence, "plan.md"))
	if err != nil || !strings.HasPrefix(out.String(), string(kept)+"\ncost of production in USD a month, at 1000000 requests of 100 ms") || !strings.Contains(out.String(), "- owner: Team Ledger\n- contact: ledger@example.com\n") {
		t.Errorf("printed\n%s\nkept\n%s\n%v", &out, kept, err)
	}
	if got := outcome(t, cfg, awsConfig); got.State != readiness.Unknown || got.Next != "go tool mage plan -send" {
		t.Errorf("a plan that was not sent is %+v", got)
	}

	o.send = true
	if err := run(t.Context(), cfg, awsConfig, o, clock.System()); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "there is nobody to send the plan to: neither production nor staging is deployed (account") || !strings.Contains(err.Error(), "next: go tool mage deploy-staging") {
		t.Errorf("before anything is deployed: %v", err)
	}
	if got := outcome(t, cfg, awsConfig); got.State != readiness.Unknown {
		t.Errorf("a plan that could not be sent is %+v", got)
	}
	// A repository that adopts Magewright and does not require a plan goes on.
	write(t, cfg.Dir, "magewright/go.mod", "module a/magewright\n")
	out.Reset()
	if err := run(t.Context(), cfg, awsConfig, o, clock.System()); err != nil || !strings.HasPrefix(out.String(), "NOT SENT: there is nobody to send the plan to") {
		t.Errorf("without a topic elsewhere: %v\n%s", err, &out)
	}
	if err := os.RemoveAll(filepath.Join(cfg.Dir, "magewright")); err != nil {
		t.Fatal(err)
	}

	deploy(t, awsConfig, "staging")
	messages := stakeholder(t, awsConfig, "staging")
	if err := run(t.Context(), cfg, awsConfig, o, clock.System()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(cfg.Evidence, "plan.md"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := <-messages, "Deployment plan of "+cfg.Commit[:12]+"\n"+string(text); got != want {
		t.Errorf("the stakeholder received\n%s\nwant\n%s", got, want)
	}
	if got := outcome(t, cfg, awsConfig); got.State != readiness.Pass || !strings.Contains(got.Counted, "magewright-staging-Topic") {
		t.Errorf("a plan that was sent is %+v", got)
	}

	deploy(t, awsConfig, "pipeline")
	if got := outcome(t, cfg, awsConfig); got.State != readiness.Fail {
		t.Errorf("the plan of what was deployed before is %+v", got)
	}
}

// serve makes the function that the stages put out, of a commit, and its alias.
// Nobody invokes it.
func serve(t *testing.T, awsConfig aws.Config, commit string) {
	t.Helper()
	role, err := iam.NewFromConfig(awsConfig).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("f"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	_, err = w.Create("bootstrap")
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	functions := lambda.NewFromConfig(awsConfig)
	made, err := functions.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("f"), Role: role.Role.Arn, Handler: aws.String("bootstrap"), Runtime: lambdatypes.RuntimeProvidedal2023, Publish: true,
		Description: aws.String("f, commit " + commit),
		Code:        &lambdatypes.FunctionCode{ZipFile: packed.Bytes()}, Architectures: []lambdatypes.Architecture{lambdatypes.Architecture(localaws.HostContext()["architecture"].(string))},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := functions.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String("f"), Name: aws.String("live"), FunctionVersion: made.Version}); err != nil {
		t.Fatal(err)
	}
}

// TestPlanAndReadinessHaveOneBase pushes two commits while production serves
// the commit before them, which is neither HEAD's parent nor tagged. Plan and
// readiness must both follow production, so that readiness expects the plan
// that was sent.
func TestPlanAndReadinessHaveOneBase(t *testing.T) {
	t.Parallel()
	cfg, awsConfig := repository(t), startAWS(t)
	served := cfg.Commit
	serve(t, awsConfig, served)
	deploy(t, awsConfig, "production")
	messages := stakeholder(t, awsConfig, "production")

	for _, subject := range []string{"two", "three"} {
		git(t, cfg.Dir, "commit", "--quiet", "--allow-empty", "-m", subject)
	}
	cfg.Commit = git(t, cfg.Dir, "rev-parse", "HEAD")
	manifesttest.Write(t, cfg.Assembly, cfg.Commit, strings.Repeat("a", 64))
	if err := run(t.Context(), cfg, awsConfig, options{send: true, when: readiness.DefaultWhen}, clock.System()); err != nil {
		t.Fatal(err)
	}
	if got, want := <-messages, "- after release "+served+"\n"; !strings.Contains(got, want) {
		t.Errorf("the plan that was sent does not say %q:\n%s", want, got)
	}
	if got := outcome(t, cfg, awsConfig); got.State != readiness.Pass {
		t.Errorf("readiness expects another plan than was sent: %+v", got)
	}
}

// TestProductionsStakeholders checks that the plan goes to production's
// stakeholders as soon as there are some.
func TestProductionsStakeholders(t *testing.T) {
	t.Parallel()
	awsConfig := startAWS(t)
	deploy(t, awsConfig, "staging")
	deploy(t, awsConfig, "production")
	messages := stakeholder(t, awsConfig, "production")
	sent, err := send(t.Context(), awsConfig, manifest.Old(), strings.Repeat("c", 40), readiness.Plan{Text: "the plan", Digest: "d"})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-messages; got != "Deployment plan of cccccccccccc\nthe plan" || !strings.Contains(sent.Topic, "magewright-production") || sent.MessageID == "" {
		t.Errorf("%q was received: %+v", got, sent)
	}
}
