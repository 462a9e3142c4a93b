package rehearse

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	connectiontypes "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// A source is the pipeline's connection to the repository.
//
// Creating a pipeline starts it, and CloudFormation starts it again after an
// update. Both use the branch's newest commit. A rehearsal itself decides which
// commit goes through the pipeline, and when. The source is therefore
// disconnected while the pipeline is deployed; on AWS too, a new connection
// does not work until somebody completes it. The execution that the deployment
// starts then ends at its source.
type source struct {
	client     *codeconnections.Client
	connection string // ARN
	host       string // ARN
	repository string // URL
}

// newSource makes a connection to a host. Once the host is connected, it leads
// to the repository in dir.
func newSource(ctx context.Context, client *codeconnections.Client, dir string) (source, error) {
	s := source{client: client, repository: "file://" + dir}
	const name = "rehearsal"
	host, err := client.CreateHost(ctx, &codeconnections.CreateHostInput{
		Name:             aws.String(name),
		ProviderType:     connectiontypes.ProviderTypeGithubEnterpriseServer,
		ProviderEndpoint: aws.String(nowhere),
	})
	if err != nil {
		return s, fmt.Errorf("connecting the source: %w", err)
	}
	s.host = aws.ToString(host.HostArn)
	connection, err := client.CreateConnection(ctx, &codeconnections.CreateConnectionInput{ConnectionName: aws.String(name), HostArn: host.HostArn})
	if err != nil {
		return s, fmt.Errorf("connecting the source: %w", err)
	}
	s.connection = aws.ToString(connection.ConnectionArn)
	return s, nil
}

// nowhere is the endpoint of a host that is not connected. It has no
// repository.
const nowhere = "file:///dev/null/not-connected"

// lead sets the endpoint of the host.
func (s source) lead(ctx context.Context, endpoint string) error {
	_, err := s.client.UpdateHost(ctx, &codeconnections.UpdateHostInput{HostArn: &s.host, ProviderEndpoint: &endpoint})
	if err != nil {
		return fmt.Errorf("connecting the source to %s: %w", endpoint, err)
	}
	return nil
}

// disconnected deploys the pipeline while its source is disconnected. Nothing
// runs in the pipeline afterwards.
func (r *rehearsal) disconnected(ctx context.Context, deploy func() error) error {
	if err := r.source.lead(ctx, nowhere); err != nil {
		return err
	}
	if err := deploy(); err != nil {
		return err
	}
	listed, err := r.pipelines.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &r.names.Pipeline.Stack})
	if err != nil {
		return fmt.Errorf("looking for executions that the deployment of the pipeline has started: %w", err)
	}
	for _, execution := range listed.PipelineExecutionSummaries {
		if execution.Status != types.PipelineExecutionStatusInProgress {
			continue
		}
		_, err := r.pipelines.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{
			PipelineName:        &r.names.Pipeline.Stack,
			PipelineExecutionId: execution.PipelineExecutionId,
			Reason:              aws.String("the rehearsal starts its own"),
		})
		// The execution may have ended in the meantime.
		if _, ended := errors.AsType[*types.PipelineExecutionNotStoppableException](err); err != nil && !ended {
			return fmt.Errorf("stopping execution %s: %w", aws.ToString(execution.PipelineExecutionId), err)
		}
	}
	return r.source.lead(ctx, r.source.repository)
}
