package codedeploy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/google/uuid"
)

type group struct {
	info   types.DeploymentGroupInfo
	active *deployment // the deployment that has not ended; there is at most one
}

const (
	maxAlarms   = 10 // per deployment group
	maxTriggers = 10
)

// CreateDeploymentGroup creates a group. If the request has no deployment
// style, the group gets the only style that Lambda supports.
func (s *Service) CreateDeploymentGroup(_ context.Context, in *awscodedeploy.CreateDeploymentGroupInput) (*awscodedeploy.CreateDeploymentGroupOutput, error) {
	name := aws.ToString(in.DeploymentGroupName)
	switch {
	case name == "":
		return nil, groupNameRequired()
	case len(name) > maxName:
		return nil, &types.InvalidDeploymentGroupNameException{Message: aws.String("The deployment group name is longer than 100 characters.")}
	case aws.ToString(in.ServiceRoleArn) == "":
		return nil, &types.RoleRequiredException{Message: aws.String("The role ARN was not specified.")}
	}
	// An update has the same members, so one check covers both.
	update := &awscodedeploy.UpdateDeploymentGroupInput{
		ServiceRoleArn:                   in.ServiceRoleArn,
		AlarmConfiguration:               in.AlarmConfiguration,
		AutoRollbackConfiguration:        in.AutoRollbackConfiguration,
		AutoScalingGroups:                in.AutoScalingGroups,
		BlueGreenDeploymentConfiguration: in.BlueGreenDeploymentConfiguration,
		DeploymentConfigName:             in.DeploymentConfigName,
		DeploymentStyle:                  in.DeploymentStyle,
		Ec2TagFilters:                    in.Ec2TagFilters,
		Ec2TagSet:                        in.Ec2TagSet,
		EcsServices:                      in.EcsServices,
		LoadBalancerInfo:                 in.LoadBalancerInfo,
		OnPremisesInstanceTagFilters:     in.OnPremisesInstanceTagFilters,
		OnPremisesTagSet:                 in.OnPremisesTagSet,
		TerminationHookEnabled:           in.TerminationHookEnabled,
		TriggerConfigurations:            in.TriggerConfigurations,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(in.ApplicationName)
	if err != nil {
		return nil, err
	}
	if a.groups[name] != nil {
		return nil, &types.DeploymentGroupAlreadyExistsException{Message: aws.String("Deployment group already exists: " + name)}
	}
	info := types.DeploymentGroupInfo{
		ApplicationName:      in.ApplicationName,
		ComputePlatform:      types.ComputePlatformLambda,
		DeploymentConfigName: aws.String(allAtOnce),
		DeploymentGroupId:    aws.String(uuid.NewString()),
		DeploymentGroupName:  aws.String(name),
		DeploymentStyle:      lambdaStyle(),
	}
	if err := s.changeGroup(&info, update); err != nil {
		return nil, err
	}
	if err := s.tag(s.groupARN(*in.ApplicationName, name), in.Tags); err != nil {
		return nil, err
	}
	a.groups[name] = &group{info: info}
	return &awscodedeploy.CreateDeploymentGroupOutput{DeploymentGroupId: info.DeploymentGroupId}, nil
}

func lambdaStyle() *types.DeploymentStyle {
	return &types.DeploymentStyle{
		DeploymentOption: types.DeploymentOptionWithTrafficControl,
		DeploymentType:   types.DeploymentTypeBlueGreen,
	}
}

func (s *Service) groupARN(application, name string) string {
	return s.account.ARN("codedeploy", "deploymentgroup:"+application+"/"+name)
}

func groupNameRequired() error {
	return &types.DeploymentGroupNameRequiredException{Message: aws.String("The deployment group name was not specified.")}
}

// changeGroup applies in to info. The caller holds the service's lock.
func (s *Service) changeGroup(info *types.DeploymentGroupInfo, in *awscodedeploy.UpdateDeploymentGroupInput) error {
	for what, given := range map[string]bool{
		"autoScalingGroups":                len(in.AutoScalingGroups) > 0,
		"blueGreenDeploymentConfiguration": in.BlueGreenDeploymentConfiguration != nil,
		"ec2TagFilters":                    len(in.Ec2TagFilters) > 0,
		"ec2TagSet":                        in.Ec2TagSet != nil,
		"ecsServices":                      len(in.EcsServices) > 0,
		"loadBalancerInfo":                 in.LoadBalancerInfo != nil,
		"onPremisesInstanceTagFilters":     len(in.OnPremisesInstanceTagFilters) > 0,
		"onPremisesTagSet":                 in.OnPremisesTagSet != nil,
		"terminationHookEnabled":           aws.ToBool(in.TerminationHookEnabled),
	} {
		if given {
			return unsupported(what)
		}
	}
	if style := in.DeploymentStyle; style != nil && *style != *lambdaStyle() {
		return &types.InvalidDeploymentStyleException{Message: aws.String("The deployment style of a Lambda deployment group must be BLUE_GREEN with WITH_TRAFFIC_CONTROL.")}
	}
	if in.ServiceRoleArn != nil {
		if !strings.HasPrefix(*in.ServiceRoleArn, "arn:") {
			return &types.InvalidRoleException{Message: aws.String("The service role ARN " + *in.ServiceRoleArn + " is invalid.")}
		}
		info.ServiceRoleArn = in.ServiceRoleArn
	}
	if in.DeploymentConfigName != nil {
		if _, err := s.config(*in.DeploymentConfigName); err != nil {
			return err
		}
		info.DeploymentConfigName = in.DeploymentConfigName
	}
	if in.AlarmConfiguration != nil {
		if err := checkAlarms(in.AlarmConfiguration); err != nil {
			return err
		}
		info.AlarmConfiguration = copyAlarms(in.AlarmConfiguration)
	}
	if in.AutoRollbackConfiguration != nil {
		if err := checkRollback(in.AutoRollbackConfiguration); err != nil {
			return err
		}
		info.AutoRollbackConfiguration = copyRollback(in.AutoRollbackConfiguration)
	}
	if in.TriggerConfigurations != nil {
		if err := s.checkTriggers(in.TriggerConfigurations); err != nil {
			return err
		}
		info.TriggerConfigurations = copyTriggers(in.TriggerConfigurations)
	}
	return nil
}

func checkAlarms(c *types.AlarmConfiguration) error {
	if len(c.Alarms) > maxAlarms {
		return &types.AlarmsLimitExceededException{Message: aws.String("A deployment group has at most 10 alarms.")}
	}
	for _, a := range c.Alarms {
		if aws.ToString(a.Name) == "" {
			return &types.InvalidAlarmConfigException{Message: aws.String("The name of an alarm is empty.")}
		}
	}
	if c.Enabled && len(c.Alarms) == 0 {
		return &types.InvalidAlarmConfigException{Message: aws.String("The alarm configuration is enabled but has no alarms.")}
	}
	return nil
}

func copyAlarms(c *types.AlarmConfiguration) *types.AlarmConfiguration {
	if c == nil {
		return nil
	}
	return &types.AlarmConfiguration{Alarms: slices.Clone(c.Alarms), Enabled: c.Enabled, IgnorePollAlarmFailure: c.IgnorePollAlarmFailure}
}

func checkRollback(c *types.AutoRollbackConfiguration) error {
	for _, e := range c.Events {
		if !slices.Contains(e.Values(), e) {
			return &types.InvalidAutoRollbackConfigException{Message: aws.String(string(e) + " is not an event for automatic rollback.")}
		}
	}
	if c.Enabled && len(c.Events) == 0 {
		return &types.InvalidAutoRollbackConfigException{Message: aws.String("Automatic rollback is enabled but has no events.")}
	}
	return nil
}

func copyRollback(c *types.AutoRollbackConfiguration) *types.AutoRollbackConfiguration {
	if c == nil {
		return nil
	}
	return &types.AutoRollbackConfiguration{Enabled: c.Enabled, Events: slices.Clone(c.Events)}
}

func (s *Service) checkTriggers(triggers []types.TriggerConfig) error {
	if len(triggers) > maxTriggers {
		return &types.TriggerTargetsLimitExceededException{Message: aws.String("A deployment group has at most 10 triggers.")}
	}
	for _, t := range triggers {
		invalid := func(why string) error {
			return &types.InvalidTriggerConfigException{Message: aws.String("The trigger " + aws.ToString(t.TriggerName) + " is invalid: " + why)}
		}
		if aws.ToString(t.TriggerName) == "" || len(t.TriggerEvents) == 0 {
			return invalid("it must have a name and events.")
		}
		if !strings.HasPrefix(aws.ToString(t.TriggerTargetArn), "arn:aws:sns:") {
			return invalid("its target must be an SNS topic.")
		}
		if s.deps.Notifier == nil {
			return invalid("there is no SNS in this embedded AWS.")
		}
		for _, e := range t.TriggerEvents {
			if !slices.Contains(e.Values(), e) {
				return invalid(string(e) + " is not an event.")
			}
		}
	}
	return nil
}

func copyTriggers(triggers []types.TriggerConfig) []types.TriggerConfig {
	out := slices.Clone(triggers)
	for i := range out {
		out[i].TriggerEvents = slices.Clone(out[i].TriggerEvents)
	}
	return out
}

// group returns the named group. The caller holds the service's lock.
func (s *Service) group(application, name *string) (*group, error) {
	a, err := s.application(application)
	if err != nil {
		return nil, err
	}
	n := aws.ToString(name)
	if n == "" {
		return nil, groupNameRequired()
	}
	g := a.groups[n]
	if g == nil {
		return nil, &types.DeploymentGroupDoesNotExistException{Message: aws.String("No Deployment Group found for name: " + n)}
	}
	return g, nil
}

// UpdateDeploymentGroup changes what the request contains and keeps the rest. A
// deployment in progress keeps the configuration that it began with.
func (s *Service) UpdateDeploymentGroup(_ context.Context, in *awscodedeploy.UpdateDeploymentGroupInput) (*awscodedeploy.UpdateDeploymentGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.ApplicationName, in.CurrentDeploymentGroupName)
	if err != nil {
		return nil, err
	}
	info := g.info
	if err := s.changeGroup(&info, in); err != nil {
		return nil, err
	}
	if name := aws.ToString(in.NewDeploymentGroupName); name != "" && name != *info.DeploymentGroupName {
		groups := s.applications[*in.ApplicationName].groups
		if groups[name] != nil {
			return nil, &types.DeploymentGroupAlreadyExistsException{Message: aws.String("Deployment group already exists: " + name)}
		}
		from, to := s.groupARN(*in.ApplicationName, *info.DeploymentGroupName), s.groupARN(*in.ApplicationName, name)
		s.tags[to] = s.tags[from]
		delete(s.tags, from)
		delete(groups, *info.DeploymentGroupName)
		groups[name] = g
		info.DeploymentGroupName = aws.String(name)
	}
	g.info = info
	return &awscodedeploy.UpdateDeploymentGroupOutput{}, nil
}

