package promote

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/deliver/stagetest"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/evidence/notes"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/stack/stacktest"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// The tests of attacks promote a release with a signed GO to an account that cdk
// bootstrap has prepared. Each does to it what an attacker could do.

// target is a release and the account that it would be promoted to.
type target struct {
	*release
	aws    aws.Config
	bucket string // of assets
}

// newTarget returns a release that was assessed just now, with a GO.
func newTarget(t *testing.T) *target {
	t.Helper()
	server := localawstest.StartServer(t)
	for name, value := range server.Environment() {
		t.Setenv(name, value)
	}
	g := &target{release: newRelease(t), aws: server.Client(), bucket: "cdk-hnb659fds-assets-" + account.DefaultID + "-us-east-1"}
	g.git("init", "-q")
	keys, _, err := kmssign.Ensure(t.Context(), g.aws)
	if err != nil {
		t.Fatal(err)
	}
	g.sign, g.at, g.by.account = keys.Evidence, clock.System().Now(), account.DefaultID
	g.cfg.Stdout, g.cfg.Stderr = io.Discard, io.Discard
	for range 3 {
		g.git("commit", "-q", "--allow-empty", "-m", "change")
	}
	g.commit, g.base = g.git("rev-parse", "HEAD"), g.git("rev-parse", "HEAD^")
	g.cfg.Commit = g.commit
	g.write("cdk.out/magewright.json", `{"schemaVersion":1,"repository":"x/y","commit":"`+g.commit+`","package":"`+g.pkg+`","pipeline":{"stack":"p","template":"p.json"},`+
		`"stages":[{"name":"staging","stack":"magewright-staging","template":"s.json"},{"name":"production","stack":"magewright-production","template":"magewright-production.template.json",`+
		`"functions":[{"alias":"live","outputs":{"FunctionName":"FunctionName","AliasName":"AliasName"}}]}]}`)
	if _, err := g.objects().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &g.bucket}); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *target) objects() *s3.Client {
	return s3.NewFromConfig(g.aws, func(o *s3.Options) { o.UsePathStyle = true })
}

