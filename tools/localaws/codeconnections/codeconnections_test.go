package codeconnections_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodeconnections "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	awscodestarconnections "github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	startypes "github.com/aws/aws-sdk-go-v2/service/codestarconnections/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/codeconnections"
)

func start() *codeconnections.Service {
	return codeconnections.New(account.Account{ID: account.DefaultID, Region: "us-east-1"})
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func connect(t *testing.T, s *codeconnections.Service, endpoint string) (hostARN, connectionARN *string) {
	t.Helper()
	h, err := s.CreateHost(t.Context(), &awscodeconnections.CreateHostInput{Name: aws.String("git"), ProviderType: types.ProviderTypeGithubEnterpriseServer, ProviderEndpoint: &endpoint})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.CreateConnection(t.Context(), &awscodeconnections.CreateConnectionInput{ConnectionName: aws.String("source"), HostArn: h.HostArn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	if err != nil {
		t.Fatal(err)
	}
	return h.HostArn, c.ConnectionArn
}

func TestCloneURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ endpoint, repository, want string }{
		{"file:///work/repo", "any/name", "file:///work/repo"},
		{"http://127.0.0.1:3000", "o/r", "http://127.0.0.1:3000/o/r.git"},
		{"https://localhost/git/", "group/sub/r", "https://localhost/git/group/sub/r.git"},
		{"http://[::1]:80", "o/r", "http://[::1]:80/o/r.git"},
		{"https://github.example.com", "o/r", "not on this machine"},
		{"https://localhost.example.com", "o/r", "not on this machine"},
		{"http://10.0.0.1", "o/r", "not on this machine"},
		{"file://server/share", "o/r", "not on this machine"},
		{"ssh://localhost/x", "o/r", "not on this machine"},
		{"http://127.0.0.1", "../../etc", "of the form owner/name"},
		{"http://127.0.0.1", "o/r?x", "of the form owner/name"},
		{"http://127.0.0.1", "name", "of the form owner/name"},
	} {
		s := start()
		_, c := connect(t, s, tt.endpoint)
		got, err := s.CloneURL(*c, tt.repository)
		if err == nil && got != tt.want || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s of %s: %q, %v, want %q", tt.repository, tt.endpoint, got, err, tt.want)
		}
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	s := start()
	ctx := t.Context()
	hostARN, arn := connect(t, s, "file:///repo")
	got, err := s.GetConnection(ctx, &awscodeconnections.GetConnectionInput{ConnectionArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Connection; c.ConnectionStatus != types.ConnectionStatusAvailable || *c.HostArn != *hostARN || c.ProviderType != types.ProviderTypeGithubEnterpriseServer || *c.OwnerAccountId != account.DefaultID {
		t.Errorf("connection %+v", c)
	}
	if !strings.HasPrefix(*arn, "arn:aws:codeconnections:us-east-1:000000000000:connection/") || !strings.HasPrefix(*hostARN, "arn:aws:codeconnections:us-east-1:000000000000:host/git-") {
		t.Errorf("ARNs %s and %s", *arn, *hostARN)
	}
	waiting, err := s.CreateConnection(ctx, &awscodeconnections.CreateConnectionInput{ConnectionName: aws.String("hub"), ProviderType: types.ProviderTypeGithub})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CloneURL(*waiting.ConnectionArn, "o/r"); err == nil || !strings.Contains(err.Error(), "PENDING") {
		t.Errorf("a pending connection: %v", err)
	}
	if out, err := s.ListConnections(ctx, &awscodeconnections.ListConnectionsInput{HostArnFilter: hostARN}); err != nil || len(out.Connections) != 1 {
		t.Errorf("connections of the host: %+v, %v", out, err)
	}
	for name, in := range map[string]*awscodeconnections.CreateConnectionInput{
		"nothing":       {ConnectionName: aws.String("x")},
		"needs a host":  {ConnectionName: aws.String("x"), ProviderType: types.ProviderTypeGithubEnterpriseServer},
		"unknown":       {ConnectionName: aws.String("x"), ProviderType: "SourceForge"},
		"bad name":      {ConnectionName: aws.String("a b"), ProviderType: types.ProviderTypeGithub},
		"contradiction": {ConnectionName: aws.String("x"), ProviderType: types.ProviderTypeGithub, HostArn: hostARN},
	} {
		if _, err := s.CreateConnection(ctx, in); code(err) != "InvalidInputException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.DeleteHost(ctx, &awscodeconnections.DeleteHostInput{HostArn: hostARN}); code(err) != "ResourceUnavailableException" {
		t.Errorf("deleting a host in use: %v", err)
	}
	if _, err := s.DeleteConnection(ctx, &awscodeconnections.DeleteConnectionInput{ConnectionArn: arn}); err != nil {
		t.Error(err)
	}
	if _, err := s.DeleteHost(ctx, &awscodeconnections.DeleteHostInput{HostArn: hostARN}); err != nil {
		t.Error(err)
	}
	if _, err := s.GetConnection(ctx, &awscodeconnections.GetConnectionInput{ConnectionArn: arn}); code(err) != "ResourceNotFoundException" {
		t.Errorf("a deleted connection: %v", err)
	}
}

func TestTheEarlierNameSharesTheState(t *testing.T) {
	t.Parallel()
	s := start()
	ctx := t.Context()
	star := s.CodeStar()
	_, arn := connect(t, s, "file:///repo")
	if out, err := star.GetConnection(ctx, &awscodestarconnections.GetConnectionInput{ConnectionArn: arn}); err != nil || out.Connection.ConnectionStatus != startypes.ConnectionStatusAvailable {
		t.Errorf("through the earlier name: %+v, %v", out, err)
	}
	if out, err := star.ListTagsForResource(ctx, &awscodestarconnections.ListTagsForResourceInput{ResourceArn: arn}); err != nil || len(out.Tags) != 1 || *out.Tags[0].Value != "b" {
		t.Errorf("tags: %+v, %v", out, err)
	}
	made, err := star.CreateConnection(ctx, &awscodestarconnections.CreateConnectionInput{ConnectionName: aws.String("old"), ProviderType: startypes.ProviderTypeBitbucket})
	if err != nil || !strings.HasPrefix(*made.ConnectionArn, "arn:aws:codestar-connections:us-east-1:000000000000:connection/") {
		t.Errorf("made through the earlier name: %+v, %v", made, err)
	}
	if out, err := s.ListConnections(ctx, &awscodeconnections.ListConnectionsInput{}); err != nil || len(out.Connections) != 2 {
		t.Errorf("all connections: %+v, %v", out, err)
	}
	_, err = star.GetConnection(ctx, &awscodestarconnections.GetConnectionInput{ConnectionArn: aws.String("arn:none")})
	if _, ok := errors.AsType[*startypes.ResourceNotFoundException](err); !ok {
		t.Errorf("a missing connection: %#v", err)
	}
}
