package codedeploy

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// targetID returns the id of the deployment's only target.
func (d *deployment) targetID() string { return d.spec.function + ":" + d.spec.alias }

// target describes the function. The caller holds the service's lock.
func (d *deployment) target(s *Service) *types.DeploymentTarget {
	return &types.DeploymentTarget{
		DeploymentTargetType: types.DeploymentTargetTypeLambdaTarget,
		LambdaTarget: &types.LambdaTarget{
			DeploymentId: aws.String(d.id),
			LambdaFunctionInfo: &types.LambdaFunctionInfo{
				FunctionName:        aws.String(d.spec.function),
				FunctionAlias:       aws.String(d.spec.alias),
				CurrentVersion:      aws.String(d.spec.current),
				TargetVersion:       aws.String(d.spec.target),
				TargetVersionWeight: d.weight,
			},
			LastUpdatedAt:   d.updated,
			LifecycleEvents: slices.Clone(d.events),
			Status:          d.status(),
			TargetArn:       aws.String(s.account.ARN("lambda", "function:"+d.targetID())),
			TargetId:        aws.String(d.targetID()),
		},
	}
}

// ListDeploymentTargets lists the id of the function, if it passes the filters.
func (s *Service) ListDeploymentTargets(_ context.Context, in *awscodedeploy.ListDeploymentTargetsInput) (*awscodedeploy.ListDeploymentTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(in.DeploymentId)
	if err != nil {
		return nil, err
	}
	out := &awscodedeploy.ListDeploymentTargetsOutput{}
	for name, values := range in.TargetFilters {
		if name != string(types.TargetFilterNameTargetStatus) {
			return nil, &types.InvalidTargetFilterNameException{Message: aws.String("The target filter " + name + " does not apply to the compute platform Lambda.")}
		}
		if !slices.Contains(values, string(d.status())) {
			return out, nil
		}
	}
	out.TargetIds = []string{d.targetID()}
	return out, nil
}

// GetDeploymentTarget describes the function that a deployment updates, and its
// lifecycle events.
func (s *Service) GetDeploymentTarget(_ context.Context, in *awscodedeploy.GetDeploymentTargetInput) (*awscodedeploy.GetDeploymentTargetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(in.DeploymentId)
	if err != nil {
		return nil, err
	}
	if aws.ToString(in.TargetId) == "" {
		return nil, &types.DeploymentTargetIdRequiredException{Message: aws.String("The target ID was not specified.")}
	}
	if *in.TargetId != d.targetID() {
		return nil, &types.DeploymentTargetDoesNotExistException{Message: aws.String("The deployment " + d.id + " has no target " + *in.TargetId)}
	}
	return &awscodedeploy.GetDeploymentTargetOutput{DeploymentTarget: d.target(s)}, nil
}

// BatchGetDeploymentTargets describes the function, whether the request names
// its id or asks for all targets.
func (s *Service) BatchGetDeploymentTargets(_ context.Context, in *awscodedeploy.BatchGetDeploymentTargetsInput) (*awscodedeploy.BatchGetDeploymentTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(in.DeploymentId)
	if err != nil {
		return nil, err
	}
	for _, id := range in.TargetIds {
		if id != d.targetID() {
			return nil, &types.DeploymentTargetDoesNotExistException{Message: aws.String("The deployment " + d.id + " has no target " + id)}
		}
	}
	return &awscodedeploy.BatchGetDeploymentTargetsOutput{DeploymentTargets: []types.DeploymentTarget{*d.target(s)}}, nil
}
