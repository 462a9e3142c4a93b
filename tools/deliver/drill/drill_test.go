package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"github.com/magewright/magewright/tools/readiness"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/stagetest"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
)

// staging is a stage and a drill of it.
type staging struct {
	*drill
	*stagetest.Stage
	out bytes.Buffer
}

// newStaging serves the older release.
func newStaging(t *testing.T) *staging {
	t.Helper()
	s := &staging{Stage: stagetest.New(t)}
	s.drill = newDrill(s.AWS, s.Outputs)
	// AWS's time passes while the drill waits, and not while requests are to be
	// sent.
	waits, traffic := s.Clock(), s.traffic
	s.clock, s.traffic = waits, func(token string) *probe.Traffic { return waits.Heed(traffic(token)) }
	s.fault, s.config, s.drill.out = "errors:0.5", stagetest.Canary, io.MultiWriter(&s.out, t.Output())
	s.enough, s.keeps = 200, true
	s.probes = []probe.Probe{{Method: "GET", Path: "healthz", Status: 200}}
	s.ledger = ledgerclient.Client{Signer: s.Signer}
	s.serve(stagetest.Older)
	return s
}

// serve says which commit must answer. Its smoke test leaves a record of the
// deployment, as the real one does.
func (s *staging) serve(commit string) {
	s.commit = commit
	s.smoke = func(ctx context.Context) error {
		answered, err := s.send(ctx, http.MethodGet, "healthz", "")
		if err == nil && !strings.Contains(answered, commit) {
			err = fmt.Errorf("healthz answers %s, want commit %s", answered, commit)
		}
		if err == nil {
			_, err = s.send(ctx, http.MethodPut, "releases/"+commit, `{"deployments":[{"digest":"of `+commit+`"}]}`)
		}
		return err
	}
}

// send returns the body of the answer to a request, which must be 200.
func (s *staging) send(ctx context.Context, method, path, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.outputs.FunctionURL+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Content-Type", "application/json") // else the event has it in base64
	response, err := http.DefaultClient.Do(r)        // #nosec G704 -- the URL is the embedded AWS's
	if err != nil {
		return "", err
	}
	answered, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return string(answered), err
}

// release deploys the newer release over the older, all at once.
func (s *staging) release(t *testing.T) {
	t.Helper()
	number := s.Publish(t, stagetest.Newer, nil)
	if ok, err := s.move(t.Context(), version{number: "1"}, version{number: number}); !ok || err != nil {
		t.Fatalf("releasing version %s: %v", number, err)
	}
	s.serve(stagetest.Newer)
}

// begun returns another drill of the stage, which has published its bad version.
func (s *staging) begun(t *testing.T, fault string) *drill {
	t.Helper()
	d := newDrill(s.AWS, s.Outputs)
	d.fault, d.clock, d.out = fault, s.clock, t.Output()
	for _, step := range []func(context.Context) error{d.lookAround, d.prepare, d.publishFault} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// untouched holds that nothing of a drill is left.
func (s *staging) untouched(t *testing.T, number string) {
	t.Helper()
	s.untouchedAndWatched(t, number, "VersionErrors-"+number)
}

// untouchedAndWatched is untouched where the group watches an alarm.
func (s *staging) untouchedAndWatched(t *testing.T, number, alarm string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if at, weights, err := s.alias(ctx); err != nil || at != number || len(weights) > 0 {
		t.Errorf("the alias is at version %s, %v, %v; want %s", at, weights, err, number)
	}
	latest, err := s.configuration(ctx, "")
	if err != nil || len(latest.Environment.Variables) != 2 || *latest.CodeSha256 != s.good.sha {
		t.Errorf("$LATEST has %v and the code %s, %v; want its own two variables and the code %s", latest.Environment, *latest.CodeSha256, err, s.good.sha)
	}
	described := stagetest.Must[*cloudwatch.DescribeAlarmsOutput](t)(s.Alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String(s.prefix())}))
	if len(described.MetricAlarms) > 0 {
		t.Errorf("%d alarms of the drill are left", len(described.MetricAlarms))
	}
	versions := stagetest.Must[*lambda.ListVersionsByFunctionOutput](t)(s.functions.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("service")}))
	for _, v := range versions.Versions {
		if isBad(v.Description) {
			t.Errorf("version %s is the bad one", *v.Version)
		}
	}
	active, err := s.active(ctx)
	if err != nil || len(active) > 0 {
		t.Errorf("deployments %v are under way, %v", active, err)
	}
	group := stagetest.Must[*codedeploy.GetDeploymentGroupOutput](t)(s.deployments.GetDeploymentGroup(ctx, &codedeploy.GetDeploymentGroupInput{
		ApplicationName: aws.String("app"), DeploymentGroupName: aws.String("group"),
	}))
	if watched := group.DeploymentGroupInfo.AlarmConfiguration.Alarms; len(watched) != 1 || *watched[0].Name != alarm {
		t.Errorf("the group watches %v", watched)
	}
	if err := s.smoke(ctx); err != nil {
		t.Errorf("the smoke test: %v", err)
	}
}

