package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/localaws/isolation"
)

// An environment is an execution environment: one process that runs a version's
// bootstrap, with its own Runtime API, log stream and temporary directory. It
// serves one invocation at a time.
// See https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
type environment struct {
	service *Service
	version *version
	sandbox *sandbox
	// expires is when its credentials expire, by the account's clock. Zero
	// means never.
	expires time.Time

	listener net.Listener
	process  *exec.Cmd
	output   *outputPipe
	killOnce sync.Once

	work      chan *invocation // what /next returns; holds at most one
	ready     chan struct{}    // signalled when the process asks for the next invocation
	initError chan failure     // gets the process's report that it can't start
	gone      chan struct{}    // closed once the process has ended and its output has been read
	end       error            // the exit error, valid once gone is closed; nil means exit status 0

	api runtimeState

	memory memory

	// guarded by host.mu
	counted   bool // it occupies one of the host's slots
	idleSince time.Time
}

// A failure is a function's error as the caller sees it.
type failure struct {
	kind    string // errorType
	payload []byte
}

// start starts a process in a sandbox. An error means that the process can't be
// started at all; it is not an error of the function.
func (s *Service) start(box *sandbox) (_ *environment, err error) {
	// The directory of the functions must not be removed while this one gets its
	// own in it.
	if !s.host.enter() {
		return nil, ended()
	}
	defer func() {
		if err != nil {
			s.host.processes.Done()
		}
	}()
	v := box.version
	role, err := s.assume(s.life, v.name, v.settings.Role)
	if err != nil {
		return nil, invalid("The role defined for the function cannot be assumed by Lambda. (%v)", err)
	}
	if role.Credentials == nil {
		return nil, invalid("The role defined for the function cannot be assumed by Lambda. (AssumeRole gave no credentials)")
	}
	e := &environment{
		service:   s,
		version:   v,
		sandbox:   box,
		expires:   aws.ToTime(role.Credentials.Expiration),
		work:      make(chan *invocation, 1),
		ready:     make(chan struct{}, 1),
		initError: make(chan failure, 1),
		gone:      make(chan struct{}),
	}
	program, args, variables, err := s.entrypoint(v)
	if err != nil {
		return nil, err
	}
	temp := filepath.Join(s.account.Dir, "lambda", "tmp", box.id)
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, fmt.Errorf("making a function's TMPDIR: %w", err)
	}
	e.listener, err = isolation.Listen(s.life, s.account.Isolation, "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening the Runtime API: %w", err)
	}
	e.output, err = newOutputPipe(box.line)
	if err != nil {
		return nil, errors.Join(err, e.listener.Close())
	}
	// The process lives as long as the environment, not only as long as a request.
	cmd := exec.Command(program, args...) // #nosec G204 -- running the function is what this is for
	cmd.Dir = v.code.root
	cmd.Stdout, cmd.Stderr = e.output.write, e.output.write
	cmd.Env = slices.Concat(variables, environ(box, e.listener.Addr().String(), temp, role.Credentials.AccessKeyId, role.Credentials.SecretAccessKey, role.Credentials.SessionToken))
	group(cmd)
	e.process = cmd
	clean := func() error { return errors.Join(e.listener.Close(), e.output.close(), os.RemoveAll(temp)) }
	if err := s.spawner.Start(cmd, func() { s.cpus.limit(processorsFor(v.settings.Memory)) }); err != nil {
		return nil, &entrypointError{errors.Join(err, clean())}
	}
	e.memory.open(cmd.Process.Pid)
	go e.output.pump()
	go s.serveRuntime(e)
	s.host.add(e)
	go func() {
		defer s.host.processes.Done()
		e.end = cmd.Wait()
		// This also kills whatever the process has started.
		e.kill()
		e.output.finish()
		if err := errors.Join(e.memory.close(), clean()); err != nil {
			s.account.Log.Warn("cleaning up after a function", "function", v.name, "error", err)
		}
		s.host.forget(e)
		close(e.gone)
	}()
	return e, nil
}

// entrypointError says that the bootstrap can't be executed.
type entrypointError struct{ err error }

func (e *entrypointError) Error() string { return e.err.Error() }

// environ returns the complete environment of a function's process.
// See https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
func environ(box *sandbox, runtimeAPI, temp string, key, secret, token *string) []string {
	s, v := box.service, box.version
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
		"TMPDIR=" + temp,
		// Clients look for the user's settings and keys there.
		"HOME=" + temp,
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"_HANDLER=" + v.settings.Handler,
		"LAMBDA_TASK_ROOT=" + v.code.root,
		"LAMBDA_RUNTIME_DIR=" + v.code.root,
		"AWS_REGION=" + s.account.Region,
		"AWS_DEFAULT_REGION=" + s.account.Region,
		"AWS_ACCESS_KEY_ID=" + aws.ToString(key),
		"AWS_SECRET_ACCESS_KEY=" + aws.ToString(secret),
		"AWS_SESSION_TOKEN=" + aws.ToString(token),
		"AWS_ENDPOINT_URL=" + s.account.Endpoint,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_LAMBDA_FUNCTION_NAME=" + v.name,
		"AWS_LAMBDA_FUNCTION_VERSION=" + v.number,
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", v.settings.Memory),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=" + box.stream.group,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + box.stream.name,
		"AWS_LAMBDA_RUNTIME_API=" + runtimeAPI,
	}
	if s.account.Isolation != nil {
		env = append(env, proxies()...)
	}
	if v.settings.LogFormat == lambdatypes.LogFormatJson {
		env = append(env, "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL="+string(v.settings.ApplicationLevel))
	}
	for name, value := range v.settings.Variables {
		env = append(env, name+"="+value)
	}
	return env
}

