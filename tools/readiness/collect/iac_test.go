package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
	stacks "github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
)

// assemblyFiles returns a small cloud assembly for a commit.
func assemblyFiles(commit string) map[string]string {
	return map[string]string{
		"magewright.json":               `{"commit":"` + commit + `","package":"abc"}`,
		"asset.one.zip":                 "PK",
		"s.template.json":               `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"S3Key":"one.zip"}}},"G":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"ZipFile":"x"}}},"H":{"Type":"X::Y::Z","Properties":{"Code":"text"}}}}`,
		"s.assets.json":                 `{"files":{"one":{"source":{"path":"asset.one.zip","packaging":"file"},"destinations":{"d":{"objectKey":"one.zip"}}}}}`,
		"manifest.json":                 `{"artifacts":{"s":{"type":"aws:cloudformation:stack","environment":"aws://1/r","properties":{"templateFile":"s.template.json"},"metadata":{"/s/F":[{"type":"aws:cdk:error","data":"broken"}]}},"s.assets":{"type":"cdk:asset-manifest"}}}`,
		"AwsSolutions--s-NagReport.csv": "Rule ID,Resource ID,Compliance,Exception Reason\n\"R1\",\"s/F\",\"Compliant\",\"N/A\"\n\"R2\",\"s/F\",\"Suppressed\",\"a, reason\"\n\"R3\",\"s/G\",\"Non-Compliant\",\"\"\n\"R4\",\"s/G\",\"UNKNOWN\",\"\"\n",
	}
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAssembly(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commit := r.commit(map[string]string{"a": "a"})
	cfg := r.at(commit)
	cfg.Assembly = filepath.Join(t.TempDir(), "cdk.out")
	files := assemblyFiles(commit)
	writeFiles(t, cfg.Assembly, files)
	e := Env{Project: cfg, Clock: clock.System()}

	same := func(_ context.Context, second project.Config) error {
		if second.Dir == cfg.Dir || second.Commit != commit || second.Dirty {
			t.Errorf("synthesized again in %+v", second)
		}
		if _, err := os.Stat(filepath.Join(second.Dir, "a")); err != nil {
			t.Error(err)
		}
		writeFiles(t, second.Assembly, files)
		return nil
	}
	got, err := assembly(t.Context(), e, same)
	if err != nil {
		t.Fatal(err)
	}
	a := got.(readiness.Assembly)
	if want := (readiness.NagReport{Resources: 2, Compliant: 1, Suppressed: 1, NonCompliant: []string{"R3 s/G"}, Errored: []string{"R4 s/G"},
		Rows: map[string]int{"R1 Compliant": 1, "R2 Suppressed": 1, "R3 Non-Compliant": 1, "R4 UNKNOWN": 1}}); !reflect.DeepEqual(*a.Stacks["s"].Nag, want) {
		t.Errorf("nag report %+v", *a.Stacks["s"].Nag)
	}
	const sum = "fcab7fcc2b4cffd9bb45003bfc2e468a04ef6f77ca8200a7341f027631584d25"
	if len(a.Functions) != 1 || a.Functions[0].LogicalID != "F" || a.Functions[0].SHA256 != sum {
		t.Errorf("functions %+v", a.Functions)
	}
	if a.Commit != commit || a.Package != "abc" || len(a.NagErrors) != 1 || a.Stacks["s"].Environment != "aws://1/r" {
		t.Errorf("assembly %+v", a)
	}
	if a.Again.Reason != "" || a.Again.Files != len(files) || a.Again.Differ != nil {
		t.Errorf("second synthesis %+v", a.Again)
	}

	got, err = assembly(t.Context(), e, func(_ context.Context, second project.Config) error {
		other := assemblyFiles(commit)
		other["asset.one.zip"], other["more"] = "PK2", "more"
		delete(other, "s.assets.json")
		writeFiles(t, second.Assembly, other)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if again := got.(readiness.Assembly).Again; again.Files != len(files)+1 || len(again.Differ) != 3 || !strings.HasPrefix(again.Differ[0], "asset.one.zip: SHA-256") {
		t.Errorf("second synthesis %+v", again)
	}
	got, err = assembly(t.Context(), e, func(_ context.Context, second project.Config) error {
		fmt.Fprintln(second.Stderr, "no network")
		return errors.New("installing")
	})
	if err != nil || got.(readiness.Assembly).Again.Reason != "installing: no network" {
		t.Errorf("a synthesis that fails gives %+v, %v", got, err)
	}
}

// TestTheManifestIsEvidence holds that what promote would deploy is recorded.
func TestTheManifestIsEvidence(t *testing.T) {
	t.Parallel()
	cfg := project.Config{Assembly: t.TempDir(), Commit: "c"}
	files := assemblyFiles("c")
	for text, want := range map[string][]string{
		files["magewright.json"]:         nil,
		manifesttest.Text(t, "c", "abc"): {"magewright-staging", "magewright-production", "magewright-pipeline"},
	} {
		files["magewright.json"] = text
		writeFiles(t, cfg.Assembly, files)
		a, err := readAssembly(t.Context(), Env{Project: cfg, Clock: clock.System()})
		if err != nil || !slices.Equal(a.Manifest.Stacks(), want) || (a.Unwritten == "") != (want != nil) {
			t.Errorf("%s: the manifest is %+v, unwritten %q, %v, want %v", text, a.Manifest, a.Unwritten, err, want)
		}
	}
	// Without a manifest, the templates name what is delivered.
	files["magewright.json"] = `{"commit":"c","package":"abc"}`
	files["s.template.json"] = strings.Replace(files["s.template.json"], `"Code":{"S3Key"`, `"Runtime":"provided.al2023","Code":{"S3Key"`, 1)
	writeFiles(t, cfg.Assembly, files)
	cfg.Dir = t.TempDir()
	writeFiles(t, cfg.Dir, map[string]string{"go.mod": "module example.com/s\n", "magewright.yml": "repository: a/s\n"})
	a, err := readAssembly(t.Context(), Env{Project: cfg, Clock: clock.System()})
	if err != nil || a.Manifest.Last().Stack != "s" || len(a.Manifest.Last().Functions) != 1 || !strings.Contains(a.Unwritten, "no manifest") {
		t.Errorf("the templates name %+v, unwritten %q, %v", a.Manifest, a.Unwritten, err)
	}
	files["magewright.json"] = `{"commit":"c","schemaVersion":2}`
	writeFiles(t, cfg.Assembly, files)
	if _, err := readAssembly(t.Context(), Env{Project: cfg, Clock: clock.System()}); err == nil || !strings.Contains(err.Error(), "schema version 2") {
		t.Errorf("a manifest that can't be read gives %v", err)
	}
}

func TestAssemblyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(map[string]string){
		"there is no cloud assembly": func(f map[string]string) { delete(f, "magewright.json") },
		"was synthesized from":       func(f map[string]string) { f["magewright.json"] = `{"commit":"other"}` },
		"s.template.json":            func(f map[string]string) { delete(f, "s.template.json") },
		"a/s.template.json": func(f map[string]string) {
			f["magewright.json"] = `{"schemaVersion":1,"commit":"c","repository":"a/b","stages":[{"name":"a","stack":"t","template":"a/s.template.json"}]}`
		},
		"columns": func(f map[string]string) { f["AwsSolutions--s-NagReport.csv"] = "a,b,c\n" },
		"is not a file of the assembly": func(f map[string]string) {
			f["manifest.json"] = `{"artifacts":{"s":{"type":"aws:cloudformation:stack","properties":{"templateFile":"../x"}}}}`
		},
	} {
		cfg := project.Config{Assembly: t.TempDir(), Commit: "c"}
		files := assemblyFiles("c")
		change(files)
		writeFiles(t, cfg.Assembly, files)
		_, err := assembly(t.Context(), Env{Project: cfg, Clock: clock.System()}, nil)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, want %q", err, name)
		}
	}
}

// fakeAWS serves answers by the query protocol's action, or by path.
func fakeAWS(t *testing.T, answers map[string]string) *aws.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.URL.Path
		if key == "/" {
			key = r.FormValue("Action")
			if stack := r.FormValue("StackName"); answers[key+" "+stack] != "" {
				key += " " + stack
			}
		}
		answer, ok := answers[key]
		switch {
		case !ok:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Code>InvalidAction</Code><Message>%s is not supported</Message></Error></ErrorResponse>`, key)
		case strings.Contains(answer, "<Error>"):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, "<ErrorResponse>"+answer+"</ErrorResponse>")
		case r.URL.Path != "/":
			_, _ = fmt.Fprint(w, answer)
		default:
			_, _ = fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", r.FormValue("Action"), answer)
		}
	}))
	t.Cleanup(server.Close)
	return &aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
}

const (
	identity = "<Account>111122223333</Account>"
	noStack  = "<Error><Code>ValidationError</Code><Message>Stack with id x does not exist</Message></Error>"
)

func oneStack(status, outputs string) string {
	return "<Stacks><member><StackName>s</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>" + status + "</StackStatus><Outputs>" + outputs + "</Outputs></member></Stacks>"
}

// Each promotion writes the parameter that pins the judge. That is no drift; what else
// somebody changes of it is.
func TestThePinIsNoDrift(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]readiness.Drift{
		"/Value":       {Status: "IN_SYNC", Checked: 1},
		"/Description": {Status: "DRIFTED", Checked: 1, Drifted: []string{"Pin (AWS::SSM::Parameter) is MODIFIED"}},
	} {
		cfg := fakeAWS(t, map[string]string{
			"DetectStackDrift":                  "<StackDriftDetectionId>i</StackDriftDetectionId>",
			"DescribeStackDriftDetectionStatus": "<StackId>s</StackId><DetectionStatus>DETECTION_COMPLETE</DetectionStatus><StackDriftStatus>DRIFTED</StackDriftStatus>",
			"DescribeStackResourceDrifts": "<StackResourceDrifts><member><LogicalResourceId>Pin</LogicalResourceId><PhysicalResourceId>/pin</PhysicalResourceId><ResourceType>AWS::SSM::Parameter</ResourceType>" +
				"<StackResourceDriftStatus>MODIFIED</StackResourceDriftStatus><PropertyDifferences><member><PropertyPath>" + path + "</PropertyPath></member></PropertyDifferences></member></StackResourceDrifts>",
			"ListStackResources": "<StackResourceSummaries><member><LogicalResourceId>Pin</LogicalResourceId></member></StackResourceSummaries>",
		})
		got, err := detectDrift(t.Context(), cloudformation.NewFromConfig(*cfg), clock.System(), "s", "/pin")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v, want %+v", path, got, err, want)
		}
	}
}

func TestDeployedStacks(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"GetCallerIdentity":                    identity,
		"DescribeStacks":                       oneStack("UPDATE_COMPLETE", ""),
		"DescribeStacks magewright-production": noStack,
		"DescribeStacks magewright-pipeline":   oneStack("REVIEW_IN_PROGRESS", ""),
		"GetTemplate":                          `<TemplateBody>{"Resources":{}}</TemplateBody>`,
		"ListStackResources":                   "<StackResourceSummaries><member><LogicalResourceId>Flow</LogicalResourceId><ResourceStatusReason>NOT REHEARSED: nothing runs</ResourceStatusReason></member></StackResourceSummaries>",
	}
	collectAll := func() (readiness.Deployed, error) {
		got, err := DeployedStacks(t.Context(), Env{AWS: fakeAWS(t, answers), Clock: clock.System()})
		if err != nil {
			return readiness.Deployed{}, err
		}
		return got.(readiness.Deployed), nil
	}
	d, err := collectAll()
	if err != nil {
		t.Fatal(err)
	}
	staging := d.Stacks["magewright-staging"]
	if got := staging.NotRehearsed; !reflect.DeepEqual(got, []string{"magewright-staging Flow: nothing runs"}) {
		t.Errorf("not rehearsed: %q", got)
	}
	if d.Account != "111122223333" || d.Region != "eu-west-1" || staging.Status != "UPDATE_COMPLETE" || string(staging.Template) != `{"Resources":{}}` || !strings.Contains(staging.Drift.Reason, "not supported") {
		t.Errorf("deployed %+v", d)
	}
	if !strings.Contains(d.Stacks["magewright-production"].Absent, "does not exist") || !strings.Contains(d.Stacks["magewright-pipeline"].Absent, "never created") {
		t.Errorf("deployed %+v", d)
	}

	answers["DetectStackDrift"] = "<StackDriftDetectionId>i</StackDriftDetectionId>"
	answers["DescribeStackDriftDetectionStatus"] = "<StackId>s</StackId><DetectionStatus>DETECTION_COMPLETE</DetectionStatus><StackDriftStatus>DRIFTED</StackDriftStatus>"
	answers["DescribeStackResourceDrifts"] = "<StackResourceDrifts><member><LogicalResourceId>A</LogicalResourceId><ResourceType>T</ResourceType><StackResourceDriftStatus>MODIFIED</StackResourceDriftStatus></member><member><LogicalResourceId>B</LogicalResourceId><StackResourceDriftStatus>IN_SYNC</StackResourceDriftStatus></member></StackResourceDrifts>"
	answers["ListStackResources"] = "<StackResourceSummaries><member><LogicalResourceId>A</LogicalResourceId></member><member><LogicalResourceId>C</LogicalResourceId><ResourceType>U</ResourceType></member></StackResourceSummaries>"
	if d, err = collectAll(); err != nil {
		t.Fatal(err)
	}
	want := readiness.Drift{Status: "DRIFTED", Checked: 2, Drifted: []string{"A (T) is MODIFIED"}, Unchecked: []string{"C (U)"}}
	if got := d.Stacks["magewright-staging"].Drift; !reflect.DeepEqual(got, want) {
		t.Errorf("drift %+v, want %+v", got, want)
	}

	answers["GetTemplate"] = "<TemplateBody>Resources: {}</TemplateBody>"
	if _, err := collectAll(); err == nil || !strings.Contains(err.Error(), "not JSON") {
		t.Errorf("a template of YAML gives %v", err)
	}
	if _, err := DeployedStacks(t.Context(), Env{Clock: clock.System()}); err == nil || !strings.Contains(err.Error(), "no AWS credentials") {
		t.Errorf("without credentials: %v", err)
	}
}

func TestProduction(t *testing.T) {
	t.Parallel()
	output := func(key, value string) string {
		return "<member><OutputKey>" + key + "</OutputKey><OutputValue>" + value + "</OutputValue></member>"
	}
	answers := map[string]string{
		"GetCallerIdentity":                     identity,
		"DescribeStacks":                        oneStack("UPDATE_COMPLETE", output("FunctionName", "f")+output("AliasName", "live")),
		"/2015-03-31/functions/f/aliases/live":  `{"FunctionVersion":"2","RoutingConfig":{"AdditionalVersionWeights":{"3":0.1}}}`,
		"/2015-03-31/functions/f/configuration": `{"Version":"2","CodeSha256":"two","State":"Active"}`,
		"/2015-03-31/functions/f/versions":      `{"Versions":[{"Version":"$LATEST","CodeSha256":"x"},{"Version":"2","CodeSha256":"two"}]}`,
	}
	get := func() (readiness.Production, error) {
		got, err := Production(t.Context(), Env{AWS: fakeAWS(t, answers), Clock: clock.System()})
		if err != nil {
			return readiness.Production{}, err
		}
		p := got.(readiness.Production)
		p.FinishedOn = time.Time{}
		return p, nil
	}
	p, err := get()
	want := readiness.Production{
		Account: "111122223333", Region: "eu-west-1", Others: []readiness.Serving{}, Serving: readiness.Serving{
			Function: "f", Alias: "live", Version: "2", CodeSHA256: "two", State: "Active",
			Weights: map[string]float64{"3": 0.1}, Retained: []readiness.RetainedVersion{{Version: "2", CodeSHA256: "two"}},
		},
	}
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("production %+v, %v", p, err)
	}
	delete(answers, "/2015-03-31/functions/f/configuration")
	if _, err := get(); err == nil || !strings.Contains(err.Error(), "reading version 2 of f") {
		t.Errorf("a version that is not there gives %v", err)
	}
	answers["DescribeStacks"] = oneStack("ROLLBACK_COMPLETE", "")
	if _, err := get(); err == nil || !strings.Contains(err.Error(), "has no output FunctionName") {
		t.Errorf("a stack without outputs gives %v", err)
	}
	answers["DescribeStacks"] = noStack
	if p, err := get(); err != nil || p.Absent == "" {
		t.Errorf("no stack gives %+v, %v", p, err)
	}
	// Of a stage in another account, it is unknown whether it is deployed. One in another
	// region is looked for there.
	env := Env{AWS: fakeAWS(t, answers), Clock: clock.System()}
	at := manifest.Place{Stack: "shop-live", Account: "444455556666"}
	if _, err := serving(t.Context(), env, manifest.Stage{Place: at}); !errors.Is(err, stacks.ErrOtherAccount) {
		t.Errorf("a stage in another account gives %v", err)
	}
	at.Account, at.Region = "111122223333", "us-east-2"
	if p, err := serving(t.Context(), env, manifest.Stage{Place: at}); err != nil || p.Region != at.Region {
		t.Errorf("a stage in another region gives %+v, %v", p, err)
	}
}

func TestDrill(t *testing.T) {
	t.Parallel()
	signer, other := evidencetest.NewSigner(t), evidencetest.NewSigner(t)
	dir := t.TempDir()
	writeFiles(t, filepath.Join(dir, "infra"), map[string]string{"cdk.json": fmt.Sprintf(`{"context":{%q:%q}}`, cdk.EvidenceKey, signer.Key)})
	e := Env{Project: project.Config{Dir: dir, Evidence: t.TempDir()}, Clock: clock.System()}
	if _, err := Drill(t.Context(), e); err == nil || !strings.Contains(err.Error(), "no drill was recorded") {
		t.Errorf("no record gives %v", err)
	}
	record := readiness.Drill{Commit: "c", DetectedSeconds: 1, Fingerprint: "f"}
	sealed := func(by evidence.Signer, p evidence.Predicate) string {
		s, err := evidence.NewStatement("c", "", p)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := evidence.Seal(t.Context(), by, s)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(envelope)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	writeFiles(t, e.Project.Evidence, map[string]string{readiness.DrillFile: sealed(signer, record)})
	got, err := Drill(t.Context(), e)
	if d, ok := got.(readiness.Drill); err != nil || !ok || d.Commit != "c" || d.FinishedOn.IsZero() {
		t.Errorf("the record gives %+v, %v", got, err)
	}
	for name, tt := range map[string]struct{ record, says string }{
		"signed by another":    {sealed(other, record), "with a key other than the pinned one"},
		"not signed":           {`{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}`, "it is not signed"},
		"edited":               {strings.Replace(sealed(signer, record), `"payload":"`, `"payload":"AAAA`, 1), "not what was signed"},
		"of another kind":      {sealed(signer, evidence.Smoke{}), "it has type"},
		"a record of long ago": {`{"detectedSeconds":1}`, "it is not signed"},
	} {
		writeFiles(t, e.Project.Evidence, map[string]string{readiness.DrillFile: tt.record})
		if _, err := Drill(t.Context(), e); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("a record that is %s gives %v, want %s", name, err, tt.says)
		}
	}
}
