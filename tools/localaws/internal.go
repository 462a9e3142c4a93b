package localaws

import (
	"context"

	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/localaws/codebuild"
)

// guardedBuilds is CodeBuild for CodePipeline, which starts builds in a way that
// is not part of the API.
type guardedBuilds struct{ guardedCodebuild }

// StartPipelineBuild starts a build, if the pipeline's role may.
func (g guardedBuilds) StartPipelineBuild(ctx context.Context, b codebuild.PipelineBuild) (*awscodebuild.StartBuildOutput, error) {
	if err := g.guard.Internal(ctx, "codebuild", "StartBuild", b.Start); err != nil {
		return nil, err //nolint:wrapcheck // it is AWS's error
	}
	return g.Service.StartPipelineBuild(ctx, b)
}

// WaitBuild waits for a build, if the pipeline's role may look at it.
func (g guardedBuilds) WaitBuild(ctx context.Context, id string) (*cbtypes.Build, error) {
	if err := g.guard.Internal(ctx, "codebuild", "BatchGetBuilds", &awscodebuild.BatchGetBuildsInput{Ids: []string{id}}); err != nil {
		return nil, err //nolint:wrapcheck // it is AWS's error
	}
	return g.Service.WaitBuild(ctx, id)
}

// guardedDeployments is CodeDeploy for CodePipeline, which waits for deployments
// instead of asking again and again.
type guardedDeployments struct{ guardedCodedeploy }

// CreateDeployment creates a deployment, if the pipeline's role may. It also registers
// the revision and looks at the deployment's configuration, as AWS's actions do.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeDeploy.html.
func (g guardedDeployments) CreateDeployment(ctx context.Context, in *awscodedeploy.CreateDeploymentInput) (*awscodedeploy.CreateDeploymentOutput, error) {
	group, err := g.Service.GetDeploymentGroup(ctx, &awscodedeploy.GetDeploymentGroupInput{ApplicationName: in.ApplicationName, DeploymentGroupName: in.DeploymentGroupName})
	if err != nil {
		return g.guardedCodedeploy.CreateDeployment(ctx, in)
	}
	for _, call := range []struct {
		operation string
		in        any
	}{
		{"GetDeploymentConfig", &awscodedeploy.GetDeploymentConfigInput{DeploymentConfigName: group.DeploymentGroupInfo.DeploymentConfigName}},
		{"RegisterApplicationRevision", &awscodedeploy.RegisterApplicationRevisionInput{ApplicationName: in.ApplicationName}},
		{"GetApplicationRevision", &awscodedeploy.GetApplicationRevisionInput{ApplicationName: in.ApplicationName}},
	} {
		if err := g.guard.Internal(ctx, "codedeploy", call.operation, call.in); err != nil {
			return nil, err //nolint:wrapcheck // it is AWS's error
		}
	}
	return g.guardedCodedeploy.CreateDeployment(ctx, in)
}

// Wait waits for a deployment, if the pipeline's role may look at it.
func (g guardedDeployments) Wait(ctx context.Context, id string) (*cdtypes.DeploymentInfo, error) {
	if err := g.guard.Internal(ctx, "codedeploy", "GetDeployment", &awscodedeploy.GetDeploymentInput{DeploymentId: &id}); err != nil {
		return nil, err //nolint:wrapcheck // it is AWS's error
	}
	return g.Service.Wait(ctx, id)
}