// proxies returns the variables that say by which proxy isolated programs reach other
// machines. They are those of this program. Node looks at them if it is told to: see
// https://nodejs.org/api/cli.html#node_use_env_proxy1.
func proxies() []string {
	env := []string{"NODE_USE_ENV_PROXY=1"}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch strings.ToUpper(name) {
		case "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY":
			env = append(env, v)
		}
	}
	return env
}

// kill ends the environment's process and all processes that it has started. It
// does not wait until they are gone.
func (e *environment) kill() {
	e.killOnce.Do(func() { killGroup(e.process.Process) })
}

// stale reports whether the environment's credentials are about to expire.
func (e *environment) stale() bool {
	return !e.expires.IsZero() && e.service.account.Clock.Now().Add(5*time.Minute).After(e.expires)
}

// exit describes in Lambda's words how the process ended. It may only be called
// after gone is closed.
func (e *environment) exit() string {
	if e.end == nil {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + e.end.Error()
}

// exited returns the error of an invocation whose process has ended.
func (e *environment) exited(requestID string) failure {
	kind, how := "Runtime.ExitError", e.exit()
	if e.memory.exceeded.Load() {
		kind = "Runtime.OutOfMemory"
	}
	e.sandbox.crashed(requestID, how, kind)
	return newFailure(kind, "RequestId: %s Error: %s", requestID, how)
}

// initialize waits until the process asks for its first invocation. If that
// takes longer than limit, it kills the process and returns the failure.
func (e *environment) initialize(requestID string, limit time.Duration) *failure {
	timer := e.service.wall.NewTimer(limit)
	defer timer.Stop()
	var f failure
	select {
	case <-e.ready:
		// The size must be known in case the first invocation ends the process.
		e.checkMemory()
		return nil
	case f = <-e.initError:
	case <-e.gone:
		select {
		// The process reported the reason before it ended.
		case f = <-e.initError:
		default:
			f = e.exited(requestID)
		}
	case <-timer.C():
		f = failure{kind: timedOut}
	}
	e.kill()
	<-e.gone
	return &f
}

// dispatch hands an invocation to the process and waits for its end, which is
// the answer and the process's request for another one. It returns false if the
// process ended before it took the invocation.
func (e *environment) dispatch(inv *invocation, limit time.Duration) (taken bool) {
	select {
	// A process may have asked twice.
	case <-e.ready:
	default:
	}
	started := e.service.wall.Now()
	e.work <- inv
	interval := e.service.memoryInterval
	timer := e.service.wall.NewTimer(min(limit, interval))
	defer func() { timer.Stop() }()
	done, ready := inv.done, (<-chan struct{})(nil)
	for {
		select {
		case a := <-done:
			inv.answer = &a
			done, ready = nil, e.ready
		case <-ready:
			if e.checkMemory() {
				e.outOfMemory(inv)
				return true
			}
			inv.reusable = true
			return true
		case <-e.gone:
			select {
			// The process answered before it ended.
			case a := <-done:
				inv.answer = &a
			default:
			}
			if inv.answer == nil && !inv.taken.Load() {
				return false
			}
			exited := e.exited(inv.id)
			if inv.answer == nil {
				inv.answer = &answer{failure: &exited}
			}
			return true
		case <-timer.C():
			left := limit - e.service.wall.Now().Sub(started)
			if left > 0 {
				if e.checkMemory() {
					e.outOfMemory(inv)
					return true
				}
				timer = e.service.wall.NewTimer(min(left, interval))
				continue
			}
			e.kill()
			<-e.gone
			e.sandbox.timeout(inv)
			return true
		}
	}
}

// outOfMemory fails an invocation, once the process is gone, because the
// process exceeded its memory size during the invocation. The process's own
// answer does not count: Lambda would have killed the process before it answered.
func (e *environment) outOfMemory(inv *invocation) {
	<-e.gone
	inv.answer = &answer{failure: new(e.exited(inv.id))}
}

const timedOut = "Sandbox.Timedout"

func newFailure(kind, format string, args ...any) failure {
	payload, err := json.Marshal(struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{kind, fmt.Sprintf(format, args...)})
	if err != nil {
		// A string can always be encoded.
		panic(err)
	}
	return failure{kind: kind, payload: payload}
}
