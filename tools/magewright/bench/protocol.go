package bench

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/magewright/magewright/tools/internal/command"
)

// protocol measures the cost of the Runtime API alone. It runs as many processes of the
// function as there are connections. Each is behind a server that only hands out events and
// takes answers, like AWS's runtime interface emulator. Whatever an invocation takes beyond
// that is spent in the embedded AWS. See
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
func (b *bench) protocol(ctx context.Context, function []byte) (err error) {
	dir, err := os.MkdirTemp("", "magewright-bench-")
	if err != nil {
		return fmt.Errorf("measuring the Runtime API alone: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bootstrap := filepath.Join(dir, "bootstrap")
	if err := unpack(function, bootstrap); err != nil {
		return fmt.Errorf("measuring the Runtime API alone: %w", err)
	}
	ctx, stop := context.WithCancel(ctx) // ends the processes
	free := make(chan *emulator, connections)
	var all []*emulator
	defer func() {
		stop()
		for _, e := range all {
			_ = e.process.Wait() // killed
			err = errors.Join(err, e.server.Close())
		}
	}()
	for range connections {
		e, err := startEmulator(ctx, bootstrap)
		if err != nil {
			return fmt.Errorf("measuring the Runtime API alone: %w", err)
		}
		all = append(all, e)
		free <- e
	}
	send := func(ctx context.Context) error {
		e := <-free
		defer func() { free <- e }()
		return e.invoke(ctx)
	}
	n := max(b.invocations/5, connections)
	if _, _, err := b.requests(ctx, connections, send); err != nil {
		return err
	}
	total, each, err := b.requests(ctx, n, send)
	if err != nil {
		return err
	}
	b.add(bareRate, float64(n)/total, "/s", fmt.Sprintf("%d events to %d processes, with no AWS around them and each on all processors; %s", n, connections, loadAverage()))
	b.add(bareRate+", p99", percentile(each, 99)*1e3, "ms", "")
	return nil
}

// unpack writes the bootstrap of a deployment package.
func unpack(function []byte, to string) error {
	archive, err := zip.NewReader(bytes.NewReader(function), int64(len(function)))
	if err != nil {
		return err
	}
	f, err := archive.Open("bootstrap")
	if err != nil {
		return err
	}
	data, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return command.WriteProgram(to, data)
}

// An emulator is a minimal Runtime API for one process.
type emulator struct {
	server  *http.Server
	process *exec.Cmd
	events  chan int
	answers chan struct{}
	next    int
}

const runtimeAPI = "/2018-06-01/runtime/invocation/"

func startEmulator(ctx context.Context, bootstrap string) (*emulator, error) {
	e := &emulator{events: make(chan int), answers: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeAPI+"next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case id := <-e.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", strconv.Itoa(id))
			w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000") // the year 2100
			_, _ = io.WriteString(w, `{"a":1}`)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST "+runtimeAPI+"{id}/response", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.WriteHeader(http.StatusAccepted)
		select {
		case e.answers <- struct{}{}:
		case <-r.Context().Done():
		}
	})
	e.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { _ = e.server.Serve(listener) }() // until it is closed
	e.process = exec.CommandContext(ctx, bootstrap)
	e.process.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(), "AWS_LAMBDA_FUNCTION_NAME=trivial", "AWS_LAMBDA_FUNCTION_VERSION=1"}
	if err := e.process.Start(); err != nil {
		return nil, errors.Join(err, e.server.Close())
	}
	return e, nil
}

// invoke gives the process an event and waits for its answer.
func (e *emulator) invoke(ctx context.Context) error {
	e.next++
	select {
	case e.events <- e.next:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-e.answers:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
