package promote

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/deliver/appspec"
	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/minutes"
	"github.com/magewright/magewright/tools/deliver/canary/picture"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/internal/clock"
)

// A watch watches one deployment that shifts traffic. It sends requests, judges the new
// version, and stops the deployment if necessary.
type watch struct {
	f       *follower
	record  picture.Record
	course  course
	seen    time.Time // our clock's time when the shift was first seen
	traffic *probe.Traffic
	sent    chan struct{} // closed when no more requests are sent
	end     func()        // ends the requests
	usual   float64       // invocations of the old version in one minute before the shift
	answer  <-chan bool   // the answer of the person who was asked
	stopped bool
	// compared says that the new version is made from the right package.
	compared bool
	// unread is why the metrics could not be read at the last look.
	unread error
}

// newWatch begins to watch a deployment.
func (f *follower) newWatch(ctx context.Context, info *types.DeploymentInfo) *watch {
	w := &watch{
		f: f, seen: f.clock.Now(), sent: make(chan struct{}),
		traffic: f.traffic(),
		record:  picture.Record{Deployment: aws.ToString(info.DeploymentId), Function: f.outputs.FunctionName, Alias: f.outputs.AliasName, Limits: f.limits},
		course:  course{limits: f.limits, alone: len(f.probes) == 0},
	}
	w.record.Before = f.endBaseline()
	if move, ok := appspec.Read(info.Revision); ok {
		w.record.Old, w.record.New = move.From, move.To
	}
	sending, end := context.WithCancel(ctx)
	w.end = end
	go func() {
		defer close(w.sent)
		w.traffic.Run(sending)
	}()
	return w
}

// close ends the requests.
func (w *watch) close() {
	w.end()
	<-w.sent
}

// look examines the deployment, judges the new version, and acts on the judgement.
func (w *watch) look(ctx context.Context, info *types.DeploymentInfo, alias *lambda.GetAliasOutput) error {
	if err := w.weigh(ctx, info, alias); err != nil {
		return err
	}
	if !hasEnded(info) {
		if err := w.compare(ctx); err != nil {
			return err
		}
	}
	if w.record.New == "" || info.StartTime == nil {
		return nil // no traffic has moved yet
	}
	var unread error
	if !w.over(info) {
		// If metrics can't be read, the version must not pass because of that. What is known
		// is judged, and a sample that does not grow ends the deployment.
		var done map[string][]canary.Minute
		if done, unread = readMinutes(ctx, w.f.alarms, w.f.outputs, w.record.Start, w.record.Length, w.record.Old, w.record.New); unread == nil {
			w.record.Minutes = done
		}
		w.unread = unread
		w.record.Failed, w.record.Sent = w.traffic.Failed(), w.traffic.Sent()
		if w.record.Length > 0 {
			serving, served := canary.Sum(w.record.Minutes[w.record.New]), canary.Sum(w.record.Minutes[w.record.Old])
			serving.Ours, served.Ours = canary.Count{Invocations: w.record.Sent, Errors: w.record.Failed}, w.record.Before
			j := canary.Judge(serving, served, w.f.limits)
			w.record.Judgement = &j
			if info.Status == types.DeploymentStatusInProgress {
				if err := w.act(ctx, j); err != nil {
					return errors.Join(unread, err)
				}
			}
		}
	}
	w.f.chart = chart(&w.record, w.f.out.Colour())
	return errors.Join(unread, save(&w.record, w.f.cfg, w.f.recordName()))
}

// over reports whether the versions no longer share the traffic because the shift was
// stopped. What the old version does after that is not part of the comparison.
func (w *watch) over(info *types.DeploymentInfo) bool {
	stopped := info.Status == types.DeploymentStatusStopped || info.Status == types.DeploymentStatusFailed
	return w.stopped || stopped && w.record.Judgement != nil
}

// weigh notes which versions share the traffic, and since when.
func (w *watch) weigh(ctx context.Context, info *types.DeploymentInfo, alias *lambda.GetAliasOutput) error {
	r := &w.record
	r.Status = string(info.Status)
	if info.StartTime == nil {
		return nil
	}
	at, share := *info.StartTime, 0.0
	if alias.RoutingConfig != nil {
		for version, weight := range alias.RoutingConfig.AdditionalVersionWeights {
			share = weight
			if r.New == "" { // the revision did not say it
				r.Old, r.New = aws.ToString(alias.FunctionVersion), version
			}
		}
	}
	if aws.ToString(alias.FunctionVersion) == r.New {
		share = 1
	}
	if len(r.Weights) > 0 { // it has changed since then
		if latest := r.Latest(); latest.After(at) {
			at = latest
		}
		if info.CompleteTime != nil {
			at = *info.CompleteTime
		}
	}
	r.Weigh(at, share)
	if r.Start.IsZero() {
		config, err := w.f.deployments.GetDeploymentConfig(ctx, &codedeploy.GetDeploymentConfigInput{DeploymentConfigName: info.DeploymentConfigName})
		if err != nil {
			return fmt.Errorf("reading deployment configuration %s: %w", aws.ToString(info.DeploymentConfigName), err)
		}
		r.Start, r.Length = *info.StartTime, minutes.Shift(config.DeploymentConfigInfo.TrafficRoutingConfig)
		w.course.start, w.course.length = r.Start, r.Length
		const read = 4 // minutes; the one before the shift may have no data yet
		if done, err := readMinutes(ctx, w.f.alarms, w.f.outputs, r.Start.Add(-(read+1)*time.Minute), read*time.Minute, r.Old); err == nil {
			// This number only saves some of our requests.
			w.usual = usual(done[r.Old], read)
		}
	}
	return nil
}

