package promote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/live"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/stack"
)

// pollInterval is the time between two looks at a deployment.
const pollInterval = 500 * time.Millisecond

// A follower prints the progress of deployments, and judges those that shift traffic.
type follower struct {
	deployments *codedeploy.Client
	functions   *lambda.Client
	alarms      *cloudwatch.Client
	outputs     stack.Outputs
	clock       clock.Clock
	// pace is the clock for asking AWS again while follow judges. It is a separate clock so
	// that a test can let time pass for follow alone.
	pace    clock.Clock
	out     *live.Screen
	cfg     project.Config
	probes  []probe.Probe
	token   string // the token that probes carry
	pkg     string // SHA-256 of the package that a new version must be made of; "" compares nothing
	limits  canary.Limits
	ask     asker
	traffic func() *probe.Traffic // what is sent during a shift

	// baseline sends requests before the first shift. It is nil if nothing is sent.
	baseline    *probe.Traffic
	stopSending func()

	known   []string // deployments that have ended or were there before
	watches map[string]*watch
	printed map[string]string // what was printed about each deployment
	last    string            // what was seen last; "" at the beginning
	stopped string            // why the canary was stopped; "" if it was not
	blind   bool              // AWS could not be asked
	earlier bool              // what was in progress before this promote did not end well

	// besides are the followers of the stage's other functions. They look whenever this one
	// does.
	besides []*follower
	other   bool     // it is one of the others
	chart   []string // the lines that show the newest deployment
}

// newFollower returns a follower that ignores the deployments that exist already. With the
// token, probes can read what the ledger keeps.
func newFollower(ctx context.Context, cfg project.Config, awsConfig aws.Config, o stack.Outputs, token string, out *live.Screen) (*follower, error) {
	steps, err := probe.Load(cfg.Dir)
	if err != nil {
		return nil, err
	}
	limits, err := limitsOf(cfg, o)
	if err != nil {
		return nil, err
	}
	f := &follower{
		deployments: codedeploy.NewFromConfig(awsConfig), functions: lambda.NewFromConfig(awsConfig), alarms: cloudwatch.NewFromConfig(awsConfig),
		outputs: o, clock: clock.System(), pace: clock.System(), out: out, cfg: cfg, probes: steps.Of(o, true).Probes(), token: token, limits: limits, ask: atTerminal(out),
		watches: map[string]*watch{}, printed: map[string]string{},
	}
	f.traffic = func() *probe.Traffic {
		return &probe.Traffic{URL: f.outputs.FunctionURL, Invoke: probe.Function(awsConfig, f.outputs), Probes: f.probes, Token: f.token, Clock: f.clock}
	}
	f.known, err = f.ids(ctx)
	return f, err
}

// beside adds a follower for another function of the stage. If steps reach that function,
// their requests are sent to it.
func (f *follower) beside(ctx context.Context, awsConfig aws.Config, o stack.Outputs) error {
	other, err := newFollower(ctx, f.cfg, awsConfig, o, f.token, f.out)
	if err != nil {
		return err
	}
	steps, err := probe.Load(f.cfg.Dir)
	if err != nil {
		return err
	}
	// Nothing is sent before a deployment is seen.
	other.probes, other.other = steps.Of(o, false).Probes(), true
	f.besides = append(f.besides, other)
	return nil
}

// all returns this follower and those of the other functions.
func (f *follower) all() []*follower { return append([]*follower{f}, f.besides...) }

// show shows the newest deployment of each function.
func (f *follower) show() {
	var lines []string
	for _, each := range f.all() {
		lines = append(lines, each.chart...)
	}
	f.out.Show(lines)
}

// ids returns the ids of the group's deployments. If there are states, it returns only
// deployments in these states.
func (f *follower) ids(ctx context.Context, states ...types.DeploymentStatus) ([]string, error) {
	listed, err := f.deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{
		ApplicationName:     &f.outputs.DeploymentApplication,
		DeploymentGroupName: &f.outputs.DeploymentGroup,
		IncludeOnlyStatuses: states,
	})
	if err != nil {
		return nil, fmt.Errorf("listing deployments of %s: %w", f.outputs.DeploymentGroup, err)
	}
	return listed.Deployments, nil
}

// follow looks at the deployments until ctx ends. If AWS can't be asked for a while, it says
// so and goes on, because the deployment goes on too.
func (f *follower) follow(ctx context.Context) {
	defer f.close()
	for _, each := range f.all() {
		each.beginBaseline(ctx)
	}
	for ctx.Err() == nil {
		for _, each := range f.all() {
			err := each.look(ctx)
			if err != nil && ctx.Err() == nil && !each.blind {
				fmt.Fprintf(f.out, "the deployment can't be seen completely: %v\n", err)
			}
			each.blind = err != nil
		}
		f.show()
		if clock.Sleep(ctx, f.clock, pollInterval) != nil {
			break
		}
	}
	// The end may not have been seen yet.
	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, each := range f.all() {
		if err := each.look(final); err != nil && !each.blind {
			fmt.Fprintf(f.out, "the end of the deployment can't be seen: %v\n", err)
		}
	}
}

