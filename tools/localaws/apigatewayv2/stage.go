package apigatewayv2

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// A stage is a stage of an API.
type stage struct {
	types.Stage
	throttles executeapi.Throttles
}

// A deployment is a state of an API that stages can serve.
type deployment struct {
	types.Deployment
	router *router
}

// A live is a stage as it is served.
type live struct {
	types.Stage
	router    *router
	throttles *executeapi.Throttles
	monitor   executeapi.Monitor
}

var stageName = regexp.MustCompile(`^(\$default|[a-zA-Z0-9_-]{1,128})$`)

func (a *api) stage(name *string) (*stage, error) {
	if st := a.stages[aws.ToString(name)]; st != nil {
		return st, nil
	}
	return nil, notFound("Invalid stage identifier specified")
}

// changed deploys the API's state to the stages that deploy automatically, and
// serves all stages as they are now.
func (a *api) changed() {
	var auto *deployment
	for _, st := range a.stages {
		if !aws.ToBool(st.AutoDeploy) {
			continue
		}
		if auto == nil {
			auto = a.deploy(aws.String("Automatic deployment triggered by changes to the Api configuration"))
			auto.AutoDeployed = aws.Bool(true)
		}
		if old := a.deployments[aws.ToString(st.DeploymentId)]; old != nil && aws.ToBool(old.AutoDeployed) {
			delete(a.deployments, *old.DeploymentId)
		}
		st.DeploymentId = auto.DeploymentId
		st.LastDeploymentStatusMessage = aws.String("Successfully deployed stage with deployment ID '" + *auto.DeploymentId + "'")
	}
	served := map[string]*live{}
	for name, st := range a.stages {
		served[name] = a.serve(st)
	}
	a.live.Store(&served)
}

// serve returns a stage as it is to be served.
func (a *api) serve(st *stage) *live {
	l := &live{Stage: st.Stage, throttles: &st.throttles, router: &router{}}
	if d := a.deployments[aws.ToString(st.DeploymentId)]; d != nil {
		l.router = d.router
	}
	if log := st.AccessLogSettings; log != nil {
		l.monitor.Group, _ = a.service.deps.Gateway.LogGroup(*log.DestinationArn)
		l.monitor.Stream, l.monitor.Format = *a.ApiId+"/"+strings.TrimPrefix(*st.StageName, "$"), *log.Format
	}
	names := executeapi.HTTPNames
	l.monitor.Series = []*executeapi.Series{
		executeapi.NewSeries(names, "ApiId", *a.ApiId), executeapi.NewSeries(names, "ApiId", *a.ApiId, "Stage", *st.StageName),
	}
	l.monitor.Detailed = map[string][]*executeapi.Series{}
	for _, r := range l.router.routes {
		if aws.ToBool(l.settings(r.text).DetailedMetricsEnabled) {
			l.monitor.Detailed[r.text] = []*executeapi.Series{
				executeapi.NewSeries(names, "ApiId", *a.ApiId, "Stage", *st.StageName, "Method", r.method, "Resource", r.path.Text),
			}
		}
	}
	return l
}

// settings returns the settings of a route: its own ones, or else the default ones.
func (l *live) settings(key string) types.RouteSettings {
	if own, ok := l.RouteSettings[key]; ok {
		return own
	}
	if l.DefaultRouteSettings != nil {
		return *l.DefaultRouteSettings
	}
	return types.RouteSettings{}
}

// deploy makes a deployment of the API as it is now.
func (a *api) deploy(description *string) *deployment {
	d := &deployment{
		Deployment: types.Deployment{
			AutoDeployed: aws.Bool(false), CreatedDate: aws.Time(a.service.account.Clock.Now()), DeploymentId: aws.String(executeapi.NewID()[:6]),
			DeploymentStatus: types.DeploymentStatusDeployed, Description: description,
		},
		router: a.compile(),
	}
	a.deployments[*d.DeploymentId] = d
	return d
}

// checkStage checks a stage that is about to be part of the API.
func (a *api) checkStage(st *types.Stage) error {
	if !stageName.MatchString(aws.ToString(st.StageName)) {
		return invalid("Invalid stage name %s: it may have letters, digits, - and _ only, or be $default", aws.ToString(st.StageName))
	}
	if st.DeploymentId != nil && a.deployments[*st.DeploymentId] == nil {
		return notFound("Deployment id does not exist")
	}
	if l := st.AccessLogSettings; l != nil {
		if _, ok := a.service.deps.Gateway.LogGroup(aws.ToString(l.DestinationArn)); !ok {
			return invalid("The embedded AWS writes access logs to log groups of CloudWatch Logs only, not to %s.", aws.ToString(l.DestinationArn))
		}
		if aws.ToString(l.Format) == "" {
			return invalid("Format of access log settings must not be empty")
		}
	}
	all := maps.Clone(st.RouteSettings)
	if all == nil {
		all = map[string]types.RouteSettings{}
	}
	for key := range all {
		if !slices.ContainsFunc(executeapi.Sorted(a.routes), func(r types.Route) bool { return *r.RouteKey == key }) {
			return notFound("Unable to find Route by key %s within the provided RouteSettings", key)
		}
	}
	if st.DefaultRouteSettings != nil {
		all["default"] = *st.DefaultRouteSettings
	}
	for key, r := range all {
		switch {
		case aws.ToBool(r.DataTraceEnabled) || r.LoggingLevel != "" && r.LoggingLevel != types.LoggingLevelOff:
			return invalid("Execution logs are not supported on protocolType HTTP (route settings of %s)", key)
		case aws.ToInt32(r.ThrottlingBurstLimit) < 0 || aws.ToFloat64(r.ThrottlingRateLimit) < 0:
			return invalid("Invalid throttling limits in the route settings of %s: they must not be negative", key)
		}
	}
	return nil
}

