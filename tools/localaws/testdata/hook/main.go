// A CodeDeploy hook that reports the status in STATUS.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

func main() {
	lambda.Start(func(ctx context.Context, in struct{ DeploymentId, LifecycleEventHookExecutionId string }) error {
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return err
		}
		_, err = codedeploy.NewFromConfig(cfg).PutLifecycleEventHookExecutionStatus(ctx, &codedeploy.PutLifecycleEventHookExecutionStatusInput{
			DeploymentId: aws.String(in.DeploymentId), LifecycleEventHookExecutionId: aws.String(in.LifecycleEventHookExecutionId),
			Status: types.LifecycleEventStatus(os.Getenv("STATUS")),
		})
		return err
	})
}
