package codepipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/localaws/paging"
)

// A pipeline is a declaration and everything that has been executed for it.
type pipeline struct {
	name       string
	structures []*types.PipelineDeclaration // by version, from 1; immutable
	created    time.Time
	updated    time.Time
	tags       map[string]string

	executions []*execution // in order of their start
	tokens     map[string]*execution
	stages     map[string]*stage
	actions    []*actionRun // in order of their start
	rules      []*ruleRun   // in order of their start
	// seen has the commits of branches and tags at the last look for pushes, by source.
	seen map[string]map[string]string
}

// structure returns the current declaration.
func (p *pipeline) structure() *types.PipelineDeclaration {
	return p.structures[len(p.structures)-1]
}

func (p *pipeline) version() int32 { return int32(len(p.structures)) } // #nosec G115 -- nobody updates a pipeline two billion times

// stage returns the state of a stage, which survives updates of the structure.
func (p *pipeline) stage(name string) *stage {
	st, ok := p.stages[name]
	if !ok {
		st = &stage{name: name, actions: map[string]*actionRun{}}
		p.stages[name] = st
	}
	return st
}

// declared returns a stage of the current structure, and its position.
func (p *pipeline) declared(name *string) (int, *types.StageDeclaration, error) {
	stages := p.structure().Stages
	i := slices.IndexFunc(stages, func(d types.StageDeclaration) bool { return aws.ToString(d.Name) == aws.ToString(name) })
	if i < 0 {
		return 0, nil, &types.StageNotFoundException{Message: aws.String(fmt.Sprintf(
			"Pipeline '%s' does not have a stage with name '%s'", p.name, aws.ToString(name)))}
	}
	return i, &stages[i], nil
}

// CreatePipeline implements the operation of that name. As on AWS, the pipeline
// starts at once.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-about-starting.html.
func (s *Service) CreatePipeline(ctx context.Context, in *awscodepipeline.CreatePipelineInput) (*awscodepipeline.CreatePipelineOutput, error) {
	structure, err := s.declare(in.Pipeline, 1)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(structure.Name)
	if _, taken := s.pipelines[name]; taken {
		return nil, &types.PipelineNameInUseException{Message: aws.String(fmt.Sprintf(
			"A pipeline with the name '%s' already exists in account '%s'", name, s.account.ID))}
	}
	now := s.account.Clock.Now()
	p := &pipeline{
		name: name, structures: []*types.PipelineDeclaration{structure}, created: now, updated: now, tags: tags,
		tokens: map[string]*execution{}, stages: map[string]*stage{}, seen: map[string]map[string]string{},
	}
	s.pipelines[name] = p
	s.warn(structure)
	if _, err := s.start(p, types.ExecutionTrigger{TriggerType: types.TriggerTypeCreatePipeline, TriggerDetail: caller(ctx)}, nil, nil); err != nil {
		// The pipeline exists all the same. A variable without a default, for
		// example, has no value yet.
		s.account.Log.Warn("CodePipeline did not start the first execution", "pipeline", name, "error", err)
	}
	return &awscodepipeline.CreatePipelineOutput{Pipeline: clone(structure), Tags: tagList(tags)}, nil
}

// declare checks a declaration and returns a copy with AWS's defaults.
func (s *Service) declare(in *types.PipelineDeclaration, version int32) (*types.PipelineDeclaration, error) {
	if in == nil {
		return nil, invalid("1 validation error detected: Value at 'pipeline' failed to satisfy constraint: Member must not be null")
	}
	d := clone(in)
	d.Version = aws.Int32(version)
	if d.ExecutionMode == "" {
		d.ExecutionMode = types.ExecutionModeSuperseded
	}
	if d.PipelineType == "" {
		d.PipelineType = types.PipelineTypeV1
	}
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			if a := &d.Stages[i].Actions[j]; a.RunOrder == nil {
				a.RunOrder = aws.Int32(1)
			}
		}
	}
	return d, s.validate(d)
}

// warn names what starts a pipeline on AWS and can't happen here.
func (s *Service) warn(d *types.PipelineDeclaration) {
	for _, t := range d.Triggers {
		if t.GitConfiguration != nil && len(t.GitConfiguration.PullRequest) > 0 {
			s.account.Log.Warn("Nobody opens pull requests in the embedded AWS. Start the pipeline with StartPipelineExecution.", "pipeline", aws.ToString(d.Name))
		}
	}
}

