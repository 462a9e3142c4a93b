package lambda

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// tailSize is how many bytes of an invocation's log an answer contains.
const tailSize = 4096

// A sandbox is the part of an environment that survives when the process is
// started again after a failed initialization: an identity and a log stream.
// Lambda writes its own lines into the stream, between those of the process.
type sandbox struct {
	service *Service
	version *version
	id      string // 32 hexadecimal digits
	stream  *stream
	json    bool // the log's format

	mu   sync.Mutex
	tail []byte // the end of the present invocation's log
	keep bool   // the caller wants it
}

func (s *Service) newSandbox(v *version) *sandbox {
	id := randomHex(16)
	// Groups that several functions may share have the function's name in their
	// streams' names.
	// See https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html.
	owner := ""
	if v.settings.LogGroup != "/aws/lambda/"+v.name {
		owner = v.name
	}
	name := fmt.Sprintf("%s/%s[%s]%s", s.account.Clock.Now().UTC().Format("2006/01/02"), owner, v.number, id)
	return &sandbox{
		service: s, version: v, id: id,
		stream: s.logs.stream(v.settings.LogGroup, name),
		json:   v.settings.LogFormat == lambdatypes.LogFormatJson,
	}
}

// A report holds what Lambda's log lines say about an invocation.
type report struct {
	invocation *invocation
	timeout    time.Duration
	tail       bool          // the caller wants the end of the log
	started    time.Time     // by the system clock
	init       time.Duration // init duration of the environment, if this invocation started it
}

func (r *report) deadline() time.Time { return r.started.Add(r.timeout) }

// line receives a line that the process wrote.
func (b *sandbox) line(line []byte) {
	if b.json && !b.version.settings.logs(line) {
		return
	}
	b.write(string(line))
}

func (b *sandbox) write(text string) {
	b.stream.append(b.service.account.Clock.Now(), text)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.keep {
		return
	}
	b.tail = append(b.tail, text...)
	// The tail is moved only now and then, not for each line.
	if len(b.tail) > 4*tailSize {
		b.tail = append(b.tail[:0], b.tail[len(b.tail)-tailSize:]...)
	}
}

// platform writes one of Lambda's own lines as JSON, if its level is logged.
// See https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html.
func (b *sandbox) platform(failed bool, kind string, record map[string]any) {
	if b.version.settings.SystemLevel == lambdatypes.SystemLogLevelWarn && !failed {
		return
	}
	text, err := json.Marshal(struct {
		Time   string         `json:"time"`
		Type   string         `json:"type"`
		Record map[string]any `json:"record"`
	}{b.service.account.Clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "platform." + kind, record})
	if err != nil {
		// Strings and finite numbers can always be encoded.
		panic(err)
	}
	b.write(string(text) + "\n")
}

func runtimeVersion(r lambdatypes.Runtime) string {
	if node, ok := strings.CutPrefix(strings.TrimSuffix(string(r), ".x"), "nodejs"); ok {
		return "nodejs:" + node + ".v1"
	}
	return strings.Replace(string(r), ".", ":", 1) + ".v1"
}

// initStart notes that the environment begins its initialization.
func (b *sandbox) initStart() {
	v := b.version
	arn := b.service.runtimeARN(v.settings.Runtime)
	if !b.json {
		b.write(fmt.Sprintf("INIT_START Runtime Version: %s\tRuntime Version ARN: %s\n", runtimeVersion(v.settings.Runtime), arn))
		return
	}
	b.platform(false, "initStart", map[string]any{
		"initializationType": "on-demand", "phase": "init", "functionName": v.name, "functionVersion": v.number,
		"runtimeVersion": runtimeVersion(v.settings.Runtime), "runtimeVersionArn": arn,
	})
}

// initReport notes the end of an initialization that failed or was repeated.
func (b *sandbox) initReport(phase string, took time.Duration, f *failure) {
	status, kind := statusOf(f, f != nil && f.kind == timedOut)
	if b.json {
		record := map[string]any{
			"initializationType": "on-demand", "phase": phase, "status": status,
			"metrics": map[string]any{"durationMs": milliseconds(took)},
		}
		if kind != "" {
			record["errorType"] = kind
		}
		b.platform(f != nil, "initReport", record)
		return
	}
	text := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s", milliseconds(took), phase, status)
	if kind != "" {
		text += "\tError Type: " + kind
	}
	b.write(text + "\n")
}

