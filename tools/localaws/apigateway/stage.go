package apigateway

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// A stage is a stage of an API.
type stage struct {
	types.Stage
	// limited has the methods whose settings have a throttle. The settings alone
	// don't tell a limit of zero from none.
	limited   map[string]limits
	throttles executeapi.Throttles
}

// limits are a throttle. A negative value is none.
type limits struct{ rate, burst float64 }

// A deployment is a state of an API that stages can serve.
type deployment struct {
	types.Deployment
	router *router
}

// A live is a stage as it is served.
type live struct {
	types.Stage
	router    *router
	limited   map[string]limits
	throttles *executeapi.Throttles
	monitor   executeapi.Monitor
}

var stageName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)

func (a *api) stage(name *string) (*stage, error) {
	if st := a.stages[aws.ToString(name)]; st != nil {
		return st, nil
	}
	return nil, notFound("Invalid stage identifier specified")
}

// serve serves all stages as they are now.
func (a *api) serve() {
	served := map[string]*live{}
	for name, st := range a.stages {
		l := &live{Stage: st.Stage, throttles: &st.throttles, limited: st.limited, router: &router{}}
		if d := a.deployments[aws.ToString(st.DeploymentId)]; d != nil {
			l.router = d.router
		}
		if log := st.AccessLogSettings; log != nil && aws.ToString(log.Format) != "" {
			l.monitor.Group, _ = a.service.deps.Gateway.LogGroup(aws.ToString(log.DestinationArn))
			l.monitor.Stream, l.monitor.Format = *a.Id+"/"+name, *log.Format
		}
		names := executeapi.RESTNames
		l.monitor.Series = []*executeapi.Series{
			executeapi.NewSeries(names, "ApiName", *a.Name), executeapi.NewSeries(names, "ApiName", *a.Name, "Stage", name),
		}
		l.monitor.Detailed = map[string][]*executeapi.Series{}
		for _, r := range l.router.resources {
			for _, m := range r.methods {
				if key := settingKey(r.path.Text, *m.HttpMethod); l.setting(key).MetricsEnabled {
					l.monitor.Detailed[key] = []*executeapi.Series{
						executeapi.NewSeries(names, "ApiName", *a.Name, "Stage", name, "Method", *m.HttpMethod, "Resource", r.path.Text),
					}
				}
			}
		}
		served[name] = l
	}
	a.live.Store(&served)
}

// settingKey returns the key of a method's settings in a stage, such as items/GET.
func settingKey(path, method string) string {
	if path == "/" {
		return "~1/" + method
	}
	return strings.TrimPrefix(path, "/") + "/" + method
}

// setting returns the settings of a method: its own ones, or else those of all methods.
func (l *live) setting(key string) types.MethodSetting {
	if own, ok := l.MethodSettings[key]; ok {
		return own
	}
	return l.MethodSettings["*/*"]
}

// limit returns the throttle of a method.
func (l *live) limit(key string) (limits, bool) {
	if own, ok := l.limited[key]; ok {
		return own, true
	}
	all, ok := l.limited["*/*"]
	return all, ok
}

// deploy makes a deployment of the API as it is now.
func (a *api) deploy(description *string) (*deployment, error) {
	methods := 0
	for _, r := range a.resources {
		for name, m := range r.methods {
			if m.MethodIntegration == nil {
				return nil, invalid("No integration defined for method: %s %s", name, *r.Path)
			}
			methods++
		}
	}
	if methods == 0 {
		return nil, invalid("The REST API doesn't contain any methods")
	}
	router, err := a.compile()
	if err != nil {
		return nil, err
	}
	d := &deployment{
		Deployment: types.Deployment{CreatedDate: aws.Time(a.service.account.Clock.Now()), Id: aws.String(executeapi.NewID()[:6]), Description: description},
		router:     router,
	}
	a.deployments[*d.Id] = d
	return d, nil
}

