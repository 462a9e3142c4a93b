package apigatewayv2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// unsupportedIntegration lists what CreateIntegration and UpdateIntegration refuse.
var unsupportedIntegration = []string{
	"ConnectionId", "ContentHandlingStrategy", "CredentialsArn", "IntegrationSubtype", "PassthroughBehavior", "RequestParameters",
	"RequestTemplates", "TemplateSelectionExpression", "TlsConfig",
}

// The limits of an integration's time-out in milliseconds. The upper one is the
// default.
const (
	minTimeout = 50
	maxTimeout = 30000
)

func newIntegration(in *awsapi.CreateIntegrationInput) (*types.Integration, error) {
	if err := refuse(in, unsupportedIntegration...); err != nil {
		return nil, err
	}
	i := &types.Integration{}
	executeapi.Assign(i, in)
	i.IntegrationId = aws.String(executeapi.NewID()[:7])
	if i.PayloadFormatVersion == nil {
		i.PayloadFormatVersion = aws.String("1.0")
	}
	if i.TimeoutInMillis == nil {
		i.TimeoutInMillis = aws.Int32(maxTimeout)
	}
	if i.IntegrationMethod == nil {
		i.IntegrationMethod = aws.String("POST")
	}
	if i.ConnectionType == "" {
		i.ConnectionType = types.ConnectionTypeInternet
	}
	return i, checkIntegration(i)
}

func checkIntegration(i *types.Integration) error {
	switch {
	case i.ConnectionType == types.ConnectionTypeVpcLink:
		return invalid("ConnectionType VPC_LINK is not supported by the embedded AWS.")
	case i.IntegrationType != types.IntegrationTypeAwsProxy:
		return invalid("IntegrationType %s is not supported by the embedded AWS. It supports AWS_PROXY with a Lambda function.", i.IntegrationType)
	case !slices.Contains([]string{"1.0", "2.0"}, *i.PayloadFormatVersion):
		return invalid("Invalid payloadFormatVersion %s. Must be 1.0 or 2.0", *i.PayloadFormatVersion)
	case *i.TimeoutInMillis < minTimeout || *i.TimeoutInMillis > maxTimeout:
		return invalid("Timeout should be between %d ms and %d ms", minTimeout, maxTimeout)
	}
	if strings.Contains(aws.ToString(i.IntegrationUri), "${stageVariables") {
		return invalid("Stage variables in IntegrationUri are not supported by the embedded AWS.")
	}
	if _, ok := executeapi.Function(aws.ToString(i.IntegrationUri)); !ok {
		return invalid("Invalid function URI specified: %s", aws.ToString(i.IntegrationUri))
	}
	return checkResponses(i.ResponseParameters)
}

func (a *api) integration(id *string) (*types.Integration, error) {
	if i := a.integrations[aws.ToString(id)]; i != nil {
		return i, nil
	}
	return nil, notFound("Invalid Integration identifier specified %s", aws.ToString(id))
}

// CreateIntegration creates an integration with a function.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html.
func (s *Service) CreateIntegration(_ context.Context, in *awsapi.CreateIntegrationInput) (*awsapi.CreateIntegrationOutput, error) {
	out := &awsapi.CreateIntegrationOutput{}
	return out, s.write(in.ApiId, func(a *api) error {
		i, err := newIntegration(in)
		if err != nil {
			return err
		}
		a.integrations[*i.IntegrationId] = i
		executeapi.Assign(out, i)
		return nil
	})
}

// GetIntegration describes an integration.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations-integrationid.html.
func (s *Service) GetIntegration(_ context.Context, in *awsapi.GetIntegrationInput) (*awsapi.GetIntegrationOutput, error) {
	out := &awsapi.GetIntegrationOutput{}
	return out, s.read(in.ApiId, func(a *api) error {
		i, err := a.integration(in.IntegrationId)
		if err == nil {
			executeapi.Assign(out, i)
		}
		return err
	})
}

// GetIntegrations lists the integrations of an API.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html.
func (s *Service) GetIntegrations(_ context.Context, in *awsapi.GetIntegrationsInput) (*awsapi.GetIntegrationsOutput, error) {
	out := &awsapi.GetIntegrationsOutput{}
	return out, s.read(in.ApiId, func(a *api) (err error) {
		out.Items, out.NextToken, err = page(executeapi.Sorted(a.integrations), in.NextToken, in.MaxResults)
		return err
	})
}

// UpdateIntegration changes an integration.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations-integrationid.html.
func (s *Service) UpdateIntegration(_ context.Context, in *awsapi.UpdateIntegrationInput) (*awsapi.UpdateIntegrationOutput, error) {
	if err := refuse(in, unsupportedIntegration...); err != nil {
		return nil, err
	}
	out := &awsapi.UpdateIntegrationOutput{}
	return out, s.write(in.ApiId, func(a *api) error {
		before, err := a.integration(in.IntegrationId)
		if err != nil {
			return err
		}
		i := *before
		executeapi.Change(&i, in)
		if err := checkIntegration(&i); err != nil {
			return err
		}
		a.integrations[*i.IntegrationId] = &i
		executeapi.Assign(out, &i)
		return nil
	})
}

// DeleteIntegration deletes an integration that no route uses.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations-integrationid.html.
func (s *Service) DeleteIntegration(_ context.Context, in *awsapi.DeleteIntegrationInput) (*awsapi.DeleteIntegrationOutput, error) {
	return &awsapi.DeleteIntegrationOutput{}, s.write(in.ApiId, func(a *api) error {
		if _, err := a.integration(in.IntegrationId); err != nil {
			return err
		}
		for _, r := range a.routes {
			if aws.ToString(r.Target) == "integrations/"+*in.IntegrationId {
				return conflict("Cannot delete Integration '%s'. Referenced by route '%s'", *in.IntegrationId, *r.RouteKey)
			}
		}
		delete(a.integrations, *in.IntegrationId)
		return nil
	})
}
