package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/magewright/magewright/tools/deliver/canary"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/rehearse/console"
)

// readEvent reads a server-sent event and returns its value.
func readEvent(t *testing.T, from io.Reader) json.RawMessage {
	t.Helper()
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var event struct {
			Topic int             `json:"topic"`
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			t.Fatal(err)
		}
		return event.Value
	}
	t.Fatalf("the stream ended: %v", lines.Err())
	return nil
}

// await reads a pipeline until it is as wanted.
func (w *world) await(execution string, wanted func(console.Pipeline) bool) console.Pipeline {
	w.t.Helper()
	for {
		var p console.Pipeline
		w.must(json.Unmarshal(w.event(fmt.Sprintf(`[{"kind":"pipeline","name":%q,"id":%q}]`, pipelineName, execution)), &p))
		if wanted(p) {
			return p
		}
		if w.t.Context().Err() != nil {
			w.t.Fatal("the test ended")
		}
	}
}

func action(p console.Pipeline, name string) console.Action {
	for _, s := range p.Stages {
		for _, a := range s.Actions {
			if s.Name+"/"+a.Name == name {
				return a
			}
		}
	}
	return console.Action{}
}

// TestABucketsHostIsSentAgain holds that a request whose host names the bucket asks that
// bucket again.
func TestABucketsHostIsSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	address := strings.TrimPrefix(w.server.URL, "http://")
	_, port, err := net.SplitHostPort(address)
	w.must(err)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	objects := s3.NewFromConfig(w.cfg, func(o *s3.Options) {
		o.BaseEndpoint = aws.String("http://s3.localhost:" + port)
		o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	})
	_, err = objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("pictures")})
	w.must(err)
	_, err = objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("pictures")})
	w.must(err)
	var got console.Requests
	w.must(json.Unmarshal(w.event(`[{"kind":"requests","from":0}]`), &got))
	var again console.Replayed
	w.must(w.postFor("api/replay", map[string]any{"number": got.Requests[len(got.Requests)-1].Number}, &again))
	if again.Status != http.StatusOK || !strings.Contains(again.Body, "<ListBucketResult") {
		t.Errorf("it is answered %+v", again)
	}
}

// post does something at the console.
func (w *world) post(path string, body any) error { return w.postFor(path, body, &struct{}{}) }

// postFor asks the console to do something, and reads the answer.
func (w *world) postFor(path string, body, into any) error {
	w.t.Helper()
	encoded, err := json.Marshal(body)
	w.must(err)
	response, text := w.ask(http.MethodPost, path, string(encoded), map[string]string{"Authorization": "Bearer " + w.secret(), "Origin": w.server.URL})
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return json.Unmarshal([]byte(text), into)
}

// get reads something of the console.
func (w *world) get(path string, query map[string]string, into any) {
	w.t.Helper()
	values := url.Values{}
	for name, value := range query {
		values.Set(name, value)
	}
	response, text := w.ask(http.MethodGet, path+"?"+values.Encode(), "", map[string]string{"Authorization": "Bearer " + w.secret()})
	if response.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s: %s", path, response.Status, text)
	}
	w.must(json.Unmarshal([]byte(text), into))
}