// CreateDeployment makes a deployment of an API as it is now. With a stage's name,
// that stage serves it; it is created if it does not exist.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateDeployment.html.
func (s *Service) CreateDeployment(_ context.Context, in *awsapi.CreateDeploymentInput) (*awsapi.CreateDeploymentOutput, error) {
	if err := refuse(in, "CacheClusterEnabled", "CacheClusterSize", "CanarySettings", "TracingEnabled"); err != nil {
		return nil, err
	}
	out := &awsapi.CreateDeploymentOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		name := aws.ToString(in.StageName)
		if name != "" && !stageName.MatchString(name) {
			return invalid("Stage name only allows a-zA-Z0-9_")
		}
		d, err := a.deploy(in.Description)
		if err != nil {
			return err
		}
		executeapi.Assign(out, &d.Deployment)
		if name == "" {
			return nil
		}
		st := a.stages[name]
		if st == nil {
			st = a.newStage(name)
		}
		st.DeploymentId, st.LastUpdatedDate = d.Id, aws.Time(s.account.Clock.Now())
		if in.StageDescription != nil {
			st.Description = in.StageDescription
		}
		if in.Variables != nil {
			st.Variables = in.Variables
		}
		return nil
	})
}

// newStage adds an empty stage to the API.
func (a *api) newStage(name string) *stage {
	now := a.service.account.Clock.Now()
	st := &stage{
		Stage: types.Stage{
			StageName: &name, CreatedDate: aws.Time(now), LastUpdatedDate: aws.Time(now), MethodSettings: map[string]types.MethodSetting{},
			CacheClusterStatus: types.CacheClusterStatusNotAvailable,
		},
		limited: map[string]limits{},
	}
	a.stages[name] = st
	return st
}

func (a *api) deployment(id *string) (*deployment, error) {
	if d := a.deployments[aws.ToString(id)]; d != nil {
		return d, nil
	}
	return nil, notFound("Invalid Deployment identifier specified")
}

// GetDeployment describes a deployment.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetDeployment.html.
func (s *Service) GetDeployment(_ context.Context, in *awsapi.GetDeploymentInput) (*awsapi.GetDeploymentOutput, error) {
	out := &awsapi.GetDeploymentOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		d, err := a.deployment(in.DeploymentId)
		if err == nil {
			executeapi.Assign(out, &d.Deployment)
		}
		return err
	})
}

// GetDeployments lists the deployments of an API.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetDeployments.html.
func (s *Service) GetDeployments(_ context.Context, in *awsapi.GetDeploymentsInput) (*awsapi.GetDeploymentsOutput, error) {
	out := &awsapi.GetDeploymentsOutput{}
	return out, s.read(in.RestApiId, func(a *api) (err error) {
		all := []types.Deployment{}
		for _, id := range slices.Sorted(maps.Keys(a.deployments)) {
			all = append(all, a.deployments[id].Deployment)
		}
		out.Items, out.Position, err = page(all, in.Position, in.Limit)
		return err
	})
}

// UpdateDeployment changes the description of a deployment.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateDeployment.html.
func (s *Service) UpdateDeployment(_ context.Context, in *awsapi.UpdateDeploymentInput) (*awsapi.UpdateDeploymentOutput, error) {
	out := &awsapi.UpdateDeploymentOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		d, err := a.deployment(in.DeploymentId)
		if err != nil {
			return err
		}
		err = patch(in.PatchOperations, func(path string, value *string) (bool, error) {
			if path == "/description" {
				d.Description = value
			}
			return path == "/description", nil
		})
		executeapi.Assign(out, &d.Deployment)
		return err
	})
}

// DeleteDeployment deletes a deployment that no stage serves.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteDeployment.html.
func (s *Service) DeleteDeployment(_ context.Context, in *awsapi.DeleteDeploymentInput) (*awsapi.DeleteDeploymentOutput, error) {
	return &awsapi.DeleteDeploymentOutput{}, s.write(in.RestApiId, func(a *api) error {
		d, err := a.deployment(in.DeploymentId)
		if err != nil {
			return err
		}
		for _, st := range a.stages {
			if aws.ToString(st.DeploymentId) == *d.Id {
				return invalid("Active stages pointing to this deployment must be moved or deleted")
			}
		}
		delete(a.deployments, *d.Id)
		return nil
	})
}

// unsupportedStage lists what CreateStage refuses.
var unsupportedStage = []string{"CacheClusterEnabled", "CacheClusterSize", "CanarySettings", "DocumentationVersion", "TracingEnabled"}

