package console

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudformation "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/deliver/appspec"
	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/minutes"
	"github.com/magewright/magewright/tools/deliver/canary/picture"
	"github.com/magewright/magewright/tools/readiness"
)

// A Deployment is a deployment in a list.
type Deployment struct {
	ID      string     `json:"id"`
	Status  string     `json:"status"`
	Group   string     `json:"group"`
	Config  string     `json:"config"`
	Old     string     `json:"old,omitempty"`
	New     string     `json:"new,omitempty"`
	Created time.Time  `json:"created"`
	Ended   *time.Time `json:"ended,omitempty"`
	// Undoes says that the deployment is the rollback of another one.
	Undoes bool `json:"undoes,omitempty"`
}

// A Shift shows the progress of a deployment.
type Shift struct {
	Deployment
	Function string  `json:"function"`
	Alias    string  `json:"alias"`
	Weight   float64 `json:"weight"` // the new version's share of the traffic now, or at the end
	Events   []Event `json:"events"`
	Alarms   []Alarm `json:"alarms"`
	Error    string  `json:"error,omitempty"`
	Rollback string  `json:"rollback,omitempty"` // the deployment that rolls this one back

	// Versions says what each version did since the shift began.
	Versions  map[string]canary.Sample `json:"versions"`
	Limits    *canary.Limits           `json:"limits,omitempty"`
	Judgement *canary.Judgement        `json:"judgement,omitempty"`
	// Unjudged says why nothing is judged.
	Unjudged string `json:"unjudged,omitempty"`
	Picture  string `json:"picture,omitempty"` // SVG
}

