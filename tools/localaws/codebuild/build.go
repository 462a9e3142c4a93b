package codebuild

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// A build is a build, including what the API does not show.
type build struct {
	uuid      string
	project   cbtypes.Project // with the build's overrides
	variables []cbtypes.EnvironmentVariable
	pipeline  *PipelineBuild // nil if no pipeline started it
	start     *awscodebuild.StartBuildInput
	log       *buildLog
	cancel    context.CancelCauseFunc
	done      chan struct{}

	api cbtypes.Build // guarded by the service's mutex
}

// StartBuild queues a build of a project.
func (s *Service) StartBuild(ctx context.Context, in *awscodebuild.StartBuildInput) (*awscodebuild.StartBuildOutput, error) {
	return s.startBuild(ctx, in, nil)
}

// StartPipelineBuild queues a build that uses the sources and artifacts of a
// pipeline action.
func (s *Service) StartPipelineBuild(ctx context.Context, p PipelineBuild) (*awscodebuild.StartBuildOutput, error) {
	if p.Start == nil || len(p.Inputs) == 0 {
		return nil, invalid("A build of a pipeline requires a project and an input artifact")
	}
	return s.startBuild(ctx, p.Start, &p)
}

func (s *Service) startBuild(ctx context.Context, in *awscodebuild.StartBuildInput, pipeline *PipelineBuild) (*awscodebuild.StartBuildOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, invalid("Builds can't be started: %v", errClosed)
	}
	if b, ok := s.builds[s.tokens[aws.ToString(in.IdempotencyToken)]]; ok {
		return &awscodebuild.StartBuildOutput{Build: b.copy()}, nil
	}
	p, err := s.projectOf(in, pipeline)
	if err != nil {
		return nil, err
	}
	effective, err := override(*p, in)
	if err != nil {
		return nil, err
	}
	if (effective.Source.Type == cbtypes.SourceTypeCodepipeline) != (pipeline != nil) {
		return nil, invalid("Source type %s: only a pipeline can start builds of type CODEPIPELINE, and it starts no other type", effective.Source.Type)
	}
	if err := s.withinLimit(effective); err != nil {
		return nil, err
	}
	b := s.newBuild(ctx, effective, in, pipeline)
	if token := aws.ToString(in.IdempotencyToken); token != "" {
		s.tokens[token] = *b.api.Id
	}
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	b.cancel = cancel
	s.builds[*b.api.Id] = b
	if b.commands() == nil {
		s.order = append(s.order, *b.api.Id)
	}
	s.running.Go(func() {
		defer cancel(nil)
		s.run(work, b)
	})
	return &awscodebuild.StartBuildOutput{Build: b.copy()}, nil
}

// projectOf returns the project of a build. The caller holds the service's lock.
func (s *Service) projectOf(in *awscodebuild.StartBuildInput, pipeline *PipelineBuild) (*cbtypes.Project, error) {
	if pipeline != nil && pipeline.Commands != nil {
		return s.commandsProject(pipeline)
	}
	return s.project(aws.ToString(in.ProjectName))
}

// withinLimit reports whether the project may have one more build. The caller
// holds the service's lock.
func (s *Service) withinLimit(p cbtypes.Project) error {
	if p.ConcurrentBuildLimit == nil {
		return nil
	}
	n := int32(0)
	for _, b := range s.builds {
		if *b.api.ProjectName == *p.Name && !b.api.BuildComplete {
			n++
		}
	}
	if n >= *p.ConcurrentBuildLimit {
		return &cbtypes.AccountLimitExceededException{Message: aws.String(fmt.Sprintf("Cannot have more than %d builds of project %s at a time", *p.ConcurrentBuildLimit, *p.Name))}
	}
	return nil
}

