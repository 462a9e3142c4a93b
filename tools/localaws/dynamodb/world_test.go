package dynamodb_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/dynamodb"
	"github.com/magewright/magewright/tools/localaws/sdktest"
	"github.com/magewright/magewright/tools/localaws/sigv4"
	"github.com/magewright/magewright/tools/localaws/sts"
	"github.com/magewright/magewright/tools/localaws/wire"
)

// A world is a DynamoDB and a real client of it.
type world struct {
	*awsdynamodb.Client
	t       testing.TB
	service *dynamodb.Service
	clock   *clock.Manual
	config  aws.Config
	metrics *collector
}

// A collector keeps the metrics that the service sends.
type collector struct {
	mu   sync.Mutex
	sums map[string]float64 // by name and dimensions
}

func (c *collector) PutMetricData(_ context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range in.MetricData {
		name := *in.Namespace + " " + *d.MetricName
		for _, dimension := range d.Dimensions {
			name += " " + *dimension.Name + "=" + *dimension.Value
		}
		for i, v := range d.Values {
			c.sums[name] += v * d.Counts[i]
		}
	}
	return &awscloudwatch.PutMetricDataOutput{}, nil
}

// sum returns the sum of a metric's values.
func (c *collector) sum(name string) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sums[name]
}

// start starts a DynamoDB whose clock the test steps.
func start(t testing.TB) *world {
	t.Helper()
	by := clock.NewManual(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
	w := startBy(t, by)
	w.clock = by
	return w
}

// startBy starts a DynamoDB with a clock.
func startBy(t testing.TB, by clock.Clock) *world {
	t.Helper()
	w := &world{t: t, metrics: &collector{sums: map[string]float64{}}}
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: by}
	w.service = dynamodb.New(a, dynamodb.Deps{Metrics: w.metrics})
	users := sts.New(a, "secret")
	handler, err := wire.NewHandler(a, sigv4.Verifier{Region: a.Region, Keys: users, Clock: clock.System()}, wire.Service{Name: "dynamodb", Impl: w.service}, wire.Service{Name: "dynamodbstreams", Impl: w.service.Streams()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		if err := w.service.Close(); err != nil {
			t.Error(err)
		}
	})
	w.config = aws.Config{
		Region: a.Region, BaseEndpoint: aws.String(server.URL), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient:  sdktest.HTTPClient(nil),
		Credentials: credentials.NewStaticCredentialsProvider("MAGEWRIGHT", "secret", ""),
	}
	w.Client = awsdynamodb.NewFromConfig(w.config)
	return w
}

// settle lets tables reach their states.
func (w *world) settle() { w.clock.Advance(time.Second) }

// create creates a table with a partition key pk and a sort key sk, both
// strings, and waits for it.
func (w *world) create(name string, more ...func(*awsdynamodb.CreateTableInput)) {
	w.t.Helper()
	in := &awsdynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keys("pk", "sk"), AttributeDefinitions: strings("pk", "sk"),
	}
	for _, f := range more {
		f(in)
	}
	must(w.CreateTable(w.t.Context(), in))(w.t)
	w.settle()
}

func keys(names ...string) []types.KeySchemaElement {
	elements := []types.KeySchemaElement{{AttributeName: &names[0], KeyType: types.KeyTypeHash}}
	if len(names) > 1 {
		elements = append(elements, types.KeySchemaElement{AttributeName: &names[1], KeyType: types.KeyTypeRange})
	}
	return elements
}

func strings(names ...string) []types.AttributeDefinition {
	var definitions []types.AttributeDefinition
	for _, name := range names {
		definitions = append(definitions, types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS})
	}
	return definitions
}

// must returns a function that fails the test where a call has failed.
func must[T any](out T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

type item = map[string]types.AttributeValue

func s(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }

func n(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }

func (w *world) put(table string, i item) {
	w.t.Helper()
	must(w.PutItem(w.t.Context(), &awsdynamodb.PutItemInput{TableName: &table, Item: i}))(w.t)
}

func (w *world) get(table string, key item) item {
	w.t.Helper()
	return must(w.GetItem(w.t.Context(), &awsdynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)}))(w.t).Item
}

// failure returns the code and text of an error.
func failure(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// refused checks the code and text of an error.
func refused(t testing.TB, what string, err error, want string) {
	t.Helper()
	if got := failure(err); got != want {
		t.Errorf("%s:\n%s, want\n%s", what, got, want)
	}
}
