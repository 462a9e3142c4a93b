package wire

import (
	"github.com/aws/aws-sdk-go-v2/service/lambda/schemas"
	"github.com/aws/smithy-go"
)

// lambdaOperations lists all operations of Lambda. Their schemas contain the
// method, path and status, and the name for refusing an unsupported operation.
var lambdaOperations = []*smithy.Schema{
	schemas.AddLayerVersionPermission, schemas.AddPermission, schemas.CheckpointDurableExecution, schemas.CreateAlias,
	schemas.CreateCapacityProvider, schemas.CreateCodeSigningConfig, schemas.CreateEventSourceMapping,
	schemas.CreateFunction, schemas.CreateFunctionUrlConfig, schemas.DeleteAlias, schemas.DeleteCapacityProvider,
	schemas.DeleteCodeSigningConfig, schemas.DeleteEventSourceMapping, schemas.DeleteFunction,
	schemas.DeleteFunctionCodeSigningConfig, schemas.DeleteFunctionConcurrency,
	schemas.DeleteFunctionEventInvokeConfig, schemas.DeleteFunctionUrlConfig, schemas.DeleteLayerVersion,
	schemas.DeleteProvisionedConcurrencyConfig, schemas.DeleteResourcePolicy, schemas.GetAccountSettings,
	schemas.GetAlias, schemas.GetCapacityProvider, schemas.GetCodeSigningConfig, schemas.GetDurableExecution,
	schemas.GetDurableExecutionHistory, schemas.GetDurableExecutionState, schemas.GetEventSourceMapping,
	schemas.GetFunction, schemas.GetFunctionCodeSigningConfig, schemas.GetFunctionConcurrency,
	schemas.GetFunctionConfiguration, schemas.GetFunctionEventInvokeConfig, schemas.GetFunctionRecursionConfig,
	schemas.GetFunctionScalingConfig, schemas.GetFunctionUrlConfig, schemas.GetLayerVersion,
	schemas.GetLayerVersionByArn, schemas.GetLayerVersionPolicy, schemas.GetPolicy,
	schemas.GetProvisionedConcurrencyConfig, schemas.GetResourcePolicy, schemas.GetRuntimeManagementConfig,
	schemas.Invoke, schemas.InvokeAsync, schemas.InvokeWithResponseStream, schemas.ListAliases,
	schemas.ListCapacityProviders, schemas.ListCodeSigningConfigs, schemas.ListDurableExecutionsByFunction,
	schemas.ListEventSourceMappings, schemas.ListFunctionEventInvokeConfigs, schemas.ListFunctionUrlConfigs,
	schemas.ListFunctionVersionsByCapacityProvider, schemas.ListFunctions, schemas.ListFunctionsByCodeSigningConfig,
	schemas.ListLayerVersions, schemas.ListLayers, schemas.ListProvisionedConcurrencyConfigs, schemas.ListTags,
	schemas.ListVersionsByFunction, schemas.PublishLayerVersion, schemas.PublishVersion,
	schemas.PutFunctionCodeSigningConfig, schemas.PutFunctionConcurrency, schemas.PutFunctionEventInvokeConfig,
	schemas.PutFunctionRecursionConfig, schemas.PutFunctionScalingConfig, schemas.PutProvisionedConcurrencyConfig,
	schemas.PutResourcePolicy, schemas.PutRuntimeManagementConfig, schemas.RemoveLayerVersionPermission,
	schemas.RemovePermission, schemas.SendDurableExecutionCallbackFailure,
	schemas.SendDurableExecutionCallbackHeartbeat, schemas.SendDurableExecutionCallbackSuccess,
	schemas.StopDurableExecution, schemas.TagResource, schemas.UntagResource, schemas.UpdateAlias,
	schemas.UpdateCapacityProvider, schemas.UpdateCodeSigningConfig, schemas.UpdateEventSourceMapping,
	schemas.UpdateFunctionCode, schemas.UpdateFunctionConfiguration, schemas.UpdateFunctionEventInvokeConfig,
	schemas.UpdateFunctionUrlConfig,
}
