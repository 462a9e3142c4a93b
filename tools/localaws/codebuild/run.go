package codebuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/magewright/magewright/tools/localaws/buildspec"
	"github.com/magewright/magewright/tools/localaws/principal"
)

var errStopped = errors.New("the build was stopped")

// A phaseError is a failure with the status code that its phase reports.
type phaseError struct {
	code string
	err  error
}

func (e *phaseError) Error() string { return e.err.Error() }
func (e *phaseError) Unwrap() error { return e.err }

// run takes a build from QUEUED to COMPLETED.
func (s *Service) run(ctx context.Context, b *build) {
	ctx = principal.ServiceFor(ctx, "codebuild.amazonaws.com", s.account.ID, aws.ToString(b.project.Arn))
	defer close(b.done)
	s.tell(ctx, b)
	status := s.stages(ctx, b)

	s.enter(b, cbtypes.BuildPhaseTypeFinalizing)
	b.log.close()
	s.leave(b, cbtypes.StatusTypeSucceeded)
	s.enter(b, cbtypes.BuildPhaseTypeCompleted)
	s.mu.Lock()
	b.api.BuildStatus, b.api.BuildComplete, b.api.EndTime = status, true, s.now()
	s.mu.Unlock()
	s.tell(context.WithoutCancel(ctx), b)
}

// stages runs the stages of a build and returns the build's status.
func (s *Service) stages(ctx context.Context, b *build) cbtypes.StatusType {
	if status := s.queue(ctx, b); status != cbtypes.StatusTypeSucceeded {
		return status
	}
	defer func() { <-s.slots }()
	limit := s.limits.NewTimer(time.Duration(*b.project.TimeoutInMinutes) * time.Minute)
	defer limit.Stop()
	go func() {
		select {
		case <-limit.C():
			b.cancel(buildspec.ErrTimedOut)
		case <-b.done:
		}
	}()

	at := s.place(b)
	w := &workplace{dir: at.dir, kept: at.kept}
	defer func() {
		if err := at.leave(w.source, w.checkedOut); err != nil {
			s.account.Log.Warn("removing a build's directory", "build", *b.api.Id, "error", err)
		}
	}()
	s.enter(b, cbtypes.BuildPhaseTypeProvisioning)
	if status := s.settle(ctx, b, s.provision(ctx, b, w)); status != cbtypes.StatusTypeSucceeded {
		return status
	}
	if w.role.ARN != "" {
		ctx = principal.NewContext(ctx, w.role)
	}
	s.enter(b, cbtypes.BuildPhaseTypeDownloadSource)
	b.log.say("Phase is DOWNLOAD_SOURCE")
	if status := s.settle(ctx, b, s.download(ctx, b, w)); status != cbtypes.StatusTypeSucceeded {
		return status
	}
	return s.perform(ctx, b, w)
}

// queue waits for one of the limited slots that builds run in.
func (s *Service) queue(ctx context.Context, b *build) cbtypes.StatusType {
	timeout := s.limits.NewTimer(time.Duration(*b.project.QueuedTimeoutInMinutes) * time.Minute)
	defer timeout.Stop()
	status := cbtypes.StatusTypeSucceeded
	select {
	case s.slots <- struct{}{}:
	case <-timeout.C():
		status = cbtypes.StatusTypeTimedOut
	case <-ctx.Done():
		status = ended(ctx)
	}
	s.leave(b, status)
	return status
}

// ended returns the status of a build whose context has ended.
func ended(ctx context.Context) cbtypes.StatusType {
	if errors.Is(context.Cause(ctx), buildspec.ErrTimedOut) {
		return cbtypes.StatusTypeTimedOut
	}
	return cbtypes.StatusTypeStopped
}

// enter begins a phase.
func (s *Service) enter(b *build, phase cbtypes.BuildPhaseType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.api.CurrentPhase = aws.String(string(phase))
	b.api.Phases = append(b.api.Phases, cbtypes.BuildPhase{PhaseType: phase, StartTime: s.now()})
}

// leave ends the phase that began last.
func (s *Service) leave(b *build, status cbtypes.StatusType, contexts ...cbtypes.PhaseContext) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &b.api.Phases[len(b.api.Phases)-1]
	p.EndTime, p.PhaseStatus, p.Contexts = s.now(), status, contexts
	p.DurationInSeconds = aws.Int64(int64(p.EndTime.Sub(*p.StartTime).Round(time.Second) / time.Second))
}

