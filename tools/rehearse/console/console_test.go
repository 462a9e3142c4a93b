package console_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

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

// post does something at the console.
func (w *world) post(path string, body any) error {
	w.t.Helper()
	encoded, err := json.Marshal(body)
	w.must(err)
	response, text := w.ask(http.MethodPost, path, string(encoded), map[string]string{"Authorization": "Bearer " + w.secret(), "Origin": w.server.URL})
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return nil
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
	topic := fmt.Sprintf(`[{"kind":"log","name":%q,"id":%q,"from":2}]`, log.Group, log.Stream)
	var lines console.Lines
	w.must(json.Unmarshal(w.event(topic), &lines))
	if lines.From != 2 || !strings.HasPrefix(lines.Lines[0].Text, "[Container] ") {
		t.Errorf("it begins with %+v", lines)
	}

	w.open("test.fails")
	w.open("test")
	w.open("lint")
	p = w.await(id, func(p console.Pipeline) bool { return p.Stages[1].Retryable })
	if a := action(p, "Verify/Test"); a.Status != "Failed" || !strings.Contains(a.Error, "Phase: BUILD") {
		t.Errorf("the failed action is %+v", a)
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
	if got := strings.Join(carried, " "); got != "README.md coverage.out gosec.sarif junit.xml" {
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
