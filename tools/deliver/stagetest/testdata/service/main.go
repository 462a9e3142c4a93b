// A service as small as one can be that smoke tests, drills and canaries
// exercise: it says which commit answers, keeps records of deployments in files
// of the directory RECORDS, and fails as FAULT says.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// commit is set by the linker.
var commit string

func main() { lambda.Start(handle) }

var invocations atomic.Int64

func handle(_ context.Context, r events.LambdaFunctionURLRequest) (any, error) {
	switch r.RawPath {
	case "/exit":
		os.Exit(7)
	case "/stream": // a response that is written piece by piece
		return io.MultiReader(strings.NewReader("one "), strings.NewReader("two "), strings.NewReader("three")), nil
	}
	return serve(r)
}

func serve(r events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	kind, value, _ := strings.Cut(os.Getenv("FAULT"), ":")
	switch kind {
	case "crash":
		os.Exit(1)
	case "errors":
		share, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		// As many of the invocations so far as the share asks for have failed.
		if n := float64(invocations.Add(1)); int(n*share) > int((n-1)*share) {
			return events.LambdaFunctionURLResponse{}, errors.New("failed on purpose")
		}
	}
	method, path := r.RequestContext.HTTP.Method, strings.TrimPrefix(r.RawPath, "/")
	switch release, isRelease := strings.CutPrefix(path, "releases/"); {
	case path == "healthz":
		return answer(`{"commit":"` + commit + `"}`), nil
	case !strings.HasPrefix(r.Headers["authorization"], "Bearer "):
		return events.LambdaFunctionURLResponse{StatusCode: http.StatusUnauthorized}, nil
	case path == "releases":
		return answer(`[]`), nil
	case isRelease && method == http.MethodPut:
		return answer(`{}`), os.WriteFile(record(release), []byte(r.Body), 0o600)
	case isRelease:
		data, err := os.ReadFile(record(release)) // #nosec G304 -- a test's directory
		if err != nil {
			return events.LambdaFunctionURLResponse{StatusCode: http.StatusNotFound, Body: "{}"}, nil
		}
		return answer(string(data)), nil
	}
	return events.LambdaFunctionURLResponse{StatusCode: http.StatusNotFound}, nil
}

func record(release string) string { return filepath.Join(os.Getenv("RECORDS"), release) }

func answer(body string) events.LambdaFunctionURLResponse {
	return events.LambdaFunctionURLResponse{StatusCode: http.StatusOK, Body: body}
}
