package stack

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/project/exit"
)

// TestExplain holds what is said where credentials and endpoint do not fit. The real
// SDK asks; the answers have the shape of CodePipeline's.
func TestExplain(t *testing.T) {
	var code string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Requestid", "r-1")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"__type": %q, "message": "no"}`, code)
	}))
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	ask := func(endpoint string) error {
		t.Helper()
		t.Setenv("AWS_ENDPOINT_URL", endpoint)
		cfg, err := Connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		name := "p"
		_, err = codepipeline.NewFromConfig(cfg).GetPipeline(t.Context(), &codepipeline.GetPipelineInput{Name: &name})
		// As targets do it.
		err = exit.Missing("aws codepipeline get-pipeline --name p", "reading the pipeline: %w", err)
		for _, inner := range []string{"https response error", "StatusCode", "exceeded maximum number of attempts"} {
			if strings.Contains(err.Error(), inner) {
				t.Errorf("only the SDK's authors need %q in %v", inner, err)
			}
		}
		return err
	}
	for _, tt := range []struct{ code, says, next string }{
		{"InvalidSignatureException", server.URL + " does not know the access key AKIDEXAMPLE", `eval "$(go tool mage local -env)"`},
		{"UnrecognizedClientException", server.URL + " does not know the access key AKIDEXAMPLE", `eval "$(go tool mage local -env)"`},
		{"ExpiredTokenException", "AKIDEXAMPLE) have expired", "aws sso login"},
		{"PipelineNotFoundException", "GetPipeline, PipelineNotFoundException: no (request r-1)", "aws codepipeline get-pipeline"},
	} {
		code = tt.code
		err := ask(server.URL)
		if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "next: "+tt.next) || strings.Count(err.Error(), "next: ") != 1 {
			t.Errorf("%s: %v", tt.code, err)
		}
		if exit.Status(err) != exit.Environment {
			t.Errorf("%s: exit code %d", tt.code, exit.Status(err))
		}
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != tt.code {
			t.Errorf("%s: the error of the SDK is lost: %v", tt.code, err)
		}
	}
	// What is wrong in the environment is found before anything is asked.
	for _, tt := range []struct{ name, value, says, next string }{
		{"AWS_ENDPOINT_URL", "localhost:4566", "AWS_ENDPOINT_URL=localhost:4566 is no URL", "export AWS_ENDPOINT_URL=http://localhost:4566"},
		{"AWS_PROFILE", "nobody", "AWS_PROFILE=nobody names no profile", "aws configure list-profiles"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(tt.name, tt.value)
			if _, err := Connect(t.Context()); err == nil || exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "next: "+tt.next) {
				t.Errorf("%s=%s gives %v", tt.name, tt.value, err)
			}
		})
	}
	server.Close()
	if err := ask(server.URL); !strings.Contains(err.Error(), "nothing answers at "+server.URL) || !strings.Contains(err.Error(), "next: go tool mage local") || strings.Count(err.Error(), "next: ") != 1 {
		t.Errorf("an endpoint that is down gives %v", err)
	}
	for _, tt := range []struct {
		endpoint, code, next string
	}{
		{"https://aws.example", "InvalidClientTokenId", "aws sts get-caller-identity"},
		{"", "InvalidClientTokenId", "aws sts get-caller-identity"},
	} {
		err := explain(t.Context(), tt.endpoint, "eu-central-1", "AKIDEXAMPLE", &smithy.GenericAPIError{Code: tt.code})
		if !strings.Contains(err.Error(), "next: "+tt.next) {
			t.Errorf("%s at %q: %v", tt.code, tt.endpoint, err)
		}
	}
}
