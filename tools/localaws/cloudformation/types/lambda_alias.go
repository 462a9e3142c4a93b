package types

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// alias is AWS::Lambda::Alias. With the update policy
// CodeDeployLambdaAliasUpdate, a change of its version becomes a CodeDeploy
// deployment, which shifts the traffic.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html.
func alias(d Deps) definition {
	a := aliases{d}
	return definition{
		required: []string{"FunctionName", "FunctionVersion", "Name"},
		Type: resource.Type{
			Name:       "AWS::Lambda::Alias",
			Properties: []string{"Description", "FunctionName", "FunctionVersion", "Name", "RoutingConfig"},
			Create:     a.create,
			Update:     a.update,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Functions.DeleteAlias(ctx, &awslambda.DeleteAliasInput{
					FunctionName: aws.String(stringOf(r.Properties, "FunctionName")),
					Name:         aws.String(stringOf(r.Properties, "Name")),
				})
				return err
			},
		},
	}
}

type aliases struct{ Deps }

// aliasUpdatePolicy is the UpdatePolicy attribute of an alias.
type aliasUpdatePolicy struct {
	CodeDeployLambdaAliasUpdate *struct {
		ApplicationName        *string
		DeploymentGroupName    *string
		BeforeAllowTrafficHook string
		AfterAllowTrafficHook  string
	}
}

func (a aliases) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awslambda.CreateAliasInput{}
	err := decode(r, in, "RoutingConfig")
	if err != nil {
		return nil, err
	}
	if in.RoutingConfig, err = routing(r); err != nil {
		return nil, err
	}
	out, err := a.Functions.CreateAlias(ctx, in)
	if err != nil {
		return nil, err
	}
	return aliasResult(out.AliasArn), nil
}

func (a aliases) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	var policy aliasUpdatePolicy
	if err := decodeMap(r.UpdatePolicy, &policy); err != nil {
		return nil, fmt.Errorf("reading UpdatePolicy: %w", err)
	}
	in := &awslambda.UpdateAliasInput{}
	err := decodeMap(restored(r, map[string]any{"Description": ""}), in, "RoutingConfig")
	if err != nil {
		return nil, err
	}
	if in.RoutingConfig, err = routing(r); err != nil {
		return nil, err
	}
	current, err := a.Functions.GetAlias(ctx, &awslambda.GetAliasInput{FunctionName: in.FunctionName, Name: in.Name})
	if err != nil {
		return nil, err
	}
	if from, shifts := shiftFrom(r, *current.FunctionVersion); shifts && policy.CodeDeployLambdaAliasUpdate != nil {
		if err := a.shift(ctx, r, policy, from, *in.FunctionVersion); err != nil {
			return nil, err
		}
		if !changed(r, "Description", "RoutingConfig") {
			return aliasResult(current.AliasArn), nil
		}
	} else if policy.CodeDeployLambdaAliasUpdate != nil && movedByHand(r, *current.FunctionVersion) {
		return aliasResult(current.AliasArn), nil
	} else if *current.FunctionVersion == *in.FunctionVersion && !changed(r, "Description") &&
		maps.Equal(weights(current.RoutingConfig), weights(in.RoutingConfig)) {
		return aliasResult(current.AliasArn), nil
	}
	// Without this, the update would leave the weights as they are.
	if in.RoutingConfig == nil {
		in.RoutingConfig = &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	}
	out, err := a.Functions.UpdateAlias(ctx, in)
	if err != nil {
		return nil, err
	}
	return aliasResult(out.AliasArn), nil
}

// shiftFrom returns the version that a deployment has to start from, and whether
// there has to be one. The alias is expected to have the version that the stack
// gave it; if someone has moved it, CodeDeploy refuses the deployment, as on AWS.
// Only after a failure does the alias itself say where it is: after a deployment
// that was rolled back there is nothing to shift back.
func shiftFrom(r *resource.Request, actual string) (from string, shifts bool) {
	wanted, before := stringOf(r.Properties, "FunctionVersion"), stringOf(r.OldProperties, "FunctionVersion")
	if !r.Uncertain {
		return before, before != wanted
	}
	return actual, actual != wanted && !movedByHand(r, actual)
}

// movedByHand reports whether a rollback finds the alias at a version that the
// stack did not give it. Whoever has moved it there keeps it there: the
// operation that is undone has not touched it.
func movedByHand(r *resource.Request, actual string) bool {
	return r.Rollback && r.Uncertain &&
		actual != stringOf(r.Properties, "FunctionVersion") && actual != stringOf(r.OldProperties, "FunctionVersion")
}

