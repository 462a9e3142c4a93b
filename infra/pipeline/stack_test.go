package pipeline_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/infra/pipeline"
	"github.com/magewright/magewright/infra/service"
	"github.com/magewright/magewright/infra/settings"
)

const connection = "arn:aws:codeconnections:eu-central-1:111122223333:connection/example"

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

var template = sync.OnceValue(func() assertions.Template { return synthesize(0) })

// synthesize returns the pipeline's template, with so many builds of Verify at once.
func synthesize(verifyBuilds int) assertions.Template {
	dir, err := os.MkdirTemp("", "pipeline")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	zip := filepath.Join(dir, "app.zip")
	if err := os.WriteFile(zip, []byte("PK"), 0o600); err != nil {
		panic(err)
	}
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir: jsii.String(filepath.Join(dir, "cdk.out")),
		PostCliContext: &map[string]any{
			"repository":        "example/app",
			"branch":            "trunk",
			"connectionArn":     connection,
			"reviewTokenSecret": "reviews",
			"package":           zip,
			"verifyBuilds":      verifyBuilds,
		},
	})
	s, err := settings.FromContext(app.Node())
	if err != nil {
		panic(err)
	}
	stack, err := pipeline.NewStack(app, s, service.NewStack(app, s.Staging, s), service.NewStack(app, s.Production, s))
	if err != nil {
		panic(err)
	}
	return assertions.Template_FromStack(stack, nil)
}

// The parts of AWS::CodePipeline::Pipeline that the tests read.
type (
	declaration struct {
		PipelineType  string
		ExecutionMode string
		Stages        []stage
	}
	stage struct {
		Name      string
		OnFailure struct{ Result string }
		Actions   []action
	}
	action struct {
		Name            string
		RunOrder        int
		ActionTypeID    struct{ Category, Provider string } `json:"ActionTypeId"`
		Configuration   map[string]any
		InputArtifacts  []struct{ Name string }
		OutputArtifacts []struct{ Name string }
	}
)

func declared(t *testing.T) declaration {
	t.Helper()
	return declaredBy(t, template())
}

