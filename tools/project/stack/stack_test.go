package stack_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// What hinders is told apart from a stage that is not there, and each has its
// next command.
func TestDescribe(t *testing.T) {
	t.Parallel()
	failed := func(code, message string) string {
		return fmt.Sprintf("<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
	}
	outputs := func(keys ...string) string {
		var members strings.Builder
		for _, key := range keys {
			_, _ = fmt.Fprintf(&members, "<member><OutputKey>%s</OutputKey><OutputValue>v</OutputValue></member>", key)
		}
		return fmt.Sprintf(`<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>magewright-staging</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
			<Outputs>%s</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, &members)
	}
	for _, tt := range []struct {
		stage, answer string
		status        int
		absent        bool
		next          string
	}{
		{"staging", outputs("FunctionName", "AliasName"), 200, false, ""},
		{"staging", outputs("FunctionName", "FunctionUrl"), 200, true, "go tool mage deploy-staging"},
		{"staging", outputs("Other"), 200, true, "go tool mage deploy-staging"},
		{"staging", failed("ValidationError", "Stack with id magewright-staging does not exist"), 400, true, "go tool mage deploy-staging"},
		{"production", failed("ValidationError", "Stack with id magewright-production does not exist"), 400, true, "go tool mage promote"},
		{"staging", failed("AccessDenied", "no"), 403, false, "aws sts get-caller-identity"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = fmt.Fprint(w, tt.answer)
		}))
		t.Cleanup(server.Close)
		cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
		stage, err := manifest.Old().Stage(tt.stage)
		if err != nil {
			t.Fatal(err)
		}
		got, err := stack.Describe(t.Context(), cfg, stage)
		if tt.next == "" {
			if err != nil || got.FunctionName != "v" || got.AliasName != "v" || got.Stack != stage.Stack {
				t.Errorf("%+v, %v", got, err)
			}
			continue
		}
		if errors.Is(err, stack.ErrNotDeployed) != tt.absent || exit.Status(err) != exit.Environment || !strings.HasSuffix(err.Error(), "next: "+tt.next) {
			t.Errorf("%s, %s: %v", tt.stage, tt.answer, err)
		}
	}
}

// TestAnotherAccount holds that a stage in another account is not taken for one that was
// never deployed, and that a stack of its name in the credentials' own account is not taken
// for it.
func TestAnotherAccount(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "GetCallerIdentity") {
			_, _ = fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
			return
		}
		if strings.Contains(string(body), "shop-here") {
			_, _ = fmt.Fprint(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>shop-here</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
				<Outputs><member><OutputKey>FunctionName</OutputKey><OutputValue>f</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id shop-gamma does not exist</Message></Error></ErrorResponse>`)
	}))
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
	const here, elsewhere = "111122223333", "444455556666"
	for _, tt := range []struct {
		stack, account string
		is             error
		says           string
	}{
		{"shop-gamma", elsewhere, stack.ErrOtherAccount, "stack shop-gamma belongs to account 444455556666, but the credentials are for another account: 111122223333"},
		{"shop-here", elsewhere, stack.ErrOtherAccount, "next: export credentials of account 444455556666"},
		{"shop-gamma", here, stack.ErrNotDeployed, "stack shop-gamma: the stage is not deployed (account 111122223333, "},
		{"shop-here", here, nil, ""},
	} {
		place := manifest.Place{Stack: tt.stack, Account: tt.account}
		stage := manifest.Stage{Name: "gamma", Place: place, Functions: []manifest.Function{{Outputs: map[string]string{"FunctionName": "FunctionName"}}}}
		_, err := stack.DescribeAll(t.Context(), cfg, stage)
		_, outputErr := stack.Output(t.Context(), cfg, place, "FunctionName")
		for _, err := range []error{err, outputErr} {
			if !errors.Is(err, tt.is) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s in account %s: %v, want %q", tt.stack, tt.account, err, tt.says)
			}
			if errors.Is(tt.is, stack.ErrOtherAccount) && errors.Is(err, stack.ErrNotDeployed) {
				t.Errorf("%s in account %s counts as not deployed", tt.stack, tt.account)
			}
		}
	}
}

// TestOutputsAreCalledAsTheManifestSays holds that the keys of outputs are the
// manifest's, that a function without a URL is deployed all the same, that a stage is
// looked for in its region, and that of several functions none is taken for all.
func TestOutputsAreCalledAsTheManifestSays(t *testing.T) {
	t.Parallel()
	signed := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed = r.Header.Get("Authorization")
		_, _ = fmt.Fprint(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>shop-test</StackName><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>
			<member><OutputKey>WorkerFunctionName70CF</OutputKey><OutputValue>worker</OutputValue></member>
			<member><OutputKey>WorkerAliasName21DA</OutputKey><OutputValue>live</OutputValue></member>
			<member><OutputKey>FunctionName</OutputKey><OutputValue>another</OutputValue></member>
			<member><OutputKey>Other</OutputKey><OutputValue>x</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	}))
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
	worker := manifest.Function{Outputs: map[string]string{"FunctionName": "WorkerFunctionName70CF", "AliasName": "WorkerAliasName21DA"}}
	stage := manifest.Stage{Name: "test", Place: manifest.Place{Stack: "shop-test", Region: "eu-central-1"}, Functions: []manifest.Function{worker}}
	got, err := stack.Describe(t.Context(), cfg, stage)
	puts := map[string]string{"WorkerFunctionName70CF": "worker", "WorkerAliasName21DA": "live", "FunctionName": "another", "Other": "x"}
	if want := (stack.Outputs{Stack: "shop-test", Region: "eu-central-1", FunctionName: "worker", AliasName: "live", All: puts}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if !strings.Contains(signed, "/eu-central-1/cloudformation/") {
		t.Errorf("the request was signed as %s, want it for the stage's region", signed)
	}
	stage.Functions = append(stage.Functions, worker)
	if _, err := stack.Describe(t.Context(), cfg, stage); err == nil || !strings.Contains(err.Error(), "stage test delivers 2 functions") {
		t.Errorf("two functions give %v", err)
	}
}
