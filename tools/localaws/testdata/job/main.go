// A function that a pipeline invokes. Its UserParameters say what it does: copy its
// input artifact to its output artifact, continue once and then copy, read what it
// may not, or fail.
package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type artifact struct {
	Location struct {
		S3Location struct{ BucketName, ObjectKey string }
	}
}

type event struct {
	Job struct {
		ID   string
		Data struct {
			ActionConfiguration struct {
				Configuration struct{ UserParameters string }
			}
			InputArtifacts, OutputArtifacts []artifact
			ArtifactCredentials             struct{ AccessKeyID, SecretAccessKey, SessionToken string }
			ContinuationToken               string
		}
	} `json:"CodePipeline.job"`
}

func main() { lambda.Start(handle) }

func handle(ctx context.Context, e event) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	pipelines, data := codepipeline.NewFromConfig(cfg), e.Job.Data
	mode := data.ActionConfiguration.Configuration.UserParameters
	if mode == "continue" && data.ContinuationToken == "" {
		_, err = pipelines.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{JobId: &e.Job.ID, ContinuationToken: aws.String("again")})
		return err
	}
	key := data.ArtifactCredentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, key.SessionToken)
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if err := work(ctx, objects, mode, data.InputArtifacts, data.OutputArtifacts); err != nil {
		_, reported := pipelines.PutJobFailureResult(ctx, &codepipeline.PutJobFailureResultInput{
			JobId: &e.Job.ID, FailureDetails: &types.FailureDetails{Type: types.FailureTypeJobFailed, Message: aws.String(err.Error())},
		})
		return reported
	}
	_, err = pipelines.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{
		JobId: &e.Job.ID, OutputVariables: map[string]string{"mode": strings.ToUpper(mode)},
	})
	return err
}

func work(ctx context.Context, objects *s3.Client, mode string, inputs, outputs []artifact) error {
	in := inputs[0].Location.S3Location
	switch mode {
	case "fail":
		return errors.New("as it was told")
	case "pry":
		_, err := objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &in.BucketName})
		return err
	}
	got, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &in.BucketName, Key: &in.ObjectKey})
	if err != nil {
		return err
	}
	body, err := io.ReadAll(got.Body)
	if err := errors.Join(err, got.Body.Close()); err != nil {
		return err
	}
	out := outputs[0].Location.S3Location
	_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &out.BucketName, Key: &out.ObjectKey, Body: bytes.NewReader(body)})
	return err
}