// git runs git in the release's repository, and returns what it prints.
func (g *target) git(args ...string) string {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), "git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = g.cfg.Dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// serve makes production serve a version of a commit.
func (g *target) serve(commit string) {
	g.t.Helper()
	must := func(err error) {
		g.t.Helper()
		if err != nil {
			g.t.Fatal(err)
		}
	}
	ctx := g.t.Context()
	role, err := iam.NewFromConfig(g.aws).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String("role"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}`),
	})
	must(err)
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	_, err = w.Create("bootstrap")
	must(err)
	must(w.Close())
	functions := lambda.NewFromConfig(g.aws)
	_, err = functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("service"), Role: role.Role.Arn, Handler: aws.String("bootstrap"), Runtime: lambdatypes.RuntimeProvidedal2023,
		Description: aws.String("a service, commit " + commit), Publish: true, Code: &lambdatypes.FunctionCode{ZipFile: packed.Bytes()},
	})
	must(err)
	_, err = functions.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: aws.String("service"), Name: aws.String("live"), FunctionVersion: aws.String("1")})
	must(err)
	localawstest.CreateStack(g.t, g.aws, "magewright-production",
		`{"Resources":{"T":{"Type":"AWS::SNS::Topic"}},"Outputs":{"FunctionName":{"Value":"service"},"AliasName":{"Value":"live"}}}`)
}

// put is what somebody who may write to the bucket does.
func (g *target) put(key, text string) {
	g.t.Helper()
	if _, err := g.objects().PutObject(g.t.Context(), &s3.PutObjectInput{Bucket: &g.bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
		g.t.Fatal(err)
	}
}

// assessNow leaves the signed bundle.
func (g *target) assessNow() {
	g.t.Helper()
	g.tree = g.git("rev-parse", g.commit+"^{tree}")
	g.write(".magewright/"+verify.BundleFile, strings.Join(g.assess(), "\n")+"\n")
	lines, err := g.approvals(g.bo)(g.t.Context(), "")
	if err != nil {
		g.t.Fatal(err)
	}
	g.git("notes", "--ref="+notes.Ref, "add", "--force", "-m", lines[0], g.commit)
}

// refused holds that promote fails with a message, and that it has deployed and
// uploaded nothing.
func (g *target) refused(says string) {
	g.t.Helper()
	before := g.state()
	err := Run(g.t.Context(), g.cfg)
	if exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "production is untouched") {
		g.t.Errorf("Run = %v (exit code %d), want %q", err, exit.Status(err), says)
	}
	if after := g.state(); after != before {
		g.t.Errorf("promote has changed the account from\n%s\nto\n%s", before, after)
	}
}

// passes holds that promote gets as far as the deployment, which this release has
// no probes for.
func (g *target) passes() {
	g.t.Helper()
	if err := Run(g.t.Context(), g.cfg); err == nil || !strings.Contains(err.Error(), "probes") || strings.Contains(err.Error(), "production is untouched") {
		g.t.Errorf("Run = %v, want an error of the probes", err)
	}
}

// state is what the account has: stacks, and objects with their content.
func (g *target) state() string {
	g.t.Helper()
	var state strings.Builder
	stacks, err := cloudformation.NewFromConfig(g.aws).ListStacks(g.t.Context(), &cloudformation.ListStacksInput{})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, s := range stacks.StackSummaries {
		state.WriteString(*s.StackName + " " + string(s.StackStatus) + "\n")
	}
	listed, err := g.objects().ListObjectsV2(g.t.Context(), &s3.ListObjectsV2Input{Bucket: &g.bucket})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, o := range listed.Contents {
		state.WriteString(*o.Key + " " + aws.ToString(o.ETag) + "\n")
	}
	return state.String()
}

// TestAttackEditedAssembly edits what is deployed after the verdict.
func TestAttackEditedAssembly(t *testing.T) {
	g := newTarget(t)
	g.assessNow()
	g.passes()
	const file = "magewright-production.template.json"
	template, err := os.ReadFile(filepath.Join(g.cfg.Assembly, file))
	if err != nil {
		t.Fatal(err)
	}
	g.write("cdk.out/"+file, strings.Replace(string(template), `"Resources":{`, `"Resources":{"Door":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}}]}}},`, 1))
	g.refused("the assembly's file " + file + " is not the one that the evidence has seen")
	g.write("cdk.out/"+file, string(template))
	g.write("cdk.out/magewright-production.assets.json", `{"files":{}}`)
	g.refused("the evidence does not allow this release")
}

// TestAttackKeyOfTheEnvironment signs the evidence with a key of the attacker's, and
// pins that key where promote runs.
func TestAttackKeyOfTheEnvironment(t *testing.T) {
	g := newTarget(t)
	own := evidencetest.NewSigner(t)
	g.sign = own
	g.assessNow()
	g.write("infra/cdk.json", `{"context":{"evidenceKey":"`+own.String()+`"}}`)
	t.Setenv("CDK_CONTEXT_JSON", `{"evidenceKey":"`+own.String()+`"}`)
	g.refused("it is signed with a key other than the pinned one")
}

// TestAttackOldBase brings evidence that compares the release with an old release,
// by whose policy it is judged and in whose difference nothing of it is new.
func TestAttackOldBase(t *testing.T) {
	g := newTarget(t)
	first := g.git("rev-parse", "HEAD~2")
	g.change = func(c *readiness.Candidate) { c.Looking = true } // as readiness marks it
	g.base = first
	g.assessNow()
	g.refused("the evidence is for looking only: -base has compared the commit with " + first[:12])
	g.change = nil // as it was before production served anything
	g.assessNow()
	g.refused("the evidence compares the release with " + first[:12] + ", but it follows " + g.git("rev-parse", "HEAD^")[:12])

	// Somebody has brought a fix to production that the release does not have.
	g.git("checkout", "-q", "-b", "fix", "HEAD^")
	g.git("commit", "-q", "--allow-empty", "-m", "fix")
	fix := g.git("rev-parse", "HEAD")
	g.git("checkout", "-q", "--detach", g.commit)
	g.serve(fix)
	g.refused("the evidence compares the release with " + first[:12] + ", but it follows " + fix[:12] + " (what production serves)")
	g.base = fix
	g.assessNow()
	g.refused("the release does not contain " + fix[:12])
	// A graft makes it an ancestor for whoever believes in grafts.
	g.write(".git/info/grafts", g.commit+" "+fix+"\n")
	g.refused("the release does not contain " + fix[:12])
}

// TestAttackReleaseOfAnotherName releases templates by which production would say that
// it serves another commit, such as one with a lax policy.
func TestAttackReleaseOfAnotherName(t *testing.T) {
	g := newTarget(t)
	first := g.git("rev-parse", "HEAD~2")
	deploy := func(metadata, description string) {
		g.write("cdk.out/magewright-production.template.json", `{"Metadata":`+metadata+`,"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Description":`+description+`,"Code":{"S3Bucket":{"Fn::Sub":"cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},"S3Key":"a.zip"}}}}}`)
		g.assessNow()
	}
	deploy(`{}`, `"commit `+first+`"`)
	g.refused("the description of function F in magewright-production.template.json names commit " + first[:12])
	deploy(`{}`, `{"Fn::Join":["",["commit ","`+first+`"]]}`)
	g.refused("the description of function F in magewright-production.template.json is not a text")
	deploy(`{"magewright":{"commit":"`+first+`"}}`, `"x"`)
	g.refused("names commit " + first[:12] + ", but the release is ")
	deploy(`{"magewright":{}}`, `"x"`)
	g.refused("names commit nothing, but the release is ")
	deploy(`{}`, `"commit `+g.commit+`"`)
	g.passes()
	// What synth has written counts first.
	deploy(`{"magewright":{"commit":"`+g.commit+`"}}`, `"commit `+first+`"`)
	g.passes()
}

// TestProductionInAnotherAccount holds that promote does not take a production that its
// credentials can't see for one that is not deployed: it would be deployed without a canary.
func TestProductionInAnotherAccount(t *testing.T) {
	g := newTarget(t)
	g.serve(g.base) // a stack of production's name, in the account of the credentials
	manifest, err := os.ReadFile(filepath.Join(g.cfg.Assembly, "magewright.json"))
	if err != nil {
		t.Fatal(err)
	}
	g.write("cdk.out/magewright.json", strings.Replace(string(manifest), `"name":"production",`, `"name":"production","account":"111122223333",`, 1))
	g.assessNow()
	before := g.state()
	err = Run(t.Context(), g.cfg)
	if !errors.Is(err, stack.ErrOtherAccount) || exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "production is untouched: stack magewright-production belongs to account 111122223333") {
		t.Errorf("Run = %v", err)
	}
	if after := g.state(); after != before {
		t.Errorf("promote has changed the account from\n%s\nto\n%s", before, after)
	}
}