// describe returns a copy of a group's description. The caller holds the
// service's lock.
func (g *group) describe() types.DeploymentGroupInfo {
	info := g.info
	info.AlarmConfiguration = copyAlarms(info.AlarmConfiguration)
	info.AutoRollbackConfiguration = copyRollback(info.AutoRollbackConfiguration)
	info.TriggerConfigurations = copyTriggers(info.TriggerConfigurations)
	return info
}

// GetDeploymentGroup describes a group.
func (s *Service) GetDeploymentGroup(_ context.Context, in *awscodedeploy.GetDeploymentGroupInput) (*awscodedeploy.GetDeploymentGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.ApplicationName, in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	info := g.describe()
	return &awscodedeploy.GetDeploymentGroupOutput{DeploymentGroupInfo: &info}, nil
}

// BatchGetDeploymentGroups describes those named groups that exist.
func (s *Service) BatchGetDeploymentGroups(_ context.Context, in *awscodedeploy.BatchGetDeploymentGroupsInput) (*awscodedeploy.BatchGetDeploymentGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(in.ApplicationName)
	if err != nil {
		return nil, err
	}
	out := &awscodedeploy.BatchGetDeploymentGroupsOutput{}
	for _, name := range in.DeploymentGroupNames {
		if g := a.groups[name]; g != nil {
			out.DeploymentGroupsInfo = append(out.DeploymentGroupsInfo, g.describe())
		}
	}
	return out, nil
}

