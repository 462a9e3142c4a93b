package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

func codedeployTag(k, v *string) codedeploytypes.Tag { return codedeploytypes.Tag{Key: k, Value: v} }

// application is AWS::CodeDeploy::Application.
func application(d Deps) definition {
	return definition{Type: resource.Type{
		Name:       "AWS::CodeDeploy::Application",
		Properties: []string{"ApplicationName", "ComputePlatform", "Tags"},
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			in := &awscodedeploy.CreateApplicationInput{}
			if err := decode(r, in, "Tags"); err != nil {
				return nil, err
			}
			tags, err := tagsOf(r)
			if err != nil {
				return nil, err
			}
			in.ApplicationName, in.Tags = nameOf(r, "ApplicationName", 100), tagList(tags, codedeployTag)
			if _, err := d.Deployments.CreateApplication(ctx, in); err != nil {
				return nil, err
			}
			return &resource.Result{PhysicalID: *in.ApplicationName}, nil
		},
		Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			return &resource.Result{PhysicalID: r.PhysicalID}, retagDeployments(ctx, d, r, "application:"+r.PhysicalID)
		},
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Deployments.DeleteApplication(ctx, &awscodedeploy.DeleteApplicationInput{ApplicationName: aws.String(r.PhysicalID)})
			return err
		},
	}}
}

func retagDeployments(ctx context.Context, d Deps, r *resource.Request, id string) error {
	arn := aws.String(d.Account.ARN("codedeploy", id))
	return retag(r,
		func(tags map[string]string) error {
			_, err := d.Deployments.TagResource(ctx, &awscodedeploy.TagResourceInput{ResourceArn: arn, Tags: tagList(tags, codedeployTag)})
			return err
		},
		func(keys []string) error {
			_, err := d.Deployments.UntagResource(ctx, &awscodedeploy.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
			return err
		})
}

// deploymentConfig is AWS::CodeDeploy::DeploymentConfig. None of its properties
// can be updated.
func deploymentConfig(d Deps) definition {
	properties := []string{"ComputePlatform", "DeploymentConfigName", "TrafficRoutingConfig"}
	return definition{Type: resource.Type{
		Name:       "AWS::CodeDeploy::DeploymentConfig",
		Properties: properties,
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			in := &awscodedeploy.CreateDeploymentConfigInput{}
			if err := decode(r, in); err != nil {
				return nil, err
			}
			in.DeploymentConfigName = nameOf(r, "DeploymentConfigName", 100)
			if _, err := d.Deployments.CreateDeploymentConfig(ctx, in); err != nil {
				return nil, err
			}
			return &resource.Result{PhysicalID: *in.DeploymentConfigName}, nil
		},
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Deployments.DeleteDeploymentConfig(ctx, &awscodedeploy.DeleteDeploymentConfigInput{DeploymentConfigName: aws.String(r.PhysicalID)})
			return err
		},
	}}
}

// deploymentGroup is AWS::CodeDeploy::DeploymentGroup for Lambda.
func deploymentGroup(d Deps) definition {
	return definition{
		required: []string{"ApplicationName", "ServiceRoleArn"},
		Type: resource.Type{
			Name: "AWS::CodeDeploy::DeploymentGroup",
			Properties: []string{
				"AlarmConfiguration", "ApplicationName", "AutoRollbackConfiguration", "DeploymentConfigName", "DeploymentGroupName",
				"DeploymentStyle", "ServiceRoleArn", "Tags", "TriggerConfigurations",
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awscodedeploy.CreateDeploymentGroupInput{}
				if err := decode(r, in, "Tags"); err != nil {
					return nil, err
				}
				tags, err := tagsOf(r)
				if err != nil {
					return nil, err
				}
				in.DeploymentGroupName, in.Tags = nameOf(r, "DeploymentGroupName", 100), tagList(tags, codedeployTag)
				if _, err := d.Deployments.CreateDeploymentGroup(ctx, in); err != nil {
					return nil, err
				}
				return &resource.Result{PhysicalID: *in.DeploymentGroupName}, nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awscodedeploy.UpdateDeploymentGroupInput{}
				properties := restored(r, map[string]any{
					"AlarmConfiguration":        map[string]any{"Enabled": false, "Alarms": []any{}},
					"AutoRollbackConfiguration": map[string]any{"Enabled": false},
					"DeploymentConfigName":      "CodeDeployDefault.LambdaAllAtOnce",
					"TriggerConfigurations":     []any{},
				})
				if err := decodeMap(properties, in, "DeploymentGroupName", "Tags"); err != nil {
					return nil, err
				}
				in.CurrentDeploymentGroupName = aws.String(r.PhysicalID)
				if _, err := d.Deployments.UpdateDeploymentGroup(ctx, in); err != nil {
					return nil, err
				}
				id := "deploymentgroup:" + *in.ApplicationName + "/" + r.PhysicalID
				return &resource.Result{PhysicalID: r.PhysicalID}, retagDeployments(ctx, d, r, id)
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Deployments.DeleteDeploymentGroup(ctx, &awscodedeploy.DeleteDeploymentGroupInput{
					ApplicationName:     aws.String(stringOf(r.Properties, "ApplicationName")),
					DeploymentGroupName: aws.String(r.PhysicalID),
				})
				return err
			},
		},
	}
}
