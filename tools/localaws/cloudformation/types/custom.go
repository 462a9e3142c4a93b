package types

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// Responses are where custom resources put their answers: objects in a bucket of
// CloudFormation's.
type Responses interface {
	CreateBucket(context.Context, *awss3.CreateBucketInput) (*awss3.CreateBucketOutput, error)
	GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
	// PresignPut returns the URL to which anyone can put the object.
	PresignPut(ctx context.Context, bucket, key string) (string, error)
}

// customResource is AWS::CloudFormation::CustomResource and every Custom::NAME. A
// function of the template makes the resource: CloudFormation invokes it and waits for
// the answer that it puts to a presigned URL.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html.
func customResource(d Deps) definition {
	c := customs{d}
	return definition{
		required: []string{"ServiceToken"},
		Type: resource.Type{
			Name: resource.CustomResource, Properties: []string{"ServiceTimeout", "ServiceToken"}, Open: true,
			Examine: func(r *resource.Request) []string {
				token, known := r.Properties["ServiceToken"].(string)
				if known && !strings.Contains(token, ":lambda:") {
					return []string{"the embedded AWS does not support the ServiceToken " + token + " of " + r.Type + ": it has to be a function's ARN"}
				}
				return nil
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				return c.call(ctx, r, "Create")
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				return c.call(ctx, r, "Update")
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := c.call(ctx, r, "Delete")
				return err
			},
		},
	}
}

type customs struct{ Deps }

// The limits of custom resources.
const (
	maxCustomResponse = 4096 // bytes
	customTimeout     = time.Hour
)

// A customEvent is what a provider of custom resources gets.
type customEvent struct {
	RequestType           string
	RequestID             string `json:"RequestId"`
	ResponseURL           string
	StackID               string `json:"StackId"`
	ResourceType          string
	LogicalResourceID     string `json:"LogicalResourceId"`
	PhysicalResourceID    string `json:"PhysicalResourceId,omitempty"`
	ServiceToken          string
	ResourceProperties    map[string]any
	OldResourceProperties map[string]any `json:",omitempty"`
}

// call makes a request of the provider and returns its answer.
func (c customs) call(ctx context.Context, r *resource.Request, kind string) (*resource.Result, error) {
	timeout := customTimeout
	if v, ok := r.Properties["ServiceTimeout"]; ok {
		seconds, err := strconv.Atoi(fmt.Sprint(v))
		if err != nil || seconds < 1 || seconds > 3600 {
			return nil, &propertyError{"/ServiceTimeout", "ServiceTimeout is between 1 and 3600 seconds"}
		}
		timeout = time.Duration(seconds) * time.Second
	}
	event := customEvent{
		RequestType: kind, RequestID: uuid.NewString(), StackID: r.StackID, ResourceType: r.Type, LogicalResourceID: r.LogicalID,
		PhysicalResourceID: r.PhysicalID, ServiceToken: stringOf(r.Properties, "ServiceToken"),
		ResourceProperties: texts(r.Properties), OldResourceProperties: texts(r.OldProperties),
	}
	bucket := "cloudformation-custom-resource-response-" + strings.ReplaceAll(c.Account.Region, "-", "")
	key := r.StackID + "|" + r.LogicalID + "|" + event.RequestID
	var err error
	if event.ResponseURL, err = c.presigned(ctx, bucket, key); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encoding the event of a custom resource: %w", err)
	}
	if _, err := c.Functions.Invoke(ctx, &awslambda.InvokeInput{
		FunctionName: aws.String(event.ServiceToken), InvocationType: lambdatypes.InvocationTypeEvent, Payload: payload,
	}); err != nil {
		return nil, err
	}
	answer, err := c.await(ctx, bucket, key, timeout)
	if err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, failure(r, "NotStabilized", "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [%s]. If you are using the Python cfn-response module, you may need to update your Lambda function code so that CloudFormation can attach the updated version.", event.RequestID)
	}
	return read(r, event, answer)
}

// presigned returns the URL of a new answer.
func (c customs) presigned(ctx context.Context, bucket, key string) (string, error) {
	_, err := c.Responses.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: c.location()})
	if _, owned := errors.AsType[*s3types.BucketAlreadyOwnedByYou](err); err != nil && !owned {
		return "", fmt.Errorf("making the bucket of custom resources' answers: %w", err)
	}
	return c.Responses.PresignPut(ctx, bucket, key)
}

