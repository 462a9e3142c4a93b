package dev

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/deliver/stagetest"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// contents returns the files of a package.
func contents(t *testing.T, packed []byte) map[string][]byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, entry := range archive.File {
		file, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[entry.Name], err = io.ReadAll(file); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestSwap replaces the code of a function that is served by an alias, twice.
func TestSwap(t *testing.T) {
	stage := stagetest.New(t)
	ctx := t.Context()
	objects := s3.NewFromConfig(stage.AWS, func(o *s3.Options) { o.UsePathStyle = true })
	got := stagetest.Must[*s3.GetObjectOutput](t)(objects.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("packages"), Key: &stagetest.Older}))
	packed := stagetest.Must[[]byte](t)(io.ReadAll(got.Body))
	file := filepath.Join(t.TempDir(), "package.zip")
	if err := os.WriteFile(file, packed, 0o600); err != nil {
		t.Fatal(err)
	}
	old := contents(t, packed)[executable]
	fs := functions{client: stage.Functions, update: stage.Services().Functions.UpdateFunctionCode, all: []*function{{logical: "Service", name: stage.Outputs.FunctionName, file: file, deployed: "d", serves: "d"}}}
	if n := fs.link("app", []byte("another program")); n != 0 || len(fs.of("app")) != 0 {
		t.Errorf("%d functions are made of another program", n)
	}
	if n := fs.link("app", old); n != 1 || len(fs.of("app")) != 1 {
		t.Fatalf("%d functions are made of the program", n)
	}
	// Nothing serves that CloudFormation does not know of.
	if err := fs.restore(ctx, "app", old); err != nil || fs.all[0].ours != "" {
		t.Errorf("it is replaced: %v", err)
	}
	fresh := bytes.ReplaceAll(old, []byte(stagetest.Older), []byte(stagetest.Newer))
	for i, want := range []string{"2", "3"} {
		version, err := fs.swap(ctx, fs.all[0], map[string][]byte{executable: fresh, "more": {byte(i)}})
		if err != nil || version != want {
			t.Fatalf("version %s, want %s: %v", version, want, err)
		}
		alias := stagetest.Must[*lambda.GetAliasOutput](t)(stage.Functions.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &stage.Outputs.FunctionName, Name: &stage.Outputs.AliasName}))
		if aws.ToString(alias.FunctionVersion) != want || alias.RoutingConfig != nil && len(alias.RoutingConfig.AdditionalVersionWeights) > 0 {
			t.Errorf("the alias leads to %s, %v", aws.ToString(alias.FunctionVersion), alias.RoutingConfig)
		}
		served := stagetest.Must[*lambda.GetFunctionOutput](t)(stage.Functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &stage.Outputs.FunctionName, Qualifier: &version}))
		sum := stagetest.Must[[]byte](t)(base64.StdEncoding.DecodeString(*served.Configuration.CodeSha256))
		if all := fs.packages(); !maps.Equal(all, smoke.Packages{"Service": hex.EncodeToString(sum)}) {
			t.Errorf("%q serves, but Lambda says %x", all, sum)
		}
	}
	versions := stagetest.Must[*lambda.ListVersionsByFunctionOutput](t)(stage.Functions.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{FunctionName: &stage.Outputs.FunctionName}))
	var numbers []string
	for _, v := range versions.Versions {
		numbers = append(numbers, *v.Version)
	}
	if !slices.Equal(numbers, []string{"$LATEST", "1", "3"}) {
		t.Errorf("the versions are %q: the second has been replaced", numbers)
	}
	// What CloudFormation would leave at another state is replaced again.
	if err := fs.restore(ctx, "app", old); err != nil || fs.all[0].ours != "4" {
		t.Errorf("version %q serves: %v", fs.all[0].ours, err)
	}

	// The function says something when it is invoked.
	tail := newTail(stage.Services())
	tail.news(ctx)
	stagetest.Must[*lambda.InvokeOutput](t)(stage.Functions.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &stage.Outputs.FunctionName, Qualifier: &stage.Outputs.AliasName, InvocationType: types.InvocationTypeRequestResponse, Payload: []byte("{}"),
	}))
	stage.Flush(ctx)
	news := tail.news(ctx)
	if !slices.ContainsFunc(news, func(line string) bool { return strings.HasPrefix(line, "service  REPORT RequestId: ") }) {
		t.Errorf("the log says %q", news)
	}
	if again := tail.news(ctx); len(again) != 0 {
		t.Errorf("it says again %q", again)
	}
	requests := stage.Services().Requests.Since(0)
	if len(requests) == 0 {
		t.Error("the console shows no requests at all")
	}
	for _, r := range requests {
		if r.Service == "logs" || r.Operation == "ListFunctions" {
			t.Errorf("the console shows that the log was read: %s %s", r.Service, r.Operation)
		}
	}

	if err := fs.stopClock(ctx, fs.all[0]); err != nil {
		t.Fatal(err)
	}
	f := stagetest.Must[*lambda.GetFunctionOutput](t)(stage.Functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &stage.Outputs.FunctionName}))
	if *f.Configuration.Timeout != longest || f.Concurrency == nil || *f.Concurrency.ReservedConcurrentExecutions != 1 {
		t.Errorf("for a debugger, the function has %d s and %v", *f.Configuration.Timeout, f.Concurrency)
	}
}