func (s *Service) newBuild(ctx context.Context, p cbtypes.Project, in *awscodebuild.StartBuildInput, pipeline *PipelineBuild) *build {
	name := *p.Name
	s.numbers[name]++
	b := &build{uuid: uuid.NewString(), project: p, variables: p.Environment.EnvironmentVariables, pipeline: pipeline, start: in, done: make(chan struct{})}
	id := name + ":" + b.uuid
	started := s.now()
	b.api = cbtypes.Build{
		Id:                     aws.String(id),
		Arn:                    aws.String(s.account.ARN("codebuild", "build/"+id)),
		BuildNumber:            aws.Int64(s.numbers[name]),
		ProjectName:            aws.String(name),
		BuildStatus:            cbtypes.StatusTypeInProgress,
		CurrentPhase:           aws.String(string(cbtypes.BuildPhaseTypeQueued)),
		StartTime:              started,
		Initiator:              aws.String(initiator(ctx)),
		Source:                 p.Source,
		SourceVersion:          p.SourceVersion,
		SecondarySources:       p.SecondarySources,
		Environment:            p.Environment,
		Cache:                  p.Cache,
		EncryptionKey:          p.EncryptionKey,
		ServiceRole:            p.ServiceRole,
		TimeoutInMinutes:       p.TimeoutInMinutes,
		QueuedTimeoutInMinutes: p.QueuedTimeoutInMinutes,
		Phases: []cbtypes.BuildPhase{
			{PhaseType: cbtypes.BuildPhaseTypeSubmitted, PhaseStatus: cbtypes.StatusTypeSucceeded, StartTime: started, EndTime: started, DurationInSeconds: aws.Int64(0)},
			{PhaseType: cbtypes.BuildPhaseTypeQueued, StartTime: started},
		},
	}
	b.api.Artifacts, b.api.SecondaryArtifacts = s.destinations(b)
	if pipeline != nil {
		b.api.Initiator = aws.String("codepipeline/" + pipeline.PipelineName)
		b.api.SourceVersion = aws.String(pipeline.SourceVersion)
	}
	b.log = newBuildLog(s, b)
	b.api.Logs = b.log.location(s.account)
	return b
}

// copy returns what the API shows. The caller holds the service's lock.
func (b *build) copy() *cbtypes.Build {
	c := b.api
	c.Phases = slices.Clone(b.api.Phases)
	c.ReportArns = slices.Clone(b.api.ReportArns)
	c.ExportedEnvironmentVariables = slices.Clone(b.api.ExportedEnvironmentVariables)
	return &c
}

// initiator names the caller that starts a build as CodeBuild does: a user by
// name, a role with its session.
func initiator(ctx context.Context) string {
	arn := principal.FromContext(ctx).ARN
	if _, session, ok := strings.Cut(arn, ":assumed-role/"); ok {
		return session
	}
	return lastPart(arn)
}

// override returns the project with a build's overrides applied.
func override(p cbtypes.Project, in *awscodebuild.StartBuildInput) (cbtypes.Project, error) {
	switch {
	case in.FleetOverride != nil:
		return p, unsupported("fleetOverride")
	case aws.ToBool(in.DebugSessionEnabled):
		return p, unsupported("debugSessionEnabled")
	case aws.ToInt32(in.AutoRetryLimitOverride) > 0:
		return p, unsupported("autoRetryLimitOverride")
	}
	source, environment := *p.Source, *p.Environment
	if in.SourceTypeOverride != "" {
		source.Type = in.SourceTypeOverride
	}
	set(&source.Location, in.SourceLocationOverride)
	set(&source.Auth, in.SourceAuthOverride)
	set(&source.Buildspec, in.BuildspecOverride)
	set(&source.GitCloneDepth, in.GitCloneDepthOverride)
	if in.EnvironmentTypeOverride != "" {
		environment.Type = in.EnvironmentTypeOverride
	}
	if in.ComputeTypeOverride != "" {
		environment.ComputeType = in.ComputeTypeOverride
	}
	set(&environment.Image, in.ImageOverride)
	set(&environment.PrivilegedMode, in.PrivilegedModeOverride)
	environment.EnvironmentVariables = merge(environment.EnvironmentVariables, in.EnvironmentVariablesOverride)
	p.Source, p.Environment = &source, &environment
	set(&p.Artifacts, in.ArtifactsOverride)
	set(&p.SourceVersion, in.SourceVersion)
	set(&p.ServiceRole, in.ServiceRoleOverride)
	set(&p.TimeoutInMinutes, in.TimeoutInMinutesOverride)
	set(&p.QueuedTimeoutInMinutes, in.QueuedTimeoutInMinutesOverride)
	set(&p.LogsConfig, in.LogsConfigOverride)
	set(&p.EncryptionKey, in.EncryptionKeyOverride)
	set(&p.Cache, in.CacheOverride)
	if in.SecondaryArtifactsOverride != nil {
		p.SecondaryArtifacts = in.SecondaryArtifactsOverride
	}
	if in.SecondarySourcesOverride != nil {
		p.SecondarySources = in.SecondarySourcesOverride
	}
	if in.SecondarySourcesVersionOverride != nil {
		p.SecondarySourceVersions = in.SecondarySourcesVersionOverride
	}
	return p, check(&p)
}