func (f *follower) close() {
	for _, each := range f.all() {
		each.endBaseline()
		for _, w := range each.watches {
			w.close()
		}
	}
	f.out.Show(nil)
}

// look examines each deployment that is not known yet.
func (f *follower) look(ctx context.Context) error {
	ids, err := f.ids(ctx)
	if err != nil {
		return err
	}
	for _, id := range slices.Backward(ids) { // the newest comes first
		if slices.Contains(f.known, id) {
			continue
		}
		if err := f.see(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// see examines one deployment.
func (f *follower) see(ctx context.Context, id string) error {
	got, err := f.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return fmt.Errorf("reading deployment %s: %w", id, err)
	}
	alias, err := f.functions.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &f.outputs.FunctionName, Name: &f.outputs.AliasName})
	if err != nil {
		return fmt.Errorf("reading alias %s: %w", f.outputs.AliasName, err)
	}
	info := got.DeploymentInfo
	w := f.watches[id]
	if w == nil && info.Creator != types.DeploymentCreatorCodeDeployRollback {
		w = f.newWatch(ctx, info)
		f.watches[id] = w
	}
	var unseen error
	if w != nil {
		unseen = w.look(ctx, info, alias)
	}
	unseen = errors.Join(unseen, f.print(ctx, id, info, alias, w))
	if hasEnded(info) && ctx.Err() == nil { // otherwise the last look has yet to say how it ended
		if w != nil {
			w.close()
		}
		f.known = append(f.known, id)
	}
	return unseen
}

// print prints one line about a deployment if something has changed.
func (f *follower) print(ctx context.Context, id string, info *types.DeploymentInfo, alias *lambda.GetAliasOutput, w *watch) error {
	f.last = fmt.Sprintf("deployment %s %s, version %s", id, info.Status, stack.Traffic(alias.FunctionVersion, alias.RoutingConfig))
	line := strings.TrimPrefix(f.last, "deployment "+id+" ")
	alarms, err := f.ringing(ctx)
	if err != nil {
		return err
	}
	if alarms != "" {
		line += ", " + alarms
	}
	if w != nil && w.record.Judgement != nil {
		line += "; " + string(w.record.Judgement.Verdict)
	}
	if line == f.printed[id] {
		return nil
	}
	f.printed[id] = line
	if w != nil {
		line += fmt.Sprintf("; %s", w.traffic)
		if hasEnded(info) {
			line += "; " + w.record.Verdict()
		}
	}
	fmt.Fprintf(f.out, "%s  %s\n", id, line)
	return nil
}

// ringing names the deployment group's alarms that are in alarm.
func (f *follower) ringing(ctx context.Context) (string, error) {
	group, err := f.deployments.GetDeploymentGroup(ctx, &codedeploy.GetDeploymentGroupInput{
		ApplicationName:     &f.outputs.DeploymentApplication,
		DeploymentGroupName: &f.outputs.DeploymentGroup,
	})
	if err != nil {
		return "", fmt.Errorf("reading deployment group %s: %w", f.outputs.DeploymentGroup, err)
	}
	watched := group.DeploymentGroupInfo.AlarmConfiguration
	if watched == nil || len(watched.Alarms) == 0 {
		return "", nil
	}
	names := make([]string, len(watched.Alarms))
	for i, alarm := range watched.Alarms {
		names[i] = aws.ToString(alarm.Name)
	}
	described, err := f.alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: names})
	if err != nil {
		return "", fmt.Errorf("reading alarms: %w", err)
	}
	var ringing []string
	for _, alarm := range described.MetricAlarms {
		if alarm.StateValue == cloudwatchtypes.StateValueAlarm {
			ringing = append(ringing, aws.ToString(alarm.AlarmName))
		}
	}
	if len(ringing) == 0 {
		return fmt.Sprintf("%d alarms quiet", len(described.MetricAlarms)), nil
	}
	return "in alarm: " + strings.Join(ringing, " "), nil
}

// latest returns the group's newest deployment that is not a rollback.
func latest(ctx context.Context, client *codedeploy.Client, o stack.Outputs) (*types.DeploymentInfo, error) {
	f := follower{deployments: client, outputs: o}
	ids, err := f.ids(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		got, err := client.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
		if err != nil {
			return nil, fmt.Errorf("reading deployment %s: %w", id, err)
		}
		if got.DeploymentInfo.Creator != types.DeploymentCreatorCodeDeployRollback {
			return got.DeploymentInfo, nil
		}
	}
	return nil, nil
}