// TestRepack holds that a package is compressed only where it would be too large otherwise.
func TestRepack(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "package.zip")
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for _, name := range []string{executable, "kept"} {
		out := stagetest.Must[io.Writer](t)(w.Create(name))
		stagetest.Must[int](t)(out.Write([]byte("old")))
	}
	if err := errors.Join(w.Close(), os.WriteFile(file, packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	for size, method := range map[int]uint16{1 << 20: zip.Store, maxStored + 1: zip.Deflate} {
		program := make([]byte, size)
		made := stagetest.Must[[]byte](t)(repack(file, map[string][]byte{executable: program}))
		if found := contents(t, made); len(found) != 2 || string(found["kept"]) != "old" || !bytes.Equal(found[executable], program) {
			t.Errorf("a package of %d bytes has %d files", size, len(found))
		}
		archive := stagetest.Must[*zip.Reader](t)(zip.NewReader(bytes.NewReader(made), int64(len(made))))
		if got := archive.File[1].Method; got != method {
			t.Errorf("%d bytes are packed with method %d, want %d", size, got, method)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"shop-staging-Api1ABCC5F0-GWSLD7CGDNDS": "Api1ABCC5F0", "worker": "worker", "shop-worker": "shop-worker",
	} {
		if got := short(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for message, want := range map[string]bool{
		"START RequestId: 1 Version: 2": true, "END RequestId: 1": true, "REPORT RequestId: 1": false, `{"_aws":{"CloudWatchMetrics":[]}}`: true, `{"msg":"hello"}`: false, "hello": false,
	} {
		if got := boring(message); got != want {
			t.Errorf("%s is boring: %v", message, got)
		}
	}
}

// TestDebugged holds that the program goes on without a client, and that each function
// has a port of its own.
func TestDebugged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	first, second := &function{name: "api"}, &function{name: "worker"}
	l := loop{out: &out, delve: "/it's/dlv", functions: functions{all: []*function{first, second}}}
	files := l.debugged(second, []byte("program"))
	if string(files[debuggee]) != "program" || string(files[executable]) != "#!/bin/sh\nexec '/it'\\''s/dlv' exec --headless --listen=127.0.0.1:2346 --api-version=2 --accept-multiclient --continue \"$LAMBDA_TASK_ROOT/program\"\n" {
		t.Errorf("the package has %q", files)
	}
	l.describe(first)
	for _, want := range []string{"dlv connect 127.0.0.1:2345\n", `"port": 2345}`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it says\n%s", &out)
		}
	}
}

func TestDelveIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findDelve()
	if exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "next: go install github.com/go-delve/delve/cmd/dlv@latest") {
		t.Errorf("it says %v", err)
	}
}

// TestCompile holds that the compiler's lines are shown, that nothing is replaced then,
// and that a debugger finds its names in what is built for it.
func TestCompile(t *testing.T) {
	dir := repository(t, map[string]string{
		"go.mod": "module example\n\ngo 1.26\n", "app/main.go": "package main\n\nimport _ \"embed\"\n\n//go:embed page.html\nvar page string\n\nfunc main() { println(page) }\n",
		"app/page.html": "hello", "infra/cdk.json": `{"context":{"architecture":"x86_64"}}`, "other/other.go": "package other\n",
	})
	t.Setenv("CDK_CONTEXT_JSON", "")
	var out bytes.Buffer
	cfg := project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Commit: "HEAD", Stdout: &out, Stderr: &out}
	found, err := findLayout(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if d := found.sort([]string{"app/page.html"}); !slices.Equal(d.programs, []string{"app"}) {
		t.Errorf("an embedded file: %+v of %+v", d, found)
	}
	if d := found.sort([]string{"other/other.go"}); !d.nothing() {
		t.Errorf("a file of nothing: %+v of %+v", d, found)
	}
	l := loop{cfg: cfg, out: &out, clock: clock.System(), layout: found, functions: functions{all: []*function{{name: "f", program: "app"}}}}
	released, err := l.compile(t.Context(), made{Program: build.Program{Dir: "app"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	debugged, err := l.compile(t.Context(), made{Program: build.Program{Dir: "app"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	source := []byte(filepath.Join(dir, "app", "main.go"))
	if bytes.Contains(released, source) || !bytes.Contains(debugged, source) {
		t.Error("only what is built for a debugger has the paths of the sources")
	}
	write(t, dir, "app/main.go", "package main\n\nfunc main() { undefined() }\n")
	err = l.replace(t.Context(), "app")
	if err == nil || !strings.Contains(err.Error(), "app does not compile") || !strings.Contains(out.String(), "./main.go:3:15: undefined: undefined") {
		t.Errorf("it says %v\n%s", err, &out)
	}
}
