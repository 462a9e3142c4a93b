package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapigatewayv2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	apigatewayv2types "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// httpAPI is AWS::ApiGatewayV2::Api for HTTP APIs.
func httpAPI(d Deps) definition {
	h := httpAPIs{d}
	return definition{Type: resource.Type{
		Name: "AWS::ApiGatewayV2::Api",
		Properties: []string{
			"Body", "CorsConfiguration", "Description", "DisableExecuteApiEndpoint", "FailOnWarnings", "IpAddressType", "Name", "ProtocolType", "RouteKey",
			"RouteSelectionExpression", "Tags", "Target", "Version",
		},
		Create: h.create,
		Update: h.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.HTTPAPIs.DeleteApi(ctx, &awsapigatewayv2.DeleteApiInput{ApiId: aws.String(r.PhysicalID)})
			return err
		},
	}}
}

type httpAPIs struct{ Deps }

func (h httpAPIs) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awsapigatewayv2.CreateApiInput{}
	if err := decodeTagged(r, in, &in.Tags, "Body", "FailOnWarnings"); err != nil {
		return nil, err
	}
	if r.Properties["Body"] != nil {
		in.ProtocolType = apigatewayv2types.ProtocolTypeHttp
		if in.Name == nil {
			in.Name = titleOf(r)
		}
	}
	out, err := h.HTTPAPIs.CreateApi(ctx, in)
	if err != nil {
		return nil, err
	}
	return apiResult(out.ApiId, out.ApiEndpoint), h.load(ctx, r, out.ApiId)
}

// load makes the API of its document, if it has one.
func (h httpAPIs) load(ctx context.Context, r *resource.Request, id *string) error {
	text, err := document(r.Properties, "Body")
	if err != nil || text == nil {
		return err
	}
	_, err = h.HTTPAPIs.ReimportApi(ctx, &awsapigatewayv2.ReimportApiInput{ApiId: id, Body: text})
	return err
}

func (h httpAPIs) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	if changed(r, "RouteKey", "Target") {
		return nil, failure(r, "NotUpdatable", "The embedded AWS can't change RouteKey and Target of API %s.", r.PhysicalID)
	}
	in := &awsapigatewayv2.UpdateApiInput{ApiId: aws.String(r.PhysicalID)}
	properties := restored(r, map[string]any{"Description": "", "Version": "", "DisableExecuteApiEndpoint": false})
	if err := decodeMap(properties, in, "Body", "FailOnWarnings", "ProtocolType", "RouteKey", "Tags", "Target"); err != nil {
		return nil, err
	}
	out, err := h.HTTPAPIs.UpdateApi(ctx, in)
	if err != nil {
		return nil, err
	}
	if changed(r, "Body") {
		if r.Properties["Body"] == nil {
			return nil, failure(r, "NotUpdatable", "The embedded AWS can't remove Body of API %s.", r.PhysicalID)
		}
		if err := h.load(ctx, r, in.ApiId); err != nil {
			return nil, err
		}
	}
	if _, has := r.Properties["CorsConfiguration"]; !has && changed(r, "CorsConfiguration") {
		if _, err := h.HTTPAPIs.DeleteCorsConfiguration(ctx, &awsapigatewayv2.DeleteCorsConfigurationInput{ApiId: in.ApiId}); err != nil {
			return nil, err
		}
	}
	return apiResult(out.ApiId, out.ApiEndpoint), h.retag(ctx, r, "/apis/"+r.PhysicalID)
}