// GetPipeline implements the operation of that name.
func (s *Service) GetPipeline(_ context.Context, in *awscodepipeline.GetPipelineInput) (*awscodepipeline.GetPipelineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.Name)
	if err != nil {
		return nil, err
	}
	version := p.version()
	if in.Version != nil {
		version = *in.Version
	}
	if version < 1 || version > p.version() {
		return nil, &types.PipelineVersionNotFoundException{Message: aws.String(fmt.Sprintf(
			"Pipeline '%s' does not have a version %d", p.name, version))}
	}
	return &awscodepipeline.GetPipelineOutput{
		Pipeline: clone(p.structures[version-1]),
		Metadata: &types.PipelineMetadata{PipelineArn: aws.String(s.arn(p.name)), Created: aws.Time(p.created), Updated: aws.Time(p.updated)},
	}, nil
}

// UpdatePipeline gives a pipeline its next version. As on AWS, running
// executions finish their running actions and are then cancelled with the
// summary "Pipeline definition was updated". A pipeline that updates itself
// must therefore be started again (CloudFormation does so with
// RestartExecutionOnUpdate).
func (s *Service) UpdatePipeline(_ context.Context, in *awscodepipeline.UpdatePipelineInput) (*awscodepipeline.UpdatePipelineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Pipeline == nil {
		return nil, invalid("1 validation error detected: Value at 'pipeline' failed to satisfy constraint: Member must not be null")
	}
	p, err := s.find(in.Pipeline.Name)
	if err != nil {
		return nil, err
	}
	structure, err := s.declare(in.Pipeline, p.version()+1)
	if err != nil {
		return nil, err
	}
	p.structures = append(p.structures, structure)
	p.updated = s.account.Clock.Now()
	s.warn(structure)
	for _, e := range p.executions {
		if e.running() {
			e.outdated = true
			s.withdrawApprovals(e)
		}
	}
	s.changed.Broadcast()
	return &awscodepipeline.UpdatePipelineOutput{Pipeline: clone(structure)}, nil
}

// DeletePipeline deletes a pipeline and abandons its executions. Deleting one
// that does not exist is no error.
func (s *Service) DeletePipeline(_ context.Context, in *awscodepipeline.DeletePipelineInput) (*awscodepipeline.DeletePipelineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.pipelines[aws.ToString(in.Name)]; ok {
		delete(s.pipelines, p.name)
		for _, e := range p.executions {
			if e.running() {
				s.stop(e, true)
			}
		}
	}
	return &awscodepipeline.DeletePipelineOutput{}, nil
}

// ListPipelines implements the operation of that name.
func (s *Service) ListPipelines(_ context.Context, in *awscodepipeline.ListPipelinesInput) (*awscodepipeline.ListPipelinesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.pipelines), func(a, b *pipeline) int { return cmp.Compare(a.name, b.name) })
	shown, next, err := page(all, in.NextToken, in.MaxResults, 1000)
	if err != nil {
		return nil, err
	}
	out := &awscodepipeline.ListPipelinesOutput{NextToken: next, Pipelines: []types.PipelineSummary{}}
	for _, p := range shown {
		out.Pipelines = append(out.Pipelines, types.PipelineSummary{
			Name: aws.String(p.name), Version: aws.Int32(p.version()), Created: aws.Time(p.created), Updated: aws.Time(p.updated),
			ExecutionMode: p.structure().ExecutionMode, PipelineType: p.structure().PipelineType,
		})
	}
	return out, nil
}

// page returns the page of a list operation, and the token for the next page.
func page[T any](all []T, token *string, size *int32, limit int) ([]T, *string, error) {
	if size != nil && *size > 0 {
		limit = min(limit, int(*size))
	}
	items, next, ok := paging.Of(all, token, limit)
	if !ok {
		return nil, nil, &types.InvalidNextTokenException{Message: aws.String("The next token was specified in an invalid format")}
	}
	return items, next, nil
}

// clone returns a deep copy of a value of one of the SDK's types.
func clone[T any](v *T) *T {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("copying %T: %v", v, err))
	}
	c := new(T)
	if err := json.Unmarshal(encoded, c); err != nil {
		panic(fmt.Sprintf("copying %T: %v", v, err))
	}
	return c
}
