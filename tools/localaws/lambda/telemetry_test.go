package lambda_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestMetricsOfInvocations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	for _, event := range []string{`{}`, `{"do":"fail"}`, `{}`} {
		f.invoke(t, event)
	}
	f.Flush(t.Context())
	for _, dimensions := range []string{"{}", "{FunctionName=f}", "{FunctionName=f,Resource=f}"} {
		for metric, want := range map[string][]float64{
			"Invocations": {1, 1, 1}, "Errors": {0, 0, 1}, "Throttles": {0, 0, 0}, "ConcurrentExecutions": {1, 1, 1},
		} {
			got := f.values("AWS/Lambda " + metric + dimensions)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s%s: %v, want %v", metric, dimensions, got, want)
			}
		}
		if got := f.values("AWS/Lambda Duration" + dimensions); len(got) != 3 || slices.Min(got) <= 0 {
			t.Errorf("Duration%s: %v", dimensions, got)
		}
	}
}

func TestLogsInJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		level lambdatypes.SystemLogLevel
		event string
		types []string
	}{
		{"INFO", `{}`, []string{"platform.initStart", "platform.start", "platform.report"}},
		{"DEBUG", `{}`, []string{"platform.initStart", "platform.start", "platform.runtimeDone", "platform.report"}},
		{"WARN", `{}`, nil},
		{"WARN", `{"do":"exit"}`, []string{"platform.runtimeDone", "platform.report"}},
	} {
		f := newFixture(t)
		f.create(t, func(in *awslambda.CreateFunctionInput) {
			in.LoggingConfig = &lambdatypes.LoggingConfig{LogFormat: "JSON", SystemLogLevel: tt.level, LogGroup: aws.String("/shared")}
		})
		f.invoke(t, tt.event)
		var types []string
		for line := range strings.Lines(f.log("/shared")) {
			var l struct {
				Time, Type string
				Record     struct{ RequestID, Status, ErrorType string }
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Errorf("line %q: %v", line, err)
			}
			types = append(types, l.Type)
			if l.Type == "platform.report" && strings.Contains(tt.event, "exit") && (l.Record.Status != "error" || l.Record.ErrorType != "Runtime.ExitError") {
				t.Errorf("report %q", line)
			}
		}
		if !slices.Equal(types, tt.types) {
			t.Errorf("%s %s: %q, want %q in\n%s", tt.level, tt.event, types, tt.types, f.log("/shared"))
		}
		for key := range f.lines {
			if !regexp.MustCompile(`^/shared 2026/03/01/f\[\$LATEST\][0-9a-f]{32}$`).MatchString(key) {
				t.Errorf("stream %s", key)
			}
		}
	}
}

// With JSON logs, log lines below the function's level are not kept. EMF has no
// level of its own, so it counts as INFO.
func TestApplicationLogLevel(t *testing.T) {
	t.Parallel()
	lines := []string{`{"level":"debug","n":1}`, `{"level":"INFO","n":2}`, `{"n":3}`, `{"level":7,"n":4}`, `{"level":"Error","n":5}`, `plain`, `[1]`}
	event, err := json.Marshal(map[string]string{"do": "log", "text": strings.Join(lines, "\n") + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	for level, want := range map[lambdatypes.ApplicationLogLevel][]string{
		"":      lines[1:], // INFO
		"DEBUG": lines,
		"WARN":  lines[4:],
	} {
		f := newFixture(t)
		f.create(t, func(in *awslambda.CreateFunctionInput) {
			in.LoggingConfig = &lambdatypes.LoggingConfig{LogFormat: "JSON", ApplicationLogLevel: level, SystemLogLevel: "WARN"}
		})
		f.invoke(t, string(event))
		if got := f.log("/aws/lambda/f"); got != strings.Join(want, "\n")+"\n" {
			t.Errorf("%s: %q", level, got)
		}
	}
}

func TestLogsAreBatched(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	text := strings.Repeat(strings.Repeat("#", 99)+"\n", 30000) + strings.Repeat("@", 300<<10)
	event, err := json.Marshal(map[string]string{"do": "log", "text": text})
	if err != nil {
		t.Fatal(err)
	}
	if out := f.invoke(t, string(event)); out.FunctionError != nil {
		t.Fatalf("%.300s", out.Payload)
	}
	// The last line only ends when the process does.
	f.deleteAndWait(t)
	log := f.log("/aws/lambda/f")
	if x, y := strings.Count(log, "#"), strings.Count(log, "@"); x != 30000*99 || y != 300<<10 {
		t.Errorf("the log holds %d # and %d @", x, y)
	}
	if !strings.Contains(log, "\nEND RequestId") {
		t.Error("the log has no end")
	}
}
