package promote

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/picture"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/deliver/stagetest"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/live"
	"github.com/magewright/magewright/tools/project"
)

// output is what was said; a panel writes to it while a test reads.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// scene is a stage whose traffic somebody follows.
type scene struct {
	*stagetest.Stage
	*follower
	out  *output
	want smoke.Packages // of which the new versions must be made
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{Stage: stagetest.New(t), out: &output{}}
	cfg := project.Config{Dir: "../../..", Evidence: t.TempDir(), Assembly: t.TempDir()}
	// A third of the sample that production needs, which excludes a rate of 15 %:
	// the race detector makes each request dear.
	writeTemplate(t, cfg, gates(15, 3000))
	var err error
	s.follower, err = newFollower(t.Context(), cfg, s.AWS, s.Outputs, s.Token(t), live.NewScreen(io.MultiWriter(s.out, t.Output())))
	if err != nil {
		t.Fatal(err)
	}
	// AWS's time passes while the follower waits, and not while it looks or
	// requests are to be sent.
	waits, traffic := s.Clock(), s.traffic
	s.clock, s.traffic = waits, func() *probe.Traffic { return waits.Heed(traffic()) }
	s.ask = func(context.Context, string) <-chan bool { return nil } // there is nobody
	return s
}

// shift deploys a version and follows it until nothing is in progress.
func (s *scene) shift(t *testing.T, to, config string) *types.DeploymentInfo {
	t.Helper()
	id := s.Shift(t, "1", to, config)
	followed, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.follow(followed) }()
	info := s.await(t, id)
	stop()
	<-done
	return info
}

// await waits until a deployment and its rollback have ended.
func (s *scene) await(t *testing.T, id string) *types.DeploymentInfo {
	t.Helper()
	waiter := codedeploy.NewDeploymentSuccessfulWaiter(s.Deployments, func(o *codedeploy.DeploymentSuccessfulWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 50*time.Millisecond
	})
	_ = waiter.Wait(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id}, time.Hour) // how it ended is read below
	got := stagetest.Must[*codedeploy.GetDeploymentOutput](t)(s.Deployments.GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id}))
	if r := got.DeploymentInfo.RollbackInfo; r != nil && r.RollbackDeploymentId != nil {
		s.await(t, *r.RollbackDeploymentId)
	}
	return got.DeploymentInfo
}

// saved reads the record that was left.
func (s *scene) saved(t *testing.T) picture.Record {
	t.Helper()
	var r picture.Record
	data := stagetest.Must[[]byte](t)(os.ReadFile(filepath.Join(s.cfg.Evidence, "canary.json")))
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	image := stagetest.Must[[]byte](t)(os.ReadFile(filepath.Join(s.cfg.Evidence, "canary.svg")))
	decoder := xml.NewDecoder(bytes.NewReader(image))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
	if !bytes.Contains(image, []byte(r.Deployment)) {
		t.Error("the picture is of another deployment")
	}
	return r
}

// A good version passes on requests of ours alone.
func TestAGoodVersionPasses(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	info := s.shift(t, s.Publish(t, stagetest.Newer, nil), stagetest.Canary)
	r := s.saved(t)
	if info.Status != types.DeploymentStatusSucceeded || r.Judgement == nil || r.Judgement.Verdict != canary.Pass || r.Status != "Succeeded" || r.Share() != 1 {
		t.Fatalf("%s: %+v", info.Status, r)
	}
	if r.Judgement.Missed > 0.15 || r.Judgement.New.Invocations < 20 || r.Sent < 200 || r.Old != "1" || r.New != "2" {
		t.Errorf("the record is %+v", r)
	}
	if why := s.takenBack(); why != "" {
		t.Errorf("it is recorded that %q", why)
	}
	if said := s.out.String(); !strings.Contains(said, "could still be hidden") || strings.Contains(said, "\x1b") {
		t.Errorf("it said %s", said)
	}
}

