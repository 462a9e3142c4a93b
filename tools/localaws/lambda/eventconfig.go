package lambda

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// An eventConfig says how to treat asynchronous events. It is immutable.
type eventConfig struct {
	retries, age         *int32 // age in seconds
	onSuccess, onFailure string
	modified             time.Time
}

// asyncKey returns the key in function.async for a qualifier.
func asyncKey(qualifier string) string {
	if qualifier == latest {
		return ""
	}
	return qualifier
}

func (s *Service) describeEventConfig(name, key string, c *eventConfig) lambdatypes.FunctionEventInvokeConfig {
	if key == "" {
		key = latest
	}
	out := lambdatypes.FunctionEventInvokeConfig{
		FunctionArn:       aws.String(s.arn(name, key)),
		LastModified:      aws.Time(c.modified),
		DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{}, OnSuccess: &lambdatypes.OnSuccess{}},
	}
	if c.onFailure != "" {
		out.DestinationConfig.OnFailure.Destination = aws.String(c.onFailure)
	}
	if c.onSuccess != "" {
		out.DestinationConfig.OnSuccess.Destination = aws.String(c.onSuccess)
	}
	if c.retries != nil {
		out.MaximumRetryAttempts = aws.Int32(*c.retries)
	}
	if c.age != nil {
		out.MaximumEventAgeInSeconds = aws.Int32(*c.age)
	}
	return out
}

// changed returns c with the settings of a request applied. s.mu is held.
func (s *Service) changed(f *function, c eventConfig, retries, age *int32, d *lambdatypes.DestinationConfig) (*eventConfig, error) {
	if retries != nil {
		var n int32
		if err := within(retries, "maximumRetryAttempts", 0, 2, &n); err != nil {
			return nil, err
		}
		c.retries = &n
	}
	if age != nil {
		var n int32
		if err := within(age, "maximumEventAgeInSeconds", 60, 21600, &n); err != nil {
			return nil, err
		}
		c.age = &n
	}
	if d != nil {
		if d.OnFailure != nil {
			c.onFailure = aws.ToString(d.OnFailure.Destination)
		}
		if d.OnSuccess != nil {
			c.onSuccess = aws.ToString(d.OnSuccess.Destination)
		}
	}
	for _, destination := range []string{c.onFailure, c.onSuccess} {
		if destination == "" || topicARN.MatchString(destination) || queueARN.MatchString(destination) && !fifo(destination) {
			continue
		}
		if !strings.HasPrefix(destination, s.account.ARN("lambda", "function:")) {
			return nil, invalid("The embedded AWS does not support the destination %s. It must be a standard SQS queue, an SNS topic or a Lambda function.", destination)
		}
		ref, err := s.parse(&destination, nil)
		if err != nil {
			return nil, err
		}
		if _, _, err := s.resolve(ref); err != nil {
			return nil, invalid("The destination ARN %s is invalid.", destination)
		}
		// A failure would invoke the function again, without end.
		if ref.name == f.name {
			return nil, invalid("You can't specify the function as a destination for itself.")
		}
	}
	c.modified = s.account.Clock.Now()
	return &c, nil
}