// CreateStage creates a stage that serves a deployment.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateStage.html.
func (s *Service) CreateStage(_ context.Context, in *awsapi.CreateStageInput) (*awsapi.CreateStageOutput, error) {
	if err := refuse(in, unsupportedStage...); err != nil {
		return nil, err
	}
	out := &awsapi.CreateStageOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		if !stageName.MatchString(aws.ToString(in.StageName)) {
			return invalid("Stage name only allows a-zA-Z0-9_")
		}
		if a.stages[*in.StageName] != nil {
			return conflict("Stage already exists")
		}
		d, err := a.deployment(in.DeploymentId)
		if err != nil {
			return err
		}
		st := a.newStage(*in.StageName)
		st.DeploymentId, st.Description, st.Variables, st.Tags = d.Id, in.Description, in.Variables, maps.Clone(in.Tags)
		executeapi.Assign(out, &st.Stage)
		return nil
	})
}

// GetStage describes a stage.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetStage.html.
func (s *Service) GetStage(_ context.Context, in *awsapi.GetStageInput) (*awsapi.GetStageOutput, error) {
	out := &awsapi.GetStageOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		st, err := a.stage(in.StageName)
		if err == nil {
			executeapi.Assign(out, &st.Stage)
		}
		return err
	})
}

// GetStages lists the stages of an API.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetStages.html.
func (s *Service) GetStages(_ context.Context, in *awsapi.GetStagesInput) (*awsapi.GetStagesOutput, error) {
	out := &awsapi.GetStagesOutput{Item: []types.Stage{}}
	return out, s.read(in.RestApiId, func(a *api) error {
		for _, name := range slices.Sorted(maps.Keys(a.stages)) {
			if st := a.stages[name]; in.DeploymentId == nil || aws.ToString(st.DeploymentId) == *in.DeploymentId {
				out.Item = append(out.Item, st.Stage)
			}
		}
		return nil
	})
}

// UpdateStage changes a stage.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateStage.html.
func (s *Service) UpdateStage(_ context.Context, in *awsapi.UpdateStageInput) (*awsapi.UpdateStageOutput, error) {
	out := &awsapi.UpdateStageOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		st, err := a.stage(in.StageName)
		if err != nil {
			return err
		}
		c := stageChange{api: a, Stage: st.Stage, limited: maps.Clone(st.limited)}
		c.Variables, c.MethodSettings = maps.Clone(c.Variables), maps.Clone(c.MethodSettings)
		if err := patch(in.PatchOperations, c.set); err != nil {
			return err
		}
		c.LastUpdatedDate = aws.Time(s.account.Clock.Now())
		st.Stage, st.limited = c.Stage, c.limited
		executeapi.Assign(out, &st.Stage)
		return nil
	})
}

// A stageChange is a stage that is being changed.
type stageChange struct {
	api *api
	types.Stage
	limited map[string]limits
}

func (c *stageChange) set(path string, value *string) (bool, error) {
	name, isVariable := strings.CutPrefix(path, "/variables/")
	switch {
	case path == "/description":
		c.Description = value
	case path == "/deploymentId":
		d, err := c.api.deployment(value)
		if err != nil {
			return true, err
		}
		c.DeploymentId = d.Id
	case isVariable && value == nil:
		delete(c.Variables, name)
	case isVariable:
		if c.Variables == nil {
			c.Variables = map[string]string{}
		}
		c.Variables[name] = *value
	case path == "/accessLogSettings" && value == nil:
		c.AccessLogSettings = nil
	case path == "/accessLogSettings/destinationArn" || path == "/accessLogSettings/format":
		return true, c.log(path, value)
	case path == "/tracingEnabled" || path == "/cacheClusterEnabled":
		if aws.ToString(value) == "true" {
			return true, unsupported(path[1:])
		}
	default:
		return c.method(path, value)
	}
	return true, nil
}

func (c *stageChange) log(path string, value *string) error {
	next := types.AccessLogSettings{}
	if c.AccessLogSettings != nil {
		next = *c.AccessLogSettings
	}
	if path == "/accessLogSettings/format" {
		next.Format = value
	} else {
		if c.api.service.role == "" {
			return errNoLogRole
		}
		if _, ok := c.api.service.deps.Gateway.LogGroup(aws.ToString(value)); !ok {
			return invalid("The embedded AWS writes access logs to log groups of CloudWatch Logs only, not to %s.", aws.ToString(value))
		}
		next.DestinationArn = value
	}
	c.AccessLogSettings = &next
	return nil
}