// A version that fails too seldom for its alarm is stopped by the comparison.
func TestABadVersionIsStopped(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	version := s.Publish(t, stagetest.Newer, map[string]string{"FAULT": "errors:0.5"})
	s.Gate(t, version, 100) // no rate is above
	info := s.shift(t, version, stagetest.Canary)
	if info.Status != types.DeploymentStatusStopped || info.ErrorInformation.Code != types.ErrorCodeManualStop || info.RollbackInfo == nil {
		t.Fatalf("the deployment is %s, %+v", info.Status, info.ErrorInformation)
	}
	r := s.saved(t)
	// Nothing that came after the decision is in the record.
	if r.Judgement.Verdict != canary.Fail || r.Decision != "stopped: "+r.Judgement.String() || r.Judgement.P >= 0.01 || s.stopped == "" {
		t.Errorf("the record is %+v", r)
	}
	if err := s.explain(t.Context(), s.AWS, s.Outputs, errors.New("cdk failed")); !strings.Contains(err.Error(), "version 1 still serves\n  MANUAL_STOP: ") || !strings.Contains(err.Error(), "To try again, make a new commit") {
		t.Errorf("the error is %v", err)
	}
	next := stagetest.Must[*follower](t)(newFollower(t.Context(), s.cfg, s.AWS, s.Outputs, "", s.follower.out))
	if err := next.explain(t.Context(), s.AWS, s.Outputs, errors.New("cdk failed")); !strings.Contains(err.Error(), "version 1 still serves\n  cdk failed") {
		t.Errorf("another promote fails before it deploys: %v", err)
	}
	if err := s.because(errors.New("cdk failed")); !strings.Contains(err.Error(), "the canary was stopped: FAIL") {
		t.Errorf("the error is %v", err)
	}
	if why := s.takenBack(); why != "the canary was stopped: "+r.Judgement.String() {
		t.Errorf("it is recorded that %q", why)
	}
	s.stopped = "" // as if an alarm had been faster
	if why := s.takenBack(); why != "CodeDeploy took deployment "+*info.DeploymentId+" back: "+r.Judgement.String() {
		t.Errorf("it is recorded that %q", why)
	}
}

// A version that answers a share of its requests with an error of its own is stopped, though
// none of its invocations fails. AWS counts HTTP 5xx by version; of HTTP 404, only promote's own
// requests can tell, by what they got before the shift.
func TestAVersionThatAnswersErrorsIsStopped(t *testing.T) {
	t.Parallel()
	for status, says := range map[string]string{
		"500:0.334": "requests were answered with HTTP 5xx, compared with 0/",
		"404:0.5":   "of our requests failed, compared with 0/",
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.probes = s.probes[:1]
			s.limits = canary.LimitsOf(0.05, 3000) // production's sample
			s.beginBaseline(t.Context())
			for !s.baseline.Satisfied() {
				_ = clock.Sleep(t.Context(), clock.System(), time.Millisecond)
			}
			info := s.shift(t, s.Publish(t, stagetest.Newer, map[string]string{"FAULT": status}), stagetest.Canary)
			if info.Status != types.DeploymentStatusStopped {
				t.Fatalf("the deployment is %s, and said %s", info.Status, s.out)
			}
			r := s.saved(t)
			if r.Judgement.Verdict != canary.Fail || !strings.Contains(r.Decision, says) || r.Judgement.New.Errors != 0 || r.Before.Invocations < beforeShift || r.Before.Errors != 0 {
				t.Errorf("the record is %+v", r)
			}
			if counted := r.Judgement.New.HTTP; counted.Invocations == 0 || (counted.Errors > 0) != strings.HasPrefix(status, "500") {
				t.Errorf("of the new version's requests, %v were answered with HTTP 5xx", counted)
			}
		})
	}
}

// A bad version that AWS does not let promote stop serves in the end: promote
// fails, and says how to take it back.
func TestABadVersionThatIsNotStopped(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.deployments = codedeploy.NewFromConfig(s.AWS, func(o *codedeploy.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("deny", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				if _, ok := in.Parameters.(*codedeploy.StopDeploymentInput); ok {
					return middleware.InitializeOutput{}, middleware.Metadata{}, errors.New("denied")
				}
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
		})
	})
	version := s.Publish(t, stagetest.Newer, map[string]string{"FAULT": "errors:0.5"})
	s.Gate(t, version, 100) // no rate is above
	info := s.shift(t, version, stagetest.Canary)
	if r := s.saved(t); info.Status != types.DeploymentStatusSucceeded || r.Judgement.Verdict != canary.Fail || !strings.HasPrefix(r.Decision, "to be stopped: FAIL") {
		t.Fatalf("%s: %+v", info.Status, r)
	}
	if said := s.out.String(); strings.Count(said, "stopping the deployment: ") != 1 || !strings.Contains(said, "denied") {
		t.Errorf("it said %s", said)
	}
	if err := s.bad(version); err == nil || !strings.Contains(err.Error(), "version 2 serves production but should not: FAIL") || !strings.Contains(err.Error(), "--function-version 1 ") {
		t.Errorf("the error is %v", err)
	}
	if err := s.bad("3"); err != nil { // another version was released since
		t.Errorf("of another version, the error is %v", err)
	}
}