// TestAttackPreparedAsset puts an object in the bootstrap bucket, before the release,
// under the name that an asset of it will have.
func TestAttackPreparedAsset(t *testing.T) {
	g := newTarget(t)
	g.assessNow()
	for _, tt := range []struct{ key, file string }{
		{"a.zip", "asset.zip"}, {"t.json", "magewright-production.template.json"},
	} {
		content, err := os.ReadFile(filepath.Join(g.cfg.Assembly, tt.file))
		if err != nil {
			t.Fatal(err)
		}
		g.put(tt.key, "what the attacker wants")
		g.refused("s3://" + g.bucket + "/" + tt.key + " has the name of the assembly's " + tt.file + " and would be deployed instead of it")
		g.put(tt.key, string(content)) // as staging's deployment leaves it
		g.passes()
	}
}

// TestAttackTwoFilesOfOneAddress has the CDK CLI upload another template to the address at
// which CloudFormation reads production's.
func TestAttackTwoFilesOfOneAddress(t *testing.T) {
	g := newTarget(t)
	const list, template = "cdk.out/magewright-production.assets.json", "magewright-production.template.json"
	text, err := os.ReadFile(filepath.Join(g.cfg.Assembly, filepath.Base(list)))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(g.cfg.Assembly, template))
	if err != nil {
		t.Fatal(err)
	}
	for packaging, evil := range map[string]string{"file": `{"Resources":{}}`, "zip": string(content)} {
		g.write("cdk.out/evil.json", evil)
		g.write(list, strings.Replace(string(text), `{"files":{`, `{"files":{"0":{"source":{"path":"evil.json","packaging":"`+packaging+`"},"destinations":{"d":{"objectKey":"t.json",`+bootstrapped+`}}},`, 1))
		g.assessNow()
		g.refused("the assembly uploads both evil.json and " + template + " to s3://" + g.bucket + "/t.json")
	}
	g.write("cdk.out/evil.json", string(content))
	g.write(list, strings.Replace(string(text), `{"files":{`, `{"files":{"0":{"source":{"path":"evil.json","packaging":"file"},"destinations":{"d":{"objectKey":"t.json",`+bootstrapped+`}}},`, 1))
	g.assessNow()
	g.passes() // it is the same template
}

