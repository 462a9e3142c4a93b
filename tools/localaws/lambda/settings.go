package lambda

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// settings holds what a version runs with besides its code. PublishVersion
// treats two versions with equal settings and code as the same.
type settings struct {
	Runtime          lambdatypes.Runtime
	Architecture     lambdatypes.Architecture
	Handler          string
	Role             string
	Description      string
	Memory           int32 // MiB
	Timeout          int32 // seconds
	Storage          int32 // MiB of /tmp; recorded only
	Variables        map[string]string
	Tracing          lambdatypes.TracingMode
	LogFormat        lambdatypes.LogFormat
	LogGroup         string
	ApplicationLevel lambdatypes.ApplicationLogLevel
	SystemLevel      lambdatypes.SystemLogLevel
	DeadLetter       string
	KMSKey           string // recorded only; variables are kept in memory only
}

// created returns the settings of a new function, with Lambda's defaults.
func created(in *awslambda.CreateFunctionInput, name string) (settings, error) {
	set := settings{
		Architecture: lambdatypes.ArchitectureX8664,
		Memory:       128,
		Timeout:      3,
		Storage:      512,
		Tracing:      lambdatypes.TracingModePassThrough,
		LogFormat:    lambdatypes.LogFormatText,
		LogGroup:     "/aws/lambda/" + name,
	}
	switch {
	case in.PackageType == lambdatypes.PackageTypeImage, in.ImageConfig != nil:
		return set, unsupported("PackageType Image: the embedded AWS runs no containers; a function")
	case in.CodeSigningConfigArn != nil:
		return set, unsupported("CodeSigningConfigArn")
	case in.TenancyConfig != nil:
		return set, unsupported("TenancyConfig")
	case in.PublishTo != "":
		return set, unsupported("PublishTo")
	case in.Role == nil:
		return set, missing("role")
	case in.Handler == nil:
		return set, invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	var err error
	if len(in.Architectures) > 0 {
		if set.Architecture, err = architecture(in.Architectures); err != nil {
			return set, err
		}
	}
	return set.with(change{
		runtime: in.Runtime, role: in.Role, handler: in.Handler, description: in.Description,
		memory: in.MemorySize, timeout: in.Timeout, storage: in.EphemeralStorage, environment: in.Environment,
		tracing: in.TracingConfig, logging: in.LoggingConfig, deadLetter: in.DeadLetterConfig, kmsKey: in.KMSKeyArn,
		layers: in.Layers, vpc: in.VpcConfig, fileSystems: in.FileSystemConfigs, snapStart: in.SnapStart,
		capacity: in.CapacityProviderConfig, durable: in.DurableConfig,
	}, name)
}

// updated returns the settings after an update.
func (set settings) updated(in *awslambda.UpdateFunctionConfigurationInput, name string) (settings, error) {
	if in.ImageConfig != nil {
		return set, unsupported("ImageConfig")
	}
	if in.Runtime == "" {
		in.Runtime = set.Runtime
	}
	return set.with(change{
		runtime: in.Runtime, role: in.Role, handler: in.Handler, description: in.Description,
		memory: in.MemorySize, timeout: in.Timeout, storage: in.EphemeralStorage, environment: in.Environment,
		tracing: in.TracingConfig, logging: in.LoggingConfig, deadLetter: in.DeadLetterConfig, kmsKey: in.KMSKeyArn,
		layers: in.Layers, vpc: in.VpcConfig, fileSystems: in.FileSystemConfigs, snapStart: in.SnapStart,
		capacity: in.CapacityProviderConfig, durable: in.DurableConfig,
	}, name)
}

// A change is what creating and updating a function have in common.
type change struct {
	runtime                            lambdatypes.Runtime
	role, handler, description, kmsKey *string
	memory, timeout                    *int32
	storage                            *lambdatypes.EphemeralStorage
	environment                        *lambdatypes.Environment
	tracing                            *lambdatypes.TracingConfig
	logging                            *lambdatypes.LoggingConfig
	deadLetter                         *lambdatypes.DeadLetterConfig
	layers                             []string
	vpc                                *lambdatypes.VpcConfig
	fileSystems                        []lambdatypes.FileSystemConfig
	snapStart                          *lambdatypes.SnapStart
	capacity                           *lambdatypes.CapacityProviderConfig
	durable                            *lambdatypes.DurableConfig
}

// refused names the requested settings that a host can't provide.
func (c change) refused() error {
	switch {
	case len(c.layers) > 0:
		return unsupported("Layers")
	case c.vpc != nil && len(c.vpc.SubnetIds)+len(c.vpc.SecurityGroupIds) > 0:
		return unsupported("VpcConfig")
	case len(c.fileSystems) > 0:
		return unsupported("FileSystemConfigs")
	case c.snapStart != nil && c.snapStart.ApplyOn == lambdatypes.SnapStartApplyOnPublishedVersions:
		return unsupported("SnapStart")
	case c.capacity != nil:
		return unsupported("CapacityProviderConfig")
	case c.durable != nil:
		return unsupported("DurableConfig")
	}
	return nil
}

var (
	roleARN  = regexp.MustCompile(`^arn:aws:iam::\d{12}:role/[a-zA-Z0-9+=,.@_/-]+$`)
	topicARN = regexp.MustCompile(`^arn:aws:sns:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_.-]+$`)
	queueARN = regexp.MustCompile(`^arn:aws:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+(\.fifo)?$`)
	variable = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)
)

