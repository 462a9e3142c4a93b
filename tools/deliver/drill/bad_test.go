package drill

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/deliver/stagetest"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
)

// TestFaults holds that the function, which knows nothing of faults, has each of
// them behind the drill's bootstrap, and is otherwise as it was.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	// invoke returns what a version answers to a request.
	invoke := func(version, path string) (answer, failure string) {
		t.Helper()
		out := stagetest.Must[*lambda.InvokeOutput](t)(s.functions.Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String("service"), Qualifier: &version, Payload: []byte(`{"rawPath":"` + path + `"}`),
		}))
		return string(out.Payload), aws.ToString(out.FunctionError)
	}
	good, failure := invoke("1", "/healthz")
	if failure != "" {
		t.Fatalf("the good version answers %s", good)
	}
	const onPurpose = `{"errorMessage":"failed on purpose: this version is the bad one of a rollback drill","errorType":"RollbackDrill"}`

	bad := s.begun(t, "errors:0.25").bad.number
	failed := 0
	for range 40 { // one after the other, by one process
		switch got, failure := invoke(bad, "/healthz"); {
		case failure != "" && got == onPurpose:
			failed++
		case failure != "" || got != good:
			t.Fatalf("it answers %s, %s", got, failure)
		}
	}
	if failed != 10 {
		t.Errorf("%d of 40 invocations fail, want 10", failed)
	}

	const latency = 30 * time.Millisecond
	bad = s.begun(t, "latency:"+latency.String()).bad.number
	began := clock.System().Now()
	if got, failure := invoke(bad, "/healthz"); got != good || failure != "" {
		t.Errorf("a slow version answers %s, %s", got, failure)
	}
	if took := clock.System().Now().Sub(began); took < latency {
		t.Errorf("it answers after %v, want %v at least", took, latency)
	}
	if got, failure := invoke(bad, "/stream"); got != "one two three" || failure != "" {
		t.Errorf("it streams %q, %s", got, failure)
	}

	// Where it exits by itself, its exit code is the process's.
	if got, failure := invoke(bad, "/exit"); !strings.Contains(got, "Runtime exited with error: exit status 7") || failure == "" {
		t.Errorf("a function that exits with 7 answers %s, %s", got, failure)
	}

	d := s.begun(t, "crash")
	bad = d.bad.number
	if got, failure := invoke(bad, "/healthz"); !strings.Contains(got, "Runtime exited with error: exit status 1") || failure == "" {
		t.Errorf("a version that crashes answers %s, %s", got, failure)
	}

	// What a deployment publishes after a drill is the good code.
	published := stagetest.Must[*lambda.PublishVersionOutput](t)(s.functions.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("service")}))
	if got, failure := invoke(*published.Version, "/healthz"); *published.CodeSha256 != d.good.sha || got != good || failure != "" {
		t.Errorf("version %s has the code %s and answers %s, %s; want the code %s", *published.Version, *published.CodeSha256, got, failure, d.good.sha)
	}
}

// TestCodeOfSomebodyElse holds that code which is neither the good version's nor
// a drill's is not taken away.
func TestCodeOfSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	updated := stagetest.Must[*lambda.UpdateFunctionCodeOutput](t)(s.functions.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: aws.String("service"), ZipFile: zipOf(t, file{"bootstrap", 0o755, "#!/bin/sh\n"}),
	}))
	if _, err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), "the function's code differs from version 1, which serves\n  next: go tool mage deploy-staging") {
		t.Errorf("run = %v", err)
	}
	if latest, err := s.configuration(t.Context(), ""); err != nil || *latest.CodeSha256 != *updated.CodeSha256 {
		t.Errorf("$LATEST has %s, %v", *latest.CodeSha256, err)
	}
}

// TestUnfit holds that what the drill can't put a bootstrap before is refused by
// what it is.
func TestUnfit(t *testing.T) {
	t.Parallel()
	d := &drill{outputs: stack.Outputs{FunctionName: "f"}, good: version{number: "3"}}
	with := func(change func(*lambda.GetFunctionConfigurationOutput)) *lambda.GetFunctionConfigurationOutput {
		c := &lambda.GetFunctionConfigurationOutput{
			PackageType: lambdatypes.PackageTypeZip, Runtime: lambdatypes.RuntimeProvidedal2023,
			Architectures: []lambdatypes.Architecture{lambdatypes.ArchitectureArm64}, CodeSize: maxZip,
		}
		change(c)
		return c
	}
	for says, served := range map[string]*lambda.GetFunctionConfigurationOutput{
		"": with(func(*lambda.GetFunctionConfigurationOutput) {}),
		"it is a container image": with(func(c *lambda.GetFunctionConfigurationOutput) {
			c.PackageType, c.Runtime = lambdatypes.PackageTypeImage, ""
		}),
		"it runs on nodejs22.x, but the drill's bootstrap needs an OS-only runtime, such as provided.al2023": with(func(c *lambda.GetFunctionConfigurationOutput) { c.Runtime = lambdatypes.RuntimeNodejs22x }),
		"the drill does not know its architecture riscv":                                                     with(func(c *lambda.GetFunctionConfigurationOutput) { c.Architectures = []lambdatypes.Architecture{"riscv"} }),
		"its deployment package has 50.1 MB: Lambda accepts at most 50 MB in a request, and the drill h":     with(func(c *lambda.GetFunctionConfigurationOutput) { c.CodeSize = maxZip + 1<<17 }),
	} {
		err := d.fit(served)
		if says == "" {
			if err != nil || d.goarch != "arm64" {
				t.Errorf("a fit one is for %s, %v", d.goarch, err)
			}
			continue
		}
		if exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), "version 3 of f can't be drilled: "+says) || !strings.Contains(err.Error(), "next: aws lambda get-function --function-name f --qualifier 3") {
			t.Errorf("%v, want an error that says %s", err, says)
		}
	}
	if err := d.fit(with(func(c *lambda.GetFunctionConfigurationOutput) { c.Architectures = nil })); err != nil || d.goarch != "amd64" {
		t.Errorf("without an architecture it is for %s, %v", d.goarch, err)
	}
}

