package types

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// version is AWS::Lambda::Version. None of its properties can be updated: a
// change publishes another version.
func version(d Deps) definition {
	return definition{
		required: []string{"FunctionName"},
		Type: resource.Type{
			Name:       "AWS::Lambda::Version",
			Properties: []string{"CodeSha256", "Description", "FunctionName"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awslambda.PublishVersionInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				before, err := d.publishedVersions(ctx, in.FunctionName)
				if err != nil {
					return nil, err
				}
				out, err := d.Functions.PublishVersion(ctx, in)
				if err != nil {
					return nil, err
				}
				number := aws.ToString(out.Version)
				if slices.Contains(before, number) {
					// Lambda returns the last version if nothing has changed since.
					return nil, failure(r, "AlreadyExists",
						"A version for this Lambda function exists ( %s ). Modify the function to create a new version.", number)
				}
				made := &resource.Result{
					PhysicalID: aws.ToString(out.FunctionArn),
					Attributes: map[string]any{"FunctionArn": aws.ToString(out.FunctionArn), "Version": number},
				}
				return made, nil
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				function, number := splitFunctionName(r.PhysicalID)
				// Without a number, the call would delete the function.
				if number == "" {
					return failure(r, "InvalidRequest", "%s is not the ARN of a version", r.PhysicalID)
				}
				_, err := d.Functions.DeleteFunction(ctx, &awslambda.DeleteFunctionInput{FunctionName: &function, Qualifier: &number})
				return err
			},
		},
	}
}

func (d Deps) publishedVersions(ctx context.Context, function *string) ([]string, error) {
	var versions []string
	in := &awslambda.ListVersionsByFunctionInput{FunctionName: function}
	for {
		out, err := d.Functions.ListVersionsByFunction(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, v := range out.Versions {
			versions = append(versions, aws.ToString(v.Version))
		}
		if aws.ToString(out.NextMarker) == "" {
			return versions, nil
		}
		in.Marker = out.NextMarker
	}
}

// permission is AWS::Lambda::Permission: a statement in the resource policy of
// a function, version or alias.
func permission(d Deps) definition {
	properties := []string{
		"Action", "EventSourceToken", "FunctionName", "FunctionUrlAuthType", "InvokedViaFunctionUrl", "Principal",
		"PrincipalOrgID", "SourceAccount", "SourceArn",
	}
	return definition{
		required: []string{"Action", "FunctionName", "Principal"},
		Type: resource.Type{
			Name:       "AWS::Lambda::Permission",
			Properties: properties,
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awslambda.AddPermissionInput{StatementId: aws.String(generatedName(r, 100))}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				in.FunctionName, in.Qualifier = qualified(*in.FunctionName)
				if _, err := d.Functions.AddPermission(ctx, in); err != nil {
					return nil, err
				}
				return &resource.Result{PhysicalID: *in.StatementId, Attributes: map[string]any{"Id": *in.StatementId}}, nil
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				in := &awslambda.RemovePermissionInput{StatementId: aws.String(r.PhysicalID)}
				in.FunctionName, in.Qualifier = qualified(stringOf(r.Properties, "FunctionName"))
				_, err := d.Functions.RemovePermission(ctx, in)
				return err
			},
		},
	}
}

// functionURL is AWS::Lambda::Url.
func functionURL(d Deps) definition {
	return definition{
		required: []string{"AuthType", "TargetFunctionArn"},
		Type: resource.Type{
			Name:       "AWS::Lambda::Url",
			Properties: []string{"AuthType", "Cors", "InvokeMode", "Qualifier", "TargetFunctionArn"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awslambda.CreateFunctionUrlConfigInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				out, err := d.Functions.CreateFunctionUrlConfig(ctx, in)
				if err != nil {
					return nil, err
				}
				return urlResult(out.FunctionArn, out.FunctionUrl), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awslambda.UpdateFunctionUrlConfigInput{}
				properties := restored(r, map[string]any{"Cors": map[string]any{}, "InvokeMode": string(lambdatypes.InvokeModeBuffered)})
				if err := decodeMap(properties, in); err != nil {
					return nil, err
				}
				out, err := d.Functions.UpdateFunctionUrlConfig(ctx, in)
				if err != nil {
					return nil, err
				}
				return urlResult(out.FunctionArn, out.FunctionUrl), nil
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				in := &awslambda.DeleteFunctionUrlConfigInput{FunctionName: aws.String(stringOf(r.Properties, "TargetFunctionArn"))}
				if err := decodeProperty(r.Properties, "Qualifier", &in.Qualifier); err != nil {
					return err
				}
				_, err := d.Functions.DeleteFunctionUrlConfig(ctx, in)
				return err
			},
		},
	}
}

func urlResult(arn, url *string) *resource.Result {
	return &resource.Result{
		PhysicalID: aws.ToString(arn),
		Attributes: map[string]any{"FunctionArn": aws.ToString(arn), "FunctionUrl": aws.ToString(url)},
	}
}

