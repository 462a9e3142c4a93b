package types

import (
	"archive/zip"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// function is AWS::Lambda::Function. Its code comes from S3, or is in the template if
// its runtime is Node's.
func function(d Deps) definition {
	f := functions{d}
	return definition{
		required: []string{"Code", "Role"},
		Type: resource.Type{
			Name: "AWS::Lambda::Function",
			Properties: []string{
				"Architectures", "Code", "DeadLetterConfig", "Description", "Environment", "EphemeralStorage", "FunctionName",
				"Handler", "KmsKeyArn", "LoggingConfig", "MemorySize", "PackageType", "ReservedConcurrentExecutions", "Role",
				"Runtime", "Tags", "Timeout", "TracingConfig",
			},
			Examine: f.examine,
			Instead: replaced,
			Create:  f.create,
			Update:  f.update,
			Delete: func(ctx context.Context, r *resource.Request) error {
				if replaced(r.LogicalID) != "" {
					return nil
				}
				_, err := d.Functions.DeleteFunction(ctx, &awslambda.DeleteFunctionInput{FunctionName: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

type functions struct{ Deps }

func (f functions) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	if replaced(r.LogicalID) != "" {
		name := nameOf(r, "FunctionName", 64)
		return functionResult(name, aws.String(f.Account.ARN("lambda", "function:"+*name))), nil
	}
	in := &awslambda.CreateFunctionInput{}
	if err := decode(r, in, "Tags", "ReservedConcurrentExecutions", "Code"); err != nil {
		return nil, err
	}
	code, err := codeOf(r)
	if err != nil {
		return nil, err
	}
	in.Code = code
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.FunctionName, in.Tags = nameOf(r, "FunctionName", 64), tags
	out, err := f.Functions.CreateFunction(ctx, in)
	if err != nil {
		return nil, err
	}
	made := functionResult(in.FunctionName, out.FunctionArn)
	if err := f.limitConcurrency(ctx, r, in.FunctionName); err != nil {
		return made, err
	}
	return made, f.stabilize(ctx, r, in.FunctionName)
}

func (f functions) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	name := aws.String(r.PhysicalID)
	if replaced(r.LogicalID) != "" {
		return functionResult(name, aws.String(f.Account.ARN("lambda", "function:"+*name))), nil
	}
	if changed(r, "Code", "Architectures") {
		in := &awslambda.UpdateFunctionCodeInput{FunctionName: name}
		if err := decodeProperty(r.Properties, "Architectures", &in.Architectures); err != nil {
			return nil, err
		}
		code, err := codeOf(r)
		if err != nil {
			return nil, err
		}
		in.ZipFile = code.ZipFile
		in.S3Bucket, in.S3Key, in.S3ObjectVersion = code.S3Bucket, code.S3Key, code.S3ObjectVersion
		in.S3ObjectStorageMode, in.SourceKMSKeyArn, in.ImageUri = code.S3ObjectStorageMode, code.SourceKMSKeyArn, code.ImageUri
		if _, err := f.Functions.UpdateFunctionCode(ctx, in); err != nil {
			return nil, err
		}
		if err := f.stabilize(ctx, r, name); err != nil {
			return nil, err
		}
	}
	if changed(r, "DeadLetterConfig", "Description", "Environment", "EphemeralStorage", "Handler", "KmsKeyArn", "LoggingConfig",
		"MemorySize", "Role", "Runtime", "Timeout", "TracingConfig") {
		in := &awslambda.UpdateFunctionConfigurationInput{}
		properties := restored(r, map[string]any{
			"DeadLetterConfig": map[string]any{"TargetArn": ""},
			"Description":      "",
			"Environment":      map[string]any{"Variables": map[string]any{}},
			"EphemeralStorage": map[string]any{"Size": 512.0},
			"KmsKeyArn":        "",
			"LoggingConfig":    map[string]any{"LogFormat": "Text", "LogGroup": "/aws/lambda/" + r.PhysicalID},
			"MemorySize":       128.0,
			"Timeout":          3.0,
			"TracingConfig":    map[string]any{"Mode": "PassThrough"},
		})
		if err := decodeMap(properties, in, "Architectures", "Code", "PackageType", "ReservedConcurrentExecutions", "Tags"); err != nil {
			return nil, err
		}
		in.FunctionName = name
		if _, err := f.Functions.UpdateFunctionConfiguration(ctx, in); err != nil {
			return nil, err
		}
		if err := f.stabilize(ctx, r, name); err != nil {
			return nil, err
		}
	}
	if changed(r, "ReservedConcurrentExecutions") {
		if err := f.limitConcurrency(ctx, r, name); err != nil {
			return nil, err
		}
	}
	arn := aws.String(f.Account.ARN("lambda", "function:"+r.PhysicalID))
	return functionResult(name, arn), f.retagFunction(ctx, r, arn)
}

// retagFunction changes the tags of a function or of another resource of Lambda.
func (d Deps) retagFunction(ctx context.Context, r *resource.Request, arn *string) error {
	return retag(r,
		func(tags map[string]string) error {
			_, err := d.Functions.TagResource(ctx, &awslambda.TagResourceInput{Resource: arn, Tags: tags})
			return err
		},
		func(keys []string) error {
			_, err := d.Functions.UntagResource(ctx, &awslambda.UntagResourceInput{Resource: arn, TagKeys: keys})
			return err
		})
}

// limitConcurrency reserves the concurrency that the properties name. If they
// name none, it releases the reservation.
func (f functions) limitConcurrency(ctx context.Context, r *resource.Request, name *string) error {
	const property = "ReservedConcurrentExecutions"
	if _, ok := r.Properties[property]; ok {
		in := &awslambda.PutFunctionConcurrencyInput{FunctionName: name}
		if err := decodeProperty(r.Properties, property, &in.ReservedConcurrentExecutions); err != nil {
			return err
		}
		_, err := f.Functions.PutFunctionConcurrency(ctx, in)
		return err
	}
	if _, had := r.OldProperties[property]; !had {
		return nil
	}
	_, err := f.Functions.DeleteFunctionConcurrency(ctx, &awslambda.DeleteFunctionConcurrencyInput{FunctionName: name})
	return err
}

// pollInterval is the time between two checks whether a function is ready.
const pollInterval = 100 * time.Millisecond

// stabilize waits until a function can be invoked with its new code and
// configuration.
// See https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html.
func (f functions) stabilize(ctx context.Context, r *resource.Request, name *string) error {
	for {
		c, err := f.Functions.GetFunctionConfiguration(ctx, &awslambda.GetFunctionConfigurationInput{FunctionName: name})
		if err != nil {
			return err
		}
		switch {
		case c.State == lambdatypes.StateFailed:
			return failure(r, "NotStabilized", "Function %s reached state Failed: %s", *name, aws.ToString(c.StateReason))
		case c.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed:
			return failure(r, "NotStabilized", "Update of function %s failed: %s", *name, aws.ToString(c.LastUpdateStatusReason))
		case c.State != lambdatypes.StatePending && c.LastUpdateStatus != lambdatypes.LastUpdateStatusInProgress:
			return nil
		}
		if err := clock.Sleep(ctx, f.Account.Clock, pollInterval); err != nil {
			return err
		}
	}
}

// examine refuses what Lambda would refuse later.
func (f functions) examine(r *resource.Request) []string {
	if replaced(r.LogicalID) != "" {
		return nil
	}
	var refused []string
	code, _ := r.Properties["Code"].(map[string]any)
	runtime, known := r.Properties["Runtime"].(string)
	if image := code["ImageUri"] != nil || r.Properties["PackageType"] == "Image"; image {
		return []string{"the embedded AWS runs no containers: package the function as a zip, or test it on AWS"}
	}
	if known && f.CheckRuntime != nil {
		if err := f.CheckRuntime(runtime); err != nil {
			refused = append(refused, handlerMessage(err))
		}
	}
	if _, inline := code["ZipFile"]; inline && known && !strings.HasPrefix(runtime, "nodejs") {
		refused = append(refused, "Code.ZipFile is only for functions with a runtime of Node or Python")
	}
	if layers, _ := r.Properties["Layers"].([]any); len(layers) > 0 {
		refused = append(refused, "the embedded AWS does not support Layers of AWS::Lambda::Function: put what they contain into the function's package")
	}
	if snap, _ := r.Properties["SnapStart"].(map[string]any); snap["ApplyOn"] == "PublishedVersions" {
		refused = append(refused, "the embedded AWS does not support SnapStart of AWS::Lambda::Function")
	}
	return refused
}

// handlerMessage returns the message of a service's error.
func handlerMessage(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorMessage()
	}
	return err.Error()
}

// codeOf returns where a function's code is, or a zip with the code in the template.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html.
func codeOf(r *resource.Request) (*lambdatypes.FunctionCode, error) {
	code := &lambdatypes.FunctionCode{}
	given, _ := r.Properties["Code"].(map[string]any)
	inline, ok := given["ZipFile"].(string)
	if !ok {
		return code, decodeProperty(r.Properties, "Code", code)
	}
	if len(inline) > 4<<20 {
		return nil, &propertyError{"/Code/ZipFile", "expected maxLength: 4194304, actual: " + strconv.Itoa(len(inline))}
	}
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	// The same code is always the same package.
	for _, file := range [][2]string{{"cfn-response.js", cfnResponse}, {"index.js", inline}} {
		w, err := archive.Create(file[0])
		if err == nil {
			_, err = io.WriteString(w, file[1])
		}
		if err != nil {
			return nil, fmt.Errorf("packing the function's code: %w", err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("packing the function's code: %w", err)
	}
	code.ZipFile = b.Bytes()
	return code, nil
}

// cfnResponse is the module that CloudFormation puts beside code in a template. It sends
// the answer of a custom resource.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html.
//
//go:embed cfn-response.js
var cfnResponse string

func functionResult(name, arn *string) *resource.Result {
	return &resource.Result{PhysicalID: *name, Attributes: map[string]any{"Arn": aws.ToString(arn)}}
}