var errNoLogRole = invalid("CloudWatch Logs role ARN must be set in account settings to enable logging")

// methodSetting matches the path of a method's settings: /RESOURCE/METHOD/SETTING, or
// /RESOURCE/METHOD to remove them.
var methodSetting = regexp.MustCompile(`^/(\*|~1[^/]*|[^/]+)/(\*|[A-Z]+)(?:/(throttling/rateLimit|throttling/burstLimit|metrics/enabled|logging/loglevel|logging/dataTrace|caching/.*))?$`)

// method changes the settings of a method.
// See https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html#UpdateStage-Patch.
func (c *stageChange) method(path string, value *string) (bool, error) {
	m := methodSetting.FindStringSubmatch(path)
	if m == nil {
		return false, nil
	}
	resource := unescapePointer(m[1])
	key := resource + "/" + m[2]
	if resource != "*" {
		key = settingKey(resource, m[2])
	}
	if c.MethodSettings == nil {
		c.MethodSettings = map[string]types.MethodSetting{}
	}
	if m[3] == "" {
		if value != nil {
			return false, nil
		}
		delete(c.MethodSettings, key)
		delete(c.limited, key)
		return true, nil
	}
	s, text := c.MethodSettings[key], aws.ToString(value)
	limit, ok := c.limited[key]
	if !ok {
		limit = limits{-1, -1}
	}
	n, err := strconv.ParseFloat(text, 64)
	number := err == nil && n >= 0
	switch m[3] {
	case "throttling/rateLimit":
		s.ThrottlingRateLimit, limit.rate = n, n
	case "throttling/burstLimit":
		s.ThrottlingBurstLimit, limit.burst = int32(n), n
	case "metrics/enabled":
		s.MetricsEnabled = text == "true"
	case "logging/loglevel":
		if text == "" {
			text = "OFF"
		}
		if !slices.Contains([]string{"OFF", "ERROR", "INFO"}, text) {
			return true, invalid("Invalid logging level specified: %s. Must be one of OFF, ERROR, INFO", text)
		}
		if text != "OFF" && c.api.service.role == "" {
			return true, errNoLogRole
		}
		s.LoggingLevel = &text
	// These have no effect. The resource type says so.
	case "logging/dataTrace":
		s.DataTraceEnabled = text == "true"
	case "caching/enabled":
		s.CachingEnabled = text == "true"
	case "caching/dataEncrypted":
		s.CacheDataEncrypted = text == "true"
	case "caching/ttlInSeconds":
		if !number || n > 3600 {
			return true, invalid("Invalid cache TTL, must be between 0 and 3600")
		}
		s.CacheTtlInSeconds = int32(n)
	default:
		return false, nil
	}
	if strings.HasPrefix(m[3], "throttling/") {
		if !number {
			return true, invalid("Invalid throttling limit specified: %s", text)
		}
		c.limited[key] = limit
	}
	c.MethodSettings[key] = s
	return true, nil
}

// DeleteStage deletes a stage.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteStage.html.
func (s *Service) DeleteStage(_ context.Context, in *awsapi.DeleteStageInput) (*awsapi.DeleteStageOutput, error) {
	return &awsapi.DeleteStageOutput{}, s.write(in.RestApiId, func(a *api) error {
		if _, err := a.stage(in.StageName); err != nil {
			return err
		}
		delete(a.stages, *in.StageName)
		return nil
	})
}

// FlushStageAuthorizersCache forgets the decisions of the authorizers of a stage.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_FlushStageAuthorizersCache.html.
func (s *Service) FlushStageAuthorizersCache(_ context.Context, in *awsapi.FlushStageAuthorizersCacheInput) (*awsapi.FlushStageAuthorizersCacheOutput, error) {
	return &awsapi.FlushStageAuthorizersCacheOutput{}, s.read(in.RestApiId, func(a *api) error {
		if _, err := a.stage(in.StageName); err != nil {
			return err
		}
		if l := (*a.live.Load())[*in.StageName]; l != nil {
			for _, z := range l.router.authorizers {
				z.results.Forget()
			}
		}
		return nil
	})
}
