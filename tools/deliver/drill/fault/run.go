package fault

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Run starts the function's own bootstrap, which is in dir together with its fault. It
// returns the exit code for this process once the bootstrap has ended. The bootstrap gets the
// arguments, environment, standard streams and signals of this process.
func Run(dir string, after func(time.Duration) <-chan time.Time) int {
	code, err := run(dir, after)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rollback drill:", err)
		return 1
	}
	return code
}

func run(dir string, after func(time.Duration) <-chan time.Time) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, File)) // #nosec G304 -- beside this program
	if err != nil {
		return 0, fmt.Errorf("reading the fault: %w", err)
	}
	fault, err := Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("reading the fault: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("opening a Runtime API: %w", err)
	}
	crash := make(chan struct{})
	proxy := &Proxy{
		API: os.Getenv("AWS_LAMBDA_RUNTIME_API"), Fault: fault, After: after,
		Phase: rand.Float64(), // #nosec G404 -- no secret
		Crash: sync.OnceFunc(func() { close(crash) }),
	}
	server := &http.Server{Handler: proxy.Handler(), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer func() { _ = server.Close() }()

	function := exec.Command(filepath.Join(dir, Original)) // #nosec G204 -- the function's own program, beside this one
	function.Args = os.Args
	function.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	function.Stdin, function.Stdout, function.Stderr = os.Stdin, os.Stdout, os.Stderr
	endWithUs(function)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	// Linux ends the function together with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := function.Start(); err != nil {
		return 0, fmt.Errorf("starting the function: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = function.Wait() // its state says how it ended
		close(ended)
	}()
	for {
		select {
		case s := <-signals:
			_ = function.Process.Signal(s) // it may already have ended
		case <-crash:
			_ = function.Process.Kill() // it may already have ended
			<-ended
			return 0, fmt.Errorf("the process exits, as the fault %s says", strings.TrimSpace(string(text)))
		case <-ended:
			return exitCode(function.ProcessState), nil
		}
	}
}

// exitCode returns the exit code of a process that has ended. For a signal, it is the code
// that shells use.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
