package stack_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
)

// What hinders is told apart from a stage that is not there, and each has its
// next command.
func TestDescribe(t *testing.T) {
	t.Parallel()
	failed := func(code, message string) string {
		return fmt.Sprintf("<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
	}
	outputs := func(key string) string {
		return fmt.Sprintf(`<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>magewright-staging</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
			<Outputs><member><OutputKey>%s</OutputKey><OutputValue>v</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, key)
	}
	for _, tt := range []struct {
		stage, answer string
		status        int
		absent        bool
		next          string
	}{
		{"staging", outputs("FunctionUrl"), 200, false, ""},
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
		got, err := stack.Describe(t.Context(), cfg, tt.stage)
		if tt.next == "" {
			if err != nil || got.FunctionURL != "v" {
				t.Errorf("%+v, %v", got, err)
			}
			continue
		}
		if errors.Is(err, stack.ErrNotDeployed) != tt.absent || exit.Status(err) != exit.Environment || !strings.HasSuffix(err.Error(), "next: "+tt.next) {
			t.Errorf("%s, %s: %v", tt.stage, tt.answer, err)
		}
	}
}
