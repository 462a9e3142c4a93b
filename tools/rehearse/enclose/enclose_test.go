package enclose_test

import (
	"archive/zip"
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/rehearse/enclose"
)

// stage says what this program is when it is started again: the one that the user starts, or
// the one in which other people's code runs.
var stage = flag.String("stage", "", "for TestMain")

// enclosed is the test that it runs then.
var enclosed = flag.String("enclosed", "", "for TestMain")

func TestMain(m *testing.M) {
	flag.Parse()
	if *stage == "user" {
		code, err := enclose.Run(context.Background(), "-stage=enclosed", "-test.run=^"+*enclosed+"$", "-test.v")
		if err != nil {
			panic(err)
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// token is in the environment of whoever rehearses. The programs that look for it have it in
// two parts, so that they don't find themselves.
const token = "tok" + "en-of-a-developer"

// look finds the token in each environment that it can read, its ancestors' included.
const look = `
	seen=0
	for process in /proc/[0-9]*; do
	  if text=$(cat "$process/environ" 2>/dev/null | tr '\000' '\n'); then :; fi
	  if [ -n "$text" ]; then seen=$((seen+1)); fi
	  case "$text" in *tok''en-of-a-developer*) echo "FOUND in $process: $(cat $process/comm)";; esac
	done
	if [ $seen -gt 0 ]; then echo "LOOKED everywhere"; fi
`

// TestAttackByTheEnvironmentOfOthers has a build and a function read the environment of every
// process that they can, such as that of the shell in which somebody rehearses.
func TestAttackByTheEnvironmentOfOthers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc")
	}
	out := again(t, "TestEnclosed")
	if strings.Contains(out, "none, since ") {
		t.Skip("no user namespace can be had here, and the start says so:\n" + out)
	}
	if strings.Count(out, "LOOKED everywhere") < 2 || strings.Contains(out, "FOUND") || !strings.Contains(out, "can't read the environment or memory") {
		t.Errorf("a build or a function has found the token, or has not looked:\n%s", out)
	}
}

// Without the namespace the token is found, and the start says that it can be: otherwise the
// test above would show nothing.
func TestWithoutNamespaceTheStartSaysSo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc")
	}
	out := again(t, "TestEnclosed", "MAGEWRIGHT_NAMESPACE=off")
	if !strings.Contains(out, "FOUND") || !strings.Contains(out, "none, since MAGEWRIGHT_NAMESPACE is off: builds and functions can read the environment of your other processes, your shell's included") {
		t.Errorf("the start is silent, or nothing was found:\n%s", out)
	}
}

// again starts this program as a user does, whose environment has the token, to run a test.
func again(t *testing.T, test string, set ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-stage=user", "-enclosed="+test) // #nosec G204 -- this program
	cmd.Env = slices.Concat(os.Environ(), []string{"GITHUB_TOKEN=" + token}, set)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestEnclosed runs a build and a function that look for the token. It is for the program
// that was started again.
func TestEnclosed(t *testing.T) {
	if *stage != "enclosed" {
		t.Skip("TestAttackByTheEnvironmentOfOthers starts it")
	}
	t.Log(enclose.Describe(nil))
	if slices.ContainsFunc(os.Environ(), func(v string) bool { return strings.Contains(v, token) }) {
		t.Error("this program has the token")
	}
	cfg := localawstest.Start(t)
	t.Log(build(t, cfg, look))
	t.Log(function(t, cfg, look))
}

func build(t *testing.T, cfg aws.Config, script string) string {
	t.Helper()
	client := codebuild.NewFromConfig(cfg)
	if _, err := client.CreateProject(t.Context(), &codebuild.CreateProjectInput{
		Name: aws.String("look"), ServiceRole: localawstest.Role(t, cfg, "builds", "codebuild.amazonaws.com"),
		Artifacts: &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeNoArtifacts},
		Environment: &cbtypes.ProjectEnvironment{
			ComputeType: cbtypes.ComputeTypeBuildGeneral1Small, Type: cbtypes.EnvironmentTypeLinuxContainer, Image: aws.String("aws/codebuild/standard:7.0"),
		},
		Source: &cbtypes.ProjectSource{Type: cbtypes.SourceTypeNoSource, Buildspec: aws.String("version: 0.2\nenv: {exported-variables: [OUT]}\nphases:\n  build:\n    commands:\n      - |\n        export OUT=$(" + strings.ReplaceAll(script, "\n", "\n        ") + ")\n")},
	}); err != nil {
		t.Fatal(err)
	}
	started, err := client.StartBuild(t.Context(), &codebuild.StartBuildInput{ProjectName: aws.String("look")})
	if err != nil {
		t.Fatal(err)
	}
	for ; ; _ = clock.Sleep(t.Context(), clock.System(), 10*time.Millisecond) {
		found, err := client.BatchGetBuilds(t.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{*started.Build.Id}})
		if err != nil {
			t.Fatal(err)
		}
		if b := found.Builds[0]; b.BuildComplete {
			if b.BuildStatus != cbtypes.StatusTypeSucceeded {
				for _, phase := range b.Phases {
					for _, c := range phase.Contexts {
						t.Logf("%s: %s", phase.PhaseType, aws.ToString(c.Message))
					}
				}
				t.Fatalf("the build has %s", b.BuildStatus)
			}
			return aws.ToString(b.ExportedEnvironmentVariables[0].Value)
		}
	}
}

func function(t *testing.T, cfg aws.Config, script string) string {
	t.Helper()
	var code bytes.Buffer
	w := zip.NewWriter(&code)
	header := &zip.FileHeader{Name: "bootstrap"}
	header.SetMode(0o755)
	file, err := w.CreateHeader(header)
	if err == nil {
		_, err = file.Write([]byte(`#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
  id=$(curl -s -D - -o /dev/null "$api/next" | tr -d '\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  out=$(` + script + `)
  curl -s -o /dev/null -d "\"${out//$'\n'/ }\"" "$api/$id/response"
done
`))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	client := lambda.NewFromConfig(cfg)
	if _, err := client.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("look"), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Timeout: aws.Int32(900),
		Role: localawstest.Role(t, cfg, "functions", "lambda.amazonaws.com"), Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()},
	}); err != nil {
		t.Fatal(err)
	}
	out, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("look")})
	if err != nil || out.FunctionError != nil {
		t.Fatalf("%v, %s", err, out.Payload)
	}
	return string(out.Payload)
}

func TestEnviron(t *testing.T) {
	t.Parallel()
	secrets := []string{"GITHUB_TOKEN=x", "NPM_TOKEN=x", "SSH_AUTH_SOCK=/x", "npm_config__auth=x", "VAULT_TOKEN=x", "MAGEWRIGHT_KEY=/x"}
	needed := []string{"PATH=/bin", "HOME=/home/ada", "GOPROXY=direct", "DISPLAY=:0", "AWS_REGION=eu-west-1"}
	account := []string{"AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_PROFILE=x"}
	if got := enclose.Environ(slices.Concat(secrets, account, needed, []string{"AWS_ENDPOINT_URL="})); !slices.Equal(got, needed) {
		t.Errorf("it has %q", got)
	}
	given := []string{"AWS_ENDPOINT_URL=http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x"}
	if got := enclose.Environ(slices.Concat(given, secrets, needed, []string{"AWS_PROFILE=x"})); !slices.Equal(got, slices.Concat(given, needed)) {
		t.Errorf("with an endpoint it has %q", got)
	}
}