// Requests of ours are sent for what real traffic does not bring, be it less
// than usual.
func TestRequests(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 8, 8, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name          string
		usual         float64 // in a minute
		share         float64
		minutes, came int // since the start, and in each of them
		sent          int
		want          int
	}{
		{"no real traffic", 0, 0.1, 0, 0, 0, 937},
		{"enough is usual", 1000, 0.1, 0, 0, 0, 40},
		{"enough is usual, and comes", 1000, 0.1, 2, 1000, 100, 40},
		{"enough is usual, and only ours come", 1000, 0.1, 1, 20, 40, 937},
		{"half of it is usual", 118, 0.1, 0, 0, 0, 552},
		{"the versions share none", 0, 1, 0, 0, 0, 0},
	} {
		w := watch{usual: tt.usual, course: course{limits: canary.LimitsOf(0.05, 3000)}, record: picture.Record{
			Old: "1", New: "2", Start: start, Length: 5 * time.Minute, Weights: []picture.Weight{{At: start, New: tt.share}}, Minutes: map[string][]canary.Minute{}, Sent: tt.sent,
		}}
		for i := range tt.minutes + 1 {
			w.record.Minutes["1"] = append(w.record.Minutes["1"], canary.Minute{Start: start.Add(time.Duration(i) * time.Minute), Count: canary.Count{Invocations: tt.came}})
		}
		if got := w.requests(); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// The requests of an earlier canary, or those before a shift, are not taken for real traffic.
func TestUsual(t *testing.T) {
	t.Parallel()
	minute := func(n int) canary.Minute { return canary.Minute{Count: canary.Count{Invocations: n}} }
	for name, tt := range map[string]struct {
		minutes []canary.Minute
		want    float64
	}{
		"steady":             {[]canary.Minute{minute(100), minute(120), minute(90), minute(110)}, 90},
		"a burst":            {[]canary.Minute{minute(0), minute(940), minute(3), minute(0)}, 0},
		"nothing but bursts": {[]canary.Minute{minute(940), minute(300)}, 0},
		"nothing":            {nil, 0},
	} {
		if got := usual(tt.minutes, 4); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// A sample that can't tell is extended, and then stops the deployment where there is
// nobody to ask; a person who says yes lets it go on.
func TestInconclusive(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		ask    asker
		status types.DeploymentStatus
		says   string
	}{
		{"no request arrives", func(context.Context, string) <-chan bool { return nil }, types.DeploymentStatusStopped, "nobody decided to continue"},
		{"nobody to ask", func(context.Context, string) <-chan bool { return nil }, types.DeploymentStatusStopped, "nobody decided to continue"},
		{"a yes", func(context.Context, string) <-chan bool { return answers(strings.NewReader("maybe\ny\n")) }, types.DeploymentStatusSucceeded, ""},
		{"a no", func(context.Context, string) <-chan bool { return answers(strings.NewReader("no\n")) }, types.DeploymentStatusStopped, "a person decided so"},
		{"silence", func(context.Context, string) <-chan bool { return make(chan bool) }, types.DeploymentStatusStopped, "nobody decided to continue"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.ask, s.limits.MinInvocations, s.limits.MaxErrorRate = tt.ask, 4, 1e-9 // no sample excludes that
			s.probes = s.probes[:1]
			if tt.name == "no request arrives" {
				s.outputs.FunctionURL = "http://127.0.0.1:1/"
			}
			info := s.shift(t, s.Publish(t, stagetest.Newer, nil), stagetest.Canary)
			if r := s.saved(t); info.Status != tt.status || !strings.Contains(r.Decision, tt.says) || r.Judgement.Verdict != canary.Inconclusive || r.Extended != (s.outputs.FunctionURL == s.Outputs.FunctionURL) {
				t.Errorf("%s: %+v", info.Status, r)
			}
		})
	}
}

// A version whose metrics can't be read is not let pass.
func TestMetricsCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.alarms = cloudwatch.NewFromConfig(s.AWS, func(o *cloudwatch.Options) {
		o.BaseEndpoint, o.RetryMaxAttempts = aws.String("http://127.0.0.1:1"), 1
	})
	info := s.shift(t, s.Publish(t, stagetest.Newer, nil), stagetest.Canary)
	if r := s.saved(t); info.Status != types.DeploymentStatusStopped || !strings.Contains(r.Decision, "0 invocations of the new version are too few") {
		t.Errorf("%s: %+v", info.Status, r)
	}
	if said := s.out.String(); strings.Count(said, "reading the metrics of service") != 1 {
		t.Errorf("it said %s", said)
	}
}

