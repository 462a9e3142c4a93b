package codedeploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/google/uuid"
)

// The predefined deployment configurations.
const (
	predefined = "CodeDeployDefault."
	allAtOnce  = predefined + "LambdaAllAtOnce"
)

// predefinedConfigs returns AWS's predefined configurations for Lambda.
// See https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html.
func predefinedConfigs() map[string]*types.DeploymentConfigInfo {
	configs := map[string]*types.DeploymentConfigInfo{}
	add := func(name string, routing types.TrafficRoutingConfig) {
		configs[name] = &types.DeploymentConfigInfo{
			ComputePlatform:      types.ComputePlatformLambda,
			DeploymentConfigId:   aws.String("00000000-0000-0000-0000-" + fmt.Sprintf("%012d", len(configs)+1)),
			DeploymentConfigName: aws.String(name),
			TrafficRoutingConfig: &routing,
		}
	}
	add(allAtOnce, types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeAllAtOnce})
	for _, minutes := range []int32{5, 10, 15, 30} {
		add(fmt.Sprintf("%sLambdaCanary10Percent%dMinutes", predefined, minutes), types.TrafficRoutingConfig{
			Type:            types.TrafficRoutingTypeTimeBasedCanary,
			TimeBasedCanary: &types.TimeBasedCanary{CanaryPercentage: 10, CanaryInterval: minutes},
		})
	}
	for _, minutes := range []int32{1, 2, 3, 10} {
		unit := "Minutes"
		if minutes == 1 {
			unit = "Minute"
		}
		add(fmt.Sprintf("%sLambdaLinear10PercentEvery%d%s", predefined, minutes, unit), types.TrafficRoutingConfig{
			Type:            types.TrafficRoutingTypeTimeBasedLinear,
			TimeBasedLinear: &types.TimeBasedLinear{LinearPercentage: 10, LinearInterval: minutes},
		})
	}
	return configs
}

// A step gives the new version a share of the traffic at a certain time after
// the shift has begun.
type step struct {
	after   time.Duration
	percent int32
}

// steps returns the steps of a traffic shift. The last step is 100 percent.
func steps(routing *types.TrafficRoutingConfig) []step {
	switch routing.Type {
	case types.TrafficRoutingTypeTimeBasedCanary:
		c := routing.TimeBasedCanary
		return []step{{0, c.CanaryPercentage}, {time.Duration(c.CanaryInterval) * time.Minute, 100}}
	case types.TrafficRoutingTypeTimeBasedLinear:
		l := routing.TimeBasedLinear
		var all []step
		for percent, after := l.LinearPercentage, time.Duration(0); ; percent += l.LinearPercentage {
			all = append(all, step{after, min(percent, 100)})
			if percent >= 100 {
				return all
			}
			after += time.Duration(l.LinearInterval) * time.Minute
		}
	default:
		return []step{{0, 100}}
	}
}

// maxShift is the longest allowed traffic shift.
const maxShift = 48 * time.Hour

func checkRouting(routing *types.TrafficRoutingConfig) error {
	invalid := func(format string, args ...any) error {
		return &types.InvalidTrafficRoutingConfigurationException{Message: aws.String(fmt.Sprintf(format, args...))}
	}
	if routing == nil {
		return invalid("A deployment configuration for Lambda must have a traffic routing configuration.")
	}
	var percent, interval int32
	switch routing.Type {
	case types.TrafficRoutingTypeAllAtOnce:
		if routing.TimeBasedCanary != nil || routing.TimeBasedLinear != nil {
			return invalid("AllAtOnce allows neither timeBasedCanary nor timeBasedLinear.")
		}
		return nil
	case types.TrafficRoutingTypeTimeBasedCanary:
		if routing.TimeBasedCanary == nil || routing.TimeBasedLinear != nil {
			return invalid("TimeBasedCanary requires timeBasedCanary and does not allow timeBasedLinear.")
		}
		percent, interval = routing.TimeBasedCanary.CanaryPercentage, routing.TimeBasedCanary.CanaryInterval
	case types.TrafficRoutingTypeTimeBasedLinear:
		if routing.TimeBasedLinear == nil || routing.TimeBasedCanary != nil {
			return invalid("TimeBasedLinear requires timeBasedLinear and does not allow timeBasedCanary.")
		}
		percent, interval = routing.TimeBasedLinear.LinearPercentage, routing.TimeBasedLinear.LinearInterval
	default:
		return invalid("%q is not a type of traffic routing.", routing.Type)
	}
	if percent < 1 || percent > 99 {
		return invalid("The percentage must be between 1 and 99, not %d.", percent)
	}
	if most := int32(maxShift / time.Minute); interval < 1 || interval > most {
		return invalid("The interval must be between 1 and %d minutes, not %d.", most, interval)
	}
	if all := steps(routing); all[len(all)-1].after > maxShift {
		return invalid("The traffic shift must not take longer than %d hours.", int(maxShift.Hours()))
	}
	return nil
}