// addStage creates a stage.
func (a *api) addStage(in *awsapi.CreateStageInput) error {
	if err := refuse(in, "ClientCertificateId"); err != nil {
		return err
	}
	st := &stage{}
	executeapi.Assign(&st.Stage, in)
	if err := a.checkStage(&st.Stage); err != nil {
		return err
	}
	if aws.ToBool(in.AutoDeploy) && in.DeploymentId != nil {
		return invalid("Deployment ID cannot be set on stages with AutoDeploy enabled")
	}
	if a.stages[*in.StageName] != nil {
		return conflict("Stage already exists")
	}
	if st.AutoDeploy == nil {
		st.AutoDeploy = aws.Bool(false)
	}
	if st.DefaultRouteSettings == nil {
		st.DefaultRouteSettings = &types.RouteSettings{DetailedMetricsEnabled: aws.Bool(false)}
	}
	if st.RouteSettings == nil {
		st.RouteSettings = map[string]types.RouteSettings{}
	}
	now := a.service.account.Clock.Now()
	st.Tags = maps.Clone(in.Tags)
	st.CreatedDate, st.LastUpdatedDate = aws.Time(now), aws.Time(now)
	a.stages[*in.StageName] = st
	return nil
}

// CreateStage creates a stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html.
func (s *Service) CreateStage(_ context.Context, in *awsapi.CreateStageInput) (*awsapi.CreateStageOutput, error) {
	if err := s.write(in.ApiId, func(a *api) error { return a.addStage(in) }); err != nil {
		return nil, err
	}
	// The change has set the deployment.
	out := &awsapi.CreateStageOutput{}
	return out, s.describeStage(in.ApiId, in.StageName, out)
}

// describeStage copies a stage to an output.
func (s *Service) describeStage(id, name *string, out any) error {
	return s.read(id, func(a *api) error {
		st, err := a.stage(name)
		if err == nil {
			executeapi.Assign(out, &st.Stage)
		}
		return err
	})
}

// GetStage describes a stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html.
func (s *Service) GetStage(_ context.Context, in *awsapi.GetStageInput) (*awsapi.GetStageOutput, error) {
	out := &awsapi.GetStageOutput{}
	return out, s.describeStage(in.ApiId, in.StageName, out)
}

// GetStages lists the stages of an API.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html.
func (s *Service) GetStages(_ context.Context, in *awsapi.GetStagesInput) (*awsapi.GetStagesOutput, error) {
	out := &awsapi.GetStagesOutput{}
	return out, s.read(in.ApiId, func(a *api) (err error) {
		all := []types.Stage{}
		for _, name := range slices.Sorted(maps.Keys(a.stages)) {
			all = append(all, a.stages[name].Stage)
		}
		out.Items, out.NextToken, err = page(all, in.NextToken, in.MaxResults)
		return err
	})
}

// UpdateStage changes a stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html.
func (s *Service) UpdateStage(_ context.Context, in *awsapi.UpdateStageInput) (*awsapi.UpdateStageOutput, error) {
	if err := refuse(in, "ClientCertificateId"); err != nil {
		return nil, err
	}
	if err := s.changeStage(in.ApiId, in.StageName, func(a *api, next *types.Stage) error {
		executeapi.Change(next, in)
		if aws.ToBool(next.AutoDeploy) && in.DeploymentId != nil {
			return invalid("Deployment ID cannot be set on stages with AutoDeploy enabled")
		}
		return a.checkStage(next)
	}); err != nil {
		return nil, err
	}
	out := &awsapi.UpdateStageOutput{}
	return out, s.describeStage(in.ApiId, in.StageName, out)
}

// changeStage changes a copy of a stage, which takes its place if there is no error.
func (s *Service) changeStage(id, name *string, change func(*api, *types.Stage) error) error {
	return s.write(id, func(a *api) error {
		st, err := a.stage(name)
		if err != nil {
			return err
		}
		next := st.Stage
		if err := change(a, &next); err != nil {
			return err
		}
		next.LastUpdatedDate = aws.Time(s.account.Clock.Now())
		st.Stage = next
		return nil
	})
}