// TestPipeline takes a pipeline through a failure, a retry, a closed transition and an
// approval, at the console alone.
func TestPipeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.pipeline()
	p := w.await("", func(p console.Pipeline) bool { return action(p, "Verify/Test").Log != nil })
	if p.Execution != id || !p.Latest || p.Stages[0].Status != "Succeeded" || action(p, "Verify/Test").Command != "go tool mage test" {
		t.Errorf("it shows %+v", p)
	}
	// A log is sent on from where a page has it.
	log := action(p, "Verify/Test").Log
	read := func(from int, token string) (lines console.Lines) {
		t.Helper()
		w.must(json.Unmarshal(w.event(fmt.Sprintf(`[{"kind":"log","name":%q,"id":%q,"from":%d,"token":%q}]`, log.Group, log.Stream, from, token)), &lines))
		return lines
	}
	first := read(0, "")
	if first.From != 0 || !strings.HasPrefix(first.Lines[0].Text, "[Container] ") {
		t.Errorf("it begins with %+v", first)
	}

	w.open("test.fails")
	w.open("test")
	w.open("lint")
	p = w.await(id, func(p console.Pipeline) bool { return p.Stages[1].Retryable })
	if a := action(p, "Verify/Test"); a.Status != "Failed" || !strings.Contains(a.Error, "Phase: BUILD") || a.First == nil || a.First.Text != "app/x.go:2:7: it fails" || a.First.Line < 3000 {
		t.Errorf("the failed action is %+v, and failed first in %+v", a, a.First)
	}
	all, rest := read(0, ""), read(len(first.Lines), first.Token)
	if n := len(first.Lines); rest.From != n || len(rest.Lines) != len(all.Lines)-n || rest.Lines[0] != all.Lines[n] || rest.Token != all.Token {
		t.Errorf("after %d lines it goes on with %d of %d", n, len(rest.Lines), len(all.Lines))
	}
	if err := w.post("api/transition", map[string]any{"Pipeline": pipelineName, "Stage": "Approval", "Enable": false}); err != nil {
		t.Error(err)
	}
	w.remove("test.fails")
	if err := w.post("api/retry", map[string]any{"Pipeline": pipelineName, "Stage": "Verify", "Execution": id}); err != nil {
		t.Error(err)
	}
	p = w.await(id, func(p console.Pipeline) bool { return len(p.Stages[2].Waiting) == 1 })
	if tr := p.Stages[2].Transition; tr.Enabled || tr.Reason != "closed in the console by "+person || !strings.HasSuffix(tr.By, ":user/rehearsal") {
		t.Errorf("the transition is %+v", tr)
	}
	w.open("readiness")
	if err := w.post("api/transition", map[string]any{"Pipeline": pipelineName, "Stage": "Approval", "Enable": true}); err != nil {
		t.Error(err)
	}
	p = w.await(id, func(p console.Pipeline) bool {
		a := action(p, "Approval/Approve").Approval
		return a != nil && a.Token != ""
	})
	if text := action(p, "Approval/Approve").Approval.Text; text != "Take the shop to production?" {
		t.Errorf("the approver is told %q", text)
	}
	w.artifacts(id, action(p, "Approval/Readiness").ID)
	answer := map[string]any{"Pipeline": pipelineName, "Stage": "Approval", "Action": "Approve", "Token": "another", "Approve": true, "Summary": "seen"}
	if err := w.post("api/approve", answer); err == nil || !strings.Contains(err.Error(), "InvalidApprovalTokenException") {
		t.Errorf("another token: %v", err)
	}
	answer["Token"] = action(p, "Approval/Approve").Approval.Token
	if err := w.post("api/approve", answer); err != nil {
		t.Error(err)
	}
	p = w.await(id, func(p console.Pipeline) bool { return action(p, "Production/Promote").Log != nil })
	if a := action(p, "Approval/Approve"); a.Summary != "approved in the console by "+person+": seen" || !strings.HasSuffix(a.By, ":user/rehearsal") {
		t.Errorf("the approval is %+v", a)
	}
	if err := w.post("api/stop", map[string]any{"Pipeline": pipelineName, "Execution": id, "Abandon": true}); err != nil {
		t.Error(err)
	}
	p = w.await(id, func(p console.Pipeline) bool { return p.Executions[0].Status == "Stopped" })
	if reason := p.Executions[0].Reason; reason != "stopped in the console by "+person {
		t.Errorf("it was stopped because %q", reason)
	}
}

