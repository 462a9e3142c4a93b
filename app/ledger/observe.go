package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Namespace is the CloudWatch namespace of the ledger's metrics.
const Namespace = "Magewright/Ledger"

// An Observation says where logs and metrics go.
type Observation struct {
	Log     *slog.Logger
	Metrics io.Writer // gets one line of embedded metric format a request
	Stage   string    // the metrics' dimension
	Now     func() time.Time
}

// Observe returns a handler that logs each request to h with its id, counts it,
// and answers 500 where h panics.
func Observe(h http.Handler, o Observation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := o.Now()
		log := o.Log
		if lc, ok := lambdacontext.FromContext(r.Context()); ok {
			log = log.With("requestId", lc.AwsRequestID)
		}
		notes := &notes{}
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		r = r.WithContext(context.WithValue(r.Context(), notesKey{}, notes))
		func() {
			defer func() {
				if cause := recover(); cause != nil {
					note(r.Context(), fmt.Errorf("panic: %v", cause))
					refuse(status, http.StatusInternalServerError, "the ledger failed; the log has the reason under this request's id")
				}
			}()
			h.ServeHTTP(status, r)
		}()
		took := o.Now().Sub(start)
		for _, err := range notes.errs {
			log.Error("failed", "error", err)
		}
		log.Info("request", "method", r.Method, "path", r.URL.Path, "status", status.status, "milliseconds", milliseconds(took))
		if err := writeMetrics(o.Metrics, start, o.Stage, status.status, took); err != nil {
			log.Error("writing metrics", "error", err)
		}
	})
}

// writeMetrics writes a line that CloudWatch Logs turns into metrics.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.
func writeMetrics(w io.Writer, at time.Time, stage string, status int, took time.Duration) error {
	serverErrors := 0
	if status >= http.StatusInternalServerError {
		serverErrors = 1
	}
	metric := func(name, unit string) map[string]string { return map[string]string{"Name": name, "Unit": unit} }
	return json.NewEncoder(w).Encode(map[string]any{
		"_aws": map[string]any{
			"Timestamp": at.UnixMilli(),
			"CloudWatchMetrics": []any{map[string]any{
				"Namespace":  Namespace,
				"Dimensions": [][]string{{"Stage"}},
				"Metrics":    []any{metric("Requests", "Count"), metric("ServerErrors", "Count"), metric("Latency", "Milliseconds")},
			}},
		},
		"Stage":        stage,
		"Requests":     1,
		"ServerErrors": serverErrors,
		"Latency":      milliseconds(took),
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

type notesKey struct{}

// notes collects the errors of one request that its client is not told.
type notes struct {
	mu   sync.Mutex
	errs []error
}

// note keeps err for the request's log.
func note(ctx context.Context, err error) {
	if n, ok := ctx.Value(notesKey{}).(*notes); ok {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.errs = append(n.errs, err)
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
