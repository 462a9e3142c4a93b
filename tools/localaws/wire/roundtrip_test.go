package wire

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codestarconnections"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/sdktest"
)

var testNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func testAccount() account.Account {
	return account.Account{
		ID: account.DefaultID, Region: "us-east-1", Clock: clock.NewManual(testNow),
	}
}

// anybody believes every signature.
type anybody struct{}

func (anybody) Verify(r *http.Request, _ []byte) (principal.Principal, error) {
	c, err := parseCredential(r)
	if err != nil {
		return principal.Principal{}, err
	}
	id := c.accessKeyID
	return principal.Principal{ARN: "arn:aws:iam::000000000000:user/" + id, AccessKeyID: id}, nil
}

// testConfig returns a configuration for SDK clients that always connect to
// server, whatever host name they use.
func testConfig(server *httptest.Server) aws.Config {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server.Listener.Addr().String())
	}}
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(server.URL),
		HTTPClient:   sdktest.HTTPClient(&http.Client{Transport: transport}),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	}
}

// clients has the SDK's client of each service.
var clients = map[string]struct {
	client func(aws.Config) any
	except map[string]string // operation: why the wire can't carry it
}{
	"apigateway": {
		client: func(c aws.Config) any { return apigateway.NewFromConfig(c) },
		except: map[string]string{
			"GetExport":     "answers with a file",
			"GetSdk":        "answers with a file",
			"ImportRestApi": "takes parameters of any name in the query",
			"PutRestApi":    "takes parameters of any name in the query",
		},
	},
	"apigatewayv2":         {client: func(c aws.Config) any { return apigatewayv2.NewFromConfig(c) }},
	"cloudformation":       {client: func(c aws.Config) any { return cloudformation.NewFromConfig(c) }},
	"codebuild":            {client: func(c aws.Config) any { return codebuild.NewFromConfig(c) }},
	"codeconnections":      {client: func(c aws.Config) any { return codeconnections.NewFromConfig(c) }},
	"codestar-connections": {client: func(c aws.Config) any { return codestarconnections.NewFromConfig(c) }},
	"codedeploy":           {client: func(c aws.Config) any { return codedeploy.NewFromConfig(c) }},
	"codepipeline":         {client: func(c aws.Config) any { return codepipeline.NewFromConfig(c) }},
	"dynamodb": {
		client: func(c aws.Config) any { return dynamodb.NewFromConfig(c) },
		except: map[string]string{"PutResourcePolicy": "has a member in a header, unlike all other operations of JSON protocols"},
	},
	"dynamodbstreams": {client: func(c aws.Config) any { return dynamodbstreams.NewFromConfig(c) }},
	"ecr":             {client: func(c aws.Config) any { return ecr.NewFromConfig(c) }},
	"events":          {client: func(c aws.Config) any { return eventbridge.NewFromConfig(c) }},
	"iam":             {client: func(c aws.Config) any { return iam.NewFromConfig(c) }},
	"kms":             {client: func(c aws.Config) any { return kms.NewFromConfig(c) }},
	"lambda": {
		client: func(c aws.Config) any { return lambda.NewFromConfig(c) },
		except: map[string]string{"InvokeWithResponseStream": "answers with an event stream"},
	},
	"logs": {
		client: func(c aws.Config) any { return cloudwatchlogs.NewFromConfig(c) },
		except: map[string]string{
			"GetLogObject":  "answers with an event stream",
			"StartLiveTail": "answers with an event stream",
		},
	},
	"monitoring":     {client: func(c aws.Config) any { return cloudwatch.NewFromConfig(c) }},
	"scheduler":      {client: func(c aws.Config) any { return scheduler.NewFromConfig(c) }},
	"secretsmanager": {client: func(c aws.Config) any { return secretsmanager.NewFromConfig(c) }},
	"sns":            {client: func(c aws.Config) any { return sns.NewFromConfig(c) }},
	"sqs": {client: func(c aws.Config) any {
		// The values are no messages, so their checksums are wrong.
		return sqs.NewFromConfig(c, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true })
	}},
	"ssm": {client: func(c aws.Config) any { return ssm.NewFromConfig(c) }},
	"sts": {
		client: func(c aws.Config) any { return sts.NewFromConfig(c) },
		except: map[string]string{
			"AssumeRoleWithSAML":        "is not signed",
			"AssumeRoleWithWebIdentity": "is not signed",
		},
	},
}

// TestEveryOperationOfEveryService sends each operation of the SDK, with all
// members set, through its real client. The input must arrive unchanged, and
// the output must come back unchanged.
func TestEveryOperationOfEveryService(t *testing.T) {
	t.Parallel()
	for name := range services {
		if _, ok := clients[name]; !ok {
			t.Errorf("service %s has no round trip", name)
		}
	}
	for name, s := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roundTrip(t, name, s.client, s.except)
		})
	}
}

