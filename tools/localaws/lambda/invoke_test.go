package lambda_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/isolation"
	"github.com/magewright/magewright/tools/localaws/lambda"
)

func TestInvokeAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	const id = `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`
	tests := []struct {
		event   string
		failed  bool
		payload string // a pattern
		log     string // a pattern in the tail
	}{
		{`{"hello":"world"}`, false, `^\{"hello":"world"\}$`, `^(INIT_START.*\n)?START RequestId: ` + id + ` Version: \$LATEST\nEND RequestId: ` + id + `\nREPORT RequestId: ` + id + `\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: [1-9]\d* MB\t(Init Duration: \d+\.\d\d ms\t)?\n$`},
		{``, false, `^\{\}$`, `REPORT`},
		{`null`, false, `^null$`, `REPORT`},
		{`{"do":"log","text":"one\ntwo\n"}`, false, `.`, `Version: \$LATEST\none\ntwo\nEND`},
		{`{"do":"fail"}`, true, `^\{"errorMessage":"no luck","errorType":"errorString"\}$`, `"errorMessage":"no luck"[^\n]*\nEND(.*\n)+.*Status: error\tError Type: Runtime.Unknown\n$`},
		{`{"do":"panic"}`, true, `"errorMessage":"oh no","errorType":"string"`, `Error: Runtime exited with error: exit status 1\nRuntime.ExitError\nEND(.*\n)+.*Status: error\tError Type: Runtime.Unknown\n$`},
		{`{"do":"exit"}`, true, `^\{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ` + id + ` Error: Runtime exited with error: exit status 7"\}$`, `Error: Runtime exited with error: exit status 7\nRuntime.ExitError\nEND(.*\n)+.*Max Memory Used: [1-9]\d* MB\t.*Status: error\tError Type: Runtime.ExitError\n$`},
		{`{"do":"exit0"}`, true, `^\{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ` + id + ` Error: Runtime exited without providing a reason"\}$`, `without providing a reason`},
		{`{"do":"big"}`, true, `^\{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size \(6291556 bytes\)."\}$`, `Function.ResponseSizeTooLarge`},
		{`{"after":"all of that"}`, false, `^\{"after":"all of that"\}$`, `REPORT`},
	}
	for _, tt := range tests {
		out := f.invoke(t, tt.event)
		if failed := out.FunctionError != nil; failed != tt.failed || failed && *out.FunctionError != "Unhandled" {
			t.Errorf("%s: FunctionError %v, payload %.200s", tt.event, aws.ToString(out.FunctionError), out.Payload)
		}
		if out.StatusCode != http.StatusOK || *out.ExecutedVersion != "$LATEST" {
			t.Errorf("%s: status %d, version %s", tt.event, out.StatusCode, *out.ExecutedVersion)
		}
		if !regexp.MustCompile(tt.payload).Match(out.Payload) {
			t.Errorf("%s: payload %.300s, want %s", tt.event, out.Payload, tt.payload)
		}
		tail, err := base64.StdEncoding.DecodeString(*out.LogResult)
		if err != nil || !regexp.MustCompile(tt.log).Match(tail) {
			t.Errorf("%s: log %q (%v), want %s", tt.event, tail, err, tt.log)
		}
		if !strings.Contains(f.log("/aws/lambda/f"), string(tail)) {
			t.Errorf("%s: the log group doesn't hold the tail %q", tt.event, tail)
		}
	}
	if got := f.roles[0]; got != "lambda.amazonaws.com "+role+" f-" {
		t.Errorf("roles are assumed by %q", got)
	}
}

func TestInvokeRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	tests := []struct {
		name string
		in   awslambda.InvokeInput
		want error
		text string
	}{
		{"no function", awslambda.InvokeInput{FunctionName: aws.String("g")}, new(lambdatypes.ResourceNotFoundException), "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g:$LATEST"},
		{"no version", awslambda.InvokeInput{FunctionName: aws.String("f:7")}, new(lambdatypes.ResourceNotFoundException), "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:7"},
		{"another region", awslambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:eu-west-1:000000000000:function:f")}, new(lambdatypes.ResourceNotFoundException), "Functions from 'eu-west-1' are not reachable"},
		{"two qualifiers", awslambda.InvokeInput{FunctionName: aws.String("f:1"), Qualifier: aws.String("2")}, new(lambdatypes.InvalidParameterValueException), "derived qualifier"},
		{"no JSON", awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte("{")}, new(lambdatypes.InvalidRequestContentException), "Could not parse request body into json: Could not parse payload into json: unexpected end of JSON input"},
		{"no context", awslambda.InvokeInput{FunctionName: aws.String("f"), ClientContext: aws.String("?")}, new(lambdatypes.InvalidRequestContentException), "Client context"},
		{"no log type", awslambda.InvokeInput{FunctionName: aws.String("f"), LogType: "Head"}, new(smithy.GenericAPIError), "Value 'Head' at 'logType'"},
		{"too large", awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: make([]byte, 6<<20+1)}, new(lambdatypes.RequestTooLargeException), "6291456"},
		{"too large an event", awslambda.InvokeInput{FunctionName: aws.String("f"), Payload: make([]byte, 1<<20+1), InvocationType: "Event"}, new(lambdatypes.RequestTooLargeException), "1048576"},
	}
	for _, tt := range tests {
		_, err := f.Invoke(t.Context(), &tt.in)
		if err == nil || fmt.Sprintf("%T", err) != fmt.Sprintf("%T", tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %T %v", tt.name, err, err)
		}
	}
	out, err := f.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("f"), InvocationType: "DryRun"})
	if err != nil || out.StatusCode != http.StatusNoContent {
		t.Errorf("DryRun: %v, %v", out, err)
	}
}

func TestMemoryIsLimited(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this host doesn't tell how much memory a process has")
	}
	f := newFixture(t)
	f.create(t)
	out := f.invoke(t, `{"do":"hog"}`)
	if !strings.Contains(string(out.Payload), `"errorType":"Runtime.OutOfMemory"`) || !strings.Contains(string(out.Payload), "signal: killed") {
		t.Errorf("payload %s", out.Payload)
	}
	tail, _ := base64.StdEncoding.DecodeString(*out.LogResult)
	if !strings.Contains(string(tail), "Max Memory Used: 256 MB") {
		t.Errorf("log %q", tail)
	}
}

// A function leaks a little in each short invocation. It fails as soon as it
// exceeds its memory, and a new process then serves it. The invocation that
// exceeds the memory must be the one that fails, no matter at which point that
// is noticed: on a slow machine, the measurement can fall between its answer
// and its end.
func TestLeakIsNoticedInShortInvocations(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this host doesn't tell how much memory a process has")
	}
	f := newFixture(t)
	f.leakIsNoticed(t)
	lambda.SetMemoryInterval(f.Service, 100*time.Microsecond)
	f.leakIsNoticed(t)
}

// leakIsNoticed lets a function leak more than twice its memory size.
func (f *fixture) leakIsNoticed(t *testing.T) {
	t.Helper()
	f.create(t)
	defer f.deleteAndWait(t)
	var failed []int
	for i := range 20 {
		out := f.invoke(t, `{"do":"leak"}`)
		if out.FunctionError == nil {
			continue
		}
		failed = append(failed, i)
		if !regexp.MustCompile(`^\{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: \S+ Error: Runtime exited with error: signal: killed"\}$`).Match(out.Payload) {
			t.Errorf("payload %s", out.Payload)
		}
		tail, _ := base64.StdEncoding.DecodeString(*out.LogResult)
		if !regexp.MustCompile(`Runtime.OutOfMemory\nEND .*\nREPORT .*Max Memory Used: 256 MB\t.*Status: error\tError Type: Runtime.OutOfMemory\n$`).Match(tail) {
			t.Errorf("log %q", tail)
		}
	}
	// 256 MB are enough for the process and seven blocks of 32 MiB.
	if !slices.Equal(failed, []int{7, 15}) {
		t.Errorf("invocations %v failed, not each eighth", failed)
	}
}

func TestInitialization(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		start          string
		payload        string
		first, another string // what INIT_REPORT says about the two attempts
	}{
		{"exit", `Runtime.ExitError.*exit status 3`, `Phase: init\tStatus: error\tError Type: Runtime.ExitError`, `Phase: invoke\tStatus: error\tError Type: Runtime.ExitError`},
		{"fail", `^\{"errorType":"Function.NotReady","errorMessage":"no database"\}$`, `Phase: init\tStatus: error\tError Type: Function.NotReady`, `Phase: invoke\tStatus: error\tError Type: Function.NotReady`},
		{"once", `^\{"ok":true\}$`, `Phase: init\tStatus: error\tError Type: Runtime.ExitError`, `Phase: invoke\tStatus: success`},
	} {
		f := newFixture(t)
		f.create(t, variables("START", tt.start, "MARKER", t.TempDir()))
		out := f.invoke(t, `{"ok":true}`)
		if !regexp.MustCompile(tt.payload).Match(out.Payload) || (out.FunctionError != nil) == (tt.start == "once") {
			t.Errorf("%s: %s %s", tt.start, aws.ToString(out.FunctionError), out.Payload)
		}
		log := f.log("/aws/lambda/f")
		for _, want := range []string{`^INIT_START Runtime Version: provided:al2023.v1\t`, tt.first, tt.another, `\nSTART `, `\nEND `, `\nREPORT `} {
			if !regexp.MustCompile(want).MatchString(log) {
				t.Errorf("%s: log %q, want %s", tt.start, log, want)
			}
		}
	}
}

