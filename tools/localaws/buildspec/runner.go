package buildspec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// UploadArtifacts is the phase after those that a buildspec declares.
const UploadArtifacts = "UPLOAD_ARTIFACTS"

// A Status says in CodeBuild's words how a phase or a build ended.
type Status string

// The statuses. Only Build.OnPhase sees InProgress.
const (
	InProgress Status = "IN_PROGRESS"
	Succeeded  Status = "SUCCEEDED"
	Failed     Status = "FAILED"
	TimedOut   Status = "TIMED_OUT"
	Stopped    Status = "STOPPED"
)

// ErrTimedOut is the cancellation cause of a build that has taken too long. Any
// other cause means that the build was stopped.
var ErrTimedOut = errors.New("build has timed out")

// The status codes of phase contexts.
const (
	CommandError  = "COMMAND_EXECUTION_ERROR"
	ClientError   = "CLIENT_ERROR"
	YAMLError     = "YAML_FILE_ERROR"
	TimedOutError = "BUILD_TIMED_OUT"
)

// A Context says why a phase ended with its status.
type Context struct{ Code, Message string }

// A PhaseResult is the result of a phase.
type PhaseResult struct {
	Name     string
	Status   Status
	Contexts []Context
	Start    time.Time
	End      time.Time // zero while the phase runs
}

// A Build says what to run, where, and with which environment.
type Build struct {
	Spec   *Spec
	Source string // absolute path of the source directory, where commands start
	Work   string // a private directory outside of Source, for scripts and artifacts

	// BashAsSh is true if sh is bash in the build's image, as in Amazon Linux.
	BashAsSh bool

	Host        []string    // environment that the build's variables are added to ("NAME=value")
	Environment Environment // the build's variables, which take precedence over Host
	Mask        []string    // further texts to mask in the log

	// Start starts a shell; nil means [exec.Cmd.Start].
	Start func(*exec.Cmd) error

	// Outputs lists the identifiers of the artifacts to collect. The empty
	// identifier is the primary artifact. If there are none, nothing is collected.
	Outputs []string
	// Store receives each collected artifact; an error fails the phase. Store
	// may be nil: the files then stay in Work until the caller removes it.
	Store func(context.Context, Artifact) error

	Log     io.Writer         // receives complete lines; may be nil
	Clock   clock.Clock       // timestamps phases and lines; nil means the system's clock
	OnPhase func(PhaseResult) // called at the start and end of each phase; may be nil
}

// An Exported is a variable that a build exports.
type Exported struct{ Name, Value string }

// A Result is the result of a build.
type Result struct {
	Status    Status
	Phases    []PhaseResult
	Exported  []Exported // in the buildspec's order
	Artifacts []Artifact
	Reports   []Report
	Warnings  []Warning // the buildspec's warnings, and those about what this host lacks
}

// Run runs a build's phases to their end. A failed build is no error: the
// result's status reports it. The error is not nil if the host couldn't run the
// build, or if ctx ended first; the result then holds what was done until then.
// When Run returns, no process of the build is left.
func Run(ctx context.Context, b Build) (Result, error) {
	r := &run{Build: b}
	if r.Clock == nil {
		r.Clock = clock.System()
	}
	if r.Start == nil {
		r.Start = (*exec.Cmd).Start
	}
	program, posix, err := b.shell()
	if err != nil {
		return Result{Status: Failed}, err
	}
	r.values = map[string]string{}
	for _, v := range b.Host {
		if name, value, ok := strings.Cut(v, "="); ok {
			r.values[name] = value
		}
	}
	secrets := slices.Clone(b.Mask)
	for name, value := range b.Environment.Values {
		r.values[name] = value
		if b.Environment.Secret[name] {
			secrets = append(secrets, value)
		}
	}
	r.values["CODEBUILD_SRC_DIR"] = b.Source
	r.values["CODEBUILD_BUILD_SUCCEEDING"] = "1"
	r.log = newLogger(b.Log, r.Clock, secrets)
	r.shell, err = newShell(program, b.Source, filepath.Join(b.Work, "shell"), environ(r.values), r.log)
	if err != nil {
		return Result{Status: Failed}, err
	}
	r.shell.isolated, r.shell.begin = b.Spec.Isolated, r.Start
	if posix {
		r.shell.args = append(r.shell.args, "--posix")
	}
	err = r.all(ctx)
	if stopErr := r.shell.stop(); stopErr != nil && err == nil {
		err = fmt.Errorf("stopping the build's shell: %w", stopErr)
	}
	return r.result, err
}

