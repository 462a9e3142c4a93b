//go:build unix

package fault

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Variables of processes that these tests start. They are this test's program
// again: the bootstrap, and, where the Runtime API is another one than the
// test's, the function.
const (
	api     = "AWS_LAMBDA_RUNTIME_API"
	testAPI = "FAULT_TEST_API"
	testDo  = "FAULT_TEST_DO" // what the function does
)

func after(d time.Duration) <-chan time.Time { return clock.System().NewTimer(d).C() }

func TestMain(m *testing.M) {
	switch os.Getenv(testAPI) {
	case "":
		os.Exit(m.Run())
	case os.Getenv(api):
		os.Exit(Run(filepath.Dir(os.Args[0]), after))
	}
	function()
}

// function is the function of the tests.
func function() {
	switch os.Getenv(testDo) {
	case "exit":
		in, _ := io.ReadAll(os.Stdin)
		fmt.Println("out", os.Args[1:], string(in), os.Getenv("GREETING"))
		fmt.Fprintln(os.Stderr, "err")
		os.Exit(7)
	case "signal":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		fmt.Println("ready")
		fmt.Println(<-signals)
		os.Exit(5)
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "next":
		fmt.Println("ready")
		for {
			response, err := http.Get("http://" + os.Getenv(api) + "/2018-06-01/runtime/invocation/next") // #nosec G107 G704 -- of this test
			if err != nil {
				// Linux closes the connections of a process that is killed before it ends this
				// one, which must not end by itself.
				ended := make(chan os.Signal, 1)
				signal.Notify(ended, syscall.SIGUSR1)
				<-ended
			}
			id := response.Header.Get("Lambda-Runtime-Aws-Request-Id")
			fmt.Println("got", id)
			_ = response.Body.Close()
			answered, err := http.Post("http://"+os.Getenv(api)+"/2018-06-01/runtime/invocation/"+id+"/response", "", strings.NewReader("done")) // #nosec G107 G704 -- of this test
			if err != nil {
				os.Exit(9)
			}
			_ = answered.Body.Close()
		}
	}
	os.Exit(0)
}

// install returns a directory with both bootstraps and a fault.
func install(t *testing.T, fault string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"bootstrap", Original} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, File), []byte(fault), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// bootstrap returns the command that runs the function with a fault.
func bootstrap(t *testing.T, fault, address, do string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(install(t, fault), "bootstrap"), "one", "two") // #nosec G204 -- of this test
	cmd.Env = append(os.Environ(), testAPI+"="+address, api+"="+address, testDo+"="+do, "GREETING=hello")
	return cmd
}

// TestTheFunctionRunsAsByItself holds that the function has the process's
// arguments, environment and streams, and the process its exit code.
func TestTheFunctionRunsAsByItself(t *testing.T) {
	t.Parallel()
	cmd := bootstrap(t, "errors:0.5", "127.0.0.1:1", "exit")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("in"), &stdout, &stderr
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 7 || stdout.String() != "out [one two] in hello\n" || stderr.String() != "err\n" {
		t.Errorf("it exits with %d, %v, and says %q and %q", code, err, &stdout, &stderr)
	}
	killed := bootstrap(t, "errors:0.5", "127.0.0.1:1", "killed")
	err = killed.Run()
	if code := killed.ProcessState.ExitCode(); code != 128+9 {
		t.Errorf("where the function is killed, it exits with %d, %v", code, err)
	}
}

// TestSignals holds that the function gets the process's signals.
func TestSignals(t *testing.T) {
	t.Parallel()
	cmd := bootstrap(t, "errors:0.5", "127.0.0.1:1", "signal")
	said := start(t, cmd)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(said)
	if err != nil || string(rest) != "terminated\n" {
		t.Errorf("the function says %q, %v", rest, err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("it ends with %v", err)
	}
}

// start starts a process and returns what it says after "ready".
func start(t *testing.T, cmd *exec.Cmd) *bufio.Reader {
	t.Helper()
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(pipe)
	if line, err := said.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("it says %q, %v", line, err)
	}
	return said
}

// TestTheFunctionEndsWithTheProcess holds that the process takes the function
// with it, where it is killed and where it exits on purpose. The end of what the
// function says is read when nobody has it open any more.
func TestTheFunctionEndsWithTheProcess(t *testing.T) {
	t.Parallel()
	t.Run("crash", func(t *testing.T) {
		t.Parallel()
		l := newLambda(t, 1)
		cmd := bootstrap(t, "crash", l.Listener.Addr().String(), "next")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		rest, err := io.ReadAll(start(t, cmd))
		if err != nil || len(rest) > 0 {
			t.Errorf("the function says %q, %v", rest, err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || stderr.String() != "rollback drill: the process exits, as the fault crash says\n" {
			t.Errorf("it ends with %v and says %q", err, &stderr)
		}
		if answers := l.answered(); len(answers) > 0 {
			t.Errorf("Lambda gets %v", answers)
		}
	})
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		if runtime.GOOS != "linux" {
			t.Skip("other systems end the process group")
		}
		l := newLambda(t, 0)
		cmd := bootstrap(t, "errors:0.5", l.Listener.Addr().String(), "next")
		said := start(t, cmd)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(said); err != nil || len(rest) > 0 {
			t.Errorf("the function says %q, %v", rest, err)
		}
		_ = cmd.Wait() // it was killed
	})
}

// TestRun holds what the process says where it can't run the function, and that
// it runs it within this one too.
func TestRun(t *testing.T) {
	l := newLambda(t, 1)
	for name, value := range map[string]string{testAPI: "the process's", testDo: "exit", api: l.Listener.Addr().String()} {
		t.Setenv(name, value)
	}
	if code := Run(install(t, "latency:1ns"), after); code != 7 {
		t.Errorf("it exits with %d", code)
	}
	t.Setenv(testDo, "killed")
	if code := Run(install(t, "latency:1ns"), after); code != 128+9 {
		t.Errorf("where the function is killed, it exits with %d", code)
	}
	t.Setenv(testDo, "next")
	if code := Run(install(t, "crash"), after); code != 1 {
		t.Errorf("where it crashes, it exits with %d", code)
	}
	alone := install(t, "crash")
	if err := os.Remove(filepath.Join(alone, Original)); err != nil {
		t.Fatal(err)
	}
	for dir, says := range map[string]string{t.TempDir(): "reading the fault: open", install(t, "sulk"): `reading the fault: "sulk"`, alone: "starting the function"} {
		if _, err := run(dir, after); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want an error that says %s", err, says)
		}
		if code := Run(dir, after); code != 1 {
			t.Errorf("%s: it exits with %d", says, code)
		}
	}
}
