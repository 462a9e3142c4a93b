package wire

import (
	"reflect"

	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
)

// metadata is what the wire must know about a service in addition to its types.
type metadata struct {
	target    string // prefix of X-Amz-Target; the name in the path for rpc-v2-CBOR
	json      string // version of awsJson, "1.0" or "1.1"; empty if not spoken
	namespace string // XML namespace of awsQuery responses; empty if not spoken
	cbor      bool   // speaks rpc-v2-CBOR
	global    bool   // has one endpoint for all regions
	// queryErrors says that JSON and CBOR errors carry their awsQuery code in a header.
	queryErrors bool
	// lowerCamel says that names on the wire begin with a lower-case letter,
	// except for the names in irregular. The SDK's fields do not show this.
	lowerCamel bool
	// irregular lists fields, as Type.Field, whose name begins in a different
	// case than the service's other names.
	irregular map[string]bool
	rest      []*smithy.Schema // the operations of a REST-JSON service
	bodyLimit int64            // size limit of a request's body in bytes
	// flattened says that awsQuery repeats an element for each item of a list or
	// map, without an element around them. The SDK's fields do not show this.
	flattened bool
	// items lists fields, as Type.Field, with the name of their flattened element
	// if it is not the one that [flatName] returns.
	items map[string]string
	// zeros lists fields, as Type.Field, that are absent where the SDK's value is
	// zero, although a zero means something else than an absent value.
	zeros map[string]bool
	// resource is the member that the path of an awsQuery request may give
	// instead of the form.
	resource string
	// operations lists the operations of a REST-JSON service whose SDK has no schemas.
	operations operationList
	// dateTimes says that timestamps in JSON are dates of ISO 8601. The SDK's fields
	// do not show this.
	dateTimes bool
	// renamed holds the names of fields, as Type.Field, that differ from the SDK's
	// in more than the case of a letter.
	renamed map[string]string
	// signs is the signing name of a service that shares it with another. The
	// service answers the requests whose path begins with below and whose target is
	// its own.
	signs, below string
	// anonymous names the awsQuery operations that nobody signs.
	anonymous map[string]bool
	// links names the awsQuery operations that need no signature, because the
	// service sends their URLs to people and programs.
	links map[string]bool
}

const defaultBodyLimit = 16 << 20