// statusOf returns the status that reports show for an outcome, and the error
// type if they show one.
func statusOf(f *failure, late bool) (status, kind string) {
	switch {
	case late:
		return "timeout", ""
	case f != nil:
		return "error", f.kind
	}
	return "success", ""
}

// begin notes the start of an invocation and starts measuring its time.
func (b *sandbox) begin(r *report) {
	b.mu.Lock()
	b.keep, b.tail = r.tail, nil
	b.mu.Unlock()
	r.started = b.service.wall.Now()
	r.invocation.deadline = r.deadline()
	if b.json {
		b.platform(false, "start", map[string]any{"requestId": r.invocation.id, "version": b.version.number})
		return
	}
	b.write("START RequestId: " + r.invocation.id + " Version: " + b.version.number + "\n")
}

// abandon ends an invocation that no process took. Another environment will get it.
func (b *sandbox) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep, b.tail = false, nil
}

// crashed notes how a process ended, or why it can't be started.
func (b *sandbox) crashed(requestID, how, kind string) {
	if !b.json {
		b.write("RequestId: " + requestID + " Error: " + how + "\n" + kind + "\n")
	}
}

// timeout ends an invocation that took too long. An answer that it already has stays.
func (b *sandbox) timeout(inv *invocation) {
	message := fmt.Sprintf("Task timed out after %.2f seconds", float64(b.version.settings.Timeout))
	if !b.json {
		b.write(b.service.account.Clock.Now().UTC().Format("2006-01-02T15:04:05.000Z") + " " + inv.id + " " + message + "\n\n")
	}
	inv.late = true
	if inv.answer == nil {
		inv.answer = &answer{failure: new(newFailure(timedOut, "RequestId: %s Error: %s", inv.id, message))}
	}
}

// finish notes the end of an invocation. If requested, it returns the end of
// the invocation's log, once the whole log is in CloudWatch Logs. e is nil if
// the process could not be started.
func (b *sandbox) finish(r *report, duration time.Duration, e *environment) []byte {
	var peak int64
	if e != nil {
		peak = e.peakMiB()
	}
	status, kind := statusOf(r.invocation.answer.failure, r.invocation.late)
	billed := math.Ceil(milliseconds(duration + r.init))
	id, size := r.invocation.id, b.version.settings.Memory
	if b.json {
		b.finishJSON(r, duration, billed, peak, status, kind)
	} else {
		var line bytes.Buffer
		fmt.Fprintf(&line, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t", id, milliseconds(duration), billed, size, peak)
		if r.init > 0 {
			fmt.Fprintf(&line, "Init Duration: %.2f ms\t", milliseconds(r.init))
		}
		if status != "success" {
			line.WriteString("Status: " + status)
			if kind != "" {
				line.WriteString("\tError Type: " + kind)
			}
		}
		line.WriteByte('\n')
		b.write("END RequestId: " + id + "\n")
		b.write(line.String())
	}
	if !r.tail {
		return nil
	}
	b.service.logs.send(b.service.life, b.stream)
	b.mu.Lock()
	defer b.mu.Unlock()
	tail := b.tail[max(0, len(b.tail)-tailSize):]
	b.keep, b.tail = false, nil
	return tail
}

func (b *sandbox) finishJSON(r *report, duration time.Duration, billed float64, peak int64, status, kind string) {
	failed := status != "success"
	metrics := map[string]any{
		"durationMs": milliseconds(duration), "billedDurationMs": billed,
		"memorySizeMB": b.version.settings.Memory, "maxMemoryUsedMB": peak,
	}
	if r.init > 0 {
		metrics["initDurationMs"] = milliseconds(r.init)
	}
	record := map[string]any{"requestId": r.invocation.id, "status": status, "metrics": metrics}
	done := map[string]any{
		"requestId": r.invocation.id, "status": status,
		"metrics": map[string]any{"durationMs": milliseconds(duration), "producedBytes": len(r.invocation.answer.body())},
	}
	if kind != "" {
		record["errorType"], done["errorType"] = kind, kind
	}
	if failed || b.version.settings.SystemLevel == lambdatypes.SystemLogLevelDebug {
		b.platform(failed, "runtimeDone", done)
	}
	b.platform(failed, "report", record)
}

// milliseconds returns d in milliseconds with two decimals.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*100) / 100
}
