// A service as small as one can be that smoke tests, drills and canaries
// exercise: it says which commit answers, keeps records of deployments in files
// of the directory RECORDS, and fails as FAULT says.
package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// commit is set by the linker.
var commit string

func main() { serve(handle) }

var invocations int64 // one at a time

// A request is what of an event the service reads: a function URL's, or a queue's.
type request struct {
	RawPath        string
	Records        []any
	Headers        map[string]string
	Body           string
	RequestContext struct{ HTTP struct{ Method string } }
}

// A response is the answer to a function URL.
type response struct {
	StatusCode int      `json:"statusCode"`
	Body       string   `json:"body"`
	stream     []string // pieces that are written one by one; not as JSON
}

func handle(event []byte) (response, error) {
	var r request
	if err := json.Unmarshal(event, &r); err != nil {
		return response{}, err
	}
	switch r.RawPath {
	case "/exit":
		os.Exit(7)
	case "/stream":
		return response{stream: []string{"one ", "two ", "three"}}, nil
	}
	kind, value, _ := strings.Cut(os.Getenv("FAULT"), ":")
	switch kind {
	case "messages":
		if len(r.Records) > 0 {
			return response{}, errors.New("failed on purpose")
		}
	case "crash":
		os.Exit(1)
	case "errors", "500", "404": // the share fails, or answers with that status
		share, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return response{}, err
		}
		// As many of the invocations so far as the share asks for have failed.
		invocations++
		if n := float64(invocations); int(n*share) <= int((n-1)*share) {
			break
		}
		if status, err := strconv.Atoi(kind); err == nil {
			return response{StatusCode: status, Body: "failed on purpose"}, nil
		}
		return response{}, errors.New("failed on purpose")
	}
	method, path := r.RequestContext.HTTP.Method, strings.TrimPrefix(r.RawPath, "/")
	switch release, isRelease := strings.CutPrefix(path, "releases/"); {
	case path == "healthz":
		return answer(`{"commit":"` + commit + `"}`), nil
	case !strings.HasPrefix(r.Headers["authorization"], "Bearer "):
		return response{StatusCode: 401}, nil
	case path == "releases":
		return answer(`[]`), nil
	case isRelease && method == "PUT":
		return answer(`{}`), os.WriteFile(record(release), []byte(r.Body), 0o600)
	case isRelease:
		data, err := os.ReadFile(record(release)) // #nosec G304 -- a test's directory
		if err != nil {
			return response{StatusCode: 404, Body: "{}"}, nil
		}
		return answer(string(data)), nil
	}
	return response{StatusCode: 404}, nil
}

func record(release string) string { return filepath.Join(os.Getenv("RECORDS"), release) }

func answer(body string) response { return response{StatusCode: 200, Body: body} }