func environ(values map[string]string) []string {
	env := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		env = append(env, name+"="+values[name])
	}
	return env
}

// shell returns the program that runs the commands. posix is true if that is
// bash in the place of sh.
func (b *Build) shell() (program string, posix bool, err error) {
	name := b.Spec.Env.Shell
	posix = b.BashAsSh && (name == "" || name == "/bin/sh")
	switch {
	case name == "bash" || posix:
		program, err = exec.LookPath("bash")
		if err != nil {
			return "", false, fmt.Errorf("finding the shell: %w", err)
		}
		return program, posix, nil
	case name == "" || name == "/bin/sh":
		return "/bin/sh", false, nil
	default:
		at := b.Spec.Env.ShellPos
		return "", false, fmt.Errorf("%s:%d:%d: env.shell %s: this host supports only bash and /bin/sh", b.Spec.File, at.Line, at.Column, name)
	}
}

// A run is a build in progress.
type run struct {
	Build
	log    *logger
	shell  *shell
	values map[string]string // current values of the variables
	result Result
	failed bool // a phase that must succeed has failed
}

func (r *run) all(ctx context.Context) error {
	r.result.Status = Failed
	r.announce(ctx)
	// skip is set after a failure that stops the later phases.
	skip := false
	for _, name := range []string{Install, PreBuild, BuildStep, PostBuild} {
		if skip {
			continue
		}
		p := Phase{Name: name}
		if i := slices.IndexFunc(r.Spec.Phases, func(p Phase) bool { return p.Name == name }); i >= 0 {
			p = r.Spec.Phases[i]
		}
		status, err := r.phase(ctx, p)
		if err != nil {
			return err
		}
		if status == Succeeded {
			continue
		}
		r.shell.set("CODEBUILD_BUILD_SUCCEEDING", "0")
		if err := r.quietly(ctx, "export CODEBUILD_BUILD_SUCCEEDING=0"); err != nil {
			return err
		}
		if p.OnFailure.Action == Continue {
			continue
		}
		r.failed = true
		skip = p.OnFailure.Action == Abort || name != BuildStep
	}
	if err := r.readEnvironment(ctx); err != nil {
		return err
	}
	r.export()
	if err := r.upload(ctx); err != nil {
		return err
	}
	if !r.failed {
		r.result.Status = Succeeded
	}
	return nil
}

// announce writes the log lines that CodeBuild writes before the first phase.
func (r *run) announce(ctx context.Context) {
	r.result.Warnings = append(slices.Clone(r.Spec.Warnings), r.Spec.lacking(ctx, r.Source, environ(r.values), r.log)...)
	for _, w := range r.result.Warnings {
		r.log.say("Warning: %s", w)
	}
	if c := r.Spec.Cache; c != nil {
		r.explainCache(c)
	}
	r.log.say("Phases found in YAML: %d", len(r.Spec.Phases))
	for _, p := range r.Spec.Phases {
		r.log.say(" %s: %d commands", p.Name, len(p.Commands))
	}
}

// explainCache logs what happens to cache.paths. Builds on a host use its
// user's home: cached modules and compiled packages are already there, and stay
// there. What lies in the source directory is removed with it.
func (r *run) explainCache(c *Cache) {
	for _, path := range c.Paths {
		if filepath.IsAbs(path) || strings.HasPrefix(path, "~/") || strings.HasPrefix(path, "$HOME/") {
			r.log.say("Cache %s: builds use this host's own files; nothing is restored or saved", path)
			continue
		}
		w := Warning{r.Spec.File, c.Pos, fmt.Sprintf("cache.paths: %s is below the source directory, so this host neither restores nor saves it", path)}
		r.result.Warnings = append(r.result.Warnings, w)
		r.log.say("Warning: %s", w)
	}
}

func (r *run) begin(name string) *PhaseResult {
	p := PhaseResult{Name: name, Status: InProgress, Start: r.Clock.Now()}
	if r.OnPhase != nil {
		r.OnPhase(p)
	}
	return &p
}

