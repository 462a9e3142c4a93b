//go:build e2e

// The bad days: each is a commit that the real pipeline must stop, with real
// checks, a real CDK CLI, a real function and its canary, on one embedded AWS.
// They take minutes. A pipeline that ran them would also run itself, so `mage
// test` leaves them out:
//
//	go test -tags=e2e -timeout=40m -v -run TestBadDays ./tools/rehearse

package rehearse

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/assembly/synth"
	"github.com/magewright/magewright/tools/deliver/releases"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

// TestBadDaysInterrupted presses Ctrl-C while the builds run. It fails if
// anything that the rehearsal started survives, or leaves files behind.
func TestBadDaysInterrupted(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "rehearse")
	do(t, ".", "go", "build", "-o", bin, "../magewright")
	dir, _ := fixture(t)
	// Every process inherits this directory, so it identifies them. It also
	// contains the files that they leave.
	temp := t.TempDir()

	running := &awaited{text: "InProgress", of: []string{"Lint", "Test", "Sec", "Synth"}, all: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "rehearse", "-base=none", "-approve")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+temp)
	cmd.Stdout, cmd.Stderr = running, running
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-running.all:
	case err := <-ended:
		t.Fatalf("the rehearsal ended before its builds ran: %v\n%s", err, running)
	}
	// A build that is between two commands has no process.
	for found := processes(t, temp); len(found) < 5; found = processes(t, temp) {
		select {
		case err := <-ended:
			t.Fatalf("only %q were found while four builds ran, until the rehearsal ended: %v\n%s", found, err, running)
		default:
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	timer := clock.System().NewTimer(30 * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C():
		t.Errorf("30 s after Ctrl-C the rehearsal still runs, with %q", processes(t, temp))
		cancel()
		t.Logf("killed, it ended with %v", <-ended)
	case err := <-ended:
		if code := command.ExitCode(err); code <= 0 {
			t.Errorf("after Ctrl-C the rehearsal ended with %v, want an exit code", err)
		}
	}
	if !strings.Contains(running.String(), "stopped:") {
		t.Errorf("the rehearsal does not say that it was stopped:\n%s", running)
	}
	if left := processes(t, temp); len(left) > 0 {
		t.Errorf("left running: %q", left)
	}
	leftNothing(t, temp)
}

// TestBadDays delivers a good release, and then breaks it in one way after
// another. It fails if the pipeline, or the embedded AWS, lets a bad release
// get further than it may, or leaves it on a stage.
func TestBadDays(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Cleanup(func() { leftNothing(t, temp) })
	d := newDays(t)
	d.release(t)

	t.Run("findings", d.findings)
	for _, tt := range []struct {
		name, says string
		change     edits
	}{
		{"crash at init", "the deployed commit answers: it did not succeed within 30s", edits{"app/spoil.go": testFile(t, "crash.go")}},
		{"500 to everything", "answered 500 out of ink", spoil(t, "500.go")},
		{"hang", "the deployed commit answers: it did not succeed within 30s", spoil(t, "hang.go")},
	} {
		t.Run(tt.name, func(t *testing.T) { d.stopsAtSmoke(t, tt.change, tt.says) })
	}
	t.Run("rejection, then a canary that fails", d.production)
	t.Run("a canary that answers 500 to a third", d.answers)
	t.Run("redeploy", d.redeploy)
}

// findings breaks every check of Verify at once. If one of them were not run,
// or its finding were not a failure, its action would succeed.
func (d *days) findings(t *testing.T) {
	before := d.served(t)
	err := d.deliver(t, always(true), edits{
		"app/ledger/day_test.go": with("package ledger_test\n\nimport \"testing\"\n\nfunc TestInk(t *testing.T) { t.Error(\"the ink ran out\") }\n"),
		"app/ledger/day.go":      with("package ledger\n\nfunc Undocumented() string { return \"exported, without a comment\" }\n"),
		"app/ledger/sum.go": with("package ledger\n\nimport \"crypto/md5\"\n\n" +
			"// Sum is a weak one.\nfunc Sum(b []byte) [md5.Size]byte { return md5.Sum(b) }\n"),
		"infra/delivery/evidence.go": replace("\t\tEnforceSSL:                 jsii.Bool(true),\n", ""),
	})
	d.failedAt(t, err, "Verify/Lint", "Verify/Test", "Verify/Sec", "Verify/Synth")
	d.notStarted(t, "Update", "Staging", "Approval", "Production")
	for _, want := range []string{
		"Verify/Test failed:", "--- FAIL github.com/magewright/magewright/app/ledger TestInk", "the ink ran out",
		"Verify/Lint failed:", "app/ledger/day.go:3:1", "exported function Undocumented should have comment",
		"Verify/Sec failed:", "app/ledger/sum.go", "G401",
		"Verify/Synth failed:", "magewright-staging/Evidence/Resource", "AwsSolutions-S10",
	} {
		d.said(t, want)
	}
	d.serves(t, before)
}

// stopsAtSmoke checks that a release that does not answer on staging gets no
// further, and that staging returns to the previous release.
func (d *days) stopsAtSmoke(t *testing.T, change edits, says string) {
	before := d.served(t)
	err := d.deliver(t, always(true), change)
	d.failedAt(t, err, "Staging/Smoke")
	d.notStarted(t, "Approval", "Production", "Update")
	d.said(t, says)
	if got := d.status(t, "Staging", "Deploy"); got != string(types.ActionExecutionStatusSucceeded) {
		t.Errorf("Staging/Deploy is %s: what was smoked?", got)
	}

	listed, err := d.pipelines.ListPipelineExecutions(t.Context(), &codepipeline.ListPipelineExecutionsInput{PipelineName: &d.names.Pipeline.Stack})
	if err != nil {
		t.Fatal(err)
	}
	if newest := listed.PipelineExecutionSummaries[0]; newest.ExecutionType != types.ExecutionTypeRollback || newest.Status != types.PipelineExecutionStatusSucceeded {
		t.Errorf("the newest execution is a %s, %s; want a ROLLBACK that succeeded", newest.ExecutionType, newest.Status)
	}
	after := d.served(t)
	if after["staging"].commit != d.base {
		t.Errorf("staging answers %q, want the release before, %s", after["staging"].commit, d.base)
	}
	if after["staging"].version == before["staging"].version {
		t.Errorf("staging is on version %s as before: the bad release was never deployed", before["staging"].version)
	}
	if after["production"] != before["production"] {
		t.Errorf("production is %+v, want it untouched: %+v", after["production"], before["production"])
	}
}

// production first rejects a release at the approval, and then approves it. The
// release fails one request in five, in production only. Nobody else sends
// requests, so the canary finds the fault through promote's own requests.
func (d *days) production(t *testing.T) {
	before := d.served(t)["production"]
	err := d.deliver(t, always(false), spoil(t, "flaky.go"))
	if !errors.Is(err, errRejected) {
		t.Fatalf("a rejected release ends with %v, want errRejected", err)
	}
	d.notStarted(t, "Production", "Update")
	if after := d.served(t)["production"]; after != before {
		t.Errorf("after the rejection production is %+v, want it untouched: %+v", after, before)
	}

	listed, err := d.pipelines.ListPipelineExecutions(t.Context(), &codepipeline.ListPipelineExecutionsInput{PipelineName: &d.names.Pipeline.Stack})
	if err != nil {
		t.Fatal(err)
	}
	id := listed.PipelineExecutionSummaries[0].PipelineExecutionId
	_, err = d.pipelines.RetryStageExecution(t.Context(), &codepipeline.RetryStageExecutionInput{
		PipelineName:        &d.names.Pipeline.Stack,
		StageName:           aws.String("Approval"),
		PipelineExecutionId: id,
		RetryMode:           types.StageRetryModeFailedActions,
	})
	if err != nil {
		t.Fatal(err)
	}
	status, err := d.watch(t.Context(), *id, always(true))
	if err != nil {
		t.Fatal(err)
	}
	d.report.Stages = d.view.stages()
	if status != types.PipelineExecutionStatusFailed {
		t.Fatalf("the execution ended %s, want Failed", status)
	}
	d.failedAt(t, d.explain(d.keep(t.Context(), *id, status)), "Production/Promote")
	d.said(t, "production was not promoted: version "+before.version+" still serves")
	if after := d.served(t)["production"]; after != before {
		t.Errorf("production is %+v, want it back at %+v", after, before)
	}
	d.rolledBack(t)
}

// answers delivers a release that answers 500 to a third of its requests, in production only.
// None of its invocations fails.
func (d *days) answers(t *testing.T) {
	before := d.served(t)["production"]
	err := d.deliver(t, always(true), spoil(t, "third.go"))
	d.failedAt(t, err, "Production/Promote")
	// The alarm or promote was faster.
	if said := d.out.String(); !strings.Contains(said, "requests were answered with HTTP 5xx") && !strings.Contains(said, "VersionServerErrors") {
		t.Error("the rehearsal does not say that HTTP 5xx stopped it")
	}
	if after := d.served(t)["production"]; after != before {
		t.Errorf("production is %+v, want it back at %+v", after, before)
	}
	d.rolledBack(t)
}

// redeploy goes back to the good release on top of a bad one. The ledger's own records say that
// it was good, and the pipeline delivers the commit like every other one.
func (d *days) redeploy(t *testing.T) {
	d.listen(t)
	bad, before := do(t, d.dir, "git", "rev-parse", "HEAD"), d.served(t)["production"]
	do(t, d.dir, "git", "config", "user.name", "Ada")
	do(t, d.dir, "git", "config", "user.email", "ada@example.com")
	cfg, err := project.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Stdout, cfg.Stderr = d.cfg.Stdout, t.Output()
	if err := synth.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := releases.RedeployMain(t.Context(), []string{"-release=" + bad}); exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), "is not redeployed") {
		t.Errorf("the release that was taken back is redeployed: %v", err)
	}
	if err := releases.RedeployMain(t.Context(), []string{"-release=" + d.base[:12]}); err != nil {
		t.Fatal(err)
	}
	made := do(t, d.dir, "git", "rev-parse", "HEAD")
	if do(t, d.dir, "git", "rev-parse", made+"~") != bad || do(t, d.dir, "git", "rev-parse", made+"^{tree}") != do(t, d.dir, "git", "rev-parse", d.base+"^{tree}") {
		t.Errorf("HEAD is not the files of %.12s on top of %.12s:\n%s", d.base, bad, do(t, d.dir, "git", "log", "-3", "--stat"))
	}
	if err := d.rehearsal.deliver(t.Context(), made, always(true)); err != nil {
		t.Fatalf("the pipeline does not deliver it: %v", err)
	}
	if after := d.served(t)["production"]; after.commit != made || after.version == before.version {
		t.Errorf("production is %+v, want a new version of %.12s", after, made)
	}
}

