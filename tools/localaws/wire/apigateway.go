package wire

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// An operationList lists the operations of a REST-JSON service whose SDK has no
// schemas, one a line: the name, the method, the status of a success, the path,
// and the query parameters. A parameter whose field has another name is followed
// by it. The names and paths are those in the SDK's serializers.
type operationList string

// routes parses the list.
func (l operationList) routes() ([]route, error) {
	var routes []route
	for line := range strings.Lines(string(l)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) < 4 {
			return nil, fmt.Errorf("reading the operation %q: it has no path", line)
		}
		status, err := strconv.Atoi(words[2])
		if err != nil {
			return nil, fmt.Errorf("reading the status of %s: %w", words[0], err)
		}
		path, query, _ := strings.Cut(words[3], "?")
		constant, err := url.ParseQuery(query)
		if err != nil {
			return nil, fmt.Errorf("reading the path of %s: %w", words[0], err)
		}
		rt := route{
			operation: words[0], method: words[1], status: status, segments: segments(path), query: constant,
			parameters: map[string]string{},
		}
		for _, word := range words[4:] {
			name, field, other := strings.Cut(word, ":")
			if !other {
				field = strings.ToUpper(name[:1]) + name[1:]
			}
			rt.parameters[field] = name
		}
		routes = append(routes, rt)
	}
	return routes, nil
}

// bind sets where the fields of an operation's input and output are in a
// message: a label or a parameter has its place, and a Body of bytes is the
// whole body.
func (rt route) bind(op *operation) {
	labels := map[string]string{}
	for _, s := range rt.segments {
		if name, label := strings.CutPrefix(s, "{"); label {
			name = strings.TrimSuffix(name, "}")
			labels[strings.ToLower(name)] = name
		}
	}
	for i := range op.input.fields {
		f := &op.input.fields[i]
		name := op.in.Field(f.index).Name
		if label, ok := labels[strings.ToLower(name)]; ok {
			f.location, f.bound = inLabel, label
		} else if parameter, ok := rt.parameters[name]; ok {
			f.location, f.bound = inQuery, parameter
		}
	}
	for _, message := range []struct {
		shape *shape
		typ   reflect.Type
	}{{op.input, op.in}, {op.output, op.out}} {
		for i := range message.shape.fields {
			if f := &message.shape.fields[i]; f.shape.kind == blob && message.typ.Field(f.index).Name == "Body" {
				f.location = inPayload
			}
		}
	}
}