func (set settings) with(c change, name string) (settings, error) {
	if err := c.refused(); err != nil {
		return set, err
	}
	set.Runtime = c.runtime
	if c.role != nil {
		if !roleARN.MatchString(*c.role) {
			return set, validation(`Value '%s' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`, *c.role)
		}
		set.Role = *c.role
	}
	if c.handler != nil {
		set.Handler = *c.handler
	}
	if c.description != nil {
		set.Description = *c.description
	}
	if c.kmsKey != nil {
		set.KMSKey = *c.kmsKey
	}
	if err := within(c.memory, "memorySize", 128, 10240, &set.Memory); err != nil {
		return set, err
	}
	if err := within(c.timeout, "timeout", 1, 900, &set.Timeout); err != nil {
		return set, err
	}
	if c.storage != nil {
		if err := within(c.storage.Size, "ephemeralStorage.size", 512, 10240, &set.Storage); err != nil {
			return set, err
		}
	}
	if c.tracing != nil && c.tracing.Mode != "" {
		set.Tracing = c.tracing.Mode
	}
	if c.deadLetter != nil {
		target := aws.ToString(c.deadLetter.TargetArn)
		if target != "" && !topicARN.MatchString(target) && (!queueARN.MatchString(target) || fifo(target)) {
			return set, unsupported("A dead-letter target that is neither a standard SQS queue nor an SNS topic")
		}
		set.DeadLetter = target
	}
	if c.environment != nil {
		if err := checkVariables(c.environment.Variables); err != nil {
			return set, err
		}
		set.Variables = maps.Clone(c.environment.Variables)
	}
	return set.logging(c.logging, name)
}

func (set settings) logging(c *lambdatypes.LoggingConfig, name string) (settings, error) {
	if c == nil {
		return set, nil
	}
	if c.LogGroup != nil && *c.LogGroup != "" {
		set.LogGroup = *c.LogGroup
	} else if set.LogGroup == "" {
		set.LogGroup = "/aws/lambda/" + name
	}
	if c.LogFormat != "" {
		set.LogFormat = c.LogFormat
	}
	if set.LogFormat != lambdatypes.LogFormatJson {
		if c.ApplicationLogLevel != "" || c.SystemLogLevel != "" {
			return set, invalid("To set ApplicationLogLevel or SystemLogLevel, LogFormat must be JSON.")
		}
		set.ApplicationLevel, set.SystemLevel = "", ""
		return set, nil
	}
	set.ApplicationLevel = cmp.Or(c.ApplicationLogLevel, set.ApplicationLevel, lambdatypes.ApplicationLogLevelInfo)
	set.SystemLevel = cmp.Or(c.SystemLogLevel, set.SystemLevel, lambdatypes.SystemLogLevelInfo)
	return set, nil
}

func within(given *int32, member string, low, high int32, to *int32) error {
	if given == nil {
		return nil
	}
	if *given < low {
		return validation("Value '%d' at '%s' failed to satisfy constraint: Member must have value greater than or equal to %d", *given, member, low)
	}
	if *given > high {
		return validation("Value '%d' at '%s' failed to satisfy constraint: Member must have value less than or equal to %d", *given, member, high)
	}
	*to = *given
	return nil
}

// reservedVariables are set by Lambda itself.
// See https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
var reservedVariables = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
	"AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR",
	"LAMBDA_TASK_ROOT",
}

func checkVariables(variables map[string]string) error {
	const prefix = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	var reserved []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if slices.Contains(reservedVariables, name) {
			reserved = append(reserved, name)
		} else if !variable.MatchString(name) {
			return validation(`Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]: '%s'`, name)
		}
	}
	if len(reserved) > 0 {
		return invalid(prefix+"contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(reserved, ", "))
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	// A character in a URL counts as one, without escapes.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(variables); err != nil {
		return invalid("Environment variables can't be written as JSON: %v", err)
	}
	if measured := strings.TrimSuffix(text.String(), "\n"); len(measured) > 4096 {
		return invalid(prefix+"exceeded the 4KB limit. String measured: %s", measured)
	}
	return nil
}

func architecture(given []lambdatypes.Architecture) (lambdatypes.Architecture, error) {
	if len(given) != 1 || !slices.Contains(given[0].Values(), given[0]) {
		return "", validation("Value '%v' at 'architectures' failed to satisfy constraint: Member must be one of [x86_64, arm64]", given)
	}
	return given[0], nil
}

// HostArchitecture returns the architecture that the functions run on here, whatever they
// declare.
func HostArchitecture() lambdatypes.Architecture {
	if runtime.GOARCH == "arm64" {
		return lambdatypes.ArchitectureArm64
	}
	return lambdatypes.ArchitectureX8664
}

// checkRole reports whether Lambda may assume a function's role. Lambda checks
// this whenever a function gets a role.
func (s *Service) checkRole(ctx context.Context, function, role string) error {
	if !roleARN.MatchString(role) {
		// with gives the better error.
		return nil
	}
	if _, err := s.assume(ctx, function, role); err != nil {
		return invalid("The role defined for the function cannot be assumed by Lambda. (%v)", err)
	}
	return nil
}

func (s *Service) assume(ctx context.Context, function, role string) (*awssts.AssumeRoleOutput, error) {
	ctx = principal.ServiceFor(ctx, servicePrincipal, s.account.ID, s.arn(function, ""))
	session := function
	// The name of a session has at least two characters.
	if len(session) < 2 {
		session += "-"
	}
	return s.deps.Roles.AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String(session)})
}