// An Event is one of a deployment's lifecycle events. Some run a hook.
type Event struct {
	Name    string     `json:"name"`
	Status  string     `json:"status"`
	Started *time.Time `json:"started,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	Message string     `json:"message,omitempty"`
}

// An Alarm is an alarm that can stop the deployment.
type Alarm struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

func (c *Console) deployments(ctx context.Context) (any, error) {
	out := []Deployment{}
	in := &awscodedeploy.ListDeploymentsInput{}
	for {
		listed, err := c.aws.Deployments.ListDeployments(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, id := range listed.Deployments {
			got, err := c.aws.Deployments.GetDeployment(ctx, &awscodedeploy.GetDeploymentInput{DeploymentId: &id})
			if err != nil {
				return nil, err
			}
			out = append(out, listedDeployment(got.DeploymentInfo))
		}
		if in.NextToken = listed.NextToken; in.NextToken == nil || len(out) >= mostDeployments {
			return out, nil
		}
	}
}

// mostDeployments is approximately how many deployments are listed.
const mostDeployments = 100

func listedDeployment(info *types.DeploymentInfo) Deployment {
	d := Deployment{
		ID: aws.ToString(info.DeploymentId), Status: string(info.Status), Group: aws.ToString(info.DeploymentGroupName), Config: aws.ToString(info.DeploymentConfigName),
		Created: aws.ToTime(info.CreateTime), Ended: info.CompleteTime, Undoes: info.Creator == types.DeploymentCreatorCodeDeployRollback,
	}
	if move, ok := appspec.Read(info.Revision); ok {
		d.Old, d.New = move.From, move.To
	}
	return d
}

// shift reads the progress of a deployment. The picture has a width in pixels.
func (c *Console) shift(ctx context.Context, id string, width int) (any, error) {
	got, err := c.aws.Deployments.GetDeployment(ctx, &awscodedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return nil, err
	}
	info := got.DeploymentInfo
	s := &Shift{Deployment: listedDeployment(info), Events: []Event{}, Alarms: []Alarm{}}
	if info.ErrorInformation != nil {
		s.Error = aws.ToString(info.ErrorInformation.Message)
	}
	if info.RollbackInfo != nil {
		s.Rollback = aws.ToString(info.RollbackInfo.RollbackDeploymentId)
	}
	r := &picture.Record{Deployment: id, Status: s.Status}
	if err := c.target(ctx, s, r, info); err != nil {
		return nil, err
	}
	if s.Alarms, err = c.alarmsOf(ctx, info); err != nil {
		return nil, err
	}
	if r.Start.IsZero() {
		return s, nil // no traffic has moved yet
	}
	if err := c.judge(ctx, s, r); err != nil {
		return nil, err
	}
	var image bytes.Buffer
	if err := r.Draw(&image, min(width, widest)); err != nil {
		return nil, err
	}
	s.Picture = image.String()
	return s, nil
}

// widest is the largest width of a picture in pixels.
const widest = 2000

// target adds the lifecycle events and the weights. CodeDeploy only reports the present
// weight. The earlier ones follow from the deployment's configuration.
func (c *Console) target(ctx context.Context, s *Shift, r *picture.Record, info *types.DeploymentInfo) error {
	targets, err := c.aws.Deployments.BatchGetDeploymentTargets(ctx, &awscodedeploy.BatchGetDeploymentTargetsInput{DeploymentId: info.DeploymentId})
	if err != nil {
		return err
	}
	config, err := c.aws.Deployments.GetDeploymentConfig(ctx, &awscodedeploy.GetDeploymentConfigInput{DeploymentConfigName: info.DeploymentConfigName})
	if err != nil {
		return err
	}
	routing := config.DeploymentConfigInfo.TrafficRoutingConfig
	for _, target := range targets.DeploymentTargets {
		if target.LambdaTarget == nil {
			continue
		}
		f := target.LambdaTarget.LambdaFunctionInfo
		s.Function, s.Alias, s.Old, s.New = aws.ToString(f.FunctionName), aws.ToString(f.FunctionAlias), aws.ToString(f.CurrentVersion), aws.ToString(f.TargetVersion)
		s.Weight = f.TargetVersionWeight
		for _, e := range target.LambdaTarget.LifecycleEvents {
			event := Event{Name: aws.ToString(e.LifecycleEventName), Status: string(e.Status), Started: e.StartTime, Ended: e.EndTime}
			if e.Diagnostics != nil {
				event.Message = aws.ToString(e.Diagnostics.Message)
			}
			s.Events = append(s.Events, event)
			if event.Name == "AllowTraffic" && event.Started != nil {
				r.Start, r.Length = *event.Started, minutes.Shift(routing)
				r.Weights = weights(routing, *event.Started, c.time.Now(), event.Ended, event.Status == string(types.LifecycleEventStatusSucceeded))
			}
		}
	}
	r.Function, r.Alias, r.Old, r.New = s.Function, s.Alias, s.Old, s.New
	if s.Ended != nil && len(r.Weights) > 0 {
		s.Weight = r.Share() // CodeDeploy reports the weight that it stopped at
	}
	return nil
}

// weights returns the new version's shares from the beginning of a shift until its end, or
// until now if it is in progress.
func weights(routing *types.TrafficRoutingConfig, began, now time.Time, ended *time.Time, moved bool) []picture.Weight {
	until := now
	if ended != nil {
		until = *ended
	}
	var w []picture.Weight
	switch {
	case routing != nil && routing.TimeBasedCanary != nil:
		w = append(w, picture.Weight{At: began, New: float64(routing.TimeBasedCanary.CanaryPercentage) / 100})
	case routing != nil && routing.TimeBasedLinear != nil && routing.TimeBasedLinear.LinearPercentage > 0:
		l := routing.TimeBasedLinear
		at := began
		for share := float64(l.LinearPercentage); share < 100 && !at.After(until); share += float64(l.LinearPercentage) {
			w = append(w, picture.Weight{At: at, New: share / 100})
			at = at.Add(time.Duration(l.LinearInterval) * time.Minute)
		}
	default:
		w = append(w, picture.Weight{At: began, New: 1})
	}
	if ended != nil && moved {
		w = append(w, picture.Weight{At: until, New: 1})
	} else if ended != nil {
		w = append(w, picture.Weight{At: until, New: 0})
	}
	return w
}

// alarmsOf returns the alarms that can stop a deployment.
func (c *Console) alarmsOf(ctx context.Context, info *types.DeploymentInfo) ([]Alarm, error) {
	alarms := []Alarm{}
	group, err := c.aws.Deployments.GetDeploymentGroup(ctx, &awscodedeploy.GetDeploymentGroupInput{ApplicationName: info.ApplicationName, DeploymentGroupName: info.DeploymentGroupName})
	if err != nil {
		return alarms, nil //nolint:nilerr // it was deleted after the deployment
	}
	watched := group.DeploymentGroupInfo.AlarmConfiguration
	if watched == nil || len(watched.Alarms) == 0 {
		return alarms, nil
	}
	var names []string
	for _, a := range watched.Alarms {
		names = append(names, aws.ToString(a.Name))
	}
	described, err := c.aws.Metrics.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{AlarmNames: names})
	if err != nil {
		return nil, err
	}
	for _, a := range described.MetricAlarms {
		alarms = append(alarms, Alarm{aws.ToString(a.AlarmName), string(a.StateValue), aws.ToString(a.StateReason)})
	}
	for _, a := range described.CompositeAlarms {
		alarms = append(alarms, Alarm{aws.ToString(a.AlarmName), string(a.StateValue), aws.ToString(a.StateReason)})
	}
	return alarms, nil
}

// judge compares the versions as promote does, with the limits of production's alarms.
func (c *Console) judge(ctx context.Context, s *Shift, r *picture.Record) error {
	length := r.Length
	if n := len(r.Weights); s.Ended != nil && n > 0 {
		length = min(length, r.Weights[n-1].At.Sub(r.Start))
	}
	read, err := c.aws.Metrics.GetMetricData(ctx, minutes.Query(s.Function, s.Alias, r.Start, length, s.Old, s.New))
	if err != nil {
		return err
	}
	r.Minutes = minutes.Of(read.MetricDataResults, s.Old, s.New)
	s.Versions = map[string]canary.Sample{s.Old: canary.Sum(r.Minutes[s.Old]), s.New: canary.Sum(r.Minutes[s.New])}
	limits, why := c.limits(ctx, s.Function)
	switch {
	case r.Length == 0:
		s.Unjudged = "Traffic moves at once: there is nothing to compare."
	case limits == nil:
		s.Unjudged = why
	default:
		j := canary.Judge(s.Versions[s.New], s.Versions[s.Old], *limits)
		s.Limits, s.Judgement = limits, &j
		r.Limits, r.Judgement = *limits, &j
	}
	return nil
}

// limits returns the limits of the alarms in the function's stack, or why they are unknown.
func (c *Console) limits(ctx context.Context, function string) (*canary.Limits, string) {
	const unknown = "The function's stack has no alarms that say what is too much, so nothing is judged."
	resources, err := c.aws.Stacks.DescribeStackResources(ctx, &awscloudformation.DescribeStackResourcesInput{PhysicalResourceId: &function})
	if err != nil || len(resources.StackResources) == 0 {
		return nil, unknown
	}
	template, err := c.aws.Stacks.GetTemplate(ctx, &awscloudformation.GetTemplateInput{StackName: resources.StackResources[0].StackName})
	if err != nil {
		return nil, unknown
	}
	errorPercent, p90, err := readiness.Gates(json.RawMessage(aws.ToString(template.TemplateBody)))
	if err != nil {
		return nil, unknown
	}
	limits := canary.LimitsOf(errorPercent/100, p90)
	return &limits, ""
}

// stopDeployment stops a deployment. CodeDeploy gives the old version all traffic.
func (c *Console) stopDeployment(r *http.Request, in struct{ Deployment string }) error {
	_, err := c.aws.Deployments.StopDeployment(c.server.AsUser(r.Context()), &awscodedeploy.StopDeploymentInput{DeploymentId: &in.Deployment, AutoRollbackEnabled: aws.Bool(true)})
	return err
}
