package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	connectiontypes "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// assembly is a pipeline with four builds at once, then two in turn, and one stage.
var assembly = map[string]string{
	"go.mod":         "module example\n\ngo 1.26.1\n",
	"infra/cdk.json": `{"context": {}}`,
	"buildspec.yml":  "version: 0.2\nphases: {install: {runtime-versions: {golang: 1.26, nodejs: 24}}}\n",
	"cdk.out/p.json": `{"Resources": {
		"Small": {"Type": "AWS::CodeBuild::Project", "Properties": {"Environment": {"Type": "LINUX_CONTAINER", "ComputeType": "BUILD_GENERAL1_SMALL", "Image": "aws/codebuild/amazonlinux-aarch64-standard:3.0"}}},
		"Large": {"Type": "AWS::CodeBuild::Project", "Properties": {"Environment": {"Type": "ARM_CONTAINER", "ComputeType": "BUILD_GENERAL1_LARGE", "Image": "aws/codebuild/amazonlinux-aarch64-standard:3.0"}}},
		"Pipeline": {"Type": "AWS::CodePipeline::Pipeline", "Properties": {"Stages": [
			{"Actions": [{"ActionTypeId": {"Provider": "CodeStarSourceConnection"}, "Configuration": {"FullRepositoryId": "o/r"}}]},
			{"Actions": [
				{"RunOrder": 1, "ActionTypeId": {"Provider": "CodeBuild"}, "Configuration": {"ProjectName": {"Ref": "Large"}}},
				{"RunOrder": 1, "ActionTypeId": {"Provider": "CodeBuild"}, "Configuration": {"ProjectName": {"Ref": "Large"}}},
				{"RunOrder": 1, "ActionTypeId": {"Provider": "CodeBuild"}, "Configuration": {"ProjectName": {"Ref": "Large"}}},
				{"RunOrder": 1, "ActionTypeId": {"Provider": "CodeBuild"}, "Configuration": {"ProjectName": {"Ref": "Small"}}}]},
			{"Actions": [
				{"RunOrder": 1, "ActionTypeId": {"Provider": "CodeBuild"}, "Configuration": {"ProjectName": {"Ref": "Small"}}},
				{"RunOrder": 2, "ActionTypeId": {"Provider": "CodeBuild"}, "Configuration": {"ProjectName": {"Ref": "Small"}}}]}]}}}}`,
	"cdk.out/t.json": `{"Resources": {
		"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {}}, "B": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {}},
		"F": {"Type": "AWS::Lambda::Function", "Properties": {"ReservedConcurrentExecutions": 20}}}}`,
}