// setEventConfig stores a configuration. With merge, it changes the present one.
func (s *Service) setEventConfig(name, qualifier *string, merge bool, retries, age *int32, d *lambdatypes.DestinationConfig) (lambdatypes.FunctionEventInvokeConfig, error) {
	var none lambdatypes.FunctionEventInvokeConfig
	ref, err := s.parse(name, qualifier)
	if err != nil {
		return none, err
	}
	if retries == nil && age == nil && d == nil {
		return none, invalid("You must specify at least one of error handling or destination setting.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[ref.name]
	if f == nil || s.checkQualifier(f, ref.qualifier) != nil {
		return none, notFound("The function doesn't exist.")
	}
	base := eventConfig{}
	if merge {
		_, old, err := s.findEventConfig(ref)
		if err != nil {
			return none, err
		}
		base = *old
	}
	c, err := s.changed(f, base, retries, age, d)
	if err != nil {
		return none, err
	}
	key := asyncKey(ref.qualifier)
	f.async[key] = c
	return s.describeEventConfig(f.name, key, c), nil
}

// findEventConfig returns a configuration and its function. Lambda does not
// distinguish a missing configuration from a missing function. s.mu is held.
func (s *Service) findEventConfig(ref reference) (*function, *eventConfig, error) {
	if f := s.functions[ref.name]; f != nil {
		if c := f.async[asyncKey(ref.qualifier)]; c != nil {
			return f, c, nil
		}
	}
	return nil, nil, notFound("The function %s doesn't have an EventInvokeConfig", s.arn(ref.name, cmp.Or(ref.qualifier, latest)))
}

// PutFunctionEventInvokeConfig sets how asynchronous events are treated.
// Destinations can be SQS queues, SNS topics and Lambda functions.
// See https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html.
func (s *Service) PutFunctionEventInvokeConfig(_ context.Context, in *awslambda.PutFunctionEventInvokeConfigInput) (*awslambda.PutFunctionEventInvokeConfigOutput, error) {
	c, err := s.setEventConfig(in.FunctionName, in.Qualifier, false, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	if err != nil {
		return nil, err
	}
	return &awslambda.PutFunctionEventInvokeConfigOutput{
		DestinationConfig: c.DestinationConfig, FunctionArn: c.FunctionArn, LastModified: c.LastModified,
		MaximumEventAgeInSeconds: c.MaximumEventAgeInSeconds, MaximumRetryAttempts: c.MaximumRetryAttempts,
	}, nil
}

// UpdateFunctionEventInvokeConfig changes how asynchronous events are treated.
// See https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionEventInvokeConfig.html.
func (s *Service) UpdateFunctionEventInvokeConfig(_ context.Context, in *awslambda.UpdateFunctionEventInvokeConfigInput) (*awslambda.UpdateFunctionEventInvokeConfigOutput, error) {
	c, err := s.setEventConfig(in.FunctionName, in.Qualifier, true, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	if err != nil {
		return nil, err
	}
	return &awslambda.UpdateFunctionEventInvokeConfigOutput{
		DestinationConfig: c.DestinationConfig, FunctionArn: c.FunctionArn, LastModified: c.LastModified,
		MaximumEventAgeInSeconds: c.MaximumEventAgeInSeconds, MaximumRetryAttempts: c.MaximumRetryAttempts,
	}, nil
}

// GetFunctionEventInvokeConfig returns how asynchronous events are treated.
// See https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html.
func (s *Service) GetFunctionEventInvokeConfig(_ context.Context, in *awslambda.GetFunctionEventInvokeConfigInput) (*awslambda.GetFunctionEventInvokeConfigOutput, error) {
	ref, err := s.parse(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, found, err := s.findEventConfig(ref)
	if err != nil {
		return nil, err
	}
	c := s.describeEventConfig(f.name, asyncKey(ref.qualifier), found)
	return &awslambda.GetFunctionEventInvokeConfigOutput{
		DestinationConfig: c.DestinationConfig, FunctionArn: c.FunctionArn, LastModified: c.LastModified,
		MaximumEventAgeInSeconds: c.MaximumEventAgeInSeconds, MaximumRetryAttempts: c.MaximumRetryAttempts,
	}, nil
}

// DeleteFunctionEventInvokeConfig restores the defaults.
// See https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionEventInvokeConfig.html.
func (s *Service) DeleteFunctionEventInvokeConfig(_ context.Context, in *awslambda.DeleteFunctionEventInvokeConfigInput) (*awslambda.DeleteFunctionEventInvokeConfigOutput, error) {
	ref, err := s.parse(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _, err := s.findEventConfig(ref)
	if err != nil {
		return nil, err
	}
	delete(f.async, asyncKey(ref.qualifier))
	return &awslambda.DeleteFunctionEventInvokeConfigOutput{}, nil
}

// ListFunctionEventInvokeConfigs lists the configurations of a function, and of
// its versions and aliases.
// See https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionEventInvokeConfigs.html.
func (s *Service) ListFunctionEventInvokeConfigs(_ context.Context, in *awslambda.ListFunctionEventInvokeConfigsInput) (*awslambda.ListFunctionEventInvokeConfigsOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f := s.functions[ref.name]
	if f == nil {
		return nil, notFound("The function doesn't exist.")
	}
	var all []lambdatypes.FunctionEventInvokeConfig
	for _, key := range slices.Sorted(maps.Keys(f.async)) {
		all = append(all, s.describeEventConfig(f.name, key, f.async[key]))
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awslambda.ListFunctionEventInvokeConfigsOutput{FunctionEventInvokeConfigs: page, NextMarker: next}, nil
}
