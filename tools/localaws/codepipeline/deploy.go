package codepipeline

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// Deployments is the part of CodeDeploy that deploys.
type Deployments interface {
	CreateDeployment(context.Context, *awscodedeploy.CreateDeploymentInput) (*awscodedeploy.CreateDeploymentOutput, error)
	// Wait waits until a deployment has ended, and its automatic rollback too.
	Wait(ctx context.Context, id string) (*cdtypes.DeploymentInfo, error)
}

// deployTimeout is how long a deployment may take.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html.
const deployTimeout = 5 * 24 * time.Hour

// appSpecFiles are the names that the AppSpec file in an artifact may have.
var appSpecFiles = []string{"appspec.yaml", "appspec.yml", "appspec.json"}

// deploy runs a CodeDeploy action.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeDeploy.html.
func (s *Service) deploy(ctx context.Context, j *job) outcome {
	if s.deps.Deployments == nil {
		return failure(codeConfiguration, "There is no CodeDeploy")
	}
	revision, err := s.deployable(ctx, j.inputs[0])
	if err != nil {
		return failure(codeJobFailed, "%v", err)
	}
	created, err := s.deps.Deployments.CreateDeployment(ctx, &awscodedeploy.CreateDeploymentInput{
		ApplicationName: aws.String(j.configuration["ApplicationName"]), DeploymentGroupName: aws.String(j.configuration["DeploymentGroupName"]), Revision: revision,
	})
	if err != nil {
		return refusal("Creating the deployment", err)
	}
	id := aws.ToString(created.DeploymentId)
	known := outcome{externalID: id, externalURL: fmt.Sprintf("https://console.aws.amazon.com/codedeploy/home?region=%s#/deployments/%s", s.account.Region, id)}
	j.report(known)
	result := s.deployed(ctx, id)
	result.externalID, result.externalURL = known.externalID, known.externalURL
	return result
}

// deployed waits until a deployment has ended.
func (s *Service) deployed(ctx context.Context, id string) outcome {
	ctx, stop := s.limit(ctx, deployTimeout)
	defer stop()
	info, err := s.deps.Deployments.Wait(ctx, id)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errTimedOut):
		return failure(codeTimedOut, "The deployment %s did not end within %s", id, deployTimeout)
	case err != nil:
		return refusal("Waiting for deployment "+id, err)
	case info.Status == cdtypes.DeploymentStatusSucceeded:
		return outcome{summary: "Deployment Succeeded"}
	case info.ErrorInformation != nil:
		return failure(codeJobFailed, "%s", aws.ToString(info.ErrorInformation.Message))
	default:
		return failure(codeJobFailed, "The deployment %s is %s", id, info.Status)
	}
}

// deployable returns what an artifact deploys. For Lambda that is an AppSpec file in
// its root. An artifact without one is left to CodeDeploy, which refuses it.
func (s *Service) deployable(ctx context.Context, in artifact) (*cdtypes.RevisionLocation, error) {
	files, err := s.unzipped(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, name := range appSpecFiles {
		i := slices.IndexFunc(files, func(f *zip.File) bool { return f.Name == name })
		if i < 0 {
			continue
		}
		text, err := contents(files[i])
		if err != nil {
			return nil, err
		}
		return &cdtypes.RevisionLocation{
			RevisionType: cdtypes.RevisionLocationTypeAppSpecContent, AppSpecContent: &cdtypes.AppSpecContent{Content: aws.String(string(text))},
		}, nil
	}
	return &cdtypes.RevisionLocation{
		RevisionType: cdtypes.RevisionLocationTypeS3,
		S3Location:   &cdtypes.S3Location{Bucket: aws.String(in.bucket), Key: aws.String(in.key), BundleType: cdtypes.BundleTypeZip},
	}, nil
}