// TestRefusedByItsPackage holds that a function whose package has no bootstrap is
// refused before anything is touched.
func TestRefusedByItsPackage(t *testing.T) {
	t.Parallel()
	s := newStaging(t)
	published := stagetest.Must[*lambda.UpdateFunctionCodeOutput](t)(s.functions.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: aws.String("service"), ZipFile: zipOf(t, file{"main", 0o755, "#!/bin/sh\n"}), Publish: true,
	}))
	s.Gate(t, *published.Version, 5)
	if ok, err := s.move(t.Context(), version{number: "1"}, version{number: *published.Version}); !ok || err != nil {
		t.Fatal(err)
	}
	s.smoke = func(context.Context) error { return errors.New("the drill has begun") }
	if _, err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), "version 2 of service can't be drilled: its deployment package has no bootstrap") {
		t.Errorf("run = %v", err)
	}
}

// TestDownload holds that what Lambda's address answers is checked, and that no
// error tells the address, which is a secret.
func TestDownload(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	packages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "a package")
	}))
	defer packages.Close()
	location := packages.URL + "/secret"
	lambdas := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"Code":{"Location":"`+location+`"}}`)
	}))
	defer lambdas.Close()
	d := newDrill(aws.Config{Region: "us-east-1", BaseEndpoint: &lambdas.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, stack.Outputs{FunctionName: "f"})
	if got, err := d.download(t.Context(), "1", 100); err != nil || string(got) != "a package" {
		t.Errorf("it is %q, %v", got, err)
	}
	d.good = version{"1", "another"}
	if err := d.prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "its deployment package has SHA-256 "+codeSha256([]byte("a package"))+", but Lambda says another") {
		t.Errorf("of another package: %v", err)
	}
	status = http.StatusForbidden
	if _, err := d.download(t.Context(), "1", 100); err == nil || !strings.Contains(err.Error(), "downloading the package of f:1: answered 403 Forbidden") {
		t.Errorf("where it is refused: %v", err)
	}
	packages.Close()
	for _, there := range []string{location, "", ":"} {
		location = there
		if _, err := d.download(t.Context(), "", 100); err == nil || !strings.Contains(err.Error(), "downloading the package of f:$LATEST: ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("from %q: %v", there, err)
		}
	}
	if err := errors.New("plain"); withoutURL(err) != err || withoutURL(&url.Error{Err: err}) != err { //nolint:errorlint // identity is the question
		t.Error("an error is lost with its address")
	}
}

// instant is a clock on which nobody waits.
type instant struct{ *clock.Manual }

func (c instant) NewTimer(time.Duration) clock.Timer { return c.Manual.NewTimer(0) }

// TestUpload holds that a function which Lambda is still changing is asked again,
// and that an update which fails later is an error.
func TestUpload(t *testing.T) {
	t.Parallel()
	var updates int
	status := "InProgress"
	lambdas := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && updates == 0:
			updates++
			w.Header().Set("X-Amzn-ErrorType", "ResourceConflictException")
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"Message":"An update is in progress"}`)
		case r.Method == http.MethodPut:
			updates++
			_, _ = io.WriteString(w, `{}`)
		default:
			_, _ = io.WriteString(w, `{"LastUpdateStatus":"`+status+`","LastUpdateStatusReasonCode":"InvalidZipFileException","LastUpdateStatusReason":"no zip"}`)
			status = "Successful"
		}
	}))
	defer lambdas.Close()
	d := newDrill(aws.Config{Region: "us-east-1", BaseEndpoint: &lambdas.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, stack.Outputs{FunctionName: "f"})
	d.clock = instant{clock.NewManual(clock.System().Now())}
	if err := d.upload(t.Context(), []byte("PK")); err != nil || updates != 2 || status != "Successful" {
		t.Errorf("after %d updates it is %s, %v", updates, status, err)
	}
	status = "Failed"
	if err := d.upload(t.Context(), []byte("PK")); err == nil || !strings.Contains(err.Error(), "InvalidZipFileException: no zip") {
		t.Errorf("an update that fails: %v", err)
	}
}