// DeleteStage deletes a stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html.
func (s *Service) DeleteStage(_ context.Context, in *awsapi.DeleteStageInput) (*awsapi.DeleteStageOutput, error) {
	return &awsapi.DeleteStageOutput{}, s.write(in.ApiId, func(a *api) error {
		if _, err := a.stage(in.StageName); err != nil {
			return err
		}
		delete(a.stages, *in.StageName)
		return nil
	})
}

// DeleteAccessLogSettings ends the access log of a stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename-accesslogsettings.html.
func (s *Service) DeleteAccessLogSettings(_ context.Context, in *awsapi.DeleteAccessLogSettingsInput) (*awsapi.DeleteAccessLogSettingsOutput, error) {
	return &awsapi.DeleteAccessLogSettingsOutput{}, s.changeStage(in.ApiId, in.StageName, func(_ *api, next *types.Stage) error {
		next.AccessLogSettings = nil
		return nil
	})
}

// DeleteRouteSettings removes a route's own settings from a stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename-routesettings-routekey.html.
func (s *Service) DeleteRouteSettings(_ context.Context, in *awsapi.DeleteRouteSettingsInput) (*awsapi.DeleteRouteSettingsOutput, error) {
	return &awsapi.DeleteRouteSettingsOutput{}, s.changeStage(in.ApiId, in.StageName, func(_ *api, next *types.Stage) error {
		next.RouteSettings = maps.Clone(next.RouteSettings)
		delete(next.RouteSettings, aws.ToString(in.RouteKey))
		return nil
	})
}

// CreateDeployment makes a deployment of an API as it is now, which a stage can serve.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-deployments.html.
func (s *Service) CreateDeployment(_ context.Context, in *awsapi.CreateDeploymentInput) (*awsapi.CreateDeploymentOutput, error) {
	out := &awsapi.CreateDeploymentOutput{}
	return out, s.write(in.ApiId, func(a *api) error {
		if len(a.routes) == 0 {
			return invalid("At least one route is required before deploying the Api.")
		}
		var st *stage
		if in.StageName != nil {
			var err error
			if st, err = a.stage(in.StageName); err != nil {
				return err
			}
			if aws.ToBool(st.AutoDeploy) {
				return invalid("Deployment cannot be created for stage %s, which deploys automatically", *in.StageName)
			}
		}
		d := a.deploy(in.Description)
		if st != nil {
			st.DeploymentId = d.DeploymentId
		}
		executeapi.Assign(out, &d.Deployment)
		return nil
	})
}

// GetDeployment describes a deployment.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-deployments-deploymentid.html.
func (s *Service) GetDeployment(_ context.Context, in *awsapi.GetDeploymentInput) (*awsapi.GetDeploymentOutput, error) {
	out := &awsapi.GetDeploymentOutput{}
	return out, s.read(in.ApiId, func(a *api) error {
		d := a.deployments[aws.ToString(in.DeploymentId)]
		if d == nil {
			return notFound("Invalid deployment identifier specified")
		}
		executeapi.Assign(out, &d.Deployment)
		return nil
	})
}

// GetDeployments lists the deployments of an API.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-deployments.html.
func (s *Service) GetDeployments(_ context.Context, in *awsapi.GetDeploymentsInput) (*awsapi.GetDeploymentsOutput, error) {
	out := &awsapi.GetDeploymentsOutput{}
	return out, s.read(in.ApiId, func(a *api) (err error) {
		all := []types.Deployment{}
		for _, id := range slices.Sorted(maps.Keys(a.deployments)) {
			all = append(all, a.deployments[id].Deployment)
		}
		out.Items, out.NextToken, err = page(all, in.NextToken, in.MaxResults)
		return err
	})
}

// UpdateDeployment changes the description of a deployment.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-deployments-deploymentid.html.
func (s *Service) UpdateDeployment(_ context.Context, in *awsapi.UpdateDeploymentInput) (*awsapi.UpdateDeploymentOutput, error) {
	out := &awsapi.UpdateDeploymentOutput{}
	return out, s.write(in.ApiId, func(a *api) error {
		d := a.deployments[aws.ToString(in.DeploymentId)]
		if d == nil {
			return notFound("Invalid deployment identifier specified")
		}
		if in.Description != nil {
			d.Description = in.Description
		}
		executeapi.Assign(out, &d.Deployment)
		return nil
	})
}

// DeleteDeployment deletes a deployment that no stage serves.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-deployments-deploymentid.html.
func (s *Service) DeleteDeployment(_ context.Context, in *awsapi.DeleteDeploymentInput) (*awsapi.DeleteDeploymentOutput, error) {
	return &awsapi.DeleteDeploymentOutput{}, s.write(in.ApiId, func(a *api) error {
		if a.deployments[aws.ToString(in.DeploymentId)] == nil {
			return notFound("Invalid deployment identifier specified")
		}
		for _, st := range a.stages {
			if aws.ToString(st.DeploymentId) == *in.DeploymentId {
				return invalid("Active stages pointing to this deployment must be moved or deleted")
			}
		}
		delete(a.deployments, *in.DeploymentId)
		return nil
	})
}
