package codeconnections

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodeconnections "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	types "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
)

// CreateHost registers the URL of a provider's installation: a file: or
// loopback URL.
func (s *Service) CreateHost(_ context.Context, in *awscodeconnections.CreateHostInput) (*awscodeconnections.CreateHostOutput, error) {
	if in.VpcConfiguration != nil {
		return nil, typed(fail(badInput, "the embedded CodeConnections does not support VpcConfiguration"))
	}
	h, err := s.createHost(serviceName, aws.ToString(in.Name), aws.ToString(in.ProviderEndpoint), string(in.ProviderType), tagsOf(in.Tags))
	if err != nil {
		return nil, typed(err)
	}
	return &awscodeconnections.CreateHostOutput{HostArn: aws.String(h.arn), Tags: slices.Clone(in.Tags)}, nil
}

// GetHost returns a host.
func (s *Service) GetHost(_ context.Context, in *awscodeconnections.GetHostInput) (*awscodeconnections.GetHostOutput, error) {
	h, err := s.getHost(aws.ToString(in.HostArn))
	if err != nil {
		return nil, typed(err)
	}
	return &awscodeconnections.GetHostOutput{
		Name: aws.String(h.name), ProviderEndpoint: aws.String(h.endpoint), ProviderType: types.ProviderType(h.provider), Status: aws.String(available),
	}, nil
}

// UpdateHost changes a host's endpoint.
func (s *Service) UpdateHost(_ context.Context, in *awscodeconnections.UpdateHostInput) (*awscodeconnections.UpdateHostOutput, error) {
	if in.VpcConfiguration != nil {
		return nil, typed(fail(badInput, "the embedded CodeConnections does not support VpcConfiguration"))
	}
	if err := s.updateHost(aws.ToString(in.HostArn), aws.ToString(in.ProviderEndpoint)); err != nil {
		return nil, typed(err)
	}
	return &awscodeconnections.UpdateHostOutput{}, nil
}

// DeleteHost deletes a host that no connection uses.
func (s *Service) DeleteHost(_ context.Context, in *awscodeconnections.DeleteHostInput) (*awscodeconnections.DeleteHostOutput, error) {
	if err := s.deleteHost(aws.ToString(in.HostArn)); err != nil {
		return nil, typed(err)
	}
	return &awscodeconnections.DeleteHostOutput{}, nil
}

// ListHosts lists all hosts, sorted by age, on one page.
func (s *Service) ListHosts(_ context.Context, in *awscodeconnections.ListHostsInput) (*awscodeconnections.ListHostsOutput, error) {
	if in.NextToken != nil {
		return nil, typed(fail(badInput, "NextToken is not valid"))
	}
	out := &awscodeconnections.ListHostsOutput{}
	for _, h := range s.listHosts() {
		out.Hosts = append(out.Hosts, types.Host{
			HostArn: aws.String(h.arn), Name: aws.String(h.name), ProviderEndpoint: aws.String(h.endpoint),
			ProviderType: types.ProviderType(h.provider), Status: aws.String(available),
		})
	}
	return out, nil
}

// CreateConnection creates a connection. It is AVAILABLE if it has a host, and
// PENDING otherwise.
func (s *Service) CreateConnection(_ context.Context, in *awscodeconnections.CreateConnectionInput) (*awscodeconnections.CreateConnectionOutput, error) {
	var known []string
	for _, provider := range in.ProviderType.Values() {
		known = append(known, string(provider))
	}
	c, err := s.createConnection(serviceName, aws.ToString(in.ConnectionName), string(in.ProviderType), aws.ToString(in.HostArn), known, tagsOf(in.Tags))
	if err != nil {
		return nil, typed(err)
	}
	return &awscodeconnections.CreateConnectionOutput{ConnectionArn: aws.String(c.arn), Tags: slices.Clone(in.Tags)}, nil
}

func (s *Service) show(c connection) types.Connection {
	shown := types.Connection{
		ConnectionArn: aws.String(c.arn), ConnectionName: aws.String(c.name), ConnectionStatus: types.ConnectionStatus(c.status),
		ProviderType: types.ProviderType(c.provider), OwnerAccountId: aws.String(s.account.ID),
	}
	if c.host != "" {
		shown.HostArn = aws.String(c.host)
	}
	return shown
}

// GetConnection returns a connection.
func (s *Service) GetConnection(_ context.Context, in *awscodeconnections.GetConnectionInput) (*awscodeconnections.GetConnectionOutput, error) {
	c, err := s.getConnection(aws.ToString(in.ConnectionArn))
	if err != nil {
		return nil, typed(err)
	}
	shown := s.show(c)
	return &awscodeconnections.GetConnectionOutput{Connection: &shown}, nil
}

// DeleteConnection deletes a connection.
func (s *Service) DeleteConnection(_ context.Context, in *awscodeconnections.DeleteConnectionInput) (*awscodeconnections.DeleteConnectionOutput, error) {
	if err := s.deleteConnection(aws.ToString(in.ConnectionArn)); err != nil {
		return nil, typed(err)
	}
	return &awscodeconnections.DeleteConnectionOutput{}, nil
}

// ListConnections lists all connections, sorted by age, on one page.
func (s *Service) ListConnections(_ context.Context, in *awscodeconnections.ListConnectionsInput) (*awscodeconnections.ListConnectionsOutput, error) {
	if in.NextToken != nil {
		return nil, typed(fail(badInput, "NextToken is not valid"))
	}
	out := &awscodeconnections.ListConnectionsOutput{}
	for _, c := range s.listConnections(string(in.ProviderTypeFilter), aws.ToString(in.HostArnFilter)) {
		out.Connections = append(out.Connections, s.show(c))
	}
	return out, nil
}

// TagResource adds tags to a host or connection.
func (s *Service) TagResource(_ context.Context, in *awscodeconnections.TagResourceInput) (*awscodeconnections.TagResourceOutput, error) {
	if err := s.tags(aws.ToString(in.ResourceArn), func(tags map[string]string) { maps.Copy(tags, tagsOf(in.Tags)) }); err != nil {
		return nil, typed(err)
	}
	return &awscodeconnections.TagResourceOutput{}, nil
}

// UntagResource removes tags from a host or connection.
func (s *Service) UntagResource(_ context.Context, in *awscodeconnections.UntagResourceInput) (*awscodeconnections.UntagResourceOutput, error) {
	err := s.tags(aws.ToString(in.ResourceArn), func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
	if err != nil {
		return nil, typed(err)
	}
	return &awscodeconnections.UntagResourceOutput{}, nil
}

// ListTagsForResource lists the tags of a host or connection by key.
func (s *Service) ListTagsForResource(_ context.Context, in *awscodeconnections.ListTagsForResourceInput) (*awscodeconnections.ListTagsForResourceOutput, error) {
	tags, err := s.listTags(aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, typed(err)
	}
	out := &awscodeconnections.ListTagsForResourceOutput{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return out, nil
}

func tagsOf(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}

// typed converts a failure to the SDK's error type.
func typed(err error) error {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err
	}
	message := aws.String(f.message)
	switch f.kind {
	case notFound:
		return &types.ResourceNotFoundException{Message: message}
	case inUse:
		return &types.ResourceUnavailableException{Message: message}
	default:
		return &types.InvalidInputException{Message: message}
	}
}