// await waits for an object and returns it. It is nil if none came in time.
func (c customs) await(ctx context.Context, bucket, key string, timeout time.Duration) ([]byte, error) {
	defer c.Account.Clock.Accelerate()()
	limit := c.Account.Clock.Now().Add(timeout)
	for {
		// Asked before it is looked: an answer that came in time counts, however
		// late it is found.
		late := !c.Account.Clock.Now().Before(limit)
		out, err := c.Responses.GetObject(ctx, &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err == nil {
			answer, err := io.ReadAll(io.LimitReader(out.Body, maxCustomResponse+1))
			return answer, errors.Join(err, out.Body.Close())
		}
		if handlerCode(err) != "NotFound" {
			return nil, fmt.Errorf("reading the answer of a custom resource: %w", err)
		}
		if late {
			return nil, nil
		}
		if err := clock.Sleep(ctx, c.Account.Clock, pollInterval); err != nil {
			return nil, err
		}
	}
}

// read returns what a provider's answer says.
func read(r *resource.Request, event customEvent, text []byte) (*resource.Result, error) {
	if len(text) > maxCustomResponse {
		return nil, failure(r, "GeneralServiceException", "Response object is too long.")
	}
	var answer struct {
		Status             string
		Reason             string
		PhysicalResourceID *string `json:"PhysicalResourceId"`
		StackID            string  `json:"StackId"`
		RequestID          string  `json:"RequestId"`
		LogicalResourceID  string  `json:"LogicalResourceId"`
		NoEcho             bool
		Data               map[string]any
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, failure(r, "GeneralServiceException", "Invalid response object: %v", err)
	}
	if answer.StackID != event.StackID || answer.RequestID != event.RequestID || answer.LogicalResourceID != event.LogicalResourceID {
		return nil, failure(r, "GeneralServiceException", "Invalid response object: StackId, RequestId and LogicalResourceId are not those of the request")
	}
	result := &resource.Result{PhysicalID: cmp.Or(aws.ToString(answer.PhysicalResourceID), r.PhysicalID), Attributes: map[string]any{}}
	flatten("", answer.Data, result.Attributes)
	switch {
	case answer.Status == "FAILED":
		reason := cmp.Or(answer.Reason, "See the details in CloudWatch Log Stream")
		// A provider has to name even what it could not make: it is deleted next.
		if result.PhysicalID == "" {
			result = nil
		}
		return result, &customError{reason, event.RequestID}
	case answer.Status != "SUCCESS":
		return nil, failure(r, "GeneralServiceException", "Invalid response object: Status is %q", answer.Status)
	case result.PhysicalID == "":
		return nil, failure(r, "GeneralServiceException", "Invalid PhysicalResourceId")
	}
	return result, nil
}

// A customError is the failure that a provider reports.
type customError struct{ reason, requestID string }

func (e *customError) Error() string {
	return "Received response status [FAILED] from custom resource. Message returned: " + e.reason + " (RequestId: " + e.requestID + ")"
}

// flatten names the members of an object by their path, as Fn::GetAtt does.
func flatten(prefix string, data, into map[string]any) {
	for name, v := range data {
		into[prefix+name] = v
		if inner, ok := v.(map[string]any); ok {
			flatten(prefix+name+".", inner, into)
		}
	}
}

// texts returns properties as a provider gets them: all scalars are texts.
func texts(properties map[string]any) map[string]any {
	if properties == nil {
		return nil
	}
	m := maps.Clone(properties)
	for name, v := range m {
		m[name] = asText(v)
	}
	return m
}

func asText(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return texts(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = asText(e)
		}
		return list
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return v
}

// signalled returns what a signal to a wait condition says.
func signalled(r *resource.Request, text []byte) (*resource.Result, error) {
	var signal struct {
		Status, Reason, Data string
		UniqueID             string `json:"UniqueId"`
	}
	if err := json.Unmarshal(text, &signal); err != nil {
		return nil, failure(r, "GeneralServiceException", "Invalid signal: %v", err)
	}
	if signal.Status != "SUCCESS" {
		return nil, failure(r, "GeneralServiceException", "WaitCondition received failed message: '%s' for uniqueId: %s", signal.Reason, signal.UniqueID)
	}
	data, err := jsonText(map[string]any{signal.UniqueID: signal.Data})
	if err != nil {
		return nil, err
	}
	return &resource.Result{PhysicalID: r.StackID + "/" + r.LogicalID, Attributes: map[string]any{"Data": data}}, nil
}