// shift makes CodeDeploy move the alias from one version to another.
func (a aliases) shift(ctx context.Context, r *resource.Request, policy aliasUpdatePolicy, from, to string) error {
	p := policy.CodeDeployLambdaAliasUpdate
	spec, err := appSpec(r, p.BeforeAllowTrafficHook, p.AfterAllowTrafficHook, from, to)
	if err != nil {
		return err
	}
	out, err := a.Deployments.CreateDeployment(ctx, &awscodedeploy.CreateDeploymentInput{
		ApplicationName:     p.ApplicationName,
		DeploymentGroupName: p.DeploymentGroupName,
		Revision: &codedeploytypes.RevisionLocation{
			RevisionType:   codedeploytypes.RevisionLocationTypeAppSpecContent,
			AppSpecContent: &codedeploytypes.AppSpecContent{Content: aws.String(spec)},
		},
	})
	if _, busy := errors.AsType[*codedeploytypes.DeploymentLimitExceededException](err); busy {
		// https://github.com/aws/serverless-application-model/issues/291
		return failure(r, "ResourceConflict", "A conflicting deployment is in progress")
	}
	if err != nil {
		return err
	}
	id := aws.ToString(out.DeploymentId)
	info, err := a.Deployments.Wait(ctx, id)
	if ctx.Err() != nil {
		return a.abandon(context.WithoutCancel(ctx), id, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("waiting for deployment %s: %w", id, err)
	}
	if info.Status == codedeploytypes.DeploymentStatusSucceeded {
		return nil
	}
	if info.RollbackInfo != nil && aws.ToString(info.RollbackInfo.RollbackDeploymentId) != "" {
		// The alias is only back after CodeDeploy's own rollback has ended.
		if _, err := a.Deployments.Wait(ctx, *info.RollbackInfo.RollbackDeploymentId); err != nil {
			return fmt.Errorf("waiting for the rollback of deployment %s: %w", id, err)
		}
	}
	reason := "Deployment status: " + string(info.Status)
	if info.ErrorInformation != nil {
		reason = aws.ToString(info.ErrorInformation.Message)
	}
	return failure(r, "InternalFailure", "%s failed. %s", id, reason)
}

// abandon stops a deployment after another resource failed or the update was
// cancelled, and waits until the alias is back. Otherwise the deployment would
// continue and move the alias of a stack that was rolled back. It returns the
// reason, unless it can't determine that the alias is back.
func (a aliases) abandon(ctx context.Context, id string, reason error) error {
	_, err := a.Deployments.StopDeployment(ctx, &awscodedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)})
	if _, ended := errors.AsType[*codedeploytypes.DeploymentAlreadyCompletedException](err); err != nil && !ended {
		return fmt.Errorf("stopping deployment %s: %w", id, err)
	}
	if _, err := a.Deployments.Wait(ctx, id); err != nil {
		return fmt.Errorf("waiting for deployment %s to stop: %w", id, err)
	}
	return reason
}

// appSpec returns the AppSpec file for the deployment.
// See https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html.
func appSpec(r *resource.Request, before, after, from, to string) (string, error) {
	function, _ := splitFunctionName(stringOf(r.Properties, "FunctionName"))
	function = function[strings.LastIndex(function, ":")+1:]
	spec := map[string]any{
		"version": json.Number("0.0"),
		"Resources": []any{map[string]any{r.LogicalID: map[string]any{
			"Type": "AWS::Lambda::Function",
			"Properties": map[string]any{
				"Name":           function,
				"Alias":          stringOf(r.Properties, "Name"),
				"CurrentVersion": from,
				"TargetVersion":  to,
			},
		}}},
	}
	var hooks []any
	if before != "" {
		hooks = append(hooks, map[string]any{"BeforeAllowTraffic": before})
	}
	if after != "" {
		hooks = append(hooks, map[string]any{"AfterAllowTraffic": after})
	}
	if hooks != nil {
		spec["Hooks"] = hooks
	}
	return jsonText(spec)
}

// routing reads RoutingConfig. CloudFormation has a list where the API has a map.
func routing(r *resource.Request) (*lambdatypes.AliasRoutingConfiguration, error) {
	var c struct {
		AdditionalVersionWeights []struct {
			FunctionVersion string
			FunctionWeight  float64
		}
	}
	if _, ok := r.Properties["RoutingConfig"]; !ok {
		return nil, nil
	}
	if err := decodeProperty(r.Properties, "RoutingConfig", &c); err != nil {
		return nil, err
	}
	out := &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	for _, w := range c.AdditionalVersionWeights {
		out.AdditionalVersionWeights[w.FunctionVersion] = w.FunctionWeight
	}
	return out, nil
}

func weights(c *lambdatypes.AliasRoutingConfiguration) map[string]float64 {
	if c == nil {
		return nil
	}
	return c.AdditionalVersionWeights
}

func aliasResult(arn *string) *resource.Result {
	return &resource.Result{PhysicalID: aws.ToString(arn), Attributes: map[string]any{"AliasArn": aws.ToString(arn)}}
}
