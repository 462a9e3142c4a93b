package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
)

// A drill tries one rollback.
type drill struct {
	functions   *lambda.Client
	deployments *codedeploy.Client
	alarms      *cloudwatch.Client
	outputs     stack.Outputs

	fault  string // what is wrong with the bad version, as package fault reads it
	config string // the CodeDeploy configuration with which it gets its traffic
	commit string // the commit that staging serves
	// released is the CodeSha256 of the release that production serves. Staging goes back to
	// this release. It is "" if production is not deployed.
	released string
	probes   []probe.Probe
	enough   int                         // how many requests are needed to show the errors of the bad version, which gets a tenth of them
	smoke    func(context.Context) error // exercises the stage as smoke does
	ledger   ledgerclient.Client         // the release ledger that staging serves
	keeps    bool                        // staging is a release ledger, so what it keeps is compared
	clock    clock.Clock
	out      io.Writer
	stderr   io.Writer                         // progress of slow steps
	traffic  func(token string) *probe.Traffic // what is sent during a shift

	// What the drill found and made.
	good, before, bad version // version N, version N-1 and the bad version
	noBefore          string  // why there is no version N-1
	goarch            string  // of the function
	code, badCode     []byte  // the packages of the good version and of the bad one, zipped
	spoilt            string  // CodeSha256 of what a drill has put into $LATEST
	watching          []string
	deployment        string // the newest deployment
	failures          []string
	failedIn          string // the deployment to which the first of them belongs
}

func newDrill(cfg aws.Config, o stack.Outputs) *drill {
	d := &drill{
		functions: lambda.NewFromConfig(cfg), deployments: codedeploy.NewFromConfig(cfg), alarms: cloudwatch.NewFromConfig(cfg),
		outputs: o, stderr: io.Discard,
	}
	d.traffic = func(token string) *probe.Traffic {
		return &probe.Traffic{URL: d.outputs.FunctionURL, Invoke: probe.Function(cfg, d.outputs), Probes: d.probes, Token: token, Clock: d.clock}
	}
	return d
}

func (d *drill) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// failed records something that went wrong.
func (d *drill) failed(format string, args ...any) {
	d.failedIn = cmp.Or(d.failedIn, d.deployment)
	d.failures = append(d.failures, fmt.Sprintf(format, args...))
	d.say("FAILED: "+format, args...)
}

// run drills, and leaves staging as it was however the drill ends. An error means that the
// drill did not come to an end. Failures are in the record.
func (d *drill) run(ctx context.Context) (record readiness.Drill, err error) {
	record = readiness.Drill{Commit: d.commit, DeploymentConfig: d.config}
	if err := d.lookAround(ctx); err != nil {
		return record, err
	}
	if err := d.prepare(ctx); err != nil {
		return record, err
	}
	defer func() {
		// This also happens after Ctrl-C: everything that was begun is taken back.
		restoring, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreLimit)
		defer cancel()
		if restoreErr := d.restore(restoring); restoreErr != nil {
			err = errors.Join(err, fmt.Errorf("restoring staging: %w", restoreErr))
		} else if ctx.Err() != nil {
			err = exit.Failed("go tool mage drill", "the drill was interrupted, staging serves version %s as before: %w", d.good.number, err)
		}
		record.DrilledOn = d.clock.Now()
		record.FinishedOn = record.DrilledOn
		record.Failures = d.failures
	}()
	if err := d.smoke(ctx); err != nil {
		return record, exit.Failed("go tool mage smoke", "version %s does not answer as it should, even before the drill: %w", d.good.number, err)
	}
	// What a killed drill left behind could be taken for what this drill makes.
	if err := errors.Join(d.cleanLatest(ctx), d.cleanUp(ctx)); err != nil {
		return record, err
	}
	times, err := d.rollBack(ctx)
	if err != nil {
		return record, err
	}
	record.DetectedSeconds, record.RestoredSeconds = times.detected.Seconds(), times.restored.Seconds()
	if len(d.failures) > 0 {
		return record, nil
	}
	if d.before.number == "" {
		record.NotDrilled = []string{fmt.Sprintf("version %s has no earlier release to go back to: %s", d.good.number, d.noBefore)}
		d.say("not drilled: %s", record.NotDrilled[0])
		return record, nil
	}
	if !d.keeps {
		record.NotDrilled = []string{fmt.Sprintf("whether version %s reads what version %s writes: only a release ledger keeps records that could be compared", d.before.number, d.good.number)}
		return record, d.goBack(ctx, d.answers)
	}
	return record, d.goBackToRecords(ctx)
}

// Times are AWS's, counted from the first moment at which the bad version may have answered.
type times struct{ detected, restored time.Duration }

// rollBack releases the bad version and checks that AWS takes it back.
func (d *drill) rollBack(ctx context.Context) (times, error) {
	if err := d.publishFault(ctx); err != nil {
		return times{}, err
	}
	if err := d.watchFault(ctx); err != nil {
		return times{}, err
	}
	id, err := d.shift(ctx, d.good, d.bad, d.config, &types.AlarmConfiguration{Enabled: true, Alarms: named(d.watching)})
	if err != nil {
		return times{}, err
	}
	shifted, err := d.awaitUnderTraffic(ctx, id)
	if err != nil {
		return times{}, err
	}
	at, err := d.judge(ctx, shifted)
	if err != nil {
		return times{}, err
	}
	if err := d.holdsGood(ctx, "after the rollback"); err != nil {
		return times{}, err
	}
	if err := d.smoke(ctx); err != nil {
		if ctx.Err() != nil {
			return times{}, ctx.Err()
		}
		d.failed("the smoke test after the rollback: %v", err)
	} else {
		d.say("version %s passes the smoke test", d.good.number)
	}
	return at, nil
}

