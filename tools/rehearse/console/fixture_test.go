package console_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	cctypes "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/rehearse/console"
)

const person = "Ada <ada@example.com>"

// pipelineName is the pipeline of a world.
const pipelineName = "shop-pipeline"

// A world is an embedded AWS with a pipeline, and its console. The pipeline's builds
// really run; each waits for a file of its own in gates.
type world struct {
	t       *testing.T
	server  *localaws.Server
	close   func() error // ends the server; the test's end does it too
	console *console.Console
	cfg     aws.Config
	gates   string
	time    clock.Clock

	repository string // what the pipeline delivers
}

func newWorld(t *testing.T) *world { return worldOf(t, clock.NewElastic(60)) }

// contextOfTests is for what tests share.
var contextOfTests = context.Background()

func worldOf(t *testing.T, c clock.Clock) *world {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: c, Log: slog.New(slog.DiscardHandler), Builds: 4})
	if err != nil {
		t.Fatal(err)
	}
	dir, base := repository(t)
	w := &world{t: t, server: server, close: sync.OnceValue(server.Close), cfg: server.Client(), gates: t.TempDir(), time: c, repository: dir}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	w.console = console.Serve(console.Config{Server: server, Time: c, Person: person, Repository: dir, Base: base})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// open lets a build go on.
func (w *world) open(gate string) { w.must(os.WriteFile(filepath.Join(w.gates, gate), nil, 0o600)) }

// build is the buildspec of an action. It writes lines, leaves files and waits.
func (w *world) build(gate string, commands []string, files map[string]string) string {
	lines := []string{"version: 0.2", "phases:", "  build:", "    commands:"}
	add := func(command string) { lines = append(lines, "      - "+quoted(w.t, command)) }
	for _, command := range commands {
		add(command)
	}
	for name, text := range files {
		add(fmt.Sprintf("mkdir -p %s && cat > %s <<'END'\n%s\nEND", filepath.Dir(name), name, text))
	}
	add(fmt.Sprintf("until [ -e %s ]; do sleep 0.05; done", filepath.Join(w.gates, gate)))
	add("if [ -e " + filepath.Join(w.gates, gate+".fails") + " ]; then echo 'app/x.go:2:7: it fails'; exit 1; fi")
	lines = append(lines, "artifacts:", "  files: ['**/*']")
	return strings.Join(lines, "\n")
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// What the builds of the fixture leave.
const (
	junitReport = `<testsuites><testsuite name="example.com/shop"><testcase name="TestBuy" time="0.25"></testcase>` +
		`<testcase name="TestSell&lt;script&gt;" time="1.5"><failure message="sold nothing">shop_test.go:7: &lt;img src=x onerror=alert(1)&gt;</failure></testcase>` +
		`<testcase name="TestLater" time="0"><skipped message="no shop"></skipped></testcase></testsuite></testsuites>`
	sarifReport = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"gosec"}},"results":[` +
		`{"ruleId":"G101","level":"error","message":{"text":"a secret in the source"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"app/shop.go"},"region":{"startLine":12,"snippet":{"text":"const key = 1"}}}}]},` +
		`{"ruleId":"G204","message":{"text":"a command"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"app/run.go"},"region":{"startLine":3}}}],"suppressions":[{"justification":"its own arguments"}]}]}]}`
	coverageReport = "mode: set\nexample.com/shop/app/shop.go:3.16,5.2 1 1\nexample.com/shop/app/shop.go:7.22,8.11 1 1\nexample.com/shop/app/shop.go:8.11,10.3 1 0\n" +
		"example.com/shop/app/shop.go:11.2,11.10 1 1\nexample.com/shop/app/run.go:3.12,6.2 2 0"
	verdictReport = `{"summary":{"verdict":"GO (rehearsal)","commit":"0a1b2c3d4e5f60718293a4b5c6d7e8f901122334","base":"f9e8d7c6b5a4f3e2d1c0b9a8978685746352413f","tolerated":1,"waived":0,"outcomes":[` +
		`{"id":"lint","title":"The code has no findings","required":true,"state":"PASS","counted":"0 findings"},` +
		`{"id":"peer-review","title":"All changes are peer reviewed","required":true,"tolerated":true,"state":"UNKNOWN","counted":"1 commit","reason":"the review platform was not asked","next":"name review.platform in the policy"}]}}`
	readinessPage = `<!doctype html><html lang="en"><title>Readiness</title><style>h1{color:#12652b}</style><h1>GO</h1><script>document.title='ran'</script><p id="said">Ready.</p></html>`
)

// The sources of the shop. The release adds sold.
const (
	run  = "package app\n\nfunc Run() {\n\tprintln(Buy())\n\tprintln(Buy())\n}\n"
	shop = "package app\n\nfunc Buy() int {\n\treturn 1\n}\n"
	sold = "\nfunc Sell(n int) int {\n\tif n > 1 {\n\t\treturn 2\n\t}\n\treturn 3\n}\n"
)