// artifacts checks what is shown of the files that an action has left.
func (w *world) artifacts(execution, id string) {
	w.t.Helper()
	where := map[string]string{"pipeline": pipelineName, "execution": execution, "action": id}
	var listed []struct {
		Name  string
		Files []console.File
	}
	w.get("api/artifact", where, &listed)
	var own, carried []string
	for _, f := range listed[0].Files {
		if f.Carried {
			carried = append(carried, f.Name)
		} else {
			own = append(own, f.Name)
		}
	}
	if got := strings.Join(own, " "); got != "plan.md readiness.html readiness.json" {
		w.t.Errorf("the action's own files are %s", got)
	}
	if got := strings.Join(carried, " "); got != "README.md a-readiness.json app/run.go app/shop.go coverage.out go.mod gosec.sarif junit.xml sources.json" {
		w.t.Errorf("the files of actions before are %s", got)
	}
	document := func(file string) (d console.Document) {
		w.t.Helper()
		where["artifact"], where["file"] = listed[0].Name, file
		w.get("api/file", where, &d)
		return d
	}
	if d := document("junit.xml"); d.Kind != "junit" || d.Suites[0].Cases[1].State != "failed" || !strings.Contains(d.Suites[0].Cases[1].Said, "sold nothing") {
		w.t.Errorf("the tests are %+v", d)
	}
	if d := document("gosec.sarif"); d.Kind != "sarif" || d.Findings[0].File != "app/shop.go" || d.Findings[0].Line != 12 || d.Findings[1].Suppressed == "" {
		w.t.Errorf("the findings are %+v", d)
	}
	if d := document("coverage.out"); d.Kind != "coverage" || d.Covered[1].Run != 3 || d.Covered[1].Statements != 4 {
		w.t.Errorf("the coverage is %+v", d)
	} else if p := d.Patch; p == nil || p.Statements != 3 || p.Covered != 2 || len(p.Files) != 1 || p.Files[0].Missing != 1 {
		w.t.Errorf("of the change, tests run %+v", p)
	}
	if d := document("readiness.json"); d.Kind != "verdict" || d.Verdict.Verdict != "GO (rehearsal)" {
		w.t.Errorf("the verdict is %+v", d)
	}
	if d := document("plan.md"); d.Kind != "text" || !strings.HasPrefix(d.Text, "# Plan") {
		w.t.Errorf("the plan is %+v", d)
	}
	page := document("readiness.html")
	response, text := w.ask(http.MethodGet, "page/"+page.Page, "", nil)
	if csp := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox; default-src 'none'") || strings.Contains(csp, "script") || !strings.Contains(text, "<h1>GO</h1>") {
		w.t.Errorf("the page is %s, %q, %s", response.Status, csp, text)
	}
}

// TestRefusals holds that what a page asks for in vain is said.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	allowed := map[string]string{"Authorization": "Bearer " + w.secret()}
	for path, want := range map[string]string{
		"GET api/watch":                             "topics is a JSON array",
		"GET api/watch?topics=[]":                   "topics is a JSON array",
		`GET api/watch?topics=[{"kind":1}]`:         "topics is a JSON array",
		`GET api/watch?topics=[{"kind":"weather"}]`: `there is no topic \"weather\"`,
		"GET api/artifact?pipeline=none":            "does not have a pipeline with name",
		"GET api/none":                              "no such address",
		"POST api/none":                             "no such address",
		"POST api/retry":                            "does not have a pipeline with name",
	} {
		method, at, _ := strings.Cut(path, " ")
		response, text := w.ask(method, strings.NewReplacer("[", "%5B", "]", "%5D", "{", "%7B", "}", "%7D", `"`, "%22").Replace(at), "{}", allowed)
		if response.StatusCode < 400 || response.StatusCode >= 500 || !strings.Contains(text, want) {
			t.Errorf("%s: %s: %s", path, response.Status, text)
		}
	}
	for body, want := range map[string]string{"": "can't be read", "{": "can't be read", `{"Other":1}`: "unknown field", `{"Pipeline":"` + strings.Repeat("x", 1<<17) + `"}`: "too large"} {
		if response, text := w.ask(http.MethodPost, "api/stop", body, allowed); response.StatusCode != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%.20s: %s: %s", body, response.Status, text)
		}
	}
	if got := string(w.event(`[{"kind":"pipeline","name":"none"}]`)); !strings.Contains(got, "does not have a pipeline") {
		t.Errorf("a pipeline that is not there: %s", got)
	}
	if got := string(w.event(`[{"kind":"pipelines"}]`)); got != "[]" {
		t.Errorf("no pipelines: %s", got)
	}
}