// merge returns both lists of variables. If a name occurs twice, the later
// value wins.
func merge(project, start []cbtypes.EnvironmentVariable) []cbtypes.EnvironmentVariable {
	merged := slices.Clone(project)
	for _, v := range start {
		same := func(o cbtypes.EnvironmentVariable) bool { return aws.ToString(o.Name) == aws.ToString(v.Name) }
		merged = append(slices.DeleteFunc(merged, same), v)
	}
	return merged
}

// BatchGetBuilds returns the builds with the ids or ARNs.
func (s *Service) BatchGetBuilds(_ context.Context, in *awscodebuild.BatchGetBuildsInput) (*awscodebuild.BatchGetBuildsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscodebuild.BatchGetBuildsOutput{}
	for _, id := range in.Ids {
		if b, err := s.build(id); err == nil {
			out.Builds = append(out.Builds, *b.copy())
		} else {
			out.BuildsNotFound = append(out.BuildsNotFound, id)
		}
	}
	return out, nil
}

// build returns the build with an id or an ARN. The caller holds the service's lock.
func (s *Service) build(id string) (*build, error) {
	b, ok := s.builds[strings.TrimPrefix(id, s.account.ARN("codebuild", "build/"))]
	if !ok {
		return nil, notFound("Build cannot be found: %s", id)
	}
	return b, nil
}

// ListBuilds returns the ids of all builds, newest first.
func (s *Service) ListBuilds(_ context.Context, in *awscodebuild.ListBuildsInput) (*awscodebuild.ListBuildsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids, next, err := page(sorted(s.order, in.SortOrder), in.NextToken, nil)
	if err != nil {
		return nil, err
	}
	return &awscodebuild.ListBuildsOutput{Ids: ids, NextToken: next}, nil
}

// ListBuildsForProject returns the ids of a project's builds, newest first.
func (s *Service) ListBuildsForProject(_ context.Context, in *awscodebuild.ListBuildsForProjectInput) (*awscodebuild.ListBuildsForProjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.project(aws.ToString(in.ProjectName))
	if err != nil {
		return nil, err
	}
	ids := slices.DeleteFunc(sorted(s.order, in.SortOrder), func(id string) bool { return *s.builds[id].api.ProjectName != *p.Name })
	ids, next, err := page(ids, in.NextToken, nil)
	if err != nil {
		return nil, err
	}
	return &awscodebuild.ListBuildsForProjectOutput{Ids: ids, NextToken: next}, nil
}

// sorted returns ids in the requested order. They are given oldest first.
func sorted(ids []string, order cbtypes.SortOrderType) []string {
	ids = slices.Clone(ids)
	if order != cbtypes.SortOrderTypeAscending {
		slices.Reverse(ids)
	}
	return ids
}

// StopBuild asks a build to stop. The build is complete once its processes have
// ended. A complete build does not change.
func (s *Service) StopBuild(_ context.Context, in *awscodebuild.StopBuildInput) (*awscodebuild.StopBuildOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.build(aws.ToString(in.Id))
	if err != nil {
		return nil, err
	}
	b.cancel(errStopped)
	return &awscodebuild.StopBuildOutput{Build: b.copy()}, nil
}

// RetryBuild starts a build again with the same parameters.
func (s *Service) RetryBuild(ctx context.Context, in *awscodebuild.RetryBuildInput) (*awscodebuild.RetryBuildOutput, error) {
	s.mu.Lock()
	b, err := s.build(aws.ToString(in.Id))
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if b.pipeline != nil {
		return nil, invalid("Only the pipeline can retry its builds: %s", *in.Id)
	}
	start := *b.start
	start.IdempotencyToken = in.IdempotencyToken
	out, err := s.startBuild(ctx, &start, nil)
	if err != nil {
		return nil, err
	}
	return &awscodebuild.RetryBuildOutput{Build: out.Build}, nil
}

// WaitBuild waits until a build is complete and returns it, or returns ctx's error.
func (s *Service) WaitBuild(ctx context.Context, id string) (*cbtypes.Build, error) {
	s.mu.Lock()
	b, err := s.build(id)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return b.copy(), nil
}