// TestAttackReplacedPackage replaces the function's package after it was uploaded:
// the version that is published is made of other code than the evidence is of.
func TestAttackReplacedPackage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	first := stagetest.Must[*lambda.GetFunctionConfigurationOutput](t)(s.Functions.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{
		FunctionName: aws.String("service"), Qualifier: aws.String("1"),
	}))
	digest := stagetest.Must[[]byte](t)(base64.StdEncoding.DecodeString(*first.CodeSha256))
	s.pkg = hex.EncodeToString(digest)
	info := s.shift(t, s.Publish(t, stagetest.Newer, nil), stagetest.Canary)
	if info.Status != types.DeploymentStatusStopped {
		t.Errorf("the deployment is %s", info.Status)
	}
	if err := s.because(io.ErrUnexpectedEOF); !strings.Contains(err.Error(), "version 2 is made from a package with CodeSha256 ") {
		t.Errorf("the error is %v", err)
	}
	if served := stagetest.Must[stack.Served](t)(stack.Serving(t.Context(), s.AWS, s.Outputs)); served.String() != "1" {
		t.Errorf("version %s serves", served)
	}
}

// TestAttackSwappedPackages gives each of two functions the package of the other. Both
// packages are the release's, so the evidence knows them. CodeDeploy must shift to
// neither, and the smoke test must not accept what serves then.
func TestAttackSwappedPackages(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.want = smoke.Packages{"": s.packageOf(t, stagetest.Older), workerID: s.packageOf(t, stagetest.Newer)}
	service, worker := s.both(t, "", "") // deploys Newer as the service, and Older as the worker
	if service.Status != types.DeploymentStatusStopped || worker.Status != types.DeploymentStatusStopped {
		t.Errorf("the deployments are %s and %s", service.Status, worker.Status)
	}
	if err := s.because(io.ErrUnexpectedEOF); !strings.Contains(err.Error(), fmt.Sprintf("but the evidence for service is about SHA-256 %.12s", s.want[""])) {
		t.Errorf("the error is %v", err)
	}
	_, err := smoke.Exercise(t.Context(), smoke.Target{AWS: s.AWS, Outputs: s.outputs, Others: []stack.Outputs{s.besides[0].outputs}, Serve: s.want, Clock: s.clock})
	if err == nil || !strings.HasPrefix(err.Error(), "worker: version 1 serves") {
		t.Errorf("the smoke test says %v", err)
	}
	// What the assembly does not have can't be compared, and so is an error.
	delete(s.want, workerID)
	_, err = smoke.Exercise(t.Context(), smoke.Target{AWS: s.AWS, Outputs: s.outputs, Others: []stack.Outputs{s.besides[0].outputs}, Serve: s.want, Clock: s.clock})
	if err == nil || !strings.Contains(err.Error(), "the cloud assembly has no package for function worker") {
		t.Errorf("without a package of the worker, the smoke test says %v", err)
	}
}

// TestAttackAnotherTemplateWasDeployed answers for a CloudFormation and a Lambda
// that have something else than promote has deployed.
func TestAttackAnotherTemplateWasDeployed(t *testing.T) {
	t.Parallel()
	r := newRelease(t)
	written, err := os.ReadFile(filepath.Join(r.cfg.Assembly, "magewright-production.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, written, "", "  "); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, template, serves string
		differs                string
	}{
		{"as it was deployed", spaced.String(), r.pkg, ""},
		{"another template", `{"Resources":{}}`, r.pkg, "stack magewright-production differs from the assembly's magewright-production.template.json"},
		{"another package", spaced.String(), strings.Repeat("e", 64), "version 7 serves a package with SHA-256 eeeeeeeeeeee"},
	} {
		config := stacktest.Start(t, stacktest.Stage{Outputs: stacktest.Outputs(), Template: tt.template}, http.NotFoundHandler())
		got, err := readBack(t.Context(), r.cfg, config, manifest.Old().Last(), stack.Served{Version: "7", Package: tt.serves}, r.pkg)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if said := strings.Join(got.Differs, "; "); (said == "") != (tt.differs == "") || !strings.Contains(said, tt.differs) {
			t.Errorf("%s: it says %q, want %q", tt.name, said, tt.differs)
		}
		if got.Package != tt.serves || got.Templates["magewright-production"] == "" {
			t.Errorf("%s: the record is %+v", tt.name, got)
		}
	}
}

// TestAttackAnotherJudge signs evidence by the key of the pipeline, as somebody may who
// got code of their own into a build that signs.
func TestAttackAnotherJudge(t *testing.T) {
	release, other := strings.Repeat("d", 40), strings.Repeat("e", 40)
	for name, tt := range map[string]struct {
		judge    *readiness.Judge
		by       string // of the build that promotes
		approved bool
		says     string
	}{
		"the release's own code":    {&readiness.Judge{Outside: true}, release, true, "the code of release nothing judged it, but the last release is dddddddddddd"},
		"another release's":         {&readiness.Judge{Commit: other}, release, true, "the code of release eeeeeeeeeeee judged it, but the last release is dddddddddddd"},
		"nobody's":                  {nil, release, true, "the evidence does not say that the last release's code judged it"},
		"none, and nobody approves": {&readiness.Judge{}, "", false, "nobody has approved it"},
		"none, and it is approved":  {&readiness.Judge{}, "", true, ""},
		"the last release's":        {&readiness.Judge{Commit: release}, release, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var bundle verify.Bundle
			if tt.judge != nil {
				tt.judge.FinishedOn = assessed
				s, err := evidence.NewStatement(commit, "", *tt.judge)
				if err != nil {
					t.Fatal(err)
				}
				bundle.Statements = append(bundle.Statements, s)
			}
			var approval *evidence.Approval
			if tt.approved {
				approval = &evidence.Approval{By: "somebody"}
			}
			err := checkJudge(project.Config{Dir: "a", Judge: project.Judge{Dir: "b", Commit: tt.by}}, bundle, approval)
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("promote says %v, want %q", err, tt.says)
			}
		})
	}
}