// An initialization that takes too long is aborted, and tried once more within
// the invocation's own time.
func TestInitializationTimesOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if lambda.SetInitLimit(f.Service, 200*time.Millisecond); f.initLimit != 10*time.Second {
		t.Errorf("initialization may take %v", f.initLimit)
	}
	f.create(t, variables("START", "hang"), timeout(1))
	out := f.invoke(t, `{}`)
	if !regexp.MustCompile(`^\{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: \S+ Error: Task timed out after 1.00 seconds"\}$`).Match(out.Payload) {
		t.Errorf("payload %s", out.Payload)
	}
	// A busy machine ends it later, but never sooner.
	const want = `^INIT_START .*\nINIT_REPORT Init Duration: (?:[2-9]\d\d|\d{4,})\.\d\d ms\tPhase: init\tStatus: timeout\nSTART .*\nINIT_REPORT Init Duration: \d{4,}\.\d\d ms\tPhase: invoke\tStatus: timeout\n` +
		`\S+ \S+ Task timed out after 1.00 seconds\n\nEND .*\nREPORT .*Duration: 1000.00 ms\t.*Status: timeout\n$`
	if log := f.log("/aws/lambda/f"); !regexp.MustCompile(want).MatchString(log) {
		t.Errorf("log %q", log)
	}
	// Both processes are gone.
	lambda.AwaitIdle(f.Service, 0)
}

func TestPackagesThatCannotRun(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"Couldn't find valid bootstrap": {"main": "x"},
		"exec format error":             {"bootstrap": "no executable"},
	} {
		f := newFixture(t)
		f.create(t, func(in *awslambda.CreateFunctionInput) { in.Code.ZipFile = pack(files) })
		out := f.invoke(t, `{}`)
		if !strings.Contains(string(out.Payload), `"errorType":"Runtime.InvalidEntrypoint"`) || !strings.Contains(string(out.Payload), name) {
			t.Errorf("%s: %s", name, out.Payload)
		}
	}
}

func TestRuntimeAPIRefusesWrongUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t, variables("START", "raw"))
	want := [][]string{
		{
			`before next 400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`,
			`next twice 200 {} true`,
			`other id 400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`,
			`init error 403 {"errorMessage":"State transition from Ready to InitError failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}`,
		},
		{
			`response twice 403 {"errorMessage":"State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}`,
			`error after response 403 {"errorMessage":"State transition from RuntimeResponseSentState to InvocationErrorResponse failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}`,
			`other id after response 400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`,
		},
	}
	for _, want := range want {
		var told []string
		out := f.invoke(t, `{}`)
		if err := json.Unmarshal(out.Payload, &told); err != nil || out.FunctionError != nil {
			t.Fatalf("%s: %v", out.Payload, err)
		}
		if !slices.Equal(told[:len(want)], want) {
			t.Errorf("told %s\nwant %s", strings.Join(told, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A room takes functions nowhere.
type room struct{}

func (room) Enter() error      { return nil }
func (room) Prepare(*exec.Cmd) {}
func (room) Listen(ctx context.Context, address string) (net.Listener, error) {
	return isolation.Listen(ctx, nil, address)
}

// An isolated function reaches other machines by the proxy of this program, if there is one.
func TestIsolatedFunctionsHaveAProxy(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
	t.Setenv("GITHUB_TOKEN", "secret")
	for _, in := range []isolation.Isolation{nil, room{}} {
		f := newFixtureIn(t, in)
		f.create(t)
		env := string(f.invoke(t, `{"do":"env"}`).Payload)
		if has := strings.Contains(env, "HTTPS_PROXY=http://127.0.0.1:3128"); has != (in != nil) || strings.Contains(env, "GITHUB_TOKEN") {
			t.Errorf("in %v it has %s", in, env)
		}
	}
}

func TestEnvironmentAndContext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if out := newFixture(t).create(t, func(in *awslambda.CreateFunctionInput) { in.Timeout = nil }); *out.Timeout != 3 {
		t.Errorf("the timeout is %d s by default", *out.Timeout)
	}
	f.create(t, variables("COLOUR", "blue"), timeout(90), func(in *awslambda.CreateFunctionInput) { in.Publish = true })
	var env []string
	if err := json.Unmarshal(f.invoke(t, `{"do":"env"}`).Payload, &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"COLOUR=blue", "AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/f", "_HANDLER=bootstrap", "AWS_REGION=us-east-1", "TZ=:UTC",
		"AWS_ACCESS_KEY_ID=ASIATEST", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
		"AWS_ENDPOINT_URL=http://127.0.0.1:4566", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("the environment lacks %s: %q", want, env)
		}
	}
	for _, v := range env {
		if strings.HasPrefix(v, "GO") || v == "HOME="+os.Getenv("HOME") {
			t.Errorf("the host's %s has reached the function", v)
		}
		if home, ok := strings.CutPrefix(v, "HOME="); ok && !slices.Contains(env, "TMPDIR="+home) {
			t.Errorf("the function's home is %s", home)
		}
	}
	var got struct {
		ID, ARN, Trace, Version string
		Client                  map[string]string
		Deadline                int64
	}
	before := clock.System().Now()
	out, err := f.Invoke(t.Context(), &awslambda.InvokeInput{
		FunctionName: aws.String("000000000000:function:f:1"), Payload: []byte(`{"do":"context"}`),
		ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{"a":"b"}}`))),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Payload, &got); err != nil {
		t.Fatal(err)
	}
	if got.ARN != "arn:aws:lambda:us-east-1:000000000000:function:f:1" || got.Client["a"] != "b" || got.Version != "1" || *out.ExecutedVersion != "1" {
		t.Errorf("context %+v", got)
	}
	if !regexp.MustCompile(`^Root=1-69a42a5e-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(got.Trace) {
		t.Errorf("trace %s", got.Trace)
	}
	// The deadline follows the system clock, as the process does. It is 90 s
	// after the moment of the call, which was just now.
	if left := time.UnixMilli(got.Deadline).Sub(before); left < 90*time.Second-time.Millisecond || left > 90*time.Second+clock.Since(clock.System(), before) || got.ID == "" {
		t.Errorf("context %+v, %v left", got, left)
	}
}

func TestEnvironmentsAreReusedAndScaledOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	first, second := f.invoke(t, `{"do":"pid"}`).Payload, f.invoke(t, `{"do":"pid"}`).Payload
	if string(first) != string(second) {
		t.Errorf("sequential invocations ran in %s and %s", first, second)
	}
	pids := f.together(t, 3)
	if len(pids) != 3 {
		t.Errorf("3 concurrent invocations ran in processes %v", pids)
	}
}

// together runs n invocations concurrently and returns the processes that they ran in.
func (f *fixture) together(t *testing.T, n int) map[string]int {
	t.Helper()
	gate := filepath.Join(t.TempDir(), "gate")
	var mu sync.Mutex
	var all sync.WaitGroup
	pids := map[string]int{}
	for range n {
		all.Go(func() {
			out, err := f.tryInvoke(t.Context(), `{"do":"wait","text":`+strconv.Quote(gate)+`}`)
			if err != nil || out.FunctionError != nil {
				t.Errorf("Invoke: %v, %v", out, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			pids[string(out.Payload)]++
		})
	}
	lambda.AwaitExecutions(f.Service, n)
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	return pids
}

// Invocations in progress complete even if their function is updated or
// deleted, and so do those through its URL. No process remains.
func TestInvocationsOutliveTheirFunction(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	url := f.open(t)
	gate := filepath.Join(t.TempDir(), "gate")
	event := `{"do":"wait","text":` + strconv.Quote(gate) + `}`
	var all sync.WaitGroup
	invoke := func() {
		if out, err := f.tryInvoke(t.Context(), event); err != nil || out.FunctionError != nil {
			t.Errorf("Invoke: %+v, %v", out, err)
		}
	}
	all.Go(invoke)
	lambda.AwaitExecutions(f.Service, 1)
	if _, err := f.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: name, Description: aws.String("another")}); err != nil {
		t.Fatal(err)
	}
	all.Go(invoke)
	all.Go(func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"wait?"+gate, nil)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Errorf("through the URL: %v", err)
			return
		}
		if resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
			t.Errorf("through the URL: %s", resp.Status)
		}
	})
	lambda.AwaitExecutions(f.Service, 3)
	if _, err := f.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.tryInvoke(t.Context(), `{}`); err == nil {
		t.Error("a deleted function is invoked")
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	lambda.AwaitIdle(f.Service, 0)
}

