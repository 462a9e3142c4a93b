// Package stack finds the deployed stages: their credentials, and what their
// CloudFormation stacks put out.
package stack

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// Name returns the name of a stage's stack.
func Name(stage string) string { return project.StackPrefix + stage }

// Outputs are what a stage's stack puts out.
type Outputs struct {
	FunctionURL           string
	FunctionName          string
	AliasName             string
	DeploymentApplication string
	DeploymentGroup       string
	NotificationTopic     string
}

// Connect returns the configuration by which AWS is reached: the environment's
// credentials, region and, where AWS_ENDPOINT_URL is set, endpoint. It fails at
// once where there are no credentials or no region.
func Connect(ctx context.Context) (aws.Config, error) {
	const next = `eval "$(aws configure export-credentials --format env)", or go tool mage local for an AWS on this machine`
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, exit.Missing(next, "reading the AWS configuration: %w", err)
	}
	// Instance metadata, the last place that is asked, may not answer at all.
	quick, cancel := context.WithTimeout(ctx, 900*time.Millisecond)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(quick); err != nil {
		return aws.Config{}, exit.Missing(next, "there are no AWS credentials in the environment or in ~/.aws")
	}
	if cfg.Region == "" {
		return aws.Config{}, exit.Missing("export AWS_REGION=us-east-1", "no AWS region is chosen")
	}
	return cfg, nil
}

// ErrNotDeployed says that a stage has no stack.
var ErrNotDeployed = errors.New("the stage is not deployed")

// Describe returns the outputs of a stage's stack, or an error that is
// ErrNotDeployed.
func Describe(ctx context.Context, cfg aws.Config, stage string) (Outputs, error) {
	name := Name(stage)
	described, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "does not exist") {
		return Outputs{}, notDeployed(stage, "stack %s: %w", name, ErrNotDeployed)
	}
	if err != nil {
		return Outputs{}, exit.Missing("aws sts get-caller-identity", "describing stack %s: %w", name, err)
	}
	outputs := outputsOf(described.Stacks)
	if outputs.FunctionURL == "" { // a stack that is under review, or was never completed
		return Outputs{}, notDeployed(stage, "stack %s puts out no FunctionUrl: %w", name, ErrNotDeployed)
	}
	return outputs, nil
}

// notDeployed names the target that deploys the stage.
func notDeployed(stage, format string, args ...any) error {
	next := "go tool mage deploy-staging"
	if stage == "production" {
		next = "go tool mage promote"
	}
	return exit.Missing(next, format, args...)
}

func outputsOf(stacks []types.Stack) Outputs {
	var o Outputs
	into := map[string]*string{
		"FunctionUrl":           &o.FunctionURL,
		"FunctionName":          &o.FunctionName,
		"AliasName":             &o.AliasName,
		"DeploymentApplication": &o.DeploymentApplication,
		"DeploymentGroup":       &o.DeploymentGroup,
		"NotificationTopic":     &o.NotificationTopic,
	}
	for _, s := range stacks {
		for _, output := range s.Outputs {
			if field, ok := into[aws.ToString(output.OutputKey)]; ok {
				*field = aws.ToString(output.OutputValue)
			}
		}
	}
	return o
}