// The bad version is found and taken back, and the version before reads what
// the good one wrote; twice, for a drill leaves nothing that hinders the next.
func TestDrill(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	s.release(t)
	for range 2 {
		s.failures, s.watching, s.bad = nil, nil, version{}
		record, err := s.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(record.Failures) > 0 || len(record.NotDrilled) > 0 || record.Commit != stagetest.Newer || record.DrilledOn.IsZero() || record.DeploymentConfig != stagetest.Canary {
			t.Errorf("the record is %+v", record)
		}
		// The canary is of five minutes and the alarm of one.
		if record.DetectedSeconds <= 0 || record.DetectedSeconds > 300 || record.RestoredSeconds < record.DetectedSeconds || record.RestoredSeconds > 400 {
			t.Errorf("detected in %v s, restored in %v s", record.DetectedSeconds, record.RestoredSeconds)
		}
		for _, said := range []string{"version 1 reads what version 2 wrote", "version 2 passes the smoke test"} {
			if !strings.Contains(s.out.String(), said) {
				t.Errorf("it did not say %q", said)
			}
		}
		s.untouched(t, "2")
	}
}

// A stage that is no release ledger is drilled too: the version before must answer the
// probes, and that nothing it reads was compared is in the record.
func TestDrillOfAnotherService(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	s.release(t)
	s.keeps = false
	record, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(record.Failures) > 0 || len(record.NotDrilled) != 1 || record.NotDrilled[0] != "whether version 1 reads what version 2 writes: only a release ledger keeps records that could be compared" {
		t.Errorf("the record is %+v", record)
	}
	if said := s.out.String(); !strings.Contains(said, "version 1 answers all 1") {
		t.Errorf("it said %s", said)
	}
	s.untouched(t, "2")
	// One that it does not answer is a failure.
	s.before = version{number: "1"}
	s.probes = []probe.Probe{{Name: "new", Method: "GET", Path: "healthz", Status: 418}}
	if err := s.answers(t.Context()); err != nil || len(s.failures) != 1 || !strings.Contains(s.failures[0], "version 1, after going back: new: ") {
		t.Errorf("%v, %q", err, s.failures)
	}
}

// The record of several functions has the slowest times and what failed with any.
func TestTogether(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	got := together([]readiness.Drill{
		{Commit: "c", DetectedSeconds: 60, RestoredSeconds: 70, DrilledOn: at},
		{Commit: "c", NotDrilled: []string{"one"}},
		{Commit: "c", DetectedSeconds: 120, RestoredSeconds: 65, Failures: []string{"two"}, DrilledOn: at.Add(time.Hour)},
	})
	if got.DetectedSeconds != 120 || got.RestoredSeconds != 70 || !slices.Equal(got.Failures, []string{"two"}) || !slices.Equal(got.NotDrilled, []string{"one"}) || !got.DrilledOn.Equal(at.Add(time.Hour)) || got.Commit != "c" {
		t.Errorf("together they are %+v", got)
	}
}

// A version that was never released is no version to go back to, though it came
// before the good one; and what production serves itself needs no way back.
func TestWhatItGoesBackTo(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	older := stagetest.Must[*lambda.GetFunctionConfigurationOutput](t)(s.functions.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("service"), Qualifier: aws.String("1")}))
	s.release(t)
	for _, tt := range []struct{ released, before, why string }{
		{"", "1", ""},
		{*older.CodeSha256, "1", ""},
		{"of another account", "1", ""},
	} {
		s.released = tt.released
		if err := s.lookAround(t.Context()); err != nil || s.before.number != tt.before {
			t.Errorf("where production serves %q, it goes back to version %q, %v, want %s", tt.released, s.before.number, err, tt.before)
		}
	}
	s.released = s.good.sha
	if err := s.lookAround(t.Context()); err != nil || s.before.number != "" || s.noBefore != "production serves the very same package" {
		t.Errorf("to what production serves: %q, %q, %v", s.before.number, s.noBefore, err)
	}
	// Version 3 is a bad release, taken back by a fourth of the older code.
	bad := s.Publish(t, stagetest.Newer, map[string]string{"NEVER": "released"})
	if ok, err := s.move(t.Context(), version{number: "2"}, version{number: bad}); !ok || err != nil {
		t.Fatal(err)
	}
	again := s.Publish(t, stagetest.Newer, nil)
	if ok, err := s.move(t.Context(), version{number: bad}, version{number: again}); !ok || err != nil {
		t.Fatal(err)
	}
	s.released = *older.CodeSha256
	if err := s.lookAround(t.Context()); err != nil || s.good.number != again || s.before.number != "1" {
		t.Errorf("after a bad version %s, version %s goes back to %s, %v; want 1", bad, s.good.number, s.before.number, err)
	}
}