// usual returns how many invocations each of a number of minutes had at least. A burst in one of
// them, such as the requests of an earlier canary, says nothing of what will come.
func usual(minutes []canary.Minute, n int) float64 {
	if len(minutes) < n {
		return 0 // the others had none
	}
	least := slices.MinFunc(minutes, func(a, b canary.Minute) int { return a.Invocations - b.Invocations })
	return float64(least.Invocations)
}

// enoughSent is the number of failed requests that can't be an accident if all of them fail.
const enoughSent = 100

// act does what follows from a judgement.
func (w *watch) act(ctx context.Context, j canary.Judgement) error {
	c := &w.course
	c.latest, c.elapsed = w.record.Latest(), clock.Since(w.f.clock, w.seen)
	c.unanswered = w.record.Sent >= enoughSent && w.record.Failed == w.record.Sent
	select {
	case yes := <-w.answer:
		if !yes {
			return w.stop(ctx, "a person decided so")
		}
		c.approved, w.record.Decision = true, "a person let it continue"
	default:
	}
	switch c.decide(j) {
	case stop:
		reason := j.String()
		if j.Verdict != canary.Fail {
			reason += "; nobody decided to continue"
		}
		return w.stop(ctx, reason)
	case extend:
		c.extended, w.record.Extended = true, true
		fmt.Fprintf(w.f.out, "%s  %v; the sample is extended to %d invocations\n", w.record.Deployment, j, c.wanted())
	case leave:
		if w.record.Decision == "" {
			w.record.Decision = notJudged
			fmt.Fprintf(w.f.out, "%s  NOT JUDGED: %v, and no step of the probes reaches %s; only its alarms watch the new version\n", w.record.Deployment, j, w.f.outputs.FunctionName)
		}
	case ask:
		c.asked = true
		w.answer = w.f.ask(ctx, fmt.Sprintf("%s  %v", w.record.Deployment, j))
		c.unattended = w.answer == nil // the sample may still grow until it is too late
	}
	w.want()
	return nil
}

// want asks for as many requests as the new version needs for its sample.
func (w *watch) want() {
	if n := w.requests(); n > 0 {
		w.traffic.Want(n)
	}
}

// requests returns how many of our requests are wanted in total: what real traffic will not
// bring in half of the shift. It is 0 while the versions share no traffic.
func (w *watch) requests() int {
	share := w.record.Share()
	if share <= 0 || share >= 1 {
		return 0
	}
	traffic := w.usual                                                      // in one minute, without our requests
	if seen := w.record.Latest().Sub(w.record.Start); seen >= time.Minute { // the usual traffic may not come
		invoked := canary.Sum(w.record.Minutes[w.record.Old]).Invocations + canary.Sum(w.record.Minutes[w.record.New]).Invocations
		traffic = min(traffic, float64(max(invoked-w.record.Sent, 0))/seen.Minutes())
	}
	missing := max(float64(w.course.wanted())-traffic*share*w.record.Length.Minutes()/2, 0)
	// The share is only an average. Four standard deviations and a few requests are added, so
	// that the sample is not too small by chance.
	return int((missing + 4*math.Sqrt(missing) + 4) / share)
}

// notJudged is the decision about a function that got too few events, if nobody can send
// requests to it.
const notJudged = "not judged: too few events came, and no step of the probes reaches the function"

// toBeStopped begins the decision if AWS has not stopped the deployment.
const toBeStopped = "to be stopped: "

// stop stops the deployment. CodeDeploy then gives the old version all traffic.
func (w *watch) stop(ctx context.Context, reason string) error {
	if !strings.HasPrefix(w.record.Decision, toBeStopped) {
		fmt.Fprintf(w.f.out, "%s  stopping the deployment: %s\n", w.record.Deployment, reason)
	}
	w.record.Decision = toBeStopped + reason
	_, err := w.f.deployments.StopDeployment(ctx, &codedeploy.StopDeploymentInput{
		DeploymentId: &w.record.Deployment, AutoRollbackEnabled: aws.Bool(true),
	})
	if _, over := errors.AsType[*types.DeploymentAlreadyCompletedException](err); over {
		w.stopped = true // an alarm was faster, or the shift has ended
		return nil
	}
	if err != nil {
		return fmt.Errorf("stopping deployment %s: %w", w.record.Deployment, err)
	}
	w.stopped = true
	w.record.Decision = "stopped: " + reason
	w.f.stopped = reason
	return nil
}

func hasEnded(info *types.DeploymentInfo) bool {
	return slices.Contains([]types.DeploymentStatus{types.DeploymentStatusSucceeded, types.DeploymentStatusFailed, types.DeploymentStatusStopped}, info.Status)
}