// TestDeployment shifts the shop's traffic to a release that fails, and stops it at the
// console.
func TestDeployment(t *testing.T) {
	t.Parallel()
	w := worldOf(t, clock.NewManual(clock.System().Now().Truncate(time.Minute)))
	if got := string(w.event(`[{"kind":"deployments"}]`)); got != "[]" {
		t.Errorf("before the first deployment: %s", got)
	}
	w.shop()
	id := w.ship("2", "fail")
	for range 3 {
		w.invoke(200)
		w.pass(30 * time.Second)
	}
	w.sees("stack shop", "What changed last", `{"text":"Environment/Variables/FAULT"},{"text":"none","code":true},{"text":"fail","code":true}`,
		`{"text":"Add"},{"text":"Version2"}`, `{"text":"Remove"},{"text":"Version1"}`)
	s := w.shift(id)
	if s.Status != "InProgress" || s.Old != "1" || s.New != "2" || s.Function != "shop" || s.Weight != 0.1 {
		t.Errorf("the deployment is %+v", s)
	}
	if s.Judgement == nil || s.Judgement.Verdict != canary.Fail || s.Limits.MaxErrorRate != 0.05 || s.Limits.MaxP90 != 3000 {
		t.Errorf("the judge says %+v, with limits %+v: %s", s.Judgement, s.Limits, s.Unjudged)
	}
	if n := s.Versions["1"].Invocations + s.Versions["2"].Invocations; n != 600 || s.Versions["1"].Errors != 0 || s.Versions["2"].Errors == 0 {
		t.Errorf("the versions did %+v", s.Versions)
	}
	if !strings.Contains(s.Picture, `width="640"`) || !strings.Contains(s.Picture, "limit 5 %") || strings.Contains(s.Picture, "rolled back") {
		t.Errorf("the picture is %s", s.Picture)
	}
	if len(s.Alarms) != 2 || s.Alarms[0].Name != "shop-errors" || s.Events[0].Name != "BeforeAllowTraffic" || s.Events[1].Status != "InProgress" {
		t.Errorf("the alarms are %+v, and the events %+v", s.Alarms, s.Events)
	}
	if err := w.post("api/stop-deployment", map[string]any{"deployment": id}); err != nil {
		t.Fatal(err)
	}
	for s.Rollback == "" {
		w.pass(time.Second)
		s = w.shift(id)
	}
	if s.Status != "Stopped" || s.Error == "" || s.Ended == nil || s.Weight != 0 || !strings.Contains(s.Picture, "stopped, rolled back") {
		t.Errorf("it ended as %+v", s)
	}
	var back console.Shift
	for back.Status != "Succeeded" {
		w.pass(time.Second)
		back = w.shift(s.Rollback)
	}
	if !back.Undoes || back.New != "1" || !strings.Contains(back.Unjudged, "at once") {
		t.Errorf("the rollback is %+v", back)
	}
}

// shift reads a deployment.
func (w *world) shift(id string) (s console.Shift) {
	w.t.Helper()
	w.must(json.Unmarshal(w.event(fmt.Sprintf(`[{"kind":"deployment","id":%q,"width":640}]`, id)), &s))
	return s
}

// TestThings reads each kind of thing that a stack has made.
func TestThings(t *testing.T) {
	t.Parallel()
	w := worldOf(t, clock.NewManual(clock.System().Now()))
	if got := string(w.event(`[{"kind":"things"}]`)); got != "[]" {
		t.Errorf("before there is anything: %s", got)
	}
	w.shop()
	w.invoke(8)
	w.pass(time.Minute)
	var items []console.Item
	w.must(json.Unmarshal(w.event(`[{"kind":"things"}]`), &items))
	var listed []string
	for _, i := range items {
		listed = append(listed, i.Kind+" "+i.Name+" "+i.Stack)
	}
	want := "stack shop |function shop shop|alarm shop-errors shop|alarm shop-latency shop|topic shop-alarms shop|queue shop-orders shop|table shop-customers shop|parameter /shop/currency shop|bucket packages |bucket shop-pictures shop"
	if got := strings.Join(listed, "|"); got != want {
		t.Errorf("there are\n%s\nwant\n%s", got, want)
	}
	w.propose("3", "none")
	for thing, says := range map[string][]string{
		"stack shop":               {"CREATE_COMPLETE", "AWS::Lambda::Function", `"to":{"kind":"function","name":"shop"}`, `"to":{"kind":"queue","name":"shop-orders"}`, "Outputs", "What would change by release-3, which nobody has executed", "known after the change"},
		"function shop":            {"8 invocations, 0 errors", `"live"`, "release 1", "/aws/lambda/shop", `"to":{"kind":"requests","name":"shop-function"}`, `"FAULT"`},
		"alarm shop-errors":        {"GreaterThanThreshold 5, in 3 of 3 periods", "100*errors/invocations", `"to":{"kind":"topic","name":"shop-alarms"}`},
		"topic shop-alarms":        {`\u003cb\u003ehello`, "a message"},
		"queue shop-orders":        {"VisibilityTimeout", "/000000000000/shop-orders"},
		"table shop-customers":     {"id (hash)", `{\"id\":\"Ada\"}`},
		"parameter /shop/currency": {"EUR"},
		"bucket packages":          {"function.zip"},
		"bucket none":              {"does not exist"},
		"alarm none":               {"There is no alarm none."},
		"topic none":               {"There is no topic none."},
		"queue none":               {"There is no queue none."},
		"secret none":              {"There are no things called"},
	} {
		w.sees(thing, says...)
	}
}

