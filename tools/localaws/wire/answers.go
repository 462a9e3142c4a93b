package wire

import "strings"

// answers says which lists and maps the answers of a service have even if they are
// empty. AWS's services differ in this, and clients depend on it: boto3 has no key for
// a member that is absent.
//
// The answer of an operation has all lists that are its own members. In the services
// with listsOnly, these are the lists that listsOnly names, because an answer is a
// resource, which has the members that it was given.
type answers struct {
	listsOnly map[string]bool
	// always lists other members, as Type.Field. The service's model requires them, or
	// AWS's examples of answers show them.
	always map[string]bool
	// never lists the lists of answers, as Type.Field, that are absent if they are empty.
	never map[string]bool
}

// answersOf has the answers of the services that need more than the rule.
var answersOf = map[string]answers{
	"apigateway":   {listsOnly: set("Item", "Items"), always: set("GetTagsOutput.Tags")},
	"apigatewayv2": {listsOnly: set("Items"), always: set("GetTagsOutput.Tags")},
	"cloudformation": {
		always: set("ResourceChange.Details", "ResourceChange.Scope", "Stack.NotificationARNs", "Stack.Tags"),
		never: set(
			"GetTemplateSummaryOutput.Capabilities", "GetTemplateSummaryOutput.DeclaredTransforms",
			"ValidateTemplateOutput.Capabilities", "ValidateTemplateOutput.DeclaredTransforms",
		),
	},
	"codebuild": {always: set(
		"Build.ExportedEnvironmentVariables", "Build.Phases", "Build.ReportArns", "Build.SecondaryArtifacts",
		"Build.SecondarySourceVersions", "Build.SecondarySources", "Project.SecondaryArtifacts",
		"Project.SecondarySourceVersions", "Project.SecondarySources", "Project.Tags",
		"ProjectEnvironment.EnvironmentVariables", "ReportGroup.Tags", "TestReportSummary.StatusCounts",
	)},
	"codeconnections":      {always: set("VpcConfiguration.SecurityGroupIds", "VpcConfiguration.SubnetIds")},
	"codestar-connections": {always: set("VpcConfiguration.SecurityGroupIds", "VpcConfiguration.SubnetIds")},
	"codedeploy": {always: set(
		"AlarmConfiguration.Alarms", "DeploymentGroupInfo.AutoScalingGroups", "DeploymentGroupInfo.Ec2TagFilters",
		"DeploymentGroupInfo.OnPremisesInstanceTagFilters", "DeploymentGroupInfo.TriggerConfigurations",
		"DeploymentInfo.DeploymentStatusMessages",
	)},
	"codepipeline": {always: set(
		"ActionDeclaration.Configuration", "ActionDeclaration.InputArtifacts", "ActionDeclaration.OutputArtifacts",
		"ActionExecutionInput.Configuration", "ActionExecutionInput.InputArtifacts",
		"ActionExecutionInput.ResolvedConfiguration", "ActionExecutionOutput.OutputArtifacts",
		"ActionExecutionOutput.OutputVariables", "ActionType.ActionConfigurationProperties",
		"BeforeEntryConditions.Conditions", "PipelineDeclaration.Stages", "PipelineExecution.ArtifactRevisions",
		"PipelineExecutionSummary.SourceRevisions", "RuleDeclaration.InputArtifacts",
		"RuleExecutionInput.InputArtifacts", "StageDeclaration.Actions", "StageState.ActionStates",
		"StageState.InboundExecutions", "SuccessConditions.Conditions",
	)},
	"dynamodb": {
		always: set("BatchGetItemOutput.Responses", "BatchGetItemOutput.UnprocessedKeys", "BatchWriteItemOutput.UnprocessedItems"),
		never: set(
			// A query that only counts has no items.
			"QueryOutput.Items", "ScanOutput.Items",
			"BatchGetItemOutput.ConsumedCapacity", "BatchWriteItemOutput.ConsumedCapacity",
			"TransactGetItemsOutput.ConsumedCapacity", "TransactWriteItemsOutput.ConsumedCapacity",
		),
	},
	"ecr": {never: set("PutImageTagMutabilityOutput.ImageTagMutabilityExclusionFilters")},
	"iam": {always: set("EvaluationResult.MatchedStatements", "EvaluationResult.MissingContextValues", "InstanceProfile.Roles")},
	"kms": {never: set(
		"GetPublicKeyOutput.EncapsulationAlgorithms", "GetPublicKeyOutput.EncryptionAlgorithms",
		"GetPublicKeyOutput.KeyAgreementAlgorithms", "GetPublicKeyOutput.SigningAlgorithms",
	)},
	"lambda": {
		listsOnly: set("Aliases", "EventSourceMappings", "FunctionEventInvokeConfigs", "FunctionUrlConfigs", "Functions", "Versions"),
		always:    set("ListTagsOutput.Tags"),
	},
	"logs": {always: set("ListTagsForResourceOutput.Tags")},
	"monitoring": {
		always: set(
			"CompositeAlarm.AlarmActions", "CompositeAlarm.InsufficientDataActions", "CompositeAlarm.OKActions", "Metric.Dimensions",
			"MetricAlarm.AlarmActions", "MetricAlarm.Dimensions", "MetricAlarm.InsufficientDataActions", "MetricAlarm.OKActions",
			"MetricDataResult.Timestamps", "MetricDataResult.Values",
		),
		never: set("ListMetricsOutput.OwningAccounts"),
	},
	"secretsmanager": {never: set("DescribeSecretOutput.ExternalSecretRotationMetadata", "DescribeSecretOutput.ReplicationStatus")},
	"sqs":            {never: set("ListQueuesOutput.QueueUrls", "ReceiveMessageOutput.Messages")},
	"ssm":            {always: set("ParameterHistory.Labels", "ParameterHistory.Policies", "ParameterMetadata.Policies")},
}

// has reports whether the answer of an operation has a list, which is a member of its
// own, even if it is empty.
func (a answers) has(op *operation, f field) bool {
	name := op.out.Field(f.index).Name
	if a.listsOnly != nil && !a.listsOnly[name] || a.never[op.out.Name()+"."+name] {
		return false
	}
	return f.shape.kind == list && f.location == inBody && !strings.HasPrefix(op.name, "Create")
}