// restAPIOperations lists all operations of API Gateway for REST APIs.
const restAPIOperations operationList = `
CreateApiKey POST 201 /apikeys
CreateAuthorizer POST 201 /restapis/{restApiId}/authorizers
CreateBasePathMapping POST 201 /domainnames/{domainName}/basepathmappings domainNameId
CreateDeployment POST 201 /restapis/{restApiId}/deployments
CreateDocumentationPart POST 201 /restapis/{restApiId}/documentation/parts
CreateDocumentationVersion POST 201 /restapis/{restApiId}/documentation/versions
CreateDomainName POST 201 /domainnames
CreateDomainNameAccessAssociation POST 201 /domainnameaccessassociations
CreateModel POST 201 /restapis/{restApiId}/models
CreateRequestValidator POST 201 /restapis/{restApiId}/requestvalidators
CreateResource POST 201 /restapis/{restApiId}/resources/{parentId}
CreateRestApi POST 201 /restapis
CreateStage POST 201 /restapis/{restApiId}/stages
CreateUsagePlan POST 201 /usageplans
CreateUsagePlanKey POST 201 /usageplans/{usagePlanId}/keys
CreateVpcLink POST 201 /vpclinks
DeleteApiKey DELETE 202 /apikeys/{apiKey}
DeleteAuthorizer DELETE 202 /restapis/{restApiId}/authorizers/{authorizerId}
DeleteBasePathMapping DELETE 202 /domainnames/{domainName}/basepathmappings/{basePath} domainNameId
DeleteClientCertificate DELETE 202 /clientcertificates/{clientCertificateId}
DeleteDeployment DELETE 202 /restapis/{restApiId}/deployments/{deploymentId}
DeleteDocumentationPart DELETE 202 /restapis/{restApiId}/documentation/parts/{documentationPartId}
DeleteDocumentationVersion DELETE 202 /restapis/{restApiId}/documentation/versions/{documentationVersion}
DeleteDomainName DELETE 202 /domainnames/{domainName} domainNameId
DeleteDomainNameAccessAssociation DELETE 202 /domainnameaccessassociations/{domainNameAccessAssociationArn}
DeleteGatewayResponse DELETE 202 /restapis/{restApiId}/gatewayresponses/{responseType}
DeleteIntegration DELETE 204 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/integration
DeleteIntegrationResponse DELETE 204 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/integration/responses/{statusCode}
DeleteMethod DELETE 204 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}
DeleteMethodResponse DELETE 204 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/responses/{statusCode}
DeleteModel DELETE 202 /restapis/{restApiId}/models/{modelName}
DeleteRequestValidator DELETE 202 /restapis/{restApiId}/requestvalidators/{requestValidatorId}
DeleteResource DELETE 202 /restapis/{restApiId}/resources/{resourceId}
DeleteRestApi DELETE 202 /restapis/{restApiId}
DeleteStage DELETE 202 /restapis/{restApiId}/stages/{stageName}
DeleteUsagePlan DELETE 202 /usageplans/{usagePlanId}
DeleteUsagePlanKey DELETE 202 /usageplans/{usagePlanId}/keys/{keyId}
DeleteVpcLink DELETE 202 /vpclinks/{vpcLinkId}
FlushStageAuthorizersCache DELETE 202 /restapis/{restApiId}/stages/{stageName}/cache/authorizers
FlushStageCache DELETE 202 /restapis/{restApiId}/stages/{stageName}/cache/data
GenerateClientCertificate POST 201 /clientcertificates
GetAccount GET 200 /account
GetApiKey GET 200 /apikeys/{apiKey} includeValue
GetApiKeys GET 200 /apikeys customerId includeValues limit name:NameQuery position
GetAuthorizer GET 200 /restapis/{restApiId}/authorizers/{authorizerId}
GetAuthorizers GET 200 /restapis/{restApiId}/authorizers limit position
GetBasePathMapping GET 200 /domainnames/{domainName}/basepathmappings/{basePath} domainNameId
GetBasePathMappings GET 200 /domainnames/{domainName}/basepathmappings domainNameId limit position
GetClientCertificate GET 200 /clientcertificates/{clientCertificateId}
GetClientCertificates GET 200 /clientcertificates limit position
GetDeployment GET 200 /restapis/{restApiId}/deployments/{deploymentId} embed
GetDeployments GET 200 /restapis/{restApiId}/deployments limit position
GetDocumentationPart GET 200 /restapis/{restApiId}/documentation/parts/{documentationPartId}
GetDocumentationParts GET 200 /restapis/{restApiId}/documentation/parts limit locationStatus name:NameQuery path position type
GetDocumentationVersion GET 200 /restapis/{restApiId}/documentation/versions/{documentationVersion}
GetDocumentationVersions GET 200 /restapis/{restApiId}/documentation/versions limit position
GetDomainName GET 200 /domainnames/{domainName} domainNameId
GetDomainNameAccessAssociations GET 200 /domainnameaccessassociations limit position resourceOwner
GetDomainNames GET 200 /domainnames limit position resourceOwner
GetExport GET 200 /restapis/{restApiId}/stages/{stageName}/exports/{exportType}
GetGatewayResponse GET 200 /restapis/{restApiId}/gatewayresponses/{responseType}
GetGatewayResponses GET 200 /restapis/{restApiId}/gatewayresponses limit position
GetIntegration GET 200 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/integration
GetIntegrationResponse GET 200 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/integration/responses/{statusCode}
GetMethod GET 200 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}
GetMethodResponse GET 200 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/responses/{statusCode}
GetModel GET 200 /restapis/{restApiId}/models/{modelName} flatten
GetModels GET 200 /restapis/{restApiId}/models limit position
GetModelTemplate GET 200 /restapis/{restApiId}/models/{modelName}/default_template
GetRequestValidator GET 200 /restapis/{restApiId}/requestvalidators/{requestValidatorId}
GetRequestValidators GET 200 /restapis/{restApiId}/requestvalidators limit position
GetResource GET 200 /restapis/{restApiId}/resources/{resourceId} embed
GetResources GET 200 /restapis/{restApiId}/resources embed limit position
GetRestApi GET 200 /restapis/{restApiId}
GetRestApis GET 200 /restapis limit position
GetSdk GET 200 /restapis/{restApiId}/stages/{stageName}/sdks/{sdkType}
GetSdkType GET 200 /sdktypes/{id}
GetSdkTypes GET 200 /sdktypes limit position
GetStage GET 200 /restapis/{restApiId}/stages/{stageName}
GetStages GET 200 /restapis/{restApiId}/stages deploymentId
GetTags GET 200 /tags/{resourceArn} limit position
GetUsage GET 200 /usageplans/{usagePlanId}/usage endDate keyId limit position startDate
GetUsagePlan GET 200 /usageplans/{usagePlanId}
GetUsagePlanKey GET 200 /usageplans/{usagePlanId}/keys/{keyId}
GetUsagePlanKeys GET 200 /usageplans/{usagePlanId}/keys limit name:NameQuery position
GetUsagePlans GET 200 /usageplans keyId limit position
GetVpcLink GET 200 /vpclinks/{vpcLinkId}
GetVpcLinks GET 200 /vpclinks limit position
ImportApiKeys POST 201 /apikeys?mode=import failonwarnings:FailOnWarnings format
ImportDocumentationParts PUT 200 /restapis/{restApiId}/documentation/parts failonwarnings:FailOnWarnings mode
ImportRestApi POST 201 /restapis?mode=import failonwarnings:FailOnWarnings
PutGatewayResponse PUT 201 /restapis/{restApiId}/gatewayresponses/{responseType}
PutIntegration PUT 201 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/integration
PutIntegrationResponse PUT 201 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/integration/responses/{statusCode}
PutMethod PUT 201 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}
PutMethodResponse PUT 201 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/responses/{statusCode}
PutRestApi PUT 200 /restapis/{restApiId} failonwarnings:FailOnWarnings mode
RejectDomainNameAccessAssociation POST 202 /rejectdomainnameaccessassociations domainNameAccessAssociationArn domainNameArn
TagResource PUT 204 /tags/{resourceArn}
TestInvokeAuthorizer POST 200 /restapis/{restApiId}/authorizers/{authorizerId}
TestInvokeMethod POST 200 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}
UntagResource DELETE 204 /tags/{resourceArn} tagKeys
UpdateAccount PATCH 200 /account
UpdateApiKey PATCH 200 /apikeys/{apiKey}
UpdateAuthorizer PATCH 200 /restapis/{restApiId}/authorizers/{authorizerId}
UpdateBasePathMapping PATCH 200 /domainnames/{domainName}/basepathmappings/{basePath} domainNameId
UpdateClientCertificate PATCH 200 /clientcertificates/{clientCertificateId}
UpdateDeployment PATCH 200 /restapis/{restApiId}/deployments/{deploymentId}
UpdateDocumentationPart PATCH 200 /restapis/{restApiId}/documentation/parts/{documentationPartId}
UpdateDocumentationVersion PATCH 200 /restapis/{restApiId}/documentation/versions/{documentationVersion}
UpdateDomainName PATCH 200 /domainnames/{domainName} domainNameId
UpdateGatewayResponse PATCH 200 /restapis/{restApiId}/gatewayresponses/{responseType}
UpdateIntegration PATCH 200 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/integration
UpdateIntegrationResponse PATCH 200 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/integration/responses/{statusCode}
UpdateMethod PATCH 200 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}
UpdateMethodResponse PATCH 201 /restapis/{restApiId}/resources/{resourceId}/methods/{httpMethod}/responses/{statusCode}
UpdateModel PATCH 200 /restapis/{restApiId}/models/{modelName}
UpdateRequestValidator PATCH 200 /restapis/{restApiId}/requestvalidators/{requestValidatorId}
UpdateResource PATCH 200 /restapis/{restApiId}/resources/{resourceId}
UpdateRestApi PATCH 200 /restapis/{restApiId}
UpdateStage PATCH 200 /restapis/{restApiId}/stages/{stageName}
UpdateUsage PATCH 200 /usageplans/{usagePlanId}/keys/{keyId}/usage
UpdateUsagePlan PATCH 200 /usageplans/{usagePlanId}
UpdateVpcLink PATCH 200 /vpclinks/{vpcLinkId}
`