// retag changes the tags of an API or a stage.
func (h httpAPIs) retag(ctx context.Context, r *resource.Request, path string) error {
	arn := aws.String("arn:aws:apigateway:" + h.Account.Region + "::" + path)
	return retag(r,
		func(tags map[string]string) error {
			_, err := h.HTTPAPIs.TagResource(ctx, &awsapigatewayv2.TagResourceInput{ResourceArn: arn, Tags: tags})
			return err
		},
		func(keys []string) error {
			_, err := h.HTTPAPIs.UntagResource(ctx, &awsapigatewayv2.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
			return err
		})
}

func apiResult(id, endpoint *string) *resource.Result {
	return &resource.Result{
		PhysicalID: aws.ToString(id),
		Attributes: map[string]any{"ApiId": aws.ToString(id), "ApiEndpoint": aws.ToString(endpoint)},
	}
}

// apiOf returns the API that a resource belongs to.
func apiOf(r *resource.Request) *string { return aws.String(stringOf(r.Properties, "ApiId")) }

// httpStage is AWS::ApiGatewayV2::Stage.
func httpStage(d Deps) definition {
	h := httpAPIs{d}
	return definition{
		required: []string{"ApiId", "StageName"},
		Type: resource.Type{
			Name: "AWS::ApiGatewayV2::Stage",
			Properties: []string{
				"AccessLogSettings", "ApiId", "AutoDeploy", "DefaultRouteSettings", "DeploymentId", "Description", "RouteSettings",
				"StageName", "StageVariables", "Tags",
			},
			Create: h.createStage,
			Update: h.updateStage,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.HTTPAPIs.DeleteStage(ctx, &awsapigatewayv2.DeleteStageInput{ApiId: apiOf(r), StageName: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

func (h httpAPIs) createStage(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awsapigatewayv2.CreateStageInput{}
	if err := decodeTagged(r, in, &in.Tags); err != nil {
		return nil, err
	}
	if _, err := h.HTTPAPIs.CreateStage(ctx, in); err != nil {
		return nil, err
	}
	return &resource.Result{PhysicalID: *in.StageName}, nil
}

func (h httpAPIs) updateStage(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awsapigatewayv2.UpdateStageInput{}
	properties := restored(r, map[string]any{
		"AutoDeploy": false, "DefaultRouteSettings": map[string]any{}, "Description": "", "RouteSettings": map[string]any{}, "StageVariables": map[string]any{},
	})
	if err := decodeMap(properties, in, "Tags"); err != nil {
		return nil, err
	}
	if _, err := h.HTTPAPIs.UpdateStage(ctx, in); err != nil {
		return nil, err
	}
	if _, has := r.Properties["AccessLogSettings"]; !has && changed(r, "AccessLogSettings") {
		_, err := h.HTTPAPIs.DeleteAccessLogSettings(ctx, &awsapigatewayv2.DeleteAccessLogSettingsInput{ApiId: in.ApiId, StageName: in.StageName})
		if err != nil {
			return nil, err
		}
	}
	return &resource.Result{PhysicalID: r.PhysicalID}, h.retag(ctx, r, "/apis/"+*in.ApiId+"/stages/"+r.PhysicalID)
}

// httpRoute is AWS::ApiGatewayV2::Route.
func httpRoute(d Deps) definition {
	return definition{
		required: []string{"ApiId", "RouteKey"},
		Type: resource.Type{
			Name:       "AWS::ApiGatewayV2::Route",
			Properties: []string{"ApiId", "AuthorizationScopes", "AuthorizationType", "AuthorizerId", "OperationName", "RouteKey", "Target"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigatewayv2.CreateRouteInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				out, err := d.HTTPAPIs.CreateRoute(ctx, in)
				if err != nil {
					return nil, err
				}
				return partResult("RouteId", out.RouteId), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigatewayv2.UpdateRouteInput{RouteId: aws.String(r.PhysicalID)}
				properties := restored(r, map[string]any{"AuthorizationScopes": []any{}, "AuthorizationType": "NONE", "OperationName": ""})
				if err := decodeMap(properties, in); err != nil {
					return nil, err
				}
				_, err := d.HTTPAPIs.UpdateRoute(ctx, in)
				return partResult("RouteId", in.RouteId), err
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.HTTPAPIs.DeleteRoute(ctx, &awsapigatewayv2.DeleteRouteInput{ApiId: apiOf(r), RouteId: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

// partResult is the result for a part of an API, whose id is also an attribute.
func partResult(attribute string, id *string) *resource.Result {
	return &resource.Result{PhysicalID: aws.ToString(id), Attributes: map[string]any{attribute: aws.ToString(id)}}
}

// httpIntegration is AWS::ApiGatewayV2::Integration.
func httpIntegration(d Deps) definition {
	return definition{
		required: []string{"ApiId", "IntegrationType"},
		Type: resource.Type{
			Name: "AWS::ApiGatewayV2::Integration",
			Properties: []string{
				"ApiId", "ConnectionType", "Description", "IntegrationMethod", "IntegrationType", "IntegrationUri", "PayloadFormatVersion",
				"ResponseParameters", "TimeoutInMillis",
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigatewayv2.CreateIntegrationInput{}
				if err := decode(r, in, "ResponseParameters"); err != nil {
					return nil, err
				}
				var err error
				if in.ResponseParameters, err = responseParameters(r); err != nil {
					return nil, err
				}
				out, err := d.HTTPAPIs.CreateIntegration(ctx, in)
				if err != nil {
					return nil, err
				}
				return partResult("IntegrationId", out.IntegrationId), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigatewayv2.UpdateIntegrationInput{IntegrationId: aws.String(r.PhysicalID)}
				properties := restored(r, map[string]any{
					"ConnectionType": "INTERNET", "Description": "", "IntegrationMethod": "POST", "PayloadFormatVersion": "1.0", "TimeoutInMillis": 30000.0,
				})
				if err := decodeMap(properties, in, "ResponseParameters"); err != nil {
					return nil, err
				}
				var err error
				if in.ResponseParameters, err = responseParameters(r); err != nil {
					return nil, err
				}
				_, err = d.HTTPAPIs.UpdateIntegration(ctx, in)
				return partResult("IntegrationId", in.IntegrationId), err
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.HTTPAPIs.DeleteIntegration(ctx, &awsapigatewayv2.DeleteIntegrationInput{ApiId: apiOf(r), IntegrationId: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

// responseParameters returns the changes of an integration's responses, by status.
// Unlike in the API, the changes for a status are a list.
func responseParameters(r *resource.Request) (map[string]map[string]string, error) {
	var given map[string]struct {
		ResponseParameters []struct{ Source, Destination string }
	}
	if err := decodeProperty(r.Properties, "ResponseParameters", &given); err != nil {
		return nil, err
	}
	all := map[string]map[string]string{}
	for status, list := range given {
		all[status] = map[string]string{}
		for _, change := range list.ResponseParameters {
			all[status][change.Destination] = change.Source
		}
	}
	return all, nil
}

// httpAuthorizer is AWS::ApiGatewayV2::Authorizer.
func httpAuthorizer(d Deps) definition {
	return definition{
		required: []string{"ApiId", "AuthorizerType", "Name"},
		Type: resource.Type{
			Name: "AWS::ApiGatewayV2::Authorizer",
			Properties: []string{
				"ApiId", "AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds", "AuthorizerType", "AuthorizerUri",
				"EnableSimpleResponses", "IdentitySource", "JwtConfiguration", "Name",
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigatewayv2.CreateAuthorizerInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				out, err := d.HTTPAPIs.CreateAuthorizer(ctx, in)
				if err != nil {
					return nil, err
				}
				return partResult("AuthorizerId", out.AuthorizerId), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigatewayv2.UpdateAuthorizerInput{AuthorizerId: aws.String(r.PhysicalID)}
				properties := restored(r, map[string]any{"AuthorizerResultTtlInSeconds": 0.0, "EnableSimpleResponses": false, "IdentitySource": []any{}})
				if err := decodeMap(properties, in); err != nil {
					return nil, err
				}
				_, err := d.HTTPAPIs.UpdateAuthorizer(ctx, in)
				return partResult("AuthorizerId", in.AuthorizerId), err
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.HTTPAPIs.DeleteAuthorizer(ctx, &awsapigatewayv2.DeleteAuthorizerInput{ApiId: apiOf(r), AuthorizerId: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

// httpDeployment is AWS::ApiGatewayV2::Deployment.
func httpDeployment(d Deps) definition {
	return definition{
		required: []string{"ApiId"},
		Type: resource.Type{
			Name:       "AWS::ApiGatewayV2::Deployment",
			Properties: []string{"ApiId", "Description", "StageName"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigatewayv2.CreateDeploymentInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				out, err := d.HTTPAPIs.CreateDeployment(ctx, in)
				if err != nil {
					return nil, err
				}
				return partResult("DeploymentId", out.DeploymentId), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				if changed(r, "StageName") {
					return nil, failure(r, "NotUpdatable", "The embedded AWS can't change StageName of deployment %s.", r.PhysicalID)
				}
				_, err := d.HTTPAPIs.UpdateDeployment(ctx, &awsapigatewayv2.UpdateDeploymentInput{
					ApiId: apiOf(r), DeploymentId: aws.String(r.PhysicalID), Description: aws.String(stringOf(r.Properties, "Description")),
				})
				return partResult("DeploymentId", aws.String(r.PhysicalID)), err
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.HTTPAPIs.DeleteDeployment(ctx, &awsapigatewayv2.DeleteDeploymentInput{ApiId: apiOf(r), DeploymentId: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}