// settle ends the phase that began last with the status for err, and logs err.
func (s *Service) settle(ctx context.Context, b *build, err error) cbtypes.StatusType {
	s.mu.Lock()
	name := b.api.Phases[len(b.api.Phases)-1].PhaseType
	s.mu.Unlock()
	status, code, message := cbtypes.StatusTypeSucceeded, "", ""
	switch {
	case ctx.Err() != nil:
		status = ended(ctx)
		if status == cbtypes.StatusTypeTimedOut {
			code, message = buildspec.TimedOutError, "Build has timed out. "
		}
	case err != nil:
		status, code, message = cbtypes.StatusTypeFailed, buildspec.ClientError, err.Error()
		if coded, ok := errors.AsType[*phaseError](err); ok {
			code = coded.code
		}
	}
	b.log.say("Phase complete: %s State: %s", name, status)
	b.log.say("Phase context status code: %s Message: %s", code, message)
	if code == "" {
		s.leave(b, status)
	} else {
		s.leave(b, status, cbtypes.PhaseContext{StatusCode: aws.String(code), Message: aws.String(message)})
	}
	return status
}

// A workplace is what a build uses on this host.
type workplace struct {
	dir         string // removed with all its contents after the build
	kept        string // the primary source that an earlier build checked out
	checkedOut  tree   // what git checked out as the primary source
	source      string // the working directory
	secondary   map[string]string
	spec        *buildspec.Spec
	role        principal.Principal
	credentials []string // variables with the role's credentials
	mask        []string
	environment buildspec.Environment
	repository  string // the URL that the primary source was cloned from, or its location
	resolved    string // the commit or version of the primary source
}

// home returns the HOME of the build.
func (w *workplace) home() string { return filepath.Join(w.dir, "home") }

// perform runs the buildspec and collects its results.
func (s *Service) perform(ctx context.Context, b *build, w *workplace) cbtypes.StatusType {
	result, err := buildspec.Run(ctx, buildspec.Build{
		Spec:        w.spec,
		Source:      w.source,
		Work:        filepath.Join(w.dir, "work"),
		BashAsSh:    strings.Contains(aws.ToString(b.project.Environment.Image), "amazonlinux"),
		Host:        s.environ(b, w),
		Environment: w.environment,
		Mask:        w.mask,
		Start:       func(cmd *exec.Cmd) error { return s.spawner.Start(cmd, nil) },
		Outputs:     b.outputs(),
		Store:       func(ctx context.Context, a buildspec.Artifact) error { return s.store(ctx, b, a) },
		Log:         b.log,
		Clock:       s.account.Clock,
		OnPhase: func(p buildspec.PhaseResult) {
			if p.Status == buildspec.InProgress {
				s.enter(b, cbtypes.BuildPhaseType(p.Name))
				return
			}
			var contexts []cbtypes.PhaseContext
			for _, c := range p.Contexts {
				contexts = append(contexts, cbtypes.PhaseContext{StatusCode: aws.String(c.Code), Message: aws.String(c.Message)})
			}
			s.leave(b, cbtypes.StatusType(p.Status), contexts...)
		},
	})
	s.mu.Lock()
	for _, e := range result.Exported {
		b.api.ExportedEnvironmentVariables = append(b.api.ExportedEnvironmentVariables, cbtypes.ExportedEnvironmentVariable{Name: aws.String(e.Name), Value: aws.String(e.Value)})
	}
	s.addReports(b, result.Reports)
	s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ended(ctx)
	// Neither the build nor its caller is at fault.
	case err != nil:
		b.log.say("The build can't be run on this host: %v", err)
		return cbtypes.StatusTypeFault
	default:
		return cbtypes.StatusType(result.Status)
	}
}

// removeAll removes a directory even if directories in it are read-only, as
// those of Go's module cache are.
func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = root.Chmod(path, 0o700)
		}
		return err
	})
	return errors.Join(err, root.Close(), os.RemoveAll(dir))
}

// describe returns log lines about the project's settings that a host does not
// use, and about the pipeline that started the build.
func (b *build) describe() []string {
	e := b.project.Environment
	lines := []string{fmt.Sprintf("The build runs on this host: the image %s and the compute type %s are not used", *e.Image, e.ComputeType)}
	if aws.ToBool(e.PrivilegedMode) {
		lines = append(lines, "Warning: privilegedMode has no effect: there is no container")
	}
	if aws.ToString(e.Certificate) != "" {
		lines = append(lines, "Warning: the environment's certificate is not installed on this host")
	}
	if c := b.project.Cache; c != nil && c.Type != "" && c.Type != cbtypes.CacheTypeNoCache {
		lines = append(lines, fmt.Sprintf("The cache of type %s is not used: builds use this host's own caches, which their HOME leads to", c.Type))
	}
	if b.pipeline != nil {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("Started by pipeline %s, action %s, execution %s %s", b.pipeline.PipelineName, b.pipeline.ActionName, b.pipeline.ExecutionID, b.pipeline.InitiatorARN)))
	}
	return lines
}