func newPatient(t *testing.T, change map[string]string) *patient {
	t.Helper()
	dir := t.TempDir()
	for _, files := range []map[string]string{assembly, change} {
		for name, text := range files {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return &patient{
		cfg: project.Config{Dir: dir, Assembly: filepath.Join(dir, "cdk.out"), Evidence: filepath.Join(dir, ".magewright")},
		names: manifest.Manifest{
			Pipeline: manifest.Pipeline{Place: manifest.Place{Stack: "p", Template: "p.json"}},
			Stages:   []manifest.Stage{{Name: "test", Place: manifest.Place{Stack: "t", Template: "t.json"}}},
		},
	}
}

// TestAnAccount walks through an account of the embedded AWS: what is missing, and what
// is found once it is there.
func TestAnAccount(t *testing.T) {
	p := newPatient(t, nil)
	p.aws = localawstest.Start(t)
	t.Setenv("CDK_CONTEXT_JSON", "")
	look := func(f func(context.Context, *patient) Finding, state State, says, next string) {
		t.Helper()
		got := f(t.Context(), p)
		if got.State != state || !strings.Contains(got.Says, says) || !strings.Contains(got.Next, next) || next == "" && got.State == Missing {
			t.Errorf("%s: %s, next: %s; want %s: %s, next: %s", got.State, got.Says, got.Next, state, says, next)
		}
	}
	look(bootstrap, Unknown, "account is not known", "")
	look(caller, OK, "000000000000", "")
	look(bootstrap, Missing, "account 000000000000 was not bootstrapped in us-east-1", "go tool mage bootstrap")
	if _, err := ssm.NewFromConfig(p.aws).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(deploy.BootstrapVersion), Value: aws.String("30"), Type: ssmtypes.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
	for _, place := range p.names.OwnRoles() {
		look(bootstrap, Missing, "stack "+place.Stack+" has no role of its own", "go tool mage bootstrap")
		if _, err := ssm.NewFromConfig(p.aws).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(agreed.DeploymentVersion(place.Stack)), Value: aws.String("30"), Type: ssmtypes.ParameterTypeString}); err != nil {
			t.Fatal(err)
		}
	}
	look(bootstrap, OK, "version 30 in us-east-1", "")
	look(trust, OK, "its own account", "")
	look(connection, Unknown, "there is no connectionArn", "go tool mage synth pipeline:deploy")
	made, err := codeconnections.NewFromConfig(p.aws).CreateConnection(t.Context(), &codeconnections.CreateConnectionInput{ConnectionName: aws.String("c"), ProviderType: connectiontypes.ProviderTypeGithub})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CDK_CONTEXT_JSON", fmt.Sprintf(`{"connectionArn": %q}`, *made.ConnectionArn))
	if got := connection(t.Context(), p); got.State == Unknown {
		t.Errorf("a connection that is there: %+v", got)
	}
	look(key, Missing, "this account has no key", "go tool mage evidence:key")
	keys, _, err := kmssign.Ensure(t.Context(), p.aws)
	if err != nil {
		t.Fatal(err)
	}
	look(key, Missing, "no key is pinned", "go tool mage evidence:key")
	t.Setenv("CDK_CONTEXT_JSON", fmt.Sprintf(`{"evidenceKey": %q}`, keys.Evidence.Key))
	look(key, Missing, "alias/magewright-record is key", "go tool mage evidence:key")
	t.Setenv("CDK_CONTEXT_JSON", fmt.Sprintf(`{"evidenceKey": %q}`, keys))
	look(key, OK, "as the CDK context pins them", "")
	look(alarms, OK, "0 alarms and the stages have 2; a region may have 5000", "")
	// The embedded AWS refuses it by name.
	look(builds, Unknown, "the pipeline starts 3 builds of ARM/Large at once", "aws service-quotas list-service-quotas --service-code codebuild")
	look(image, OK, "Go 1.26 and Node 24 are in aws/codebuild/amazonlinux-aarch64-standard:3.0", "")
}

// TestQuotas holds what is compared with the account's quotas. The answers have the
// shape of Service Quotas.
func TestQuotas(t *testing.T) {
	t.Parallel()
	values := map[string]float64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if strings.HasSuffix(r.URL.Path, "account-settings") || strings.Contains(r.URL.Path, "account-settings") {
			_, _ = fmt.Fprintf(w, `{"AccountLimit": {"ConcurrentExecutions": %.0f}}`, values["lambda"])
			return
		}
		var quotas []map[string]any
		for name, value := range values {
			quotas = append(quotas, map[string]any{"QuotaName": name, "Value": value})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"Quotas": quotas})
	}))
	defer server.Close()
	p := newPatient(t, nil)
	p.aws = aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "s"}, nil
	})}
	const arm, linux = "Concurrently running builds for ARM/Large environment", "Concurrently running builds for Linux/Small environment"
	for _, tt := range []struct {
		values map[string]float64
		look   func(context.Context, *patient) Finding
		state  State
		says   string
		next   string
	}{
		{map[string]float64{arm: 1, linux: 10}, builds, Missing, "starts 3 builds of ARM/Large at once, but the account may only run 1: the others fail", `"verifyBuilds": 1 in the CDK context`},
		{map[string]float64{arm: 3, linux: 1}, builds, OK, "3 builds of ARM/Large at once, and the account may run 3, 1 builds of Linux/Small at once, and the account may run 1", ""},
		{map[string]float64{linux: 1}, builds, Unknown, "there is no quota", "aws service-quotas list-service-quotas"},
		{map[string]float64{"lambda": 10}, concurrency, Missing, "the stages reserve 20, but the account has only 10", "aws service-quotas request-service-quota-increase"},
		{map[string]float64{"lambda": 1000}, concurrency, OK, "the stages reserve 20 of 1000", ""},
	} {
		values = tt.values
		if got := tt.look(t.Context(), p); got.State != tt.state || !strings.Contains(got.Says, tt.says) || !strings.Contains(got.Next, tt.next) {
			t.Errorf("%v: %s, %s, next %s; want %s, %s, %s", tt.values, got.State, got.Says, got.Next, tt.state, tt.says, tt.next)
		}
	}
}