// judge finds out how and when the bad version's deployment ended.
func (d *drill) judge(ctx context.Context, shifted *types.DeploymentInfo) (times, error) {
	if shifted.Status != types.DeploymentStatusStopped || shifted.ErrorInformation == nil || shifted.ErrorInformation.Code != types.ErrorCodeAlarmActive {
		d.failed("deployment %s of the bad version ended with %s%s: no alarm stopped it", *shifted.DeploymentId, shifted.Status, because(shifted))
		return times{}, nil
	}
	first, err := d.firstAnswer(ctx, *shifted.StartTime)
	if err != nil {
		return times{}, err
	}
	rang, alarm, err := d.firstAlarm(ctx)
	if err != nil {
		return times{}, err
	}
	var at times
	if at.detected = rang.Sub(first); rang.IsZero() || at.detected <= 0 {
		at.detected = 0
		d.failed("deployment %s was stopped by an alarm, but the history of %v has no alarm", *shifted.DeploymentId, d.watching)
	} else {
		d.say("alarm %s went off after %.0f s", alarm, at.detected.Seconds())
	}
	if shifted.RollbackInfo == nil || aws.ToString(shifted.RollbackInfo.RollbackDeploymentId) == "" {
		d.failed("deployment %s was stopped and not rolled back", *shifted.DeploymentId)
		return at, nil
	}
	back, err := d.await(ctx, *shifted.RollbackInfo.RollbackDeploymentId)
	if err != nil {
		return at, err
	}
	if back.Status != types.DeploymentStatusSucceeded || back.Creator != types.DeploymentCreatorCodeDeployRollback {
		d.failed("rollback %s, started by %s, ended with %s%s", *back.DeploymentId, back.Creator, back.Status, because(back))
		return at, nil
	}
	at.restored = back.CompleteTime.Sub(first)
	d.say("rollback %s gave version %s all traffic after %.0f s", *back.DeploymentId, d.good.number, at.restored.Seconds())
	return at, nil
}

// goBackToRecords goes back to the version before and checks that it reads what the good
// version wrote.
func (d *drill) goBackToRecords(ctx context.Context) error {
	path := "releases/" + d.commit
	written, err := d.read(ctx, path)
	if err != nil {
		return err
	}
	return d.goBack(ctx, func(ctx context.Context) error {
		found, err := d.read(ctx, path)
		switch {
		case err != nil:
			return err
		case written.status != 200 || len(written.records) == 0:
			d.failed("version %s answers %d to GET %s with %d records of deployments, which it has written", d.good.number, written.status, path, len(written.records))
		case found.status != written.status || !slices.Equal(found.records, written.records):
			d.failed("version %s answers %d to GET %s with %d records %.12s; version %s, which wrote them, %d with %d %.12s",
				d.before.number, found.status, path, len(found.records), found.records, d.good.number, written.status, len(written.records), written.records)
		default:
			d.say("version %s reads what version %s wrote: %d records of %s", d.before.number, d.good.number, len(found.records), path)
		}
		return nil
	})
}

// answers checks that the version before answers each probe. It is an older release, so only
// the status counts.
func (d *drill) answers(ctx context.Context) error {
	token, err := d.token(ctx)
	if err != nil {
		return err
	}
	for _, p := range d.probes {
		p.Within, p.Expect, p.Capture = within, probe.Expectations{Error: p.Expect.Error}, nil
		session := probe.Session{URL: d.outputs.FunctionURL, Invoke: d.traffic(token).Invoke, Token: token, Clock: d.clock}
		if _, err := session.Do(ctx, p); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.failed("version %s, after going back: %s: %v", d.before.number, p.Name, err)
			return nil
		}
	}
	d.say("version %s answers all %d probes", d.before.number, len(d.probes))
	return nil
}

// within is how long a probe is repeated after going back.
const within = 10 * time.Second

// goBack gives the version before all traffic, looks at it, and then returns to the good
// version.
func (d *drill) goBack(ctx context.Context, look func(context.Context) error) error {
	if ok, err := d.move(ctx, d.good, d.before); !ok {
		return err
	}
	if err := d.holds(ctx, d.before, "after going back"); err != nil {
		return err
	}
	if err := look(ctx); err != nil {
		return err
	}
	if ok, err := d.move(ctx, d.before, d.good); !ok {
		return err
	}
	if err := d.holdsGood(ctx, "after returning"); err != nil {
		return err
	}
	if err := d.smoke(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.failed("the smoke test after returning to version %s: %v", d.good.number, err)
	}
	return nil
}

func because(info *types.DeploymentInfo) string {
	if info.ErrorInformation == nil {
		return ""
	}
	return fmt.Sprintf(" (%s: %s)", info.ErrorInformation.Code, aws.ToString(info.ErrorInformation.Message))
}