// The first release has no version before it; the rollback itself is drilled.
// What a drill left that was killed is cleaned up with it.
func TestDrillOfTheFirstRelease(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	killed := s.begun(t, "crash")
	if err := errors.Join(killed.watchFault(t.Context()), killed.upload(t.Context(), killed.badCode)); err != nil {
		t.Fatal(err)
	}
	stagetest.Must[*cloudwatch.SetAlarmStateOutput](t)(s.Alarms.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
		AlarmName: &killed.watching[0], StateValue: cloudwatchtypes.StateValueAlarm, StateReason: aws.String("as it was killed"),
	}))
	s.fault = "crash"
	record, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(record.Failures) > 0 || len(record.NotDrilled) != 1 || record.RestoredSeconds <= 0 {
		t.Errorf("the record is %+v", record)
	}
	s.untouched(t, "1")
}

// An alarm on the alias, which all CDK apps can have, stops the bad version, too.
func TestAnAlarmOfTheAlias(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	// About a tenth of the requests fail, and by chance not even a twentieth of two hundred.
	s.Gate(t, "", 1)
	s.fault = "crash"
	record, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(record.Failures) > 0 || record.DetectedSeconds <= 0 || record.RestoredSeconds <= 0 {
		t.Errorf("the record is %+v", record)
	}
	s.untouchedAndWatched(t, "1", "VersionErrors-")
}

// An alarm that stays quiet is a failure of the drill, and staging gets its
// version back from the bad one.
func TestAnAlarmThatNeverFires(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	s.Gate(t, "1", 100) // no rate is above
	record, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(record.Failures) == 0 || !strings.Contains(record.Failures[0], "ended with Succeeded: no alarm stopped it") || record.DetectedSeconds != 0 || record.RestoredSeconds != 0 {
		t.Errorf("the record is %+v", record)
	}
	s.untouched(t, "1")
}

// A drill that is interrupted while it publishes the bad version, or while that
// has its traffic, takes it back all the same, and is no evidence.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for said, at := range map[string]string{
		// $LATEST has got its code again before the drill heeds it.
		"behind a bootstrap that does":    "waiting for version 2 to be active",
		"moves traffic from version 1 to": "",
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			s := newStaging(t)
			ctx, cancel := context.WithCancel(t.Context())
			s.drill.out = writer(func(p []byte) {
				if bytes.Contains(p, []byte(said)) {
					cancel()
				}
			})
			_, err := s.run(ctx)
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "staging serves version 1 as before") || !strings.Contains(err.Error(), at) {
				t.Errorf("run = %v, want it was interrupted, what serves, and %q", err, at)
			}
			s.untouched(t, "1")
		})
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// What can't be drilled is refused before anything is touched.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	stagetest.Must[*codedeploy.UpdateDeploymentGroupOutput](t)(s.deployments.UpdateDeploymentGroup(t.Context(), &codedeploy.UpdateDeploymentGroupInput{
		ApplicationName: aws.String("app"), CurrentDeploymentGroupName: aws.String("group"), AlarmConfiguration: &types.AlarmConfiguration{},
	}))
	if _, err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), "watches no alarm") {
		t.Errorf("without alarms: %v", err)
	}
	s.Gate(t, "1", 5)
	s.untouched(t, "1")
	// One that was killed when its bad version had all traffic, or a share.
	bad := s.begun(t, "latency:1ms").bad.number
	if ok, err := s.move(t.Context(), version{number: "1"}, version{number: bad}); !ok || err != nil {
		t.Fatal(err)
	}
	if _, err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), "version "+bad+" serves, and it is the bad version of a drill\n  next: aws lambda update-alias --function-name service --name live --function-version 1 ") {
		t.Errorf("while the bad version serves: %v", err)
	}
	stagetest.Must[*lambda.UpdateAliasOutput](t)(s.functions.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
		FunctionName: aws.String("service"), Name: aws.String("live"), FunctionVersion: aws.String("1"),
		RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{bad: 0.1}},
	}))
	if _, err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), "although no deployment is in progress\n  next: aws lambda update-alias --function-name service --name live --function-version 1 ") {
		t.Errorf("while the bad version has a share: %v", err)
	}
}