// Where all traffic moves at once nothing is compared, and the record says so.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	info := s.shift(t, s.Publish(t, stagetest.Newer, nil), stagetest.AllAtOnce)
	if r := s.saved(t); info.Status != types.DeploymentStatusSucceeded || r.Judgement != nil || !strings.Contains(r.Verdict(), "moved at once") {
		t.Errorf("%s: %+v", info.Status, r)
	}
}

// stacks answers with one status after the other, the last one for ever.
type stacks struct {
	mu       sync.Mutex
	statuses []cloudformationtypes.StackStatus
}

func (s *stacks) DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.statuses[0]
	if len(s.statuses) > 1 {
		s.statuses = s.statuses[1:]
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []cloudformationtypes.Stack{{StackStatus: status}}}, nil
}

// A deployment that is in progress is picked up, and judged to its end.
func TestResume(t *testing.T) {
	t.Parallel()
	idle := &stacks{statuses: []cloudformationtypes.StackStatus{cloudformationtypes.StackStatusUpdateComplete}}
	s := newScene(t)
	if err := s.resume(t.Context(), idle); s.last != "" || err != nil {
		t.Fatalf("with nothing in progress: %q, %v", s.last, err)
	}
	good := s.Publish(t, stagetest.Newer, nil)
	id := s.Shift(t, "1", good, stagetest.Canary)
	s.known = stagetest.Must[[]string](t)(s.ids(t.Context())) // as promote finds it
	err := s.resume(t.Context(), idle)
	if err != nil || !strings.Contains(s.last, id+" Succeeded, version "+good) || !strings.Contains(s.out.String(), "picking up what is in progress") {
		t.Errorf("resume: %v, and saw %q", err, s.last)
	}
	if r := s.saved(t); r.Deployment != id || r.Judgement.Verdict != canary.Pass {
		t.Errorf("the record is %+v", r)
	}
	rolledBack := &stacks{statuses: []cloudformationtypes.StackStatus{
		cloudformationtypes.StackStatusUpdateInProgress, cloudformationtypes.StackStatusUpdateRollbackInProgress, cloudformationtypes.StackStatusUpdateRollbackComplete,
	}}
	if err := s.resume(t.Context(), rolledBack); err == nil || !strings.Contains(err.Error(), "was rolled back: stack magewright-production is UPDATE_ROLLBACK_COMPLETE") {
		t.Errorf("after a rollback: %v", err)
	}
	s.stopped = "it fails"
	if why := s.takenBack(); why != "" {
		t.Errorf("this release is recorded as taken back, because of what may be another: %s", why)
	}
	s.watches[id].compared = true
	if why := s.takenBack(); why != "the canary was stopped: it fails" {
		t.Errorf("of this release, which an earlier promote began: %q", why)
	}
}

// Where the connection breaks, promote says what it saw last and how to go on.
func TestTheEndpointIsGone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	id := s.Shift(t, "1", s.Publish(t, stagetest.Newer, nil), stagetest.Canary)
	if err := s.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := s.explain(t.Context(), s.AWS, s.Outputs, errors.New("another promote deploys"))
	for _, said := range []string{"promote ended before deployment " + id, "promote picks it up again", "next: go tool mage promote", "another promote deploys"} {
		if !strings.Contains(err.Error(), said) {
			t.Errorf("while a deployment goes on, the error is %v; want %q in it", err, said)
		}
	}
	s.close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.look(t.Context()); err == nil {
		t.Error("an endpoint that is gone is looked at without an error")
	}
	s.AWS.RetryMaxAttempts = 1
	err = s.explain(t.Context(), s.AWS, s.Outputs, errors.New("cdk failed"))
	for _, said := range []string{"it is unknown whether production was promoted", "last seen: deployment " + id, "promote picks it up again", "next: go tool mage promote", "cdk failed"} {
		if !strings.Contains(err.Error(), said) {
			t.Errorf("the error is %v; want %q in it", err, said)
		}
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.explain(interrupted, s.AWS, s.Outputs, context.Canceled); !strings.Contains(err.Error(), "promote was interrupted\n  last seen: deployment "+id) {
		t.Errorf("interrupted, the error is %v", err)
	}
}