func (r *run) finish(p *PhaseResult, status Status, contexts ...Context) {
	p.Status, p.Contexts, p.End = status, contexts, r.Clock.Now()
	r.log.say("Phase complete: %s State: %s", p.Name, status)
	if len(contexts) == 0 {
		r.log.say("Phase context status code:  Message: ")
	}
	for _, c := range contexts {
		r.log.say("Phase context status code: %s Message: %s", c.Code, c.Message)
	}
	r.result.Phases = append(r.result.Phases, *p)
	if r.OnPhase != nil {
		r.OnPhase(*p)
	}
}

// interrupted finishes a phase during which ctx ended, and returns the cause.
func (r *run) interrupted(p *PhaseResult, cause error) error {
	status, contexts := Stopped, []Context(nil)
	if errors.Is(cause, ErrTimedOut) {
		status, contexts = TimedOut, []Context{{TimedOutError, "Build has timed out. "}}
	}
	r.result.Status = status
	r.finish(p, status, contexts...)
	return fmt.Errorf("running phase %s: %w", p.Name, cause)
}

// phase runs a phase. It runs the phase again if on-failure says so.
func (r *run) phase(ctx context.Context, p Phase) (Status, error) {
	result := r.begin(p.Name)
	r.log.say("Entering phase %s", p.Name)
	for attempt := 1; ; attempt++ {
		failure, output, err := r.attempt(ctx, p)
		switch {
		case err != nil && ctx.Err() != nil:
			return "", r.interrupted(result, context.Cause(ctx))
		case err != nil:
			r.finish(result, Failed, Context{"INTERNAL_ERROR", err.Error()})
			return "", err
		case failure == nil:
			r.finish(result, Succeeded)
			return Succeeded, nil
		}
		f := p.OnFailure
		if f.Action != Retry || attempt > f.Retries || f.Match != nil && !f.Match.MatchString(failure.Message+"\n"+output) {
			r.finish(result, Failed, *failure)
			return Failed, nil
		}
		r.log.say("Phase %s failed: %s", p.Name, failure.Message)
		r.log.say("Retrying phase %s: attempt %d of %d", p.Name, attempt+1, f.Retries+1)
	}
}

// attempt runs a phase's commands and then its finally block. It returns the
// first failure and the output of the command that failed.
func (r *run) attempt(ctx context.Context, p Phase) (failure *Context, output string, err error) {
	for _, commands := range [][]string{p.Commands, p.Finally} {
		for _, command := range commands {
			r.log.say("Running command %s", command)
			err := r.shell.run(ctx, command)
			r.log.line("")
			failed, isCommand := errors.AsType[*commandError](err)
			if err != nil && !isCommand {
				return nil, "", err
			}
			if !isCommand {
				continue
			}
			r.log.say("Command did not exit successfully %s %s", command, failed.reason)
			if failure == nil {
				failure = &Context{CommandError, fmt.Sprintf("Error while executing command: %s. Reason: %s", command, failed.reason)}
				output = r.shell.tail.String()
			}
			break
		}
	}
	return failure, output, nil
}

// quietly runs one of our own commands in the build's shell. The build itself
// (a read-only variable, a broken PATH) may make it fail; that is logged.
func (r *run) quietly(ctx context.Context, command string) error {
	err := r.shell.run(ctx, command)
	if failed, ok := errors.AsType[*commandError](err); ok {
		r.log.say("Command did not exit successfully %s %s", command, failed.reason)
		return nil
	}
	if err != nil && ctx.Err() != nil {
		r.result.Status = Stopped
		if errors.Is(context.Cause(ctx), ErrTimedOut) {
			r.result.Status = TimedOut
		}
	}
	return err
}

// readEnvironment reads the variables that the shell exports when it ends.
func (r *run) readEnvironment(ctx context.Context) error {
	if len(r.Spec.Env.Exported) == 0 && len(r.Spec.Reports) == 0 && len(r.Outputs) == 0 {
		return nil
	}
	env, err := exec.LookPath("env")
	if err != nil {
		return fmt.Errorf("reading the build's variables: %w", err)
	}
	file := filepath.Join(r.Work, "environ")
	if err := r.quietly(ctx, quote(env)+" -0 >"+quote(file)); err != nil {
		return err
	}
	data, err := os.ReadFile(file) // #nosec G304 -- a file of our own
	if err != nil {
		return fmt.Errorf("reading the build's variables: %w", err)
	}
	r.values = map[string]string{}
	for v := range strings.SplitSeq(string(data), "\x00") {
		if name, value, ok := strings.Cut(v, "="); ok {
			r.values[name] = value
		}
	}
	return nil
}