func declaredBy(t *testing.T, template assertions.Template) declaration {
	t.Helper()
	for _, resource := range *template.FindResources(jsii.String("AWS::CodePipeline::Pipeline"), nil) {
		encoded, err := json.Marshal((*resource)["Properties"])
		if err != nil {
			t.Fatal(err)
		}
		var d declaration
		if err := json.Unmarshal(encoded, &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	t.Fatal("the template has no pipeline")
	return declaration{}
}

func TestStagesInOrder(t *testing.T) {
	d := declared(t)
	if d.PipelineType != "V2" || d.ExecutionMode != "SUPERSEDED" {
		t.Errorf("pipeline is %s %s, want V2 SUPERSEDED", d.PipelineType, d.ExecutionMode)
	}
	var got []string
	for _, stage := range d.Stages {
		var actions []string
		for _, action := range stage.Actions {
			actions = append(actions, action.Name)
		}
		got = append(got, stage.Name+": "+strings.Join(actions, " "))
		if stage.Name == "Staging" && stage.OnFailure.Result != "ROLLBACK" {
			t.Errorf("Staging's onFailure is %q, want ROLLBACK", stage.OnFailure.Result)
		}
	}
	want := []string{
		"Source: Source",
		"Verify: Lint Test Sec Synth",
		"Staging: Deploy Smoke Drill",
		"Approval: Readiness Approve",
		"Production: Promote",
		"Update: Pipeline",
	}
	if !slices.Equal(got, want) {
		t.Errorf("stages are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestArtifactsFlow holds that whatever deploys gets Synth's assembly, and that
// the evidence of each action reaches the one that decides and the one that
// promotes, though a build takes five artifacts at most.
func TestArtifactsFlow(t *testing.T) {
	names := func(artifacts []struct{ Name string }) string {
		var all []string
		for _, a := range artifacts {
			all = append(all, a.Name)
		}
		return strings.Join(all, " ")
	}
	var got []string
	for _, stage := range declared(t).Stages {
		for _, action := range stage.Actions {
			got = append(got, fmt.Sprintf("%s: %s > %s", action.Name, names(action.InputArtifacts), names(action.OutputArtifacts)))
		}
	}
	want := []string{
		"Source:  > Source",
		"Lint: Source > LintEvidence",
		"Test: Source > TestEvidence",
		"Sec: Source > SecEvidence",
		"Synth: Source > Assembly SynthEvidence",
		"Deploy: Source Assembly > ",
		"Smoke: Source Assembly LintEvidence TestEvidence SecEvidence > SmokeEvidence",
		"Drill: Source Assembly SmokeEvidence > DrillEvidence",
		"Readiness: Source Assembly DrillEvidence > ReadinessEvidence",
		"Approve:  > ",
		"Promote: Source Assembly ReadinessEvidence > ",
		"Pipeline: Source Assembly ReadinessEvidence > ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("artifacts flow\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestTheApprovalShowsTheVerdict holds that nobody approves blind, and that
// promote learns which execution to look up the approval of.
func TestTheApprovalShowsTheVerdict(t *testing.T) {
	stages := declared(t).Stages
	approve := stages[len(stages)-3].Actions[1]
	if approve.RunOrder != 2 || approve.Configuration["ExternalEntityLink"] != "#{ReadinessVariables.REPORT_URL}" {
		t.Errorf("the approval is %+v, want it to link to the report, after readiness", approve)
	}
	for _, want := range []string{"VERDICT", "WAIVERS", "EVIDENCE_DIGEST"} {
		if text, _ := approve.Configuration["CustomData"].(string); !strings.Contains(text, "#{ReadinessVariables."+want+"}") {
			t.Errorf("the approval says %q, without %s", text, want)
		}
	}
	promote := stages[len(stages)-2].Actions[0]
	if variables, _ := promote.Configuration["EnvironmentVariables"].(string); !strings.Contains(variables, `{"name":"PIPELINE_EXECUTION_ID","type":"PLAINTEXT","value":"#{codepipeline.PipelineExecutionId}"}`) {
		t.Errorf("promote gets %s", variables)
	}
}

// TestReadinessMayAskForReviews holds that the token is read from Secrets Manager
// by the one action that needs it.
func TestReadinessMayAskForReviews(t *testing.T) {
	for _, stage := range declared(t).Stages {
		for _, action := range stage.Actions {
			variables, _ := action.Configuration["EnvironmentVariables"].(string)
			if has := strings.Contains(variables, `{"name":"GITHUB_TOKEN","type":"SECRETS_MANAGER","value":"reviews"}`); has != (action.Name == "Readiness") {
				t.Errorf("%s gets %s", action.Name, variables)
			}
		}
	}
	allowed := 0
	for id, policy := range *template().FindResources(jsii.String("AWS::IAM::Policy"), nil) {
		encoded, err := json.Marshal(*policy)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(encoded), "secretsmanager:GetSecretValue") && strings.Contains(string(encoded), "secret:reviews") {
			allowed++
			if !strings.HasPrefix(id, "Judge") {
				t.Errorf("%s may read the token", id)
			}
		}
	}
	if allowed != 1 {
		t.Errorf("%d policies may read the token, want 1", allowed)
	}
}

// TestVerifyRunsInParallel holds that all builds of Verify begin at once, or as many as the
// account may run.
func TestVerifyRunsInParallel(t *testing.T) {
	for of, want := range map[assertions.Template]string{template(): "Lint 1 Test 1 Sec 1 Synth 1", synthesize(2): "Lint 1 Test 1 Sec 2 Synth 2"} {
		var got []string
		for _, action := range declaredBy(t, of).Stages[1].Actions {
			got = append(got, action.Name, strconv.Itoa(action.RunOrder))
		}
		if order := strings.Join(got, " "); order != want {
			t.Errorf("the builds begin in the order %s, want %s", order, want)
		}
	}
}

func TestAPersonApprovesBeforeProduction(t *testing.T) {
	stages := declared(t).Stages
	approval := slices.IndexFunc(stages, func(s stage) bool { return s.Actions[len(s.Actions)-1].ActionTypeID.Category == "Approval" })
	if approval != len(stages)-3 {
		t.Errorf("the approval is stage %d of %d, want the one before Production", approval+1, len(stages))
	}
}

func TestProperties(t *testing.T) {
	type m = map[string]any
	for _, tt := range []struct {
		name, kind string
		properties m
	}{
		{"artifacts are encrypted, versioned and private", "AWS::S3::Bucket", m{
			"VersioningConfiguration": m{"Status": "Enabled"},
			"BucketEncryption": m{"ServerSideEncryptionConfiguration": []any{
				m{"ServerSideEncryptionByDefault": m{"SSEAlgorithm": "aws:kms"}},
			}},
			"PublicAccessBlockConfiguration": m{
				"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
			},
		}},
		{"builds read the repository's buildspec and are encrypted", "AWS::CodeBuild::Project", m{
			"Source":        m{"Type": "CODEPIPELINE", "BuildSpec": "buildspec.yml"},
			"EncryptionKey": assertions.Match_AnyValue(),
		}},
		{"the end of an execution is told", "AWS::Events::Rule", m{
			"EventPattern": m{"source": []any{"aws.codepipeline"}, "detail": m{"state": []any{"SUCCEEDED", "FAILED", "STOPPED", "SUPERSEDED"}}},
		}},
		{"the key is rotated", "AWS::KMS::Key", m{"EnableKeyRotation": true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if cause := recover(); cause != nil {
					t.Error(cause)
				}
			}()
			template().HasResourceProperties(jsii.String(tt.kind), assertions.Match_ObjectLike(&tt.properties))
		})
	}
}

// reads matches an action that changes nothing.
var reads = regexp.MustCompile(`^[a-z0-9]+:(BatchGet|Describe|Get|List)[A-Za-z]*\*?$|^apigateway:GET$`)

// TestWhoMayWhat holds what each role may do that matters: which stacks it may deploy,
// by which key it may sign, and whether it may say who judges. Builds that run unreviewed
// code may do none of it, and no role may assume one that deploys every stack.
func TestWhoMayWhat(t *testing.T) {
	may := map[string][]string{}
	policies := maps.Clone(*template().FindResources(jsii.String("AWS::IAM::Policy"), nil))
	maps.Copy(policies, *template().FindResources(jsii.String("AWS::IAM::ManagedPolicy"), nil))
	for id, resource := range policies {
		role, _, ok := strings.Cut(id, "RoleDefaultPolicy")
		drift := strings.HasPrefix(id, "JudgeDrift")
		if !ok && !drift {
			// The CDK moves what is too much for a role's own policy into managed ones.
			if (*resource)["Type"] == "AWS::IAM::ManagedPolicy" {
				t.Errorf("the policy %s was not looked at", id)
			}
			continue
		}
		var policy struct {
			Properties struct {
				PolicyDocument struct {
					Statement []struct {
						Effect           string
						Action, Resource any
						Condition        map[string]map[string]any
					}
				}
			}
		}
		recode(t, *resource, &policy)
		for _, s := range policy.Properties.PolicyDocument.Statement {
			if s.Effect == "Deny" {
				continue
			}
			actions := fmt.Sprint(s.Action)
			for _, action := range list(s.Action) {
				if drift && !reads.MatchString(fmt.Sprint(action)) {
					t.Errorf("the judge may %v of anything", action)
				}
			}
			if drift {
				continue
			}
			for _, of := range list(s.Resource) {
				at := where(t, of)
				at = at[strings.LastIndexAny(at, ":")+1:]
				key := fmt.Sprint(s.Condition["StringEquals"]["kms:RequestAlias"])
				for sign, what := range map[string]string{
					"cloudformation:ExecuteChangeSet": "deploy " + at, "kms:Sign": "sign by " + key, "ssm:PutParameter": "pin", "sns:Publish": "send",
					"lambda:UpdateFunctionCode": "replace " + at, "codedeploy:CreateDeployment": "shift " + at, "cloudwatch:DeleteAlarms": "silence " + at,
				} {
					if strings.Contains(actions, sign) && !slices.Contains(may[role], what) {
						may[role] = append(may[role], what)
					}
				}
				if strings.Contains(actions, "sts:AssumeRole") && !strings.Contains(at, "-publishing-role-") && !strings.Contains(at, "-lookup-role-") {
					may[role] = append(may[role], "assume "+at)
				}
			}
		}
		slices.Sort(may[role])
	}
	want := map[string][]string{
		"Deploy": {
			"deploy stack/magewright-staging/*", "replace magewright-staging-*", "shift magewright-staging-*/*", "sign by alias/magewright-record",
			"silence magewright-staging-*-drill-*",
		},
		"Judge":    {"send", "sign by alias/magewright-evidence"},
		"Pipeline": {"send"},
		"Promote":  {"deploy stack/magewright-production/*", "pin", "sign by alias/magewright-record"},
		"Update":   {"deploy stack/magewright-pipeline/*"},
	}
	for role, got := range may {
		if !slices.Equal(got, want[role]) {
			t.Errorf("%s may %q, want %q", role, got, want[role])
		}
	}
	for role := range want {
		if may[role] == nil {
			t.Errorf("there is no role of %s", role)
		}
	}
}

// list returns a value that may stand alone as a list.
func list(v any) []any {
	if all, ok := v.([]any); ok {
		return all
	}
	return []any{v}
}

// TestJudgesRunNothingOfTheCandidate holds that the builds which judge and promote run a
// buildspec of the deployed stack, and take their code from the release that the
// parameter names.
func TestJudgesRunNothingOfTheCandidate(t *testing.T) {
	inline := map[string]bool{}
	for id, resource := range *template().FindResources(jsii.String("AWS::CodeBuild::Project"), nil) {
		var project struct {
			Properties struct{ Source struct{ BuildSpec string } }
		}
		recode(t, *resource, &project)
		name, spec := strings.TrimRight(id, "0123456789ABCDEF"), project.Properties.Source.BuildSpec
		if spec == "buildspec.yml" {
			continue
		}
		inline[name] = true
		for _, want := range []string{"MAGEWRIGHT_JUDGE: /magewright/magewright-pipeline/judge", "worktree add", "merge-base --is-ancestor", "go run ./tools/magewright judge $MAGE_TARGETS"} {
			if !strings.Contains(spec, want) {
				t.Errorf("%s does not say %s:\n%s", name, want, spec)
			}
		}
		if strings.Contains(spec, "go tool mage") {
			t.Errorf("%s runs a magefile:\n%s", name, spec)
		}
	}
	if !inline["Judge"] || !inline["Promote"] || len(inline) != 2 {
		t.Errorf("builds by a buildspec of the stack are %v", inline)
	}
}

// TestStagesAreTheDeployedPipelines holds that each build which acts on stages is told
// which ones there are, and no other.
func TestStagesAreTheDeployedPipelines(t *testing.T) {
	told := map[string]string{}
	for id, resource := range *template().FindResources(jsii.String("AWS::CodeBuild::Project"), nil) {
		var project struct {
			Properties struct {
				Environment struct {
					EnvironmentVariables []struct {
						Name  string
						Value any
					}
				}
			}
		}
		recode(t, *resource, &project)
		for _, v := range project.Properties.Environment.EnvironmentVariables {
			if v.Name == "MAGEWRIGHT_STAGES" {
				told[strings.TrimRight(id, "0123456789ABCDEF")] = fmt.Sprint(v.Value)
			}
		}
	}
	const stages = "staging=magewright-staging,production=magewright-production"
	if want := map[string]string{"Deploy": stages, "Judge": stages, "Promote": stages, "Update": stages}; !reflect.DeepEqual(told, want) {
		t.Errorf("builds are told %v, want %v", told, want)
	}
}

// TestCaches holds that unreviewed code can't change, by way of a cache, what
// judges it or what is deployed: only Lint and Test have one.
func TestCaches(t *testing.T) {
	type cache struct {
		Type     string
		Location map[string]any
	}
	caches := map[string]cache{}
	for id, resource := range *template().FindResources(jsii.String("AWS::CodeBuild::Project"), nil) {
		var project struct{ Properties struct{ Cache cache } }
		recode(t, *resource, &project)
		caches[id] = project.Properties.Cache
	}
	var got []string
	for _, stage := range declared(t).Stages {
		for _, action := range stage.Actions {
			if action.ActionTypeID.Provider != "CodeBuild" {
				continue
			}
			var project struct{ Ref string }
			recode(t, action.Configuration["ProjectName"], &project)
			line := action.Name + ": " + caches[project.Ref].Type
			if at := caches[project.Ref].Location; at != nil {
				line += " " + where(t, at)
			}
			got = append(got, line)
		}
	}
	want := []string{
		"Lint: S3 Cache/lint",
		"Test: S3 Cache/test",
		"Sec: NO_CACHE",
		"Synth: NO_CACHE",
		"Deploy: NO_CACHE",
		"Smoke: NO_CACHE",
		"Drill: NO_CACHE",
		"Readiness: NO_CACHE",
		"Promote: NO_CACHE",
		"Pipeline: NO_CACHE",
	}
	if !slices.Equal(got, want) {
		t.Errorf("caches are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestCachesAreApart holds that a role reaches one cache at most, and that one
// which reaches a cache can't deploy, sign or read a secret.
func TestCachesAreApart(t *testing.T) {
	var got []string
	for id, resource := range *template().FindResources(jsii.String("AWS::IAM::Policy"), nil) {
		var policy struct {
			Properties struct {
				PolicyDocument struct {
					Statement []struct {
						Effect   string
						Resource any
					}
				}
			}
		}
		recode(t, *resource, &policy)
		for _, statement := range policy.Properties.PolicyDocument.Statement {
			if statement.Effect == "Deny" {
				continue
			}
			resources, ok := statement.Resource.([]any)
			if !ok {
				resources = []any{statement.Resource}
			}
			for _, reached := range resources {
				if at := where(t, reached); strings.HasPrefix(at, "Cache") {
					got = append(got, strings.TrimRight(id, "0123456789ABCDEF")+" "+at)
					refusePrivileges(t, id, *resource)
				}
			}
		}
	}
	slices.Sort(got)
	want := []string{
		"LintRoleDefaultPolicy Cache",
		"LintRoleDefaultPolicy Cache/lint/*",
		"TestRoleDefaultPolicy Cache",
		"TestRoleDefaultPolicy Cache/test/*",
	}
	if !slices.Equal(got, want) {
		t.Errorf("caches are reached by\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestOnlyStagingsFunctionIsChanged holds what deploying builds may do to functions
// themselves: look at those of all stages, and read and replace the code of
// staging's, for a drill.
func TestOnlyStagingsFunctionIsChanged(t *testing.T) {
	allowed := map[string][]string{}
	for id, resource := range *template().FindResources(jsii.String("AWS::IAM::Policy"), nil) {
		var policy struct {
			Properties struct {
				PolicyDocument struct {
					Statement []struct{ Action, Resource any }
				}
			}
		}
		recode(t, *resource, &policy)
		for _, statement := range policy.Properties.PolicyDocument.Statement {
			actions, ok := statement.Action.([]any)
			if !ok {
				actions = []any{statement.Action}
			}
			for _, action := range actions {
				if name, ok := strings.CutPrefix(action.(string), "lambda:"); ok {
					functions := where(t, statement.Resource)
					role := strings.TrimRight(id, "0123456789ABCDEF") + functions[strings.LastIndex(functions, ":"):]
					allowed[role] = append(allowed[role], name)
				}
			}
		}
	}
	want := map[string][]string{
		"DeployRoleDefaultPolicy:magewright-*":         {"GetAlias", "GetFunctionConfiguration", "ListVersionsByFunction"},
		"DeployRoleDefaultPolicy:magewright-staging-*": {"GetFunction", "UpdateFunctionCode", "PublishVersion", "DeleteFunction", "UpdateAlias"},
		"JudgeRoleDefaultPolicy:magewright-*":          {"GetAlias", "GetFunctionConfiguration", "ListVersionsByFunction"},
		"PromoteRoleDefaultPolicy:magewright-*":        {"GetAlias", "GetFunctionConfiguration", "ListVersionsByFunction"},
	}
	if !reflect.DeepEqual(allowed, want) {
		t.Errorf("builds may\n%v\nwant\n%v", allowed, want)
	}
}

func refusePrivileges(t *testing.T, id string, policy any) {
	t.Helper()
	encoded, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"sts:AssumeRole", "kms:Sign", "secretsmanager:", "cloudformation:", "codedeploy:", "lambda:"} {
		if strings.Contains(string(encoded), action) {
			t.Errorf("%s has a cache and may %s", id, action)
		}
	}
}

// where returns what a template says about a bucket, such as Cache/lint for
// {"Fn::Join": ["/", [{"Ref": "Cache9B2C"}, "lint"]]}.
func where(t *testing.T, value any) string {
	t.Helper()
	switch value := value.(type) {
	case string:
		return value
	case map[string]any:
		if ref, ok := value["Ref"].(string); ok {
			return strings.TrimRight(ref, "0123456789ABCDEF")
		}
		if attribute, ok := value["Fn::GetAtt"].([]any); ok {
			return where(t, map[string]any{"Ref": attribute[0]})
		}
		if join, ok := value["Fn::Join"].([]any); ok {
			var parts []string
			for _, part := range join[1].([]any) {
				parts = append(parts, where(t, part))
			}
			return strings.Join(parts, join[0].(string))
		}
	}
	t.Fatalf("can't read %v", value)
	return ""
}

// recode decodes the JSON of from into to.
func recode(t *testing.T, from, to any) {
	t.Helper()
	encoded, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, to); err != nil {
		t.Fatalf("%v in %s", err, encoded)
	}
}

// TestCacheKeys holds that a cache is found again while the dependencies are the
// same, that it is new every week, and that it is of the week also where it is
// not of the same dependencies.
func TestCacheKeys(t *testing.T) {
	text, err := os.ReadFile("../../buildspec.yml")
	if err != nil {
		t.Fatal(err)
	}
	var buildspec struct {
		Cache struct {
			Key          string
			FallbackKeys []string `yaml:"fallback-keys"`
			Paths        []string
		}
	}
	if err := yaml.Unmarshal(text, &buildspec); err != nil {
		t.Fatal(err)
	}
	cache := buildspec.Cache
	for _, want := range []string{"$(date +%G-%V)", "$(codebuild-hash-files go.sum 'tools/pins/*.sum' 'tools/pins/*/go.sum' infra/package-lock.json)"} {
		if !strings.Contains(cache.Key, want) {
			t.Errorf("the key is %q, without %s", cache.Key, want)
		}
	}
	for _, key := range cache.FallbackKeys {
		if !strings.HasPrefix(cache.Key, key) || !strings.Contains(key, "$(date +%G-%V)") {
			t.Errorf("the fallback key %q is no prefix of %q with the week", key, cache.Key)
		}
	}
	// The image sets GOPATH, so modules are not below root's home.
	if !slices.Contains(cache.Paths, "/go/pkg/mod/**/*") {
		t.Errorf("the paths are %v, without the modules", cache.Paths)
	}
}

func TestBuildsSynthesizeWithTheSameContext(t *testing.T) {
	for id, project := range *template().FindResources(jsii.String("AWS::CodeBuild::Project"), nil) {
		encoded, err := json.Marshal(*project)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"CDK_CONTEXT_JSON", "trunk", connection} {
			if !strings.Contains(string(encoded), want) {
				t.Errorf("%s does not mention %s", id, want)
			}
		}
	}
}