// rolledBack checks that the shift was stopped, by its alarm or by promote's
// own comparison, whichever came first, and that CodeDeploy returned the traffic.
func (d *days) rolledBack(t *testing.T) {
	o, err := stack.Describe(t.Context(), d.aws, d.names.Last())
	if err != nil {
		t.Fatal(err)
	}
	client := codedeploy.NewFromConfig(d.aws)
	listed, err := client.ListDeployments(t.Context(), &codedeploy.ListDeploymentsInput{
		ApplicationName: &o.DeploymentApplication, DeploymentGroupName: &o.DeploymentGroup,
	})
	if err != nil || len(listed.Deployments) < 2 {
		t.Fatalf("production's deployments are %v, %v; want the shift and its rollback", listed, err)
	}
	// The rollback comes after the deployment that it rolls back.
	var newest [2]*deploytypes.DeploymentInfo
	for i := range newest {
		got, err := client.GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &listed.Deployments[i]})
		if err != nil {
			t.Fatal(err)
		}
		newest[i] = got.DeploymentInfo
	}
	rollback, shift := newest[0], newest[1]
	if rollback.Creator != deploytypes.DeploymentCreatorCodeDeployRollback || rollback.Status != deploytypes.DeploymentStatusSucceeded {
		t.Errorf("the newest deployment is by %s, %s; want a rollback that succeeded", rollback.Creator, rollback.Status)
	}
	stoppedBy := []deploytypes.ErrorCode{deploytypes.ErrorCodeAlarmActive, deploytypes.ErrorCodeManualStop}
	if shift.Status != deploytypes.DeploymentStatusStopped || shift.ErrorInformation == nil || !slices.Contains(stoppedBy, shift.ErrorInformation.Code) {
		t.Errorf("the shift is %s, %+v; want it stopped by an alarm or by promote", shift.Status, shift.ErrorInformation)
	}
}

