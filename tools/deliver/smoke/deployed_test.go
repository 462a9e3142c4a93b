package smoke_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/check/gotest"
	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/stack"
)

// TestExerciseADeployedFunction deploys the function, instrumented, to the
// embedded AWS and exercises it through its URL. What the function has run
// counts as covered; that it was another build than the one that is released
// does not matter for that, and for nothing else is this a test of the release.
func TestExerciseADeployedFunction(t *testing.T) {
	counters := os.Getenv(gotest.CountersVariable)
	if counters == "" {
		counters = t.TempDir()
	}
	t.Setenv("AWS_SESSION_TOKEN", "") // of the build that this test may be part of
	server := localawstest.StartServer(t)
	for name, value := range server.Environment() {
		t.Setenv(name, value)
	}
	signer := evidencetest.NewSigner(t)
	cfg, outputs, pkg := deployFunction(t, counters, signer.Key)
	released := smoke.Target{
		AWS: cfg, Outputs: outputs, Steps: declared(t, ""), Record: evidence.Deployment{Stage: "staging"},
		Commit: commit, Package: pkg, Signer: signer, Clock: clock.System(),
	}
	result, err := smoke.Exercise(t.Context(), released)
	if err != nil {
		t.Fatal(err)
	}
	if result.Commit != commit {
		t.Errorf("commit %s answers", result.Commit)
	}
	covered := deployedCoverage(t, counters)
	for _, file := range []string{"app/main.go", "app/coverage_on.go", "app/ledger/functionurl.go"} {
		if !strings.Contains(covered, project.Module+"/"+file) {
			t.Errorf("the function has not run %s:\n%s", file, covered)
		}
	}
}

// deployFunction deploys the function with a bucket, an alias and a URL, and
// returns the SHA-256 of its package, too.
func deployFunction(t *testing.T, counters string, key evidence.Key) (aws.Config, stack.Outputs, string) {
	t.Helper()
	ctx := t.Context()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		t.Fatal(err)
	}
	storage := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := storage.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("evidence")}); err != nil {
		t.Fatal(err)
	}
	role, err := iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String("function"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := iam.NewFromConfig(cfg).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String("function"), PolicyName: aws.String("evidence"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:ListBucket"],"Resource":["arn:aws:s3:::evidence","arn:aws:s3:::evidence/*"]}]}`),
	}); err != nil {
		t.Fatal(err)
	}
	functions, name, alias := lambda.NewFromConfig(cfg), aws.String("ledger"), aws.String("live")
	pkg := instrumented(t)
	architecture, _ := localaws.HostContext()["architecture"].(string)
	if _, err := functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName:  name,
		Role:          role.Role.Arn,
		Runtime:       lambdatypes.RuntimeProvidedal2023,
		Handler:       aws.String("bootstrap"),
		Architectures: []lambdatypes.Architecture{lambdatypes.Architecture(architecture)},
		Timeout:       aws.Int32(600), // real, and no machine is too slow for it
		Code:          &lambdatypes.FunctionCode{ZipFile: pkg},
		Publish:       true,
		Environment: &lambdatypes.Environment{Variables: map[string]string{
			"EVIDENCE_BUCKET": "evidence", "EVIDENCE_KEY": key.String(), "STAGE": "staging", "COVERAGE_DIR": counters,
		}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := functions.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: name, Name: alias, FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	for _, permission := range []lambda.AddPermissionInput{
		{StatementId: aws.String("url"), Action: aws.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: lambdatypes.FunctionUrlAuthTypeNone},
		{StatementId: aws.String("function"), Action: aws.String("lambda:InvokeFunction"), InvokedViaFunctionUrl: aws.Bool(true)},
	} {
		permission.FunctionName, permission.Qualifier, permission.Principal = name, alias, aws.String("*")
		if _, err := functions.AddPermission(ctx, &permission); err != nil {
			t.Fatal(err)
		}
	}
	url, err := functions.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: name, Qualifier: alias, AuthType: lambdatypes.FunctionUrlAuthTypeNone})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(pkg)
	return cfg, stack.Outputs{FunctionURL: *url.FunctionUrl, FunctionName: *name, AliasName: *alias}, hex.EncodeToString(digest[:])
}

// instrumented builds a deployment package of the function that counts what it
// runs.
func instrumented(t *testing.T) []byte {
	t.Helper()
	testinput.Read(t, "app", "tools/evidence", "go.mod", "go.sum")
	executable := filepath.Join(t.TempDir(), "bootstrap")
	build := gocmd.In("../../..", "CGO_ENABLED=0")
	if out, err := build.Output(t.Context(), "build", "-tags=lambda.norpc,coverage",
		"-cover", "-covermode=atomic", "-coverpkg=./app/...", "-ldflags=-s -w -X main.commit="+commit, "-o", executable, "./app"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(executable) // #nosec G304 -- built above
	if err != nil {
		t.Fatal(err)
	}
	var pkg bytes.Buffer
	archive := zip.NewWriter(&pkg)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Store}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err == nil {
		_, err = entry.Write(data)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return pkg.Bytes()
}

// deployedCoverage returns the covered rows of what the function has left.
func deployedCoverage(t *testing.T, counters string) string {
	t.Helper()
	processes, err := filepath.Glob(filepath.Join(counters, "function-*"))
	if err != nil || len(processes) == 0 {
		t.Fatalf("the function has left nothing: %v", err)
	}
	file := filepath.Join(t.TempDir(), "profile")
	if _, err := (command.Cmd{}).Output(t.Context(), "go", "tool", "covdata", "textfmt", "-i="+strings.Join(processes, ","), "-o="+file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file) // #nosec G304 -- made above
	if err != nil {
		t.Fatal(err)
	}
	profile := patchcover.Profile{}
	if err := profile.Read(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	var rows bytes.Buffer
	if err := profile.Write(&rows); err != nil {
		t.Fatal(err)
	}
	var covered strings.Builder
	for row := range strings.Lines(rows.String()) {
		if strings.HasSuffix(row, " 1\n") {
			_, _ = fmt.Fprint(&covered, row)
		}
	}
	return covered.String()
}