func TestInvocationsBeyondTheHostWait(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(d *lambda.Deps) { d.MaxEnvironments = 2 })
	f.create(t)
	if pids := f.together(t, 5); len(pids) > 2 {
		t.Errorf("with room for 2, 5 invocations ran in processes %v", pids)
	}
	// An environment of another version must give way.
	if _, err := f.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("f")}); err != nil {
		t.Fatal(err)
	}
	if out := f.invoke(t, `{"a":1}`, "1"); out.FunctionError != nil {
		t.Errorf("%s", out.Payload)
	}
}

func TestReservedConcurrencyThrottles(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	for _, n := range []int32{901, -1} {
		if _, err := f.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: aws.Int32(n)}); err == nil {
			t.Errorf("%d executions could be reserved", n)
		}
	}
	for name, want := range map[string]string{"g": "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g:$LATEST", "f:1": "This operation is permitted on Lambda functions only."} {
		if _, err := f.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String(name), ReservedConcurrentExecutions: aws.Int32(0)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("f"), ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	_, err := f.tryInvoke(t.Context(), `{}`)
	throttle, ok := errors.AsType[*lambdatypes.TooManyRequestsException](err)
	if !ok || throttle.Reason != lambdatypes.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded || *throttle.Message != "Rate Exceeded." {
		t.Fatalf("Invoke = %v", err)
	}
	f.Flush(t.Context())
	if got := f.values("AWS/Lambda Throttles{FunctionName=f}"); !slices.Equal(got, []float64{1}) {
		t.Errorf("Throttles %v", got)
	}
	if got := f.values("AWS/Lambda Invocations{FunctionName=f}"); got != nil {
		t.Errorf("a throttled request counts as an invocation: %v", got)
	}
	if _, err := f.DeleteFunctionConcurrency(t.Context(), &awslambda.DeleteFunctionConcurrencyInput{FunctionName: aws.String("f")}); err != nil {
		t.Fatal(err)
	}
	if out := f.invoke(t, `{}`); out.FunctionError != nil {
		t.Errorf("%s", out.Payload)
	}
}

// A function's reserved concurrency is also its limit.
func TestReservedConcurrencyIsTheMost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	if _, err := f.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	gate := filepath.Join(t.TempDir(), "gate")
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if out, err := f.tryInvoke(t.Context(), `{"do":"wait","text":`+strconv.Quote(gate)+`}`); err != nil || out.FunctionError != nil {
				t.Errorf("Invoke: %v, %v", out, err)
			}
		})
	}
	lambda.AwaitExecutions(f.Service, 2)
	_, err := f.tryInvoke(t.Context(), `{}`)
	if _, throttled := errors.AsType[*lambdatypes.TooManyRequestsException](err); !throttled {
		t.Errorf("the third invocation: %v", err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if out := f.invoke(t, `{}`); out.FunctionError != nil {
		t.Errorf("after the two: %s", out.Payload)
	}
}

func TestLogTailIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	event, err := json.Marshal(map[string]string{"do": "log", "text": strings.Repeat(strings.Repeat("#", 99)+"\n", 1000)})
	if err != nil {
		t.Fatal(err)
	}
	tail, err := base64.StdEncoding.DecodeString(*f.invoke(t, string(event)).LogResult)
	if err != nil || len(tail) != 4096 || !strings.HasSuffix(f.log("/aws/lambda/f"), string(tail)) {
		t.Errorf("%d bytes, %v: %q", len(tail), err, tail)
	}
}

// A process that stops in the middle of its answer has not answered.
func TestTruncatedAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t, variables("START", "truncate"))
	out := f.invoke(t, `{}`)
	if !regexp.MustCompile(`^\{"errorType":"Runtime.ExitError","errorMessage":"RequestId: \S+ Error: Runtime exited with error: exit status 8"\}$`).Match(out.Payload) {
		t.Errorf("payload %s", out.Payload)
	}
}

func TestIdleProcessThatDiesIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	for range 20 {
		pid, err := strconv.Atoi(string(f.invoke(t, `{"do":"pid"}`).Payload))
		if err != nil {
			t.Fatal(err)
		}
		if err := kill(pid); err != nil {
			t.Fatal(err)
		}
		lambda.AwaitIdle(f.Service, 0)
		if out := f.invoke(t, `{"a":1}`); out.FunctionError != nil {
			t.Fatalf("the invocation after: %s", out.Payload)
		}
	}
}