// TestThePromotedReleaseJudgesNext holds that a promotion pins the release, where the
// pipeline says, and nothing elsewhere.
func TestThePromotedReleaseJudgesNext(t *testing.T) {
	awsConfig := localawstest.Start(t)
	cfg := project.Config{Stdout: io.Discard, Judge: project.Judge{Parameter: "/magewright/p/judge"}}
	for _, commit := range []string{strings.Repeat("a", 40), strings.Repeat("b", 40)} {
		if err := pinJudge(t.Context(), cfg, awsConfig, commit); err != nil {
			t.Fatal(err)
		}
		got, err := ssm.NewFromConfig(awsConfig).GetParameter(t.Context(), &ssm.GetParameterInput{Name: &cfg.Judge.Parameter})
		if err != nil || aws.ToString(got.Parameter.Value) != commit {
			t.Errorf("%+v is pinned, %v", got, err)
		}
	}
	if err := pinJudge(t.Context(), project.Config{}, aws.Config{}, "x"); err != nil {
		t.Errorf("outside of the pipeline: %v", err)
	}
}

// TestAttackByAnAuthorsApproval lets an author of the release answer the approval.
func TestAttackByAnAuthorsApproval(t *testing.T) {
	t.Parallel()
	people := []readiness.Person{
		{Name: "Ada", Emails: []string{"ada@example.com", "ada@home.example"}, Approves: []string{"arn:aws:sts::111122223333:assumed-role/Admin*/ada", "arn:aws:iam::111122223333:user/ada"}},
		{Name: "Bo", Emails: []string{"bo@example.com"}, Approves: []string{"arn:aws:sts::*:assumed-role/*/bo"}},
	}
	const session = "arn:aws:sts::111122223333:assumed-role/"
	const author, unknown = "is an author of it", "is nobody who approves according to the policy's people"
	for by, says := range map[string]string{
		session + "AdminSSO_1/ada":           author,
		session + "Reader/ADA@example.com":   author,
		session + "Reader/ada@home.example":  author,
		session + "Reader/cy@example.com":    author, // whom the policy does not name
		"arn:aws:iam::111122223333:user/ada": author,
		session + "AdminSSO_1/bo":            "",
		// An author chooses another name for the session, or takes another role.
		session + "Other/ada":                   unknown,
		session + "AdminSSO_1/adam":             unknown,
		"arn:aws:iam::111122223333:user/notada": unknown,
		"":                                      unknown,
	} {
		for _, where := range []string{"111122223333", agreed.RehearsalAccount} {
			var bundle verify.Bundle
			for _, p := range []evidence.Predicate{
				readiness.Candidate{Commit: commit, Account: where, Authors: []string{"ada@home.example", "cy@example.com"}},
				readiness.PolicyUsed{Policy: readiness.Policy{People: people, MaxAge: 1}},
			} {
				s, err := evidence.NewStatement(commit, "", p)
				if err != nil {
					t.Fatal(err)
				}
				bundle.Statements = append(bundle.Statements, s)
			}
			err := checkApprover(bundle, &evidence.Approval{Execution: "e-1", By: by})
			if where == agreed.RehearsalAccount && says == unknown {
				says = ""
			}
			if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
				t.Errorf("approved by %q in %s: %v, want %q", by, where, err, says)
			}
		}
	}
}
