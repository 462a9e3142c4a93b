// Package stacktest answers for AWS in tests that only ask which version serves a stage.
package stacktest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/magewright/magewright/tools/project/stack"
)

// A Stage has the outputs of its stack and what serves it. Every stage has the same. A stage
// without outputs is not deployed.
type Stage struct {
	Outputs map[string]string
	Served  stack.Served
	// Resources are the resources' names by logical id. URL is the function's URL, which is
	// not an output.
	Resources map[string]string
	URL       string
	// CodeSHA256 is Lambda's answer instead of the package's digest, if it is set.
	CodeSHA256 string
	// Template is the template of each stack.
	Template string
}

// Outputs are the outputs of a function that serves with its alias live.
func Outputs(more ...string) map[string]string {
	outputs := map[string]string{"FunctionName": "service", "AliasName": "live"}
	for i := 0; i < len(more); i += 2 {
		outputs[more[i]] = more[i+1]
	}
	return outputs
}

// Start serves a stage until the test ends, and returns the configuration for clients.
// Requests that are not for AWS go to app, if there is one.
func Start(t *testing.T, s Stage, app http.Handler) aws.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.answer(w, r):
		case app != nil:
			app.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	if _, self := s.Outputs["FunctionUrl"]; self && s.Outputs["FunctionUrl"] == "" {
		s.Outputs["FunctionUrl"] = server.URL + "/"
	}
	return aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
}

// answer reports whether it has answered. It answers requests to CloudFormation and Lambda.
func (s Stage) answer(w http.ResponseWriter, r *http.Request) bool {
	switch path := r.URL.Path; {
	case path == "/" && r.Header.Get("X-Amz-Target") == "" && r.FormValue("Action") == "GetTemplate":
		_, _ = fmt.Fprint(w, "<GetTemplateResponse><GetTemplateResult><TemplateBody>")
		_ = xml.EscapeText(w, []byte(s.Template)) // of a test
		_, _ = fmt.Fprint(w, "</TemplateBody></GetTemplateResult></GetTemplateResponse>")
	case path == "/" && r.Header.Get("X-Amz-Target") == "":
		if r.FormValue("Action") == "DescribeStackResource" {
			s.resource(w, r.FormValue("LogicalResourceId"))
		} else {
			s.describe(w)
		}
	case strings.HasSuffix(path, "/functions/service/url"):
		write(w, map[string]any{"FunctionUrl": s.URL})
	case strings.HasSuffix(path, "/aliases/live"):
		reply := map[string]any{"FunctionVersion": s.Served.Version}
		if s.Served.Shares != nil {
			reply["RoutingConfig"] = map[string]any{"AdditionalVersionWeights": s.Served.Shares}
		}
		write(w, reply)
	case strings.HasSuffix(path, "/functions/service/configuration"):
		digest, sha := []byte(nil), s.CodeSHA256
		if sha == "" {
			digest, _ = hex.DecodeString(s.Served.Package) // of a test
			sha = base64.StdEncoding.EncodeToString(digest)
		}
		description := "a service"
		if s.Served.Commit != "" {
			description += ", commit " + s.Served.Commit
		}
		write(w, map[string]any{"Version": r.URL.Query().Get("Qualifier"), "CodeSha256": sha, "Description": description})
	default:
		return false
	}
	return true
}

func (s Stage) describe(w http.ResponseWriter) {
	if len(s.Outputs) == 0 {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id x does not exist</Message></Error></ErrorResponse>`)
		return
	}
	var outputs strings.Builder
	for key, value := range s.Outputs {
		_, _ = fmt.Fprintf(&outputs, `<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>`, key, value)
	}
	_, _ = fmt.Fprintf(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>s</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
		<CreationTime>2026-01-01T00:00:00Z</CreationTime><Outputs>%s</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, &outputs)
}

func (s Stage) resource(w http.ResponseWriter, id string) {
	if s.Resources[id] == "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Resource does not exist for stack x</Message></Error></ErrorResponse>`)
		return
	}
	const answer = `<DescribeStackResourceResponse><DescribeStackResourceResult><StackResourceDetail><LogicalResourceId>%s</LogicalResourceId>
		<PhysicalResourceId>%s</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus></StackResourceDetail></DescribeStackResourceResult></DescribeStackResourceResponse>`
	_, _ = fmt.Fprintf(w, answer, id, s.Resources[id]) // #nosec G705 -- of a test, whose client is no browser
}

func write(w http.ResponseWriter, reply map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(reply) // of a test
}