func TestIdleEnvironmentsAreReaped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	f.invoke(t, `{}`)
	lambda.ReapAll(f.Service)
	lambda.AwaitIdle(f.Service, 0)
	if left, err := filepath.Glob(filepath.Join(f.dir, "lambda", "tmp", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestCloseEndsInvocations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	var all sync.WaitGroup
	all.Go(func() {
		if out, err := f.tryInvoke(t.Context(), `{"do":"hang"}`); err == nil && out.FunctionError == nil {
			t.Errorf("an invocation survived: %s", out.Payload)
		}
	})
	lambda.AwaitExecutions(f.Service, 1)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if _, err := f.tryInvoke(t.Context(), `{}`); err == nil {
		t.Error("a closed service invokes")
	}
}

func TestKilledProcessLosesOnlyItsOwnInvocation(t *testing.T) {
	t.Parallel()
	killAtRandom(t, 60)
}

// killAtRandom kills processes while four callers invoke the function, as an
// operating system does that has run out of memory. Only the invocations that
// ran in the killed processes may fail.
func killAtRandom(t *testing.T, kills int) {
	t.Helper()
	const callers = 4
	f := newFixture(t)
	f.create(t)
	var mu sync.Mutex
	killed, failed := map[string]bool{}, map[string]bool{} // pids
	served, unseen := 0, 0
	invoked := make(chan struct{})
	stop := make(chan struct{})
	call := func() {
		out, err := f.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: name, Payload: []byte(`{"do":"work"}`), LogType: lambdatypes.LogTypeTail})
		if err != nil {
			t.Errorf("Invoke: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if out.FunctionError == nil {
			served++
			return
		}
		if !regexp.MustCompile(`^\{"errorType":"Runtime.ExitError","errorMessage":"RequestId: \S+ Error: Runtime exited with error: signal: killed"\}$`).Match(out.Payload) {
			t.Errorf("payload %s", out.Payload)
		}
		tail, err := base64.StdEncoding.DecodeString(*out.LogResult)
		if err != nil || !regexp.MustCompile(`Runtime exited with error: signal: killed\nRuntime.ExitError\n(INIT_REPORT .*Phase: invoke\tStatus: error.*\n)?END .*\nREPORT .*Status: error\tError Type: Runtime.ExitError\n$`).Match(tail) {
			t.Errorf("log %q, %v", tail, err)
		}
		pid := regexp.MustCompile(`(?m)^pid (\d+)$`).FindSubmatch(tail)
		switch {
		// It died before it could report its process id.
		case pid == nil:
			unseen++
		case failed[string(pid[1])]:
			t.Errorf("two invocations failed in process %s", pid[1])
		default:
			failed[string(pid[1])] = true
		}
	}
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for {
				call()
				select {
				case invoked <- struct{}{}:
				case <-stop:
					return
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for done := 0; done < kills; {
		for range 1 + random.IntN(12) {
			<-invoked
		}
		mu.Lock()
		if pid := lambda.KillOne(f.Service, random.IntN); pid != 0 && !killed[strconv.Itoa(pid)] {
			killed[strconv.Itoa(pid)] = true
			done++
		}
		mu.Unlock()
	}
	close(stop)
	all.Wait()
	for pid := range failed {
		if !killed[pid] {
			t.Errorf("an invocation failed in process %s, which nobody killed", pid)
		}
	}
	if n := len(failed) + unseen; n > kills || n == 0 || served == 0 {
		t.Errorf("%d kills: %d invocations failed, %d succeeded", kills, n, served)
	}
	t.Logf("%d kills: %d invocations failed, %d succeeded", kills, len(failed)+unseen, served)
}

// A package for this machine runs, whatever architecture its function declares.
func TestDeclaredArchitecture(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	declared := lambdatypes.ArchitectureArm64
	if f.host == declared {
		declared = lambdatypes.ArchitectureX8664
	}
	f.create(t, func(in *awslambda.CreateFunctionInput) { in.Architectures = []lambdatypes.Architecture{declared} })
	if out := f.invoke(t, `{}`); out.FunctionError != nil {
		t.Errorf("it fails: %s", out.Payload)
	}
	function, err := f.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("f")})
	if err != nil || !slices.Equal(function.Architectures, []lambdatypes.Architecture{declared}) {
		t.Errorf("it is %v, %v", function, err)
	}
}