// sees holds that the page of a thing, such as "stack shop", says some texts.
func (w *world) sees(thing string, says ...string) {
	w.t.Helper()
	kind, name, _ := strings.Cut(thing, " ")
	got := string(w.event(fmt.Sprintf(`[{"kind":"thing","name":%q,"id":%q}]`, kind, name)))
	for _, text := range says {
		if !strings.Contains(got, text) {
			w.t.Errorf("%s does not say %s: %s", thing, text, got)
		}
	}
}

// TestRequests holds that requests are shown with their callers and with the statement
// that allowed or refused them.
func TestRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	identities := iam.NewFromConfig(w.cfg)
	_, err := identities.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`)})
	w.must(err)
	_, err = identities.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("reader"), PolicyName: aws.String("read"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":"ssm:GetParameter","Resource":"*"}]}`)})
	w.must(err)
	session, err := sts.NewFromConfig(w.cfg).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/reader"), RoleSessionName: aws.String("s1")})
	w.must(err)
	reader := w.cfg.Copy()
	reader.Credentials = credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	parameters := ssm.NewFromConfig(reader)
	if _, err := parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/none")}); err == nil {
		t.Error("there is a parameter")
	}
	if _, err := parameters.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/none"), Value: aws.String("x"), Type: ssmtypes.ParameterTypeString}); err == nil {
		t.Error("the reader wrote")
	}
	objects := s3.NewFromConfig(w.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = objects.ListBuckets(ctx, &s3.ListBucketsInput{})
	w.must(err)
	// As functions do, whose SDK passes on the trace of the invocation.
	const trace = "1-67891233-abcdef012345678912345678"
	traced := smithyhttp.AddHeaderValue("X-Amzn-Trace-Id", "Root="+trace+";Sampled=0")
	if _, err := identities.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("reader")}, iam.WithAPIOptions(traced)); err != nil {
		t.Fatal(err)
	}
	var all console.Requests
	w.must(json.Unmarshal(w.event(`[{"kind":"requests","from":6}]`), &all))
	if len(all.Requests) != 1 || all.Requests[0].Trace != trace {
		t.Errorf("the traced request is %+v", all)
	}
	var got console.Requests
	w.must(json.Unmarshal(w.event(`[{"kind":"requests","from":3}]`), &got))
	if len(got.Requests) == 4 {
		got.Requests = got.Requests[:3]
	}
	if len(got.Requests) != 3 || got.Requests[0].Trace != "" {
		t.Fatalf("after the third came %+v", got.Requests)
	}
	read, write, list := got.Requests[0], got.Requests[1], got.Requests[2]
	if read.Operation != "GetParameter" || read.Caller != "arn:aws:sts::000000000000:assumed-role/reader/s1" || read.Status != http.StatusBadRequest || !strings.Contains(read.Error, "ParameterNotFound") {
		t.Errorf("the reader's request is %+v", read)
	}
	if d := read.Decisions; len(d) != 1 || !d[0].Allowed || d[0].Action != "ssm:GetParameter" || !strings.Contains(d[0].Statement, `"Sid":"Read"`) || d[0].Policy == "" {
		t.Errorf("it was allowed by %+v", d)
	}
	if d := write.Decisions; len(d) != 1 || d[0].Allowed || d[0].By != "identity-based policy" || !strings.Contains(write.Error, "AccessDenied") {
		t.Errorf("the refused request is %+v", write)
	}
	var sent console.Sent
	w.get("api/sent", map[string]string{"number": strconv.Itoa(write.Number)}, &sent)
	if sent.Method != http.MethodPost || sent.URI != "/" || !strings.Contains(sent.Body, `"Name":"/none"`) || sent.Header["X-Amz-Target"] != "AmazonSSM.PutParameter" {
		t.Errorf("what was sent is %+v", sent)
	}
	for name := range sent.Header {
		if name == "Authorization" || name == "X-Amz-Security-Token" {
			t.Errorf("%s is kept", name)
		}
	}
	// The user may write what the reader may not.
	for _, again := range []struct {
		number, status int
		body           string
	}{
		{write.Number, http.StatusOK, `"Version":1`},
		{read.Number, http.StatusOK, `"Value":"x"`},
		{write.Number, http.StatusBadRequest, "ParameterAlreadyExists"},
		{list.Number, http.StatusOK, "<ListAllMyBucketsResult"},
	} {
		var got console.Replayed
		w.must(w.postFor("api/replay", map[string]any{"number": again.number}, &got))
		if got.Status != again.status || !strings.Contains(got.Body, again.body) {
			t.Errorf("sent again, %d is answered %+v", again.number, got)
		}
	}
	if err := w.post("api/replay", map[string]any{"number": 100000}); err == nil || !strings.Contains(err.Error(), "not kept") {
		t.Errorf("of a request that is not there: %v", err)
	}
	if list.Service != "s3" || list.Operation != "ListBuckets" || list.Status != http.StatusOK || !strings.HasSuffix(list.Caller, ":user/rehearsal") || list.Number != 6 {
		t.Errorf("the list of buckets is %+v", list)
	}
}

