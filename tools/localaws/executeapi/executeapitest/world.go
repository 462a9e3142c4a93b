// Package executeapitest has fakes of what APIs need from an embedded AWS, for the
// tests of REST APIs and HTTP APIs.
package executeapitest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// Begin is the time when a World begins.
var Begin = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

// A World is the rest of the embedded AWS around a gateway. It records what the
// gateway does with it.
type World struct {
	Clock, Wall *clock.Manual
	Gateway     *executeapi.Gateway
	Account     account.Account

	Mu      sync.Mutex
	Events  []json.RawMessage // of the functions, in order
	Answers map[string]func(event []byte) (*awslambda.InvokeOutput, error)
	Denied  []string // ARNs of sources
	Asked   []string // ARNs of sources
	Lines   []string
	Group   string   // of the last lines
	Groups  []string // that were created
	Metrics []awscloudwatch.PutMetricDataInput
	Objects map[string]string
}

// Permits lets API Gateway do what is not denied.
func (w *World) Permits(_, service, source string) bool {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Asked = append(w.Asked, source)
	return service == "apigateway.amazonaws.com" && !slices.Contains(w.Denied, source)
}

// Invoke calls a function.
func (w *World) Invoke(_ context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	w.Mu.Lock()
	w.Events = append(w.Events, in.Payload)
	answer := w.Answers[*in.FunctionName]
	w.Mu.Unlock()
	if answer == nil {
		return &awslambda.InvokeOutput{Payload: []byte(`"answered"`)}, nil
	}
	return answer(in.Payload)
}

// Answer makes a function answer with a text.
func (w *World) Answer(function, text string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Answers[function] = func([]byte) (*awslambda.InvokeOutput, error) {
		return &awslambda.InvokeOutput{Payload: []byte(text)}, nil
	}
}

// PutMetricData records metrics.
func (w *World) PutMetricData(_ context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Metrics = append(w.Metrics, *in)
	return &awscloudwatch.PutMetricDataOutput{}, nil
}

// CreateLogGroup records the name of a group.
func (w *World) CreateLogGroup(_ context.Context, in *awslogs.CreateLogGroupInput) (*awslogs.CreateLogGroupOutput, error) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Groups = append(w.Groups, *in.LogGroupName)
	return &awslogs.CreateLogGroupOutput{}, nil
}

// CreateLogStream does nothing.
func (w *World) CreateLogStream(context.Context, *awslogs.CreateLogStreamInput) (*awslogs.CreateLogStreamOutput, error) {
	return &awslogs.CreateLogStreamOutput{}, nil
}

// PutLogEvents records lines.
func (w *World) PutLogEvents(_ context.Context, in *awslogs.PutLogEventsInput) (*awslogs.PutLogEventsOutput, error) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Group = *in.LogGroupName
	for _, e := range in.LogEvents {
		w.Lines = append(w.Lines, *e.Message)
	}
	return &awslogs.PutLogEventsOutput{}, nil
}

// GetObject returns an object of Objects, whose keys are BUCKET/KEY.
func (w *World) GetObject(_ context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	text, ok := w.Objects[*in.Bucket+"/"+*in.Key]
	if !ok {
		return nil, &s3types.NoSuchKey{}
	}
	return &awss3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(text))}, nil
}

// VerifyRequest knows one access key.
func (w *World) VerifyRequest(r *http.Request, service string) (principal.Principal, error) {
	if service != "execute-api" || !strings.Contains(r.Header.Get("Authorization"), "AKIAKNOWN") {
		return principal.Principal{}, errors.New("the signature does not match")
	}
	return principal.Principal{ARN: "arn:aws:iam::000000000000:user/me", UserID: "AIDA1", Account: "000000000000", AccessKeyID: "AKIAKNOWN"}, nil
}

// Last returns the last event of a function.
func (w *World) Last(t *testing.T) string {
	t.Helper()
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if len(w.Events) == 0 {
		t.Fatal("no function was called")
	}
	return string(w.Events[len(w.Events)-1])
}

// New returns a World that ends with the test.
func New(t *testing.T) *World {
	t.Helper()
	w := &World{
		Clock: clock.NewManual(Begin), Wall: clock.NewManual(Begin),
		Answers: map[string]func([]byte) (*awslambda.InvokeOutput, error){}, Objects: map[string]string{},
	}
	w.Account = account.Account{ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Clock: w.Clock, Log: slog.New(slog.DiscardHandler)}
	w.Gateway = executeapi.New(w.Account, executeapi.Deps{Functions: w, Metrics: w, Logs: w, Wall: w.Wall})
	t.Cleanup(func() {
		if err := w.Gateway.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return w
}

// A Response is a response of an API.
type Response struct {
	Status int
	Header http.Header
	Text   string
}

// Fetch makes a request. headers are names and values.
func Fetch(t testing.TB, method, url, body string, headers ...string) Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return Response{resp.StatusCode, resp.Header, string(text)}
}

// Sums returns the sums of the metrics that were recorded, by namespace, name and the
// values of the dimensions.
func (w *World) Sums(t *testing.T) map[string]float64 {
	t.Helper()
	w.Gateway.Flush(t.Context())
	w.Mu.Lock()
	defer w.Mu.Unlock()
	sums := map[string]float64{}
	for _, in := range w.Metrics {
		for _, d := range in.MetricData {
			key := *in.Namespace + " " + *d.MetricName
			for _, dimension := range d.Dimensions {
				key += " " + *dimension.Value
			}
			for i, v := range d.Values {
				sums[key] += v * d.Counts[i]
			}
		}
	}
	return sums
}
