// The function that the tests run. The event's "do" selects what it does, and
// the variable START selects what it does before it starts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do             string
	Text           string
	RawPath        string `json:"rawPath"`
	RawQueryString string `json:"rawQueryString"`
	Body           string `json:"body"`
	Records        []record
}

// A record is a message of a queue, or a change in a stream, whose body is the
// attribute "text" of the item.
type record struct {
	MessageID, Body string
	Dynamodb        struct {
		SequenceNumber string
		NewImage       struct{ Text struct{ S string } }
	}
}

// process does what the bodies of messages say: "fail" fails all of them, "bad"
// only itself, "answer" answers with the rest of the body, and "wait" waits for
// the file that the rest names.
func process(in json.RawMessage, records []record) (any, error) {
	var bodies []string
	failed := []map[string]string{}
	for i, r := range records {
		if d := r.Dynamodb; d.SequenceNumber != "" {
			records[i].MessageID, records[i].Body = d.SequenceNumber, d.NewImage.Text.S
		}
		bodies = append(bodies, records[i].Body)
	}
	fmt.Printf("batch %s by %s\n", strings.Join(bodies, ","), lambdacontext.FunctionVersion)
	for _, r := range records {
		verb, rest, _ := strings.Cut(r.Body, " ")
		switch verb {
		case "fail":
			return nil, errors.New("no luck")
		case "bad":
			failed = append(failed, map[string]string{"itemIdentifier": r.MessageID})
		case "answer":
			return json.RawMessage(rest), nil
		case "echo":
			fmt.Printf("event %s\n", in)
		case "wait":
			await(rest)
		}
	}
	return map[string]any{"batchItemFailures": failed}, nil
}

// hog holds memory.
var hog [][]byte

func main() {
	switch os.Getenv("START") {
	case "exit":
		os.Exit(3)
	case "fail":
		post("runtime/init/error", "Function.NotReady", `{"errorType":"Function.NotReady","errorMessage":"no database"}`)
		os.Exit(1)
	// A timer is needed, because a runtime without cgo would report a deadlock.
	case "hang":
		time.Sleep(time.Hour)
	// It fails only the first time.
	case "once":
		marker := filepath.Join(os.Getenv("MARKER"), "started")
		if _, err := os.Stat(marker); err != nil {
			_ = os.WriteFile(marker, nil, 0o600)
			os.Exit(4)
		}
	case "raw":
		raw()
	case "truncate":
		truncate()
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, in json.RawMessage) (any, error) {
	var ev event
	if err := json.Unmarshal(in, &ev); err != nil {
		return in, nil
	}
	if len(ev.Records) > 0 {
		return process(in, ev.Records)
	}
	switch ev.Do {
	case "fail":
		return nil, errors.New("no luck")
	case "panic":
		panic("oh no")
	case "exit":
		os.Exit(7)
	case "exit0":
		os.Exit(0)
	case "hang":
		fmt.Println("hanging")
		time.Sleep(time.Hour)
	// It starts a child that outlives its parent unless the group is killed.
	case "child":
		pipe, err := os.OpenFile(ev.Text, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command("sleep", "600")
		cmd.ExtraFiles = []*os.File{pipe}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		fmt.Fprint(pipe, "child")
		time.Sleep(time.Hour)
	case "big":
		return strings.Repeat("x", 6<<20+100), nil
	case "hog":
		for {
			block := make([]byte, 16<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			hog = append(hog, block)
			if len(hog) > 40 {
				select {}
			}
		}
	// Each event leaks 32 MiB.
	case "leak":
		block := make([]byte, 32<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		hog = append(hog, block)
	case "env":
		return os.Environ(), nil
	case "cpus":
		return runtime.NumCPU(), nil
	case "pid":
		return os.Getpid(), nil
	// It works for a moment, in which it can be killed.
	case "work":
		fmt.Println("pid", os.Getpid())
		time.Sleep(2 * time.Millisecond)
	case "wait":
		await(ev.Text)
		return os.Getpid(), nil
	case "log":
		fmt.Print(ev.Text)
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{
			"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "client": lc.ClientContext.Custom,
			"trace": ctx.Value("x-amzn-trace-id"), "deadline": deadline.UnixMilli(), "version": lambdacontext.FunctionVersion,
		}, nil
	}
	switch ev.RawPath {
	case "/teapot":
		return map[string]any{
			"statusCode": 418, "body": "dGVh", "isBase64Encoded": true, "cookies": []string{"a=b", "c=d"},
			"headers": map[string]string{"X-Pot": "brown", "Content-Type": "text/plain", "Access-Control-Allow-Origin": "https://mine"},
		}, nil
	case "/fail":
		return nil, errors.New("no luck")
	case "/wait":
		await(ev.RawQueryString)
	case "/text":
		return "hello", nil
	case "/bad":
		return map[string]any{"statusCode": "many"}, nil
	}
	return in, nil
}

// await returns when a file exists.
func await(file string) {
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func post(path, kind, body string) (int, string) {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/" + path
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if kind != "" {
		r.Header.Set("Lambda-Runtime-Function-Error-Type", kind)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		panic(err)
	}
	text, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, strings.TrimSpace(string(text))
}

// truncate ends in the middle of its answer.
func truncate() {
	api := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	resp, err := http.Get("http://" + api + "/2018-06-01/runtime/invocation/next")
	if err != nil {
		os.Exit(5)
	}
	conn, err := net.Dial("tcp", api)
	if err != nil {
		os.Exit(6)
	}
	fmt.Fprintf(conn, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\n{\"half\":", resp.Header.Get("Lambda-Runtime-Aws-Request-Id"), api)
	os.Exit(8)
}

// raw misuses the Runtime API, and answers with the responses it got.
func raw() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	next := func() (int, string, string) {
		resp, err := http.Get(api + "next")
		if err != nil {
			os.Exit(5)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Lambda-Runtime-Aws-Request-Id"), string(text)
	}
	var told []string
	note := func(what string, status int, text string) {
		told = append(told, fmt.Sprintf("%s %d %s", what, status, text))
	}
	status, text := post("runtime/invocation/none/response", "", "{}")
	note("before next", status, text)
	for {
		_, id, _ := next()
		status, again, text := next()
		note("next twice", status, fmt.Sprint(text, " ", again == id))
		status, text = post("runtime/invocation/other/response", "", "{}")
		note("other id", status, text)
		status, text = post("runtime/init/error", "", "{}")
		note("init error", status, text)
		body, _ := json.Marshal(told)
		told = nil
		if status, _ := post("runtime/invocation/"+id+"/response", "", string(body)); status != http.StatusAccepted {
			os.Exit(6)
		}
		status, text = post("runtime/invocation/"+id+"/response", "", string(body))
		note("response twice", status, text)
		status, text = post("runtime/invocation/"+id+"/error", "", string(body))
		note("error after response", status, text)
		status, text = post("runtime/invocation/other/response", "", "{}")
		note("other id after response", status, text)
	}
}