// TestTime pauses AWS's time, moves it on and changes its speed.
func TestTime(t *testing.T) {
	t.Parallel()
	elastic := clock.NewElastic(60)
	w := worldOf(t, elastic)
	set := func(body map[string]any) console.Clock {
		t.Helper()
		if err := w.post("api/clock", body); err != nil {
			t.Error(err)
		}
		var c console.Clock
		w.must(json.Unmarshal(w.event(`[{"kind":"clock"}]`), &c))
		return c
	}
	if c := set(map[string]any{"pause": true}); !c.Paused || c.Rate != 0 || c.Factor != 60 {
		t.Errorf("paused, it is %+v", c)
	}
	if err := w.post("api/clock", map[string]any{"step": true}); err == nil || !strings.Contains(err.Error(), "Nothing waits") {
		t.Errorf("a step to nothing: %v", err)
	}
	timer := elastic.NewTimer(time.Hour)
	before := elastic.Now()
	if c := set(map[string]any{"step": true}); !c.Now.Equal(before.Add(time.Hour)) {
		t.Errorf("after a step it is %v, before %v", c.Now, before)
	}
	<-timer.C()
	if c := set(map[string]any{"pause": false, "factor": 120}); c.Paused || c.Rate != 1 || c.Factor != 120 {
		t.Errorf("going on, it is %+v", c)
	}
	for _, factor := range []float64{0.5, -1, 1e9} {
		if err := w.post("api/clock", map[string]any{"factor": factor}); err == nil || !strings.Contains(err.Error(), "from 1 to 86400") {
			t.Errorf("a speed of %g: %v", factor, err)
		}
	}
	stands := worldOf(t, clock.NewManual(clock.System().Now()))
	if err := stands.post("api/clock", map[string]any{"pause": true}); err == nil || !strings.Contains(err.Error(), "can't be controlled") {
		t.Errorf("a clock of another kind: %v", err)
	}
}

// TestAnOpenPageDoesNotDelayTheEnd holds that a page's stream ends when its endpoint
// does. The endpoint would otherwise wait for it.
func TestAnOpenPageDoesNotDelayTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/_magewright/api/watch?topics="+url.QueryEscape(`[{"kind":"about"}]`), nil)
	w.must(err)
	r.Header.Set("Authorization", "Bearer "+w.secret())
	response, err := http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
	w.must(err)
	defer func() { _ = response.Body.Close() }()
	w.must(w.close())
	// An error says that the connection was cut off.
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("the stream did not end by itself: %v", err)
	}
}