// httpAPIOperations lists all operations of API Gateway for HTTP and WebSocket APIs.
const httpAPIOperations operationList = `
CreateApi POST 201 /v2/apis
CreateApiMapping POST 201 /v2/domainnames/{DomainName}/apimappings
CreateAuthorizer POST 201 /v2/apis/{ApiId}/authorizers
CreateDeployment POST 201 /v2/apis/{ApiId}/deployments
CreateDomainName POST 201 /v2/domainnames
CreateIntegration POST 201 /v2/apis/{ApiId}/integrations
CreateIntegrationResponse POST 201 /v2/apis/{ApiId}/integrations/{IntegrationId}/integrationresponses
CreateModel POST 201 /v2/apis/{ApiId}/models
CreatePortal POST 201 /v2/portals
CreatePortalProduct POST 201 /v2/portalproducts
CreateProductPage POST 201 /v2/portalproducts/{PortalProductId}/productpages
CreateProductRestEndpointPage POST 201 /v2/portalproducts/{PortalProductId}/productrestendpointpages
CreateRoute POST 201 /v2/apis/{ApiId}/routes
CreateRouteResponse POST 201 /v2/apis/{ApiId}/routes/{RouteId}/routeresponses
CreateRoutingRule POST 201 /v2/domainnames/{DomainName}/routingrules domainNameId
CreateStage POST 201 /v2/apis/{ApiId}/stages
CreateVpcLink POST 201 /v2/vpclinks
DeleteAccessLogSettings DELETE 204 /v2/apis/{ApiId}/stages/{StageName}/accesslogsettings
DeleteApi DELETE 204 /v2/apis/{ApiId}
DeleteApiMapping DELETE 204 /v2/domainnames/{DomainName}/apimappings/{ApiMappingId}
DeleteAuthorizer DELETE 204 /v2/apis/{ApiId}/authorizers/{AuthorizerId}
DeleteCorsConfiguration DELETE 204 /v2/apis/{ApiId}/cors
DeleteDeployment DELETE 204 /v2/apis/{ApiId}/deployments/{DeploymentId}
DeleteDomainName DELETE 204 /v2/domainnames/{DomainName}
DeleteIntegration DELETE 204 /v2/apis/{ApiId}/integrations/{IntegrationId}
DeleteIntegrationResponse DELETE 204 /v2/apis/{ApiId}/integrations/{IntegrationId}/integrationresponses/{IntegrationResponseId}
DeleteModel DELETE 204 /v2/apis/{ApiId}/models/{ModelId}
DeletePortal DELETE 204 /v2/portals/{PortalId}
DeletePortalProduct DELETE 204 /v2/portalproducts/{PortalProductId}
DeletePortalProductSharingPolicy DELETE 204 /v2/portalproducts/{PortalProductId}/sharingpolicy
DeleteProductPage DELETE 204 /v2/portalproducts/{PortalProductId}/productpages/{ProductPageId}
DeleteProductRestEndpointPage DELETE 204 /v2/portalproducts/{PortalProductId}/productrestendpointpages/{ProductRestEndpointPageId}
DeleteRoute DELETE 204 /v2/apis/{ApiId}/routes/{RouteId}
DeleteRouteRequestParameter DELETE 204 /v2/apis/{ApiId}/routes/{RouteId}/requestparameters/{RequestParameterKey}
DeleteRouteResponse DELETE 204 /v2/apis/{ApiId}/routes/{RouteId}/routeresponses/{RouteResponseId}
DeleteRouteSettings DELETE 204 /v2/apis/{ApiId}/stages/{StageName}/routesettings/{RouteKey}
DeleteRoutingRule DELETE 204 /v2/domainnames/{DomainName}/routingrules/{RoutingRuleId} domainNameId
DeleteStage DELETE 204 /v2/apis/{ApiId}/stages/{StageName}
DeleteVpcLink DELETE 204 /v2/vpclinks/{VpcLinkId}
DisablePortal DELETE 204 /v2/portals/{PortalId}/publish
ExportApi GET 200 /v2/apis/{ApiId}/exports/{Specification} exportVersion includeExtensions outputType stageName
GetApi GET 200 /v2/apis/{ApiId}
GetApiMapping GET 200 /v2/domainnames/{DomainName}/apimappings/{ApiMappingId}
GetApiMappings GET 200 /v2/domainnames/{DomainName}/apimappings maxResults nextToken
GetApis GET 200 /v2/apis maxResults nextToken
GetAuthorizer GET 200 /v2/apis/{ApiId}/authorizers/{AuthorizerId}
GetAuthorizers GET 200 /v2/apis/{ApiId}/authorizers maxResults nextToken
GetDeployment GET 200 /v2/apis/{ApiId}/deployments/{DeploymentId}
GetDeployments GET 200 /v2/apis/{ApiId}/deployments maxResults nextToken
GetDomainName GET 200 /v2/domainnames/{DomainName}
GetDomainNames GET 200 /v2/domainnames maxResults nextToken
GetIntegration GET 200 /v2/apis/{ApiId}/integrations/{IntegrationId}
GetIntegrationResponse GET 200 /v2/apis/{ApiId}/integrations/{IntegrationId}/integrationresponses/{IntegrationResponseId}
GetIntegrationResponses GET 200 /v2/apis/{ApiId}/integrations/{IntegrationId}/integrationresponses maxResults nextToken
GetIntegrations GET 200 /v2/apis/{ApiId}/integrations maxResults nextToken
GetModel GET 200 /v2/apis/{ApiId}/models/{ModelId}
GetModels GET 200 /v2/apis/{ApiId}/models maxResults nextToken
GetModelTemplate GET 200 /v2/apis/{ApiId}/models/{ModelId}/template
GetPortal GET 200 /v2/portals/{PortalId}
GetPortalProduct GET 200 /v2/portalproducts/{PortalProductId} resourceOwnerAccountId
GetPortalProductSharingPolicy GET 200 /v2/portalproducts/{PortalProductId}/sharingpolicy
GetProductPage GET 200 /v2/portalproducts/{PortalProductId}/productpages/{ProductPageId} resourceOwnerAccountId
GetProductRestEndpointPage GET 200 /v2/portalproducts/{PortalProductId}/productrestendpointpages/{ProductRestEndpointPageId} includeRawDisplayContent resourceOwnerAccountId
GetRoute GET 200 /v2/apis/{ApiId}/routes/{RouteId}
GetRouteResponse GET 200 /v2/apis/{ApiId}/routes/{RouteId}/routeresponses/{RouteResponseId}
GetRouteResponses GET 200 /v2/apis/{ApiId}/routes/{RouteId}/routeresponses maxResults nextToken
GetRoutes GET 200 /v2/apis/{ApiId}/routes maxResults nextToken
GetRoutingRule GET 200 /v2/domainnames/{DomainName}/routingrules/{RoutingRuleId} domainNameId
GetStage GET 200 /v2/apis/{ApiId}/stages/{StageName}
GetStages GET 200 /v2/apis/{ApiId}/stages maxResults nextToken
GetTags GET 200 /v2/tags/{ResourceArn}
GetVpcLink GET 200 /v2/vpclinks/{VpcLinkId}
GetVpcLinks GET 200 /v2/vpclinks maxResults nextToken
ImportApi PUT 201 /v2/apis basepath failOnWarnings
ListPortalProducts GET 200 /v2/portalproducts maxResults nextToken resourceOwner
ListPortals GET 200 /v2/portals maxResults nextToken
ListProductPages GET 200 /v2/portalproducts/{PortalProductId}/productpages maxResults nextToken resourceOwnerAccountId
ListProductRestEndpointPages GET 200 /v2/portalproducts/{PortalProductId}/productrestendpointpages maxResults nextToken resourceOwnerAccountId
ListRoutingRules GET 200 /v2/domainnames/{DomainName}/routingrules domainNameId maxResults nextToken
PreviewPortal POST 202 /v2/portals/{PortalId}/preview
PublishPortal POST 202 /v2/portals/{PortalId}/publish
PutPortalProductSharingPolicy PUT 200 /v2/portalproducts/{PortalProductId}/sharingpolicy
PutRoutingRule PUT 201 /v2/domainnames/{DomainName}/routingrules/{RoutingRuleId} domainNameId
ReimportApi PUT 201 /v2/apis/{ApiId} basepath failOnWarnings
ResetAuthorizersCache DELETE 204 /v2/apis/{ApiId}/stages/{StageName}/cache/authorizers
TagResource POST 201 /v2/tags/{ResourceArn}
UntagResource DELETE 204 /v2/tags/{ResourceArn} tagKeys
UpdateApi PATCH 200 /v2/apis/{ApiId}
UpdateApiMapping PATCH 200 /v2/domainnames/{DomainName}/apimappings/{ApiMappingId}
UpdateAuthorizer PATCH 200 /v2/apis/{ApiId}/authorizers/{AuthorizerId}
UpdateDeployment PATCH 200 /v2/apis/{ApiId}/deployments/{DeploymentId}
UpdateDomainName PATCH 200 /v2/domainnames/{DomainName}
UpdateIntegration PATCH 200 /v2/apis/{ApiId}/integrations/{IntegrationId}
UpdateIntegrationResponse PATCH 200 /v2/apis/{ApiId}/integrations/{IntegrationId}/integrationresponses/{IntegrationResponseId}
UpdateModel PATCH 200 /v2/apis/{ApiId}/models/{ModelId}
UpdatePortal PATCH 200 /v2/portals/{PortalId}
UpdatePortalProduct PATCH 200 /v2/portalproducts/{PortalProductId}
UpdateProductPage PATCH 200 /v2/portalproducts/{PortalProductId}/productpages/{ProductPageId}
UpdateProductRestEndpointPage PATCH 200 /v2/portalproducts/{PortalProductId}/productrestendpointpages/{ProductRestEndpointPageId}
UpdateRoute PATCH 200 /v2/apis/{ApiId}/routes/{RouteId}
UpdateRouteResponse PATCH 200 /v2/apis/{ApiId}/routes/{RouteId}/routeresponses/{RouteResponseId}
UpdateStage PATCH 200 /v2/apis/{ApiId}/stages/{StageName}
UpdateVpcLink PATCH 200 /v2/vpclinks/{VpcLinkId}
`