// repository makes a repository with a release that adds sold, and returns its directory
// and the release before.
func repository(t *testing.T) (dir, base string) {
	t.Helper()
	dir = t.TempDir()
	git := gitcmd.In(dir)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must := func(args ...string) {
		if err := git.Run(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(subject string) {
		must("add", "--all")
		must("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "--message="+subject)
	}
	must("init", "--quiet", "--initial-branch=main")
	if err := os.Mkdir(filepath.Join(dir, "app"), 0o750); err != nil {
		t.Fatal(err)
	}
	write("go.mod", "module example.com/shop\n")
	write("README.md", "# shop\n")
	write("app/run.go", run)
	write("app/shop.go", shop)
	commit("Buy")
	base, err := git.Output(t.Context(), "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	write("app/shop.go", shop+sold)
	commit("Sell, too")
	return dir, base
}

// connection returns a connection to the world's repository.
func (w *world) connection() string {
	w.t.Helper()
	connections := codeconnections.NewFromConfig(w.cfg)
	host, err := connections.CreateHost(w.t.Context(), &codeconnections.CreateHostInput{Name: aws.String("here"), ProviderType: cctypes.ProviderTypeGithubEnterpriseServer, ProviderEndpoint: aws.String("file://" + w.repository)})
	w.must(err)
	connection, err := connections.CreateConnection(w.t.Context(), &codeconnections.CreateConnectionInput{ConnectionName: aws.String("here"), HostArn: host.HostArn})
	w.must(err)
	return *connection.ConnectionArn
}

// pipeline makes the pipeline, and returns its first execution.
func (w *world) pipeline() (execution string) {
	w.t.Helper()
	ctx := w.t.Context()
	objects := s3.NewFromConfig(w.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("artifacts")})
	w.must(err)

	role := localawstest.Role(w.t, w.cfg, "shop", "codepipeline.amazonaws.com")
	builder := localawstest.Role(w.t, w.cfg, "shop-build", "codebuild.amazonaws.com")
	builds := codebuild.NewFromConfig(w.cfg)
	project := func(name, spec string) {
		_, err := builds.CreateProject(ctx, &codebuild.CreateProjectInput{
			Name: &name, ServiceRole: builder,
			Source:      &cbtypes.ProjectSource{Type: cbtypes.SourceTypeCodepipeline, Buildspec: &spec},
			Artifacts:   &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeCodepipeline},
			Environment: &cbtypes.ProjectEnvironment{Type: cbtypes.EnvironmentTypeArmContainer, ComputeType: cbtypes.ComputeTypeBuildGeneral1Small, Image: aws.String("aws/codebuild/amazonlinux-aarch64-standard:3.0")},
		})
		w.must(err)
	}
	project("lint", w.build("lint", []string{
		`printf '\033[31mred\033[0m and \033[1;32mgreen\033[0m\n'`,
		`echo '<script>document.title="ran"</script><img src=x onerror=alert(1)>'`,
	}, nil))
	sum := sha256.Sum256([]byte(shop + sold))
	measured := `{"app/shop.go":"` + hex.EncodeToString(sum[:]) + `"}`
	project("test", w.build("test", []string{"for i in $(seq 1 3000); do echo line number $i of the tests; done"},
		map[string]string{"junit.xml": junitReport, "gosec.sarif": sarifReport, "coverage.out": coverageReport, "sources.json": measured, "a-readiness.json": strings.ReplaceAll(verdictReport, "GO (rehearsal)", "GO (forged)")}))
	project("readiness", w.build("readiness", nil, map[string]string{"readiness.json": verdictReport, "readiness.html": readinessPage, "plan.md": "# Plan\n\nOne function changes."}))
	project("promote", w.build("promote", []string{"echo promoting"}, nil))

	kind := func(category types.ActionCategory, provider string) *types.ActionTypeId {
		return &types.ActionTypeId{Category: category, Owner: types.ActionOwnerAws, Provider: &provider, Version: aws.String("1")}
	}
	action := func(name, in, out string) types.ActionDeclaration {
		a := types.ActionDeclaration{
			Name: &name, ActionTypeId: kind(types.ActionCategoryBuild, "CodeBuild"), RunOrder: aws.Int32(1),
			InputArtifacts: []types.InputArtifact{{Name: &in}},
			Configuration: map[string]string{
				"ProjectName":          strings.ToLower(name),
				"EnvironmentVariables": `[{"name":"MAGE_TARGETS","value":"` + strings.ToLower(name) + `"}]`,
			},
		}
		if out != "" {
			a.OutputArtifacts = []types.OutputArtifact{{Name: &out}}
		}
		return a
	}
	approve := types.ActionDeclaration{
		Name: aws.String("Approve"), ActionTypeId: kind(types.ActionCategoryApproval, "Manual"), RunOrder: aws.Int32(2),
		Configuration: map[string]string{"CustomData": "Take the shop to production?"},
	}
	pipelines := codepipeline.NewFromConfig(w.cfg)
	_, err = pipelines.CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: &types.PipelineDeclaration{
		Name: aws.String(pipelineName), RoleArn: role, PipelineType: types.PipelineTypeV2,
		ArtifactStore: &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Stages: []types.StageDeclaration{
			{Name: aws.String("Source"), Actions: []types.ActionDeclaration{{
				Name: aws.String("Source"), ActionTypeId: kind(types.ActionCategorySource, "CodeStarSourceConnection"), OutputArtifacts: []types.OutputArtifact{{Name: aws.String("Code")}},
				Configuration: map[string]string{"ConnectionArn": w.connection(), "FullRepositoryId": "team/shop", "BranchName": "main", "DetectChanges": "false"},
			}}},
			{Name: aws.String("Verify"), Actions: []types.ActionDeclaration{action("Lint", "Code", ""), action("Test", "Code", "Tested")}},
			{Name: aws.String("Approval"), Actions: []types.ActionDeclaration{action("Readiness", "Tested", "Ready"), approve}},
			{Name: aws.String("Production"), Actions: []types.ActionDeclaration{action("Promote", "Ready", "")}},
		},
	}})
	w.must(err)
	// A new pipeline begins to run by itself.
	listed, err := pipelines.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: aws.String(pipelineName)})
	w.must(err)
	return *listed.PipelineExecutionSummaries[0].PipelineExecutionId
}

// remove takes a file of the gates away.
func (w *world) remove(gate string) { w.must(os.Remove(filepath.Join(w.gates, gate))) }