// services lists every service that can be implemented, by signing name. The
// names and versions are those in the SDK's serializers.
var services = map[string]metadata{
	"apigateway": {operations: restAPIOperations, lowerCamel: true, renamed: map[string]string{
		"GetApiKeysOutput.Items": "item", "GetAuthorizersOutput.Items": "item", "GetBasePathMappingsOutput.Items": "item",
		"GetClientCertificatesOutput.Items": "item", "GetDeploymentsOutput.Items": "item",
		"GetDocumentationPartsOutput.Items": "item", "GetDocumentationVersionsOutput.Items": "item",
		"GetDomainNameAccessAssociationsOutput.Items": "item", "GetDomainNamesOutput.Items": "item",
		"GetGatewayResponsesOutput.Items": "item", "GetModelsOutput.Items": "item",
		"GetRequestValidatorsOutput.Items": "item", "GetResourcesOutput.Items": "item", "GetRestApisOutput.Items": "item",
		"GetSdkTypesOutput.Items": "item", "GetUsagePlanKeysOutput.Items": "item", "GetUsagePlansOutput.Items": "item",
		"GetVpcLinksOutput.Items": "item", "GetUsageOutput.Items": "values",
		"UpdateUsageOutput.Items": "values", "PutIntegrationInput.IntegrationHttpMethod": "httpMethod",
	}},
	"apigatewayv2":         {operations: httpAPIOperations, lowerCamel: true, dateTimes: true, signs: "apigateway", below: "/v2/"},
	"cloudformation":       {namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/"},
	"codebuild":            {target: "CodeBuild_20161006", json: "1.1", lowerCamel: true},
	"codeconnections":      {target: "CodeConnections_20231201", json: "1.0"},
	"codestar-connections": {target: "CodeStar_connections_20191201", json: "1.0"},
	"codedeploy": {target: "CodeDeploy_20141006", json: "1.1", lowerCamel: true, irregular: set(
		"DeploymentOverview.Failed", "DeploymentOverview.InProgress", "DeploymentOverview.Pending",
		"DeploymentOverview.Ready", "DeploymentOverview.Skipped", "DeploymentOverview.Succeeded",
		"EC2TagFilter.Key", "EC2TagFilter.Type", "EC2TagFilter.Value",
		"Tag.Key", "Tag.Value",
		"TagFilter.Key", "TagFilter.Type", "TagFilter.Value",
		"ListTagsForResourceInput.NextToken", "ListTagsForResourceInput.ResourceArn",
		"ListTagsForResourceOutput.NextToken", "ListTagsForResourceOutput.Tags",
		"TagResourceInput.ResourceArn", "TagResourceInput.Tags",
		"UntagResourceInput.ResourceArn", "UntagResourceInput.TagKeys",
	)},
	"codepipeline": {target: "CodePipeline_20150709", json: "1.1", lowerCamel: true, irregular: set(
		"ListWebhooksInput.MaxResults", "ListWebhooksInput.NextToken", "ListWebhooksOutput.NextToken",
		"WebhookAuthConfiguration.AllowedIPRange", "WebhookAuthConfiguration.SecretToken",
	)},
	"dynamodb":        {target: "DynamoDB_20120810", json: "1.0"},
	"dynamodbstreams": {target: "DynamoDBStreams_20120810", json: "1.0", signs: "dynamodb"},
	"ecr": {
		target: "AmazonEC2ContainerRegistry_V20150921", json: "1.1", lowerCamel: true,
		irregular: set("Tag.Key", "Tag.Value"),
	},
	"events": {target: "AWSEvents", json: "1.1"},
	"iam":    {namespace: "https://iam.amazonaws.com/doc/2010-05-08/", global: true},
	"kms":    {target: "TrentService", json: "1.1"},
	"lambda": {rest: lambdaOperations, bodyLimit: 80 << 20}, // a function's zip of 50 MB as base64
	"logs":   {target: "Logs_20140328", json: "1.1"},
	"monitoring": {
		target: "GraniteServiceVersion20100801", json: "1.0", cbor: true, queryErrors: true,
		namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
	},
	"scheduler": {operations: schedulerOperations, irregular: set(
		"CapacityProviderStrategyItem.Base", "CapacityProviderStrategyItem.CapacityProvider", "CapacityProviderStrategyItem.Weight",
		"NetworkConfiguration.AwsvpcConfiguration", "PlacementConstraint.Expression", "PlacementConstraint.Type",
		"PlacementStrategy.Field", "PlacementStrategy.Type",
	)},
	"secretsmanager": {target: "secretsmanager", json: "1.1"},
	// See https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html.
	"sns": {namespace: "http://sns.amazonaws.com/doc/2010-03-31/", links: set("ConfirmSubscription", "Unsubscribe"), irregular: set(
		"CheckIfPhoneNumberIsOptedOutInput.PhoneNumber", "CheckIfPhoneNumberIsOptedOutOutput.IsOptedOut",
		"GetSMSAttributesInput.Attributes", "GetSMSAttributesOutput.Attributes",
		"ListPhoneNumbersOptedOutInput.NextToken",
		"ListPhoneNumbersOptedOutOutput.NextToken", "ListPhoneNumbersOptedOutOutput.PhoneNumbers",
		"OptInPhoneNumberInput.PhoneNumber", "SetSMSAttributesInput.Attributes",
	)},
	// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html.
	"sqs": {
		target: "AmazonSQS", json: "1.0", queryErrors: true, namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
		flattened: true, resource: "QueueUrl", items: map[string]string{"AddPermissionInput.Actions": "ActionName"},
		zeros: set(
			"ReceiveMessageInput.VisibilityTimeout", "ReceiveMessageInput.WaitTimeSeconds",
			"SendMessageInput.DelaySeconds", "SendMessageBatchRequestEntry.DelaySeconds",
		),
	},
	"ssm": {target: "AmazonSSM", json: "1.1"},
	"sts": {namespace: "https://sts.amazonaws.com/doc/2011-06-15/", global: true, anonymous: set("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"), irregular: set(
		"PolicyDescriptorType.Arn",
	)},
}

// unions lists the members of each union type, because reflection can't list
// the types that implement an interface.
var unions = map[reflect.Type][]reflect.Type{
	reflect.TypeFor[cloudwatchtypes.EvaluationCriteria](): {
		reflect.TypeFor[cloudwatchtypes.EvaluationCriteriaMemberPromQLCriteria](),
	},
	reflect.TypeFor[cloudwatchtypes.EvaluationWindow](): {
		reflect.TypeFor[cloudwatchtypes.EvaluationWindowMemberSlidingWindow](),
		reflect.TypeFor[cloudwatchtypes.EvaluationWindowMemberWallClockWindow](),
	},
	reflect.TypeFor[dynamodbtypes.AttributeValue](): {
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberB](),
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberBOOL](),
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberBS](),
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberL](),
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberM](),
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberN](),
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberNS](),
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberNULL](),
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberS](),
		reflect.TypeFor[dynamodbtypes.AttributeValueMemberSS](),
	},
	reflect.TypeFor[streamtypes.AttributeValue](): {
		reflect.TypeFor[streamtypes.AttributeValueMemberB](),
		reflect.TypeFor[streamtypes.AttributeValueMemberBOOL](),
		reflect.TypeFor[streamtypes.AttributeValueMemberBS](),
		reflect.TypeFor[streamtypes.AttributeValueMemberL](),
		reflect.TypeFor[streamtypes.AttributeValueMemberM](),
		reflect.TypeFor[streamtypes.AttributeValueMemberN](),
		reflect.TypeFor[streamtypes.AttributeValueMemberNS](),
		reflect.TypeFor[streamtypes.AttributeValueMemberNULL](),
		reflect.TypeFor[streamtypes.AttributeValueMemberS](),
		reflect.TypeFor[streamtypes.AttributeValueMemberSS](),
	},
	reflect.TypeFor[logstypes.IntegrationDetails](): {
		reflect.TypeFor[logstypes.IntegrationDetailsMemberOpenSearchIntegrationDetails](),
	},
	reflect.TypeFor[logstypes.ResourceConfig](): {
		reflect.TypeFor[logstypes.ResourceConfigMemberOpenSearchResourceConfig](),
	},
	reflect.TypeFor[iamtypes.PolicyIdentifier](): {
		reflect.TypeFor[iamtypes.PolicyIdentifierMemberInlinePolicyIdentifier](),
		reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyArn](),
		reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyType](),
	},
	reflect.TypeFor[ssmtypes.CloudConnectorConfiguration](): {
		reflect.TypeFor[ssmtypes.CloudConnectorConfigurationMemberAzureConfiguration](),
	},
	reflect.TypeFor[ssmtypes.ConfigurationTargets](): {
		reflect.TypeFor[ssmtypes.ConfigurationTargetsMemberSubscriptions](),
	},
	reflect.TypeFor[ssmtypes.ExecutionInputs](): {
		reflect.TypeFor[ssmtypes.ExecutionInputsMemberAutomation](),
	},
	reflect.TypeFor[ssmtypes.ExecutionPreview](): {
		reflect.TypeFor[ssmtypes.ExecutionPreviewMemberAutomation](),
	},
	reflect.TypeFor[ssmtypes.NodeType](): {
		reflect.TypeFor[ssmtypes.NodeTypeMemberInstance](),
	},
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}
