package codeconnections

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodestarconnections "github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	startypes "github.com/aws/aws-sdk-go-v2/service/codestarconnections/types"
)

// CodeStarService is CodeConnections under its earlier name. It has the same
// hosts and connections; the ARNs of those created through it contain
// codestar-connections.
// See https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html.
type CodeStarService struct{ service *Service }

// CodeStar returns the service under its earlier name.
func (s *Service) CodeStar() *CodeStarService { return &CodeStarService{s} }

// CreateHost registers the URL of a provider's installation: a file: or
// loopback URL.
func (s *CodeStarService) CreateHost(_ context.Context, in *awscodestarconnections.CreateHostInput) (*awscodestarconnections.CreateHostOutput, error) {
	if in.VpcConfiguration != nil {
		return nil, starTyped(fail(badInput, "the embedded CodeConnections does not support VpcConfiguration"))
	}
	h, err := s.service.createHost(codeStar, aws.ToString(in.Name), aws.ToString(in.ProviderEndpoint), string(in.ProviderType), starTags(in.Tags))
	if err != nil {
		return nil, starTyped(err)
	}
	return &awscodestarconnections.CreateHostOutput{HostArn: aws.String(h.arn), Tags: slices.Clone(in.Tags)}, nil
}

// GetHost returns a host.
func (s *CodeStarService) GetHost(_ context.Context, in *awscodestarconnections.GetHostInput) (*awscodestarconnections.GetHostOutput, error) {
	h, err := s.service.getHost(aws.ToString(in.HostArn))
	if err != nil {
		return nil, starTyped(err)
	}
	return &awscodestarconnections.GetHostOutput{
		Name: aws.String(h.name), ProviderEndpoint: aws.String(h.endpoint), ProviderType: startypes.ProviderType(h.provider), Status: aws.String(available),
	}, nil
}

// UpdateHost changes a host's endpoint.
func (s *CodeStarService) UpdateHost(_ context.Context, in *awscodestarconnections.UpdateHostInput) (*awscodestarconnections.UpdateHostOutput, error) {
	if in.VpcConfiguration != nil {
		return nil, starTyped(fail(badInput, "the embedded CodeConnections does not support VpcConfiguration"))
	}
	if err := s.service.updateHost(aws.ToString(in.HostArn), aws.ToString(in.ProviderEndpoint)); err != nil {
		return nil, starTyped(err)
	}
	return &awscodestarconnections.UpdateHostOutput{}, nil
}

// DeleteHost deletes a host that no connection uses.
func (s *CodeStarService) DeleteHost(_ context.Context, in *awscodestarconnections.DeleteHostInput) (*awscodestarconnections.DeleteHostOutput, error) {
	if err := s.service.deleteHost(aws.ToString(in.HostArn)); err != nil {
		return nil, starTyped(err)
	}
	return &awscodestarconnections.DeleteHostOutput{}, nil
}

// ListHosts lists all hosts, sorted by age, on one page.
func (s *CodeStarService) ListHosts(_ context.Context, in *awscodestarconnections.ListHostsInput) (*awscodestarconnections.ListHostsOutput, error) {
	if in.NextToken != nil {
		return nil, starTyped(fail(badInput, "NextToken is not valid"))
	}
	out := &awscodestarconnections.ListHostsOutput{}
	for _, h := range s.service.listHosts() {
		out.Hosts = append(out.Hosts, startypes.Host{
			HostArn: aws.String(h.arn), Name: aws.String(h.name), ProviderEndpoint: aws.String(h.endpoint),
			ProviderType: startypes.ProviderType(h.provider), Status: aws.String(available),
		})
	}
	return out, nil
}

// CreateConnection creates a connection. It is AVAILABLE if it has a host, and
// PENDING otherwise.
func (s *CodeStarService) CreateConnection(_ context.Context, in *awscodestarconnections.CreateConnectionInput) (*awscodestarconnections.CreateConnectionOutput, error) {
	var known []string
	for _, provider := range in.ProviderType.Values() {
		known = append(known, string(provider))
	}
	c, err := s.service.createConnection(codeStar, aws.ToString(in.ConnectionName), string(in.ProviderType), aws.ToString(in.HostArn), known, starTags(in.Tags))
	if err != nil {
		return nil, starTyped(err)
	}
	return &awscodestarconnections.CreateConnectionOutput{ConnectionArn: aws.String(c.arn), Tags: slices.Clone(in.Tags)}, nil
}