func roundTrip(t *testing.T, name string, newClient func(aws.Config) any, except map[string]string) {
	// The last operation's input as it arrived, and the output to answer with.
	var got, answer reflect.Value
	var ops []*operation
	for _, op := range clientOperations(newClient(aws.Config{})) {
		if reason, ok := except[op.name]; ok {
			t.Logf("%s is left out: it %s", op.name, reason)
			continue
		}
		op.call = func(_ context.Context, in reflect.Value) (reflect.Value, error) {
			got = in
			return answer, nil
		}
		ops = append(ops, op)
	}
	compiled, err := compileService(name, ops)
	if err != nil {
		t.Fatal(err)
	}
	// The values do not satisfy the constraints of AWS's models.
	for _, op := range compiled.operations {
		op.check = nil
	}
	h, err := NewHandler(testAccount(), anybody{})
	if err != nil {
		t.Fatal(err)
	}
	h.(*handler).services[name] = compiled
	server := httptest.NewServer(h)
	defer server.Close()
	client := reflect.ValueOf(newClient(testConfig(server)))

	for _, op := range ops {
		in, out := sample(op.in), sample(op.out)
		got, answer = reflect.New(op.in), out
		results := client.MethodByName(op.name).Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
		if err, _ := results[1].Interface().(error); err != nil {
			t.Errorf("%s: %v", op.name, err)
			continue
		}
		if diff := cmp.Diff(in.Interface(), got.Interface(), exact); diff != "" {
			t.Errorf("%s: the input arrived changed (-sent +arrived):\n%s", op.name, diff)
		}
		if diff := cmp.Diff(out.Interface(), results[0].Interface(), exact); diff != "" {
			t.Errorf("%s: the output came back changed (-sent +came):\n%s", op.name, diff)
		}
	}
	t.Logf("%d operations", len(ops))
}

// clientOperations returns the operations that an SDK's client has.
func clientOperations(client any) []*operation {
	var ops []*operation
	t := reflect.TypeOf(client)
	for i := range t.NumMethod() {
		m := t.Method(i)
		if m.Type.NumIn() == 4 && m.Type.NumOut() == 2 && m.Type.In(1) == contextType {
			ops = append(ops, &operation{name: m.Name, in: m.Type.In(2).Elem(), out: m.Type.Out(0).Elem()})
		}
	}
	return ops
}

// exact compares what is sent over the wire: exported fields without the SDK's
// metadata, and the contents of streams.
var exact = cmp.Options{
	cmp.FilterPath(func(p cmp.Path) bool {
		f, ok := p.Last().(cmp.StructField)
		return ok && (!token.IsExported(f.Name()) || f.Name() == "ResultMetadata")
	}, cmp.Ignore()),
	cmp.Comparer(func(a, b io.Reader) bool { return content(a) == content(b) }),
}

func content(r io.Reader) string {
	if s, ok := r.(io.Seeker); ok {
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			return err.Error()
		}
	}
	b, err := io.ReadAll(r)
	return string(b) + fmt.Sprint(err)
}

// sample returns a pointer to a t with every member set.
func sample(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	s := sampler{}
	s.fill(v.Elem())
	return v
}

type sampler struct {
	n    int64 // makes values different
	path []reflect.Type
}

// unset lists members that change the endpoint of a request.
var unset = []string{"EndpointId"}

func (s *sampler) fill(v reflect.Value) {
	s.n++
	t := v.Type()
	switch {
	case t == timeType:
		v.Set(reflect.ValueOf(testNow.Add(time.Duration(s.n) * 1001 * time.Millisecond)))
	case t == readerType:
		v.Set(reflect.ValueOf(strings.NewReader("streamed <content>")))
	case t.Kind() == reflect.Pointer:
		if !slices.Contains(s.path, t.Elem()) {
			v.Set(reflect.New(t.Elem()))
			s.fill(v.Elem())
		}
	case t.Kind() == reflect.Struct:
		s.path = append(s.path, t)
		for i := range t.NumField() {
			f := t.Field(i)
			if f.IsExported() && f.Type != metadataType && !slices.Contains(unset, f.Name) {
				s.fill(v.Field(i))
			}
		}
		s.path = s.path[:len(s.path)-1]
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		v.SetBytes([]byte{0, 0xff, byte(s.n)})
	case t.Kind() == reflect.Slice:
		if slices.Contains(s.path, t.Elem()) {
			return
		}
		v.Set(reflect.MakeSlice(t, 2, 2))
		s.fill(v.Index(0))
		s.fill(v.Index(1))
	case t.Kind() == reflect.Map:
		if slices.Contains(s.path, t.Elem()) {
			return
		}
		v.Set(reflect.MakeMap(t))
		for range 2 {
			key, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			s.fill(key)
			s.fill(e)
			v.SetMapIndex(key, e)
		}
	case t.Kind() == reflect.Interface:
		members := unions[t]
		m := reflect.New(members[int(s.n)%len(members)])
		s.fill(m.Elem().FieldByName("Value"))
		v.Set(m)
	case t.Kind() == reflect.String:
		v.SetString(fmt.Sprintf(`s%d <é> & "x"/y+%%z`, s.n))
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		// These values are also valid as a status.
		v.SetInt(200 + s.n%99)
	case v.CanFloat():
		v.SetFloat(float64(s.n) + 0.25)
	default:
		panic(errors.New("no sample of a " + t.String()))
	}
}