// eventInvokeConfig is AWS::Lambda::EventInvokeConfig: the settings for
// asynchronous invocation.
func eventInvokeConfig(d Deps) definition {
	put := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		in := &awslambda.PutFunctionEventInvokeConfigInput{}
		if err := decode(r, in); err != nil {
			return nil, err
		}
		if _, err := d.Functions.PutFunctionEventInvokeConfig(ctx, in); err != nil {
			return nil, err
		}
		return &resource.Result{PhysicalID: *in.FunctionName + "|" + *in.Qualifier}, nil
	}
	return definition{
		required: []string{"FunctionName", "Qualifier"},
		Type: resource.Type{
			Name:       "AWS::Lambda::EventInvokeConfig",
			Properties: []string{"DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier"},
			Create:     put,
			Update:     put,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Functions.DeleteFunctionEventInvokeConfig(ctx, &awslambda.DeleteFunctionEventInvokeConfigInput{
					FunctionName: aws.String(stringOf(r.Properties, "FunctionName")),
					Qualifier:    aws.String(stringOf(r.Properties, "Qualifier")),
				})
				return err
			},
		},
	}
}

// eventSourceMapping is AWS::Lambda::EventSourceMapping of a queue or a stream.
func eventSourceMapping(d Deps) definition {
	return definition{
		required: []string{"FunctionName"},
		Type: resource.Type{
			Name: "AWS::Lambda::EventSourceMapping",
			Properties: []string{
				"BatchSize", "BisectBatchOnFunctionError", "DestinationConfig", "Enabled", "EventSourceArn", "FilterCriteria", "FunctionName",
				"FunctionResponseTypes", "MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts",
				"ParallelizationFactor", "ScalingConfig", "StartingPosition", "Tags", "TumblingWindowInSeconds",
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awslambda.CreateEventSourceMappingInput{}
				if err := decode(r, in, "Tags"); err != nil {
					return nil, err
				}
				var err error
				if in.Tags, err = tagsOf(r); err != nil {
					return nil, err
				}
				out, err := d.Functions.CreateEventSourceMapping(ctx, in)
				if err != nil {
					return nil, err
				}
				return d.mappingResult(*out.UUID), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awslambda.UpdateEventSourceMappingInput{}
				properties := restored(r, map[string]any{
					"BatchSize": mappingBatch(r), "BisectBatchOnFunctionError": false, "DestinationConfig": map[string]any{}, "Enabled": true,
					"FilterCriteria": map[string]any{}, "FunctionResponseTypes": []any{}, "MaximumBatchingWindowInSeconds": 0.0,
					"MaximumRecordAgeInSeconds": -1.0, "MaximumRetryAttempts": -1.0, "ParallelizationFactor": 1.0, "ScalingConfig": map[string]any{},
					"TumblingWindowInSeconds": 0.0,
				})
				if err := decodeMap(properties, in, "EventSourceArn", "StartingPosition", "Tags"); err != nil {
					return nil, err
				}
				in.UUID = aws.String(r.PhysicalID)
				if _, err := d.Functions.UpdateEventSourceMapping(ctx, in); err != nil {
					return nil, err
				}
				made := d.mappingResult(r.PhysicalID)
				arn, _ := made.Attributes["EventSourceMappingArn"].(string)
				return made, d.retagFunction(ctx, r, &arn)
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Functions.DeleteEventSourceMapping(ctx, &awslambda.DeleteEventSourceMappingInput{UUID: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

// mappingBatch returns the batch size of a mapping that does not say it.
func mappingBatch(r *resource.Request) float64 {
	if source, _ := r.Properties["EventSourceArn"].(string); strings.Contains(source, ":dynamodb:") {
		return 100
	}
	return 10
}

func (d Deps) mappingResult(id string) *resource.Result {
	return &resource.Result{PhysicalID: id, Attributes: map[string]any{
		"EventSourceMappingArn": d.Account.ARN("lambda", "event-source-mapping:"+id), "Id": id,
	}}
}

// splitFunctionName separates the qualifier from a function name or ARN: name,
// name:alias, arn:...:function:name or arn:...:function:name:alias. The
// function part of an ARN is an ARN again.
func splitFunctionName(name string) (function, qualifier string) {
	prefix := ""
	if i := strings.Index(name, ":function:"); i >= 0 {
		prefix, name = name[:i+len(":function:")], name[i+len(":function:"):]
	}
	name, qualifier, _ = strings.Cut(name, ":")
	return prefix + name, qualifier
}

// qualified is splitFunctionName with results for API inputs.
func qualified(name string) (function, qualifier *string) {
	f, q := splitFunctionName(name)
	if q != "" {
		qualifier = &q
	}
	return &f, qualifier
}
