package codebuild

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

var projectName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{1,254}$`)

// Limits in minutes, from
// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html.
const (
	defaultTimeout       = 60
	defaultQueuedTimeout = 480
	longestTimeout       = 2160
)

// CreateProject creates a project. It refuses what is not supported: VPCs, file
// systems, batches, badges, automatic retries, fleets and logs in S3.
func (s *Service) CreateProject(_ context.Context, in *awscodebuild.CreateProjectInput) (*awscodebuild.CreateProjectOutput, error) {
	name := aws.ToString(in.Name)
	if !projectName.MatchString(name) {
		return nil, invalid("Invalid project name: %q", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.projects[name]; exists {
		return nil, &cbtypes.ResourceAlreadyExistsException{Message: aws.String("Project already exists: " + s.projectARN(name))}
	}
	p := cbtypes.Project{
		Arn:               aws.String(s.projectARN(name)),
		Name:              aws.String(name),
		Created:           s.now(),
		ProjectVisibility: cbtypes.ProjectVisibilityTypePrivate,
	}
	err := s.change(&p, &awscodebuild.UpdateProjectInput{
		Artifacts:               in.Artifacts,
		AutoRetryLimit:          in.AutoRetryLimit,
		BadgeEnabled:            in.BadgeEnabled,
		BuildBatchConfig:        in.BuildBatchConfig,
		Cache:                   in.Cache,
		ConcurrentBuildLimit:    in.ConcurrentBuildLimit,
		Description:             in.Description,
		EncryptionKey:           in.EncryptionKey,
		Environment:             in.Environment,
		FileSystemLocations:     in.FileSystemLocations,
		LogsConfig:              in.LogsConfig,
		QueuedTimeoutInMinutes:  in.QueuedTimeoutInMinutes,
		SecondaryArtifacts:      in.SecondaryArtifacts,
		SecondarySourceVersions: in.SecondarySourceVersions,
		SecondarySources:        in.SecondarySources,
		ServiceRole:             in.ServiceRole,
		Source:                  in.Source,
		SourceVersion:           in.SourceVersion,
		Tags:                    in.Tags,
		TimeoutInMinutes:        in.TimeoutInMinutes,
		VpcConfig:               in.VpcConfig,
	})
	if err != nil {
		return nil, err
	}
	s.projects[name] = &p
	return &awscodebuild.CreateProjectOutput{Project: new(p)}, nil
}

// UpdateProject changes the parts of a project that in names.
func (s *Service) UpdateProject(_ context.Context, in *awscodebuild.UpdateProjectInput) (*awscodebuild.UpdateProjectOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.project(aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	changed := *p
	if err := s.change(&changed, in); err != nil {
		return nil, err
	}
	*p = changed
	return &awscodebuild.UpdateProjectOutput{Project: &changed}, nil
}

// DeleteProject deletes a project. Its builds continue, and remain visible.
func (s *Service) DeleteProject(_ context.Context, in *awscodebuild.DeleteProjectInput) (*awscodebuild.DeleteProjectOutput, error) {
	if aws.ToString(in.Name) == "" {
		return nil, invalid("Invalid project name: empty")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.projects, lastPart(*in.Name))
	return &awscodebuild.DeleteProjectOutput{}, nil
}

// BatchGetProjects returns the projects with the names or ARNs.
func (s *Service) BatchGetProjects(_ context.Context, in *awscodebuild.BatchGetProjectsInput) (*awscodebuild.BatchGetProjectsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscodebuild.BatchGetProjectsOutput{}
	for _, name := range in.Names {
		if p, err := s.project(name); err == nil {
			out.Projects = append(out.Projects, *p)
		} else {
			out.ProjectsNotFound = append(out.ProjectsNotFound, name)
		}
	}
	return out, nil
}

// ListProjects returns the names of the projects.
func (s *Service) ListProjects(_ context.Context, in *awscodebuild.ListProjectsInput) (*awscodebuild.ListProjectsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.SortedFunc(maps.Keys(s.projects), func(a, b string) int {
		p, q := s.projects[a], s.projects[b]
		switch in.SortBy {
		case cbtypes.ProjectSortByTypeCreatedTime:
			return cmp.Or(p.Created.Compare(*q.Created), cmp.Compare(a, b))
		case cbtypes.ProjectSortByTypeLastModifiedTime:
			return cmp.Or(p.LastModified.Compare(*q.LastModified), cmp.Compare(a, b))
		default:
			return cmp.Compare(a, b)
		}
	})
	if in.SortOrder == cbtypes.SortOrderTypeDescending {
		slices.Reverse(names)
	}
	names, next, err := page(names, in.NextToken, nil)
	if err != nil {
		return nil, err
	}
	return &awscodebuild.ListProjectsOutput{Projects: names, NextToken: next}, nil
}

func (s *Service) projectARN(name string) string { return s.account.ARN("codebuild", "project/"+name) }

// project returns the project with a name or an ARN. The caller holds the
// service's lock.
func (s *Service) project(name string) (*cbtypes.Project, error) {
	if name == "" {
		return nil, invalid("Project name is required")
	}
	p, ok := s.projects[lastPart(name)]
	if !ok {
		return nil, notFound("Project cannot be found: %s", s.projectARN(lastPart(name)))
	}
	return p, nil
}

// set replaces a value if a new one is given.
func set[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// change applies in to p and checks the result.
func (s *Service) change(p *cbtypes.Project, in *awscodebuild.UpdateProjectInput) error {
	switch {
	case aws.ToBool(in.BadgeEnabled):
		return unsupported("badgeEnabled")
	case in.BuildBatchConfig != nil:
		return unsupported("buildBatchConfig")
	case len(in.FileSystemLocations) > 0:
		return unsupported("fileSystemLocations")
	case in.VpcConfig != nil && aws.ToString(in.VpcConfig.VpcId) != "":
		return unsupported("vpcConfig")
	case aws.ToInt32(in.AutoRetryLimit) > 0:
		return unsupported("autoRetryLimit")
	}
	set(&p.Artifacts, in.Artifacts)
	set(&p.Cache, in.Cache)
	set(&p.Description, in.Description)
	set(&p.EncryptionKey, in.EncryptionKey)
	set(&p.Environment, in.Environment)
	set(&p.LogsConfig, in.LogsConfig)
	set(&p.QueuedTimeoutInMinutes, in.QueuedTimeoutInMinutes)
	set(&p.ServiceRole, in.ServiceRole)
	set(&p.Source, in.Source)
	set(&p.SourceVersion, in.SourceVersion)
	set(&p.TimeoutInMinutes, in.TimeoutInMinutes)
	if limit := in.ConcurrentBuildLimit; limit != nil {
		p.ConcurrentBuildLimit = limit
		// This removes the limit.
		if *limit == -1 {
			p.ConcurrentBuildLimit = nil
		}
	}
	if in.SecondaryArtifacts != nil {
		p.SecondaryArtifacts = slices.Clone(in.SecondaryArtifacts)
	}
	if in.SecondarySources != nil {
		p.SecondarySources = slices.Clone(in.SecondarySources)
	}
	if in.SecondarySourceVersions != nil {
		p.SecondarySourceVersions = slices.Clone(in.SecondarySourceVersions)
	}
	if in.Tags != nil {
		p.Tags = slices.Clone(in.Tags)
	}
	if p.TimeoutInMinutes == nil {
		p.TimeoutInMinutes = aws.Int32(defaultTimeout)
	}
	if p.QueuedTimeoutInMinutes == nil {
		p.QueuedTimeoutInMinutes = aws.Int32(defaultQueuedTimeout)
	}
	if aws.ToString(p.EncryptionKey) == "" {
		p.EncryptionKey = aws.String(s.account.ARN("kms", "alias/aws/s3"))
	}
	p.Badge = &cbtypes.ProjectBadge{}
	p.LastModified = s.now()
	return check(p)
}

func unsupported(what string) error {
	return invalid("%s is not supported by the embedded CodeBuild", what)
}

// check returns what is wrong with a project or with a build of it.
func check(p *cbtypes.Project) error {
	switch {
	case p.Source == nil || p.Source.Type == "":
		return invalid("Project source is required")
	case p.Artifacts == nil || p.Artifacts.Type == "":
		return invalid("Project artifacts are required")
	case p.Environment == nil || p.Environment.Type == "" || p.Environment.ComputeType == "" || aws.ToString(p.Environment.Image) == "":
		return invalid("Project environment requires a type, a computeType and an image")
	case aws.ToString(p.ServiceRole) == "":
		return invalid("Service role is required")
	case p.Environment.Fleet != nil:
		return unsupported("environment.fleet")
	case *p.TimeoutInMinutes < 5 || *p.TimeoutInMinutes > longestTimeout:
		return invalid("Invalid timeout: %d minutes is not between 5 and %d", *p.TimeoutInMinutes, longestTimeout)
	case *p.QueuedTimeoutInMinutes < 5 || *p.QueuedTimeoutInMinutes > defaultQueuedTimeout:
		return invalid("Invalid queued timeout: %d minutes is not between 5 and %d", *p.QueuedTimeoutInMinutes, defaultQueuedTimeout)
	case p.LogsConfig != nil && p.LogsConfig.S3Logs != nil && p.LogsConfig.S3Logs.Status == cbtypes.LogsConfigStatusTypeEnabled:
		return unsupported("logsConfig.s3Logs")
	}
	switch p.Environment.Type {
	case cbtypes.EnvironmentTypeLinuxContainer, cbtypes.EnvironmentTypeArmContainer, cbtypes.EnvironmentTypeLinuxEc2, cbtypes.EnvironmentTypeArmEc2,
		cbtypes.EnvironmentTypeLinuxLambdaContainer, cbtypes.EnvironmentTypeArmLambdaContainer:
	default:
		return unsupported("environment type " + string(p.Environment.Type))
	}
	for _, source := range append([]cbtypes.ProjectSource{*p.Source}, p.SecondarySources...) {
		if err := checkSource(source); err != nil {
			return err
		}
	}
	for i, a := range append([]cbtypes.ProjectArtifacts{*p.Artifacts}, p.SecondaryArtifacts...) {
		if err := checkArtifacts(a, i > 0); err != nil {
			return err
		}
	}
	if p.Source.Type == cbtypes.SourceTypeNoSource && !inline(aws.ToString(p.Source.Buildspec)) {
		return invalid("Build spec must be inline if the source type is NO_SOURCE")
	}
	if pipe := p.Source.Type == cbtypes.SourceTypeCodepipeline; pipe != (p.Artifacts.Type == cbtypes.ArtifactsTypeCodepipeline) {
		return invalid("Source type %s and artifacts type %s don't go together: both or neither are CODEPIPELINE", p.Source.Type, p.Artifacts.Type)
	}
	return nil
}

func checkArtifacts(a cbtypes.ProjectArtifacts, secondary bool) error {
	switch a.Type {
	case cbtypes.ArtifactsTypeCodepipeline, cbtypes.ArtifactsTypeNoArtifacts:
	case cbtypes.ArtifactsTypeS3:
		if aws.ToString(a.Location) == "" {
			return invalid("Artifacts of type S3 require a location")
		}
	default:
		return invalid("Invalid artifacts type: %q", a.Type)
	}
	if secondary && aws.ToString(a.ArtifactIdentifier) == "" {
		return invalid("Secondary artifacts require an artifactIdentifier")
	}
	return nil
}