// TestOtherTemplates holds what is said of templates that name less, or say it otherwise.
func TestOtherTemplates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, template, text string
		look                 func(context.Context, *patient) Finding
		state                State
		says                 string
	}{
		{
			"a source without a connection", "p.json", `{"Resources": {"P": {"Type": "AWS::CodePipeline::Pipeline", "Properties": {"Stages": [
				{"Actions": [{"ActionTypeId": {"Provider": "CodeCommit"}, "Configuration": {"RepositoryName": "r"}}]}]}}}}`,
			connection, OK, "the pipeline's source needs none",
		},
		{
			"a reserve that is only known later", "t.json", `{"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": {"ReservedConcurrentExecutions": {"Ref": "N"}}}}}`,
			concurrency, Unknown, "reading how much function F of stack t reserves",
		},
	} {
		p := newPatient(t, map[string]string{"cdk.out/" + tt.template: tt.text})
		if got := tt.look(t.Context(), p); got.State != tt.state || !strings.Contains(got.Says, tt.says) {
			t.Errorf("%s: %s, %s; want %s, %s", tt.name, got.State, got.Says, tt.state, tt.says)
		}
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	of := func(image string) pipeline { return pipeline{projects: map[string]environment{"P": {Image: image}}} }
	const known = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
	for _, tt := range []struct {
		image, golang, node, wants string
		state                      State
		says                       string
	}{
		{known, "1.26", "24", "1.26.3", OK, "Go 1.26 and Node 24"},
		{known, "1.25", "24", "1.26", Missing, "the buildspec asks for Go 1.25, but go.mod asks for 1.26"},
		{known, "1.27", "24", "1.27", Missing, "has Go 1.26"},
		{known, "1.26", "18", "1.26", Missing, "the CDK needs 20"},
		{known, "1.26", "26", "1.26", Missing, "Node 24"},
		{"example/own:1", "1.26", "24", "1.26", Unknown, "example/own:1"},
	} {
		if got := of(tt.image).runs(runtimes{tt.golang, tt.node}, tt.wants); got.State != tt.state || !strings.Contains(got.Says, tt.says) {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
}

func TestTheMachine(t *testing.T) {
	t.Parallel()
	p := newPatient(t, map[string]string{"go.mod": "module example\n\ngo 1.99\n"})
	p.cfg.Commit = strings.Repeat("a", 40)
	if got := wantedGo(p.cfg.Dir); got != "1.99" {
		t.Errorf("go.mod asks for %q", got)
	}
	if got := disk(t.Context(), p); got.State == OK && !strings.HasPrefix(got.Says, "free: ") {
		t.Errorf("disk: %+v", got)
	}
	if dirs := places(); len(dirs) == 0 || slices.ContainsFunc(dirs, func(p place) bool { _, err := os.Stat(p.dir); return err != nil }) {
		t.Errorf("it looks at %v", dirs)
	}
	if got := git(t.Context(), p); got.State != OK || !strings.Contains(got.Says, "aaaaaaaaaaaa") {
		t.Errorf("git: %+v", got)
	}
}

// TestWithoutCredentials holds that the machine is looked at, and that it is said what
// could not be asked.
func TestWithoutCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	p := newPatient(t, nil)
	var out bytes.Buffer
	p.cfg.Stdout, p.cfg.Stderr = &out, &out
	if err := Run(t.Context(), p.cfg); err != nil && exit.Status(err) != exit.Environment {
		t.Error(err)
	}
	for _, want := range []string{"unknown  aws          there are no AWS credentials", "next: eval", "not asked: caller, bootstrap, trust, connection, builds, image, key, alarms, concurrency\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	if err := verdict([]Finding{{State: OK}, {State: Unknown}}); err != nil {
		t.Errorf("what is unknown is missing: %v", err)
	}
	err := verdict([]Finding{{Name: "a", State: OK}, {Name: "b", State: Missing, Next: "mend b"}, {Name: "c", State: Missing, Next: "mend c"}})
	if exit.Status(err) != exit.Environment || err.Error() != "doctor: missing: b, c\n  next: mend b" {
		t.Errorf("exit code %d, %v", exit.Status(err), err)
	}
}