// ListDeploymentGroups lists the groups of an application by name.
func (s *Service) ListDeploymentGroups(_ context.Context, in *awscodedeploy.ListDeploymentGroupsInput) (*awscodedeploy.ListDeploymentGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(in.ApplicationName)
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(slices.Sorted(maps.Keys(a.groups)), in.NextToken)
	if err != nil {
		return nil, err
	}
	return &awscodedeploy.ListDeploymentGroupsOutput{ApplicationName: in.ApplicationName, DeploymentGroups: page, NextToken: next}, nil
}

// DeleteDeploymentGroup deletes a group. A deployment in progress continues.
// Deleting a group that does not exist is no error.
func (s *Service) DeleteDeploymentGroup(_ context.Context, in *awscodedeploy.DeleteDeploymentGroupInput) (*awscodedeploy.DeleteDeploymentGroupOutput, error) {
	name := aws.ToString(in.DeploymentGroupName)
	if name == "" {
		return nil, groupNameRequired()
	}
	if aws.ToString(in.ApplicationName) == "" {
		return nil, &types.ApplicationNameRequiredException{Message: aws.String("The application name was not specified.")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.applications[*in.ApplicationName]; a != nil {
		delete(a.groups, name)
		delete(s.tags, s.groupARN(*in.ApplicationName, name))
	}
	return &awscodedeploy.DeleteDeploymentGroupOutput{}, nil
}