// export reads the current values of exported-variables.
func (r *run) export() {
	for _, name := range r.Spec.Env.Exported {
		value, set := r.values[name]
		switch {
		// There is a warning about this in the buildspec.
		case strings.HasPrefix(name, "AWS_"):
		case r.Environment.Secret[name]:
			r.log.say("Warning: %s is not exported: it is a secret", name)
		case !set:
			r.log.say("Warning: %s is not exported: it is not an environment variable of the build", name)
		default:
			r.result.Exported = append(r.result.Exported, Exported{name, value})
		}
	}
}

// expand replaces $NAME and ${NAME} with the values of the build's variables.
func (r *run) expand(text string) string {
	return os.Expand(text, func(name string) string { return r.values[name] })
}

// upload runs the phase UPLOAD_ARTIFACTS: first reports, then artifacts.
func (r *run) upload(ctx context.Context) error {
	p := r.begin(UploadArtifacts)
	r.reports()
	for _, identifier := range r.Outputs {
		err := r.artifact(ctx, identifier)
		if ctx.Err() != nil {
			return r.interrupted(p, context.Cause(ctx))
		}
		if err != nil {
			r.finish(p, Failed, Context{ClientError, err.Error()})
			r.failed = true
			return nil
		}
	}
	if err := context.Cause(ctx); err != nil {
		return r.interrupted(p, err)
	}
	r.finish(p, Succeeded)
	return nil
}

// artifact collects an artifact and stores it.
func (r *run) artifact(ctx context.Context, identifier string) error {
	declared, ok := r.Spec.Artifact(identifier)
	switch {
	case ok && len(declared.Files) == 0 && identifier == "" && len(declared.Secondary) > 0:
		return fmt.Errorf("%s:%d:%d: artifacts has no files, only secondary artifacts: this build needs a primary one", r.Spec.File, declared.Pos.Line, declared.Pos.Column)
	case ok && len(declared.Files) == 0:
		return fmt.Errorf("%s:%d:%d: the artifact has no files", r.Spec.File, declared.Pos.Line, declared.Pos.Column)
	case !ok:
		if identifier == "" {
			return fmt.Errorf("%s declares no artifacts", r.Spec.File)
		}
		return fmt.Errorf("%s declares no secondary artifact %q", r.Spec.File, identifier)
	}
	declared.BaseDirectory = r.expand(declared.BaseDirectory)
	declared.Files = slices.Clone(declared.Files)
	for i, f := range declared.Files {
		declared.Files[i] = r.expand(f)
	}
	name, err := r.evaluate(ctx, declared.Name)
	if err != nil {
		return err
	}
	collected, err := collect(r.Source, declared, r.log)
	if err != nil {
		return err
	}
	file := filepath.Join(r.Work, fmt.Sprintf("artifact-%d.zip", len(r.result.Artifacts)))
	a := Artifact{Identifier: identifier, Name: name, S3Prefix: r.expand(declared.S3Prefix), Path: file, Files: len(collected)}
	if err := writeZip(file, collected); err != nil {
		return err
	}
	if r.Store != nil {
		if err := r.Store(ctx, a); err != nil {
			return err
		}
	}
	r.result.Artifacts = append(r.result.Artifacts, a)
	return nil
}

// evaluate uses the build's shell to expand the variables and commands in a text.
func (r *run) evaluate(ctx context.Context, text string) (string, error) {
	if !strings.ContainsAny(text, "$`") {
		return text, nil
	}
	file := filepath.Join(r.Work, "text")
	word := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	if err := r.shell.run(ctx, "printf %s "+word+" >"+quote(file)); err != nil {
		return "", fmt.Errorf("evaluating %s: %w", text, err)
	}
	data, err := os.ReadFile(file) // #nosec G304 -- a file of our own
	if err != nil {
		return "", fmt.Errorf("evaluating %s: %w", text, err)
	}
	return string(data), nil
}