// days is a rehearsal on a repository whose main branch is a good release.
type days struct {
	*rehearsal
	endpoint  *endpoint
	dir, base string
	out       bytes.Buffer
}

func newDays(t *testing.T) *days {
	dir, base := fixture(t)
	t.Chdir(dir)
	cfg, err := project.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e, err := connect(t.Context(), project.Config{}, options{speed: 60, builds: codebuild.DefaultConcurrency})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.close(); err != nil {
			t.Errorf("closing the embedded AWS: %v", err)
		}
	})
	awsConfig, err := stack.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := &days{endpoint: e, dir: dir, base: base, rehearsal: &rehearsal{
		cfg: cfg, aws: awsConfig, pipelines: codepipeline.NewFromConfig(awsConfig), clock: clock.System(), names: manifest.Old(),
	}}
	d.listen(t)
	return d
}

// listen makes all further output part of a test's output.
func (d *days) listen(t *testing.T) {
	d.out.Reset()
	d.cfg.Stdout = io.MultiWriter(&d.out, t.Output())
	d.view = newView(d.cfg.Stdout, d.clock)
}

// release delivers the good release. Without it, no stage could return to anything.
func (d *days) release(t *testing.T) {
	s, err := newSubject(t.Context(), d.cfg, baseline.Base{Is: "none"})
	if err != nil {
		t.Fatal(err)
	}
	removeMirror, err := s.mirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := removeMirror(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := d.prepare(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := d.deployPipeline(t.Context(), s, d.base); err != nil {
		t.Fatal(err)
	}
	if err := d.rehearsal.deliver(t.Context(), d.base, always(true)); err != nil {
		t.Fatalf("the release that is good was not delivered: %v", err)
	}
	for stage, s := range d.served(t) {
		if s.commit != d.base {
			t.Fatalf("%s answers %q, want %s", stage, s.commit, d.base)
		}
	}
}

// deliver commits a change to the good release and runs the pipeline on the commit.
func (d *days) deliver(t *testing.T, answer approve, change edits) error {
	d.listen(t)
	do(t, d.dir, "git", "checkout", "--quiet", "-B", "bad", d.base)
	change.apply(t, d.dir)
	commit := commitAll(t, d.dir, "Have a bad day")
	return d.rehearsal.deliver(t.Context(), commit, answer)
}

// failedAt checks that err says that exactly these actions failed.
func (d *days) failedAt(t *testing.T, err error, actions ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("the bad release was delivered")
	}
	if !strings.Contains(err.Error(), "Failed at") || exit.Status(err) != exit.Gate {
		t.Errorf("the rehearsal ends with %q, exit code %d", err, exit.Status(err))
	}
	failed := map[string]bool{}
	for _, action := range actions {
		failed[action] = true
		if !strings.Contains(err.Error(), action) {
			t.Errorf("%q does not name %s", err, action)
		}
	}
	for _, stage := range d.report.Stages {
		for _, action := range stage.Actions {
			name := stage.Name + "/" + action.Name
			if is := action.Status == string(types.ActionExecutionStatusFailed); is != failed[name] {
				t.Errorf("%s is %s", name, action.Status)
			}
		}
	}
}

func (d *days) status(t *testing.T, stage, action string) string {
	t.Helper()
	for _, s := range d.report.Stages {
		for _, a := range s.Actions {
			if s.Name == stage && (a.Name == action || action == "") {
				return a.Status
			}
		}
	}
	t.Fatalf("no action %s/%s was shown", stage, action)
	return ""
}

func (d *days) notStarted(t *testing.T, stages ...string) {
	t.Helper()
	for _, stage := range stages {
		if got := d.status(t, stage, ""); got != "NotStarted" {
			t.Errorf("the first action of %s is %s, want it not started", stage, got)
		}
	}
}

func (d *days) said(t *testing.T, want string) {
	t.Helper()
	if !strings.Contains(d.out.String(), want) {
		t.Errorf("the rehearsal does not show %q", want)
	}
}

// serving is what a stage serves.
type serving struct{ version, commit string }

// served asks Lambda what serves each stage. A version ends
// with + where another one has a share of its traffic.
func (d *days) served(t *testing.T) map[string]serving {
	t.Helper()
	all := map[string]serving{}
	for _, stage := range d.names.Stages {
		o, err := stack.Describe(t.Context(), d.aws, stage)
		if err != nil {
			t.Fatal(err)
		}
		served, err := stack.Serving(t.Context(), d.aws, o)
		if err != nil {
			t.Fatal(err)
		}
		s := serving{version: served.Version, commit: served.Commit}
		if len(served.Shares) > 0 {
			s.version += "+"
		}
		all[stage.Name] = s
	}
	return all
}

func (d *days) serves(t *testing.T, want map[string]serving) {
	t.Helper()
	for stage, got := range d.served(t) {
		if got != want[stage] {
			t.Errorf("%s is %+v, want it untouched: %+v", stage, got, want[stage])
		}
	}
}

// fixture makes a clone of this repository, and returns its directory and the
// hash of its good release. The good release is HEAD without the tests of tools
// and infra, which take minutes and prove nothing here, and without the
// policy's requirements for tests and documents. The rest is unchanged. A
// commit that drops these requirements comes before the good release, because
// the policy is read from the previous release.
func fixture(t *testing.T) (dir, base string) {
	dir = filepath.Join(t.TempDir(), "repository")
	root := do(t, ".", "git", "rev-parse", "--show-toplevel")
	do(t, ".", "git", "clone", "--quiet", "file://"+root, dir)
	do(t, dir, "git", "checkout", "--quiet", "-B", "main")
	do(t, dir, "git", "rm", "--quiet", "--", "tools/*_test.go", "infra/*_test.go")
	edits{"infra/policy/readiness.yml": func(t *testing.T, policy string) string {
		for _, check := range []string{"changed-code", "integration-tests", "reference", "documents"} {
			policy = replace("  - "+check+"\n", "")(t, policy)
		}
		return policy
	}}.apply(t, dir)
	commitAll(t, dir, "Leave out the tests of the tools")
	edits{"CHANGELOG.md": func(_ *testing.T, old string) string { return old + "\n" }}.apply(t, dir)
	return dir, commitAll(t, dir, "Release what is good")
}

//go:embed testdata
var testdata embed.FS

// edits changes files: it maps a path to a function from the old text to the new one.
type edits map[string]func(t *testing.T, old string) string

func (e edits) apply(t *testing.T, dir string) {
	for name, edit := range e {
		path := filepath.Join(dir, name)
		old, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(edit(t, string(old))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func with(text string) func(*testing.T, string) string {
	return func(*testing.T, string) string { return text }
}

func replace(old, by string) func(*testing.T, string) string {
	return func(t *testing.T, text string) string {
		if strings.Count(text, old) != 1 {
			t.Fatalf("the fixture has %q %d times, want it once", old, strings.Count(text, old))
		}
		return strings.Replace(text, old, by, 1)
	}
}

// spoil puts a handler from testdata in front of the function's handler.
func spoil(t *testing.T, name string) edits {
	return edits{
		"app/main.go":  replace("server.Handler()", "spoil(server.Handler())"),
		"app/spoil.go": testFile(t, name),
	}
}

// testFile returns a file of testdata.
func testFile(t *testing.T, name string) func(*testing.T, string) string {
	text, err := testdata.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return with(string(text))
}

func commitAll(t *testing.T, dir, message string) string {
	t.Helper()
	do(t, dir, "git", "add", "--all")
	do(t, dir, "git", "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.com", "commit", "--quiet", "-m", message)
	return do(t, dir, "git", "rev-parse", "HEAD")
}

func do(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := command.Cmd{Dir: dir}.Output(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An awaited is a writer that closes all after it has seen each of some words
// on a line together with a text.
type awaited struct {
	text string
	of   []string
	all  chan struct{}

	mu   sync.Mutex
	out  bytes.Buffer
	seen bool
}

func (a *awaited) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, err := a.out.Write(p)
	missing := len(a.of)
	for _, word := range a.of {
		for line := range strings.Lines(a.out.String()) {
			if strings.Contains(line, word) && strings.Contains(line, a.text) {
				missing--
				break
			}
		}
	}
	if missing == 0 && !a.seen {
		a.seen = true
		close(a.all)
	}
	return n, err
}

func (a *awaited) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.String()
}

// processes returns the command lines of the processes whose environment
// contains a directory. It only works on Linux.
func processes(t *testing.T, dir string) []string {
	if runtime.GOOS != "linux" {
		t.Skip("the processes' environment can be read on Linux only")
	}
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, environ := range environs {
		// A process that has ended meanwhile does not count.
		if variables, err := os.ReadFile(filepath.Clean(environ)); err != nil || !bytes.Contains(variables, []byte(dir)) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(environ), "cmdline"))
		found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	}
	return found
}

// leftNothing checks that no directory of a rehearsal is left.
func leftNothing(t *testing.T, temp string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(temp, "magewright-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