// CreateDeploymentConfig creates a canary, linear or all-at-once configuration
// for Lambda.
func (s *Service) CreateDeploymentConfig(_ context.Context, in *awscodedeploy.CreateDeploymentConfigInput) (*awscodedeploy.CreateDeploymentConfigOutput, error) {
	name := aws.ToString(in.DeploymentConfigName)
	switch {
	case name == "":
		return nil, &types.DeploymentConfigNameRequiredException{Message: aws.String("The deployment configuration name was not specified.")}
	case len(name) > maxName || strings.HasPrefix(name, predefined):
		return nil, &types.InvalidDeploymentConfigNameException{Message: aws.String("The deployment configuration name is longer than 100 characters or begins with " + predefined)}
	case in.ComputePlatform != types.ComputePlatformLambda:
		return nil, &types.InvalidComputePlatformException{Message: aws.String("Only deployment configurations with the compute platform Lambda are supported by the embedded AWS")}
	case in.MinimumHealthyHosts != nil:
		return nil, &types.InvalidMinimumHealthyHostValueException{Message: aws.String("minimumHealthyHosts does not apply to the compute platform Lambda.")}
	case in.ZonalConfig != nil:
		return nil, &types.InvalidZonalDeploymentConfigurationException{Message: aws.String("zonalConfig does not apply to the compute platform Lambda.")}
	}
	if err := checkRouting(in.TrafficRoutingConfig); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.configs[name] != nil {
		return nil, &types.DeploymentConfigAlreadyExistsException{Message: aws.String("Deployment configuration already exists: " + name)}
	}
	s.configs[name] = &types.DeploymentConfigInfo{
		ComputePlatform:      types.ComputePlatformLambda,
		CreateTime:           aws.Time(s.account.Clock.Now()),
		DeploymentConfigId:   aws.String(uuid.NewString()),
		DeploymentConfigName: aws.String(name),
		TrafficRoutingConfig: copyRouting(in.TrafficRoutingConfig),
	}
	return &awscodedeploy.CreateDeploymentConfigOutput{DeploymentConfigId: s.configs[name].DeploymentConfigId}, nil
}

func copyRouting(r *types.TrafficRoutingConfig) *types.TrafficRoutingConfig {
	c := *r
	if r.TimeBasedCanary != nil {
		canary := *r.TimeBasedCanary
		c.TimeBasedCanary = &canary
	}
	if r.TimeBasedLinear != nil {
		linear := *r.TimeBasedLinear
		c.TimeBasedLinear = &linear
	}
	return &c
}

// config returns the named configuration. The caller holds the service's lock.
func (s *Service) config(name string) (*types.DeploymentConfigInfo, error) {
	if name == "" {
		return nil, &types.DeploymentConfigNameRequiredException{Message: aws.String("The deployment configuration name was not specified.")}
	}
	c := s.configs[name]
	if c == nil {
		return nil, &types.DeploymentConfigDoesNotExistException{Message: aws.String("No Deployment Configuration found for name: " + name)}
	}
	return c, nil
}

// GetDeploymentConfig describes a configuration.
func (s *Service) GetDeploymentConfig(_ context.Context, in *awscodedeploy.GetDeploymentConfigInput) (*awscodedeploy.GetDeploymentConfigOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.config(aws.ToString(in.DeploymentConfigName))
	if err != nil {
		return nil, err
	}
	info := *c
	info.TrafficRoutingConfig = copyRouting(c.TrafficRoutingConfig)
	return &awscodedeploy.GetDeploymentConfigOutput{DeploymentConfigInfo: &info}, nil
}

// ListDeploymentConfigs lists configurations, including the predefined ones.
func (s *Service) ListDeploymentConfigs(_ context.Context, in *awscodedeploy.ListDeploymentConfigsInput) (*awscodedeploy.ListDeploymentConfigsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, next, err := paginate(slices.Sorted(maps.Keys(s.configs)), in.NextToken)
	if err != nil {
		return nil, err
	}
	return &awscodedeploy.ListDeploymentConfigsOutput{DeploymentConfigsList: page, NextToken: next}, nil
}

// DeleteDeploymentConfig deletes a configuration. No deployment group and no
// deployment in progress may use it. Deleting one that does not exist is no error.
func (s *Service) DeleteDeploymentConfig(_ context.Context, in *awscodedeploy.DeleteDeploymentConfigInput) (*awscodedeploy.DeleteDeploymentConfigOutput, error) {
	name := aws.ToString(in.DeploymentConfigName)
	if name == "" {
		return nil, &types.DeploymentConfigNameRequiredException{Message: aws.String("The deployment configuration name was not specified.")}
	}
	if strings.HasPrefix(name, predefined) {
		return nil, &types.InvalidOperationException{Message: aws.String("The predefined deployment configuration " + name + " cannot be deleted.")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.applications {
		for _, g := range a.groups {
			if aws.ToString(g.info.DeploymentConfigName) == name {
				return nil, &types.DeploymentConfigInUseException{Message: aws.String("The deployment configuration " + name + " is used by the deployment group " + *g.info.DeploymentGroupName)}
			}
		}
	}
	for _, d := range s.order {
		if !d.ended() && *d.info.DeploymentConfigName == name {
			return nil, &types.DeploymentConfigInUseException{Message: aws.String("The deployment configuration " + name + " is used by the deployment " + d.id)}
		}
	}
	delete(s.configs, name)
	return &awscodedeploy.DeleteDeploymentConfigOutput{}, nil
}