func (s *CodeStarService) show(c connection) startypes.Connection {
	shown := startypes.Connection{
		ConnectionArn: aws.String(c.arn), ConnectionName: aws.String(c.name), ConnectionStatus: startypes.ConnectionStatus(c.status),
		ProviderType: startypes.ProviderType(c.provider), OwnerAccountId: aws.String(s.service.account.ID),
	}
	if c.host != "" {
		shown.HostArn = aws.String(c.host)
	}
	return shown
}

// GetConnection returns a connection.
func (s *CodeStarService) GetConnection(_ context.Context, in *awscodestarconnections.GetConnectionInput) (*awscodestarconnections.GetConnectionOutput, error) {
	c, err := s.service.getConnection(aws.ToString(in.ConnectionArn))
	if err != nil {
		return nil, starTyped(err)
	}
	shown := s.show(c)
	return &awscodestarconnections.GetConnectionOutput{Connection: &shown}, nil
}

// DeleteConnection deletes a connection.
func (s *CodeStarService) DeleteConnection(_ context.Context, in *awscodestarconnections.DeleteConnectionInput) (*awscodestarconnections.DeleteConnectionOutput, error) {
	if err := s.service.deleteConnection(aws.ToString(in.ConnectionArn)); err != nil {
		return nil, starTyped(err)
	}
	return &awscodestarconnections.DeleteConnectionOutput{}, nil
}

// ListConnections lists all connections, sorted by age, on one page.
func (s *CodeStarService) ListConnections(_ context.Context, in *awscodestarconnections.ListConnectionsInput) (*awscodestarconnections.ListConnectionsOutput, error) {
	if in.NextToken != nil {
		return nil, starTyped(fail(badInput, "NextToken is not valid"))
	}
	out := &awscodestarconnections.ListConnectionsOutput{}
	for _, c := range s.service.listConnections(string(in.ProviderTypeFilter), aws.ToString(in.HostArnFilter)) {
		out.Connections = append(out.Connections, s.show(c))
	}
	return out, nil
}

// TagResource adds tags to a host or connection.
func (s *CodeStarService) TagResource(_ context.Context, in *awscodestarconnections.TagResourceInput) (*awscodestarconnections.TagResourceOutput, error) {
	if err := s.service.tags(aws.ToString(in.ResourceArn), func(tags map[string]string) { maps.Copy(tags, starTags(in.Tags)) }); err != nil {
		return nil, starTyped(err)
	}
	return &awscodestarconnections.TagResourceOutput{}, nil
}

// UntagResource removes tags from a host or connection.
func (s *CodeStarService) UntagResource(_ context.Context, in *awscodestarconnections.UntagResourceInput) (*awscodestarconnections.UntagResourceOutput, error) {
	err := s.service.tags(aws.ToString(in.ResourceArn), func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
	if err != nil {
		return nil, starTyped(err)
	}
	return &awscodestarconnections.UntagResourceOutput{}, nil
}

// ListTagsForResource lists the tags of a host or connection by key.
func (s *CodeStarService) ListTagsForResource(_ context.Context, in *awscodestarconnections.ListTagsForResourceInput) (*awscodestarconnections.ListTagsForResourceOutput, error) {
	tags, err := s.service.listTags(aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, starTyped(err)
	}
	out := &awscodestarconnections.ListTagsForResourceOutput{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, startypes.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return out, nil
}

func starTags(tags []startypes.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}

// starTyped converts a failure to the SDK's error type.
func starTyped(err error) error {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err
	}
	message := aws.String(f.message)
	switch f.kind {
	case notFound:
		return &startypes.ResourceNotFoundException{Message: message}
	case inUse:
		return &startypes.ResourceUnavailableException{Message: message}
	default:
		return &startypes.InvalidInputException{Message: message}
	}
}
