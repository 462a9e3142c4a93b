package codepipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/bmatcuk/doublestar/v4"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/mirror"
	"github.com/magewright/magewright/tools/localaws/principal"
)

const providerConnection = "CodeStarSourceConnection"

// A watch is a connection source of a pipeline whose pushes can start the pipeline.
type watch struct {
	pipeline  *pipeline
	structure *types.PipelineDeclaration
	action    *types.ActionDeclaration
	trigger   *types.GitConfiguration // nil without one
}

// A push is a branch or tag that is new or has moved.
type push struct {
	tag           bool
	name          string
	before, after string // commits; before is empty if the branch or tag is new
}

// DetectChanges starts the pipelines to whose repositories something was pushed since the
// last call. What a repository has when it is seen first starts nothing. On AWS, the
// connection's provider tells CodePipeline of each push. Here somebody has to look.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-triggers.html.
func (s *Service) DetectChanges(ctx context.Context) error {
	var errs []error
	for _, w := range s.watched() {
		if err := s.detect(ctx, w); err != nil {
			errs = append(errs, fmt.Errorf("looking for pushes to the source %s of pipeline %s: %w", aws.ToString(w.action.Name), w.pipeline.name, err))
		}
	}
	return errors.Join(errs...)
}

// look calls DetectChanges again and again until Close.
func (s *Service) look() {
	said := ""
	for clock.Sleep(s.life, clock.System(), s.deps.Pushes) == nil {
		err := s.DetectChanges(s.life)
		// What stays wrong is said once.
		if err != nil && err.Error() != said && s.life.Err() == nil {
			s.account.Log.Warn("CodePipeline does not see what is pushed", "error", err)
		}
		said = ""
		if err != nil {
			said = err.Error()
		}
	}
}

// watched returns the sources that AWS would watch. With a filter, it is the trigger that
// watches, and not the action.
func (s *Service) watched() []watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []watch
	for _, name := range slices.Sorted(maps.Keys(s.pipelines)) {
		p := s.pipelines[name]
		d := p.structure()
		for i := range d.Stages[0].Actions {
			w := watch{pipeline: p, structure: d, action: &d.Stages[0].Actions[i]}
			if typeOf(w.action).provider != providerConnection {
				continue
			}
			for _, t := range d.Triggers {
				if g := t.GitConfiguration; g != nil && aws.ToString(g.SourceActionName) == aws.ToString(w.action.Name) {
					w.trigger = g
				}
			}
			if w.trigger != nil || w.action.Configuration["DetectChanges"] != "false" {
				all = append(all, w)
			}
		}
	}
	return all
}

func (s *Service) detect(ctx context.Context, w watch) error {
	configuration := w.action.Configuration
	if s.deps.Roles != nil {
		var err error
		ctx = principal.ServiceFor(ctx, "codepipeline.amazonaws.com", s.account.ID, s.arn(w.pipeline.name))
		if ctx, err = s.deps.Roles.As(ctx, aws.ToString(w.structure.RoleArn), "detect-changes"); err != nil {
			return err
		}
	}
	url, err := s.deps.Connections.CloneURL(ctx, configuration["ConnectionArn"], configuration["FullRepositoryId"])
	if err != nil {
		return err
	}
	return s.deps.Mirrors.Use(ctx, url, func(m mirror.Mirror) error {
		refs, err := tips(ctx, m)
		if err != nil {
			return err
		}
		for _, pushed := range s.pushes(w, url, refs) {
			wanted, err := w.wants(ctx, m, pushed)
			if err != nil {
				return err
			}
			if wanted {
				s.startPushed(w, pushed)
			}
		}
		return nil
	})
}

// tips returns the commits of a repository's branches and tags by their full names.
func tips(ctx context.Context, m mirror.Mirror) (map[string]string, error) {
	out, err := m.Git.Output(ctx, "git", "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		// An annotated tag is an object of its own. The third field is what it points to.
		if fields := strings.Fields(line); len(fields) > 1 {
			refs[fields[0]] = fields[len(fields)-1]
		}
	}
	return refs, nil
}

// pushes returns what has changed since the last look, and keeps what is there now.
func (s *Service) pushes(w watch, url string, refs map[string]string) []push {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := aws.ToString(w.action.Name) + " " + url
	before, looked := w.pipeline.seen[key]
	w.pipeline.seen[key] = refs
	if !looked {
		return nil
	}
	var all []push
	for ref, commit := range refs {
		if before[ref] != commit {
			name, isTag := strings.CutPrefix(ref, "refs/tags/")
			all = append(all, push{tag: isTag, name: strings.TrimPrefix(name, "refs/heads/"), before: before[ref], after: commit})
		}
	}
	slices.SortFunc(all, func(a, b push) int { return cmp.Compare(a.name, b.name) })
	return all
}

// wants reports whether a push starts the pipeline. Without filters, it is any push to the
// action's branch.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-filter.html.
func (w watch) wants(ctx context.Context, m mirror.Mirror, p push) (bool, error) {
	branch := w.action.Configuration["BranchName"]
	if w.trigger == nil || len(w.trigger.Push) == 0 && len(w.trigger.PullRequest) == 0 {
		return !p.tag && p.name == branch, nil
	}
	var files []string
	for _, filter := range w.trigger.Push {
		if !filtered(filter, p) {
			continue
		}
		if p.tag || filter.FilePaths == nil {
			return true, nil
		}
		if files == nil {
			var err error
			if files, err = changed(ctx, m, branch, p); err != nil {
				return false, err
			}
		}
		if slices.ContainsFunc(files, func(file string) bool { return passes(file, filter.FilePaths.Includes, filter.FilePaths.Excludes) }) {
			return true, nil
		}
	}
	return false, nil
}

// filtered reports whether a filter is for a push by the name of its branch or tag.
func filtered(f types.GitPushFilter, p push) bool {
	switch {
	case p.tag:
		return f.Tags != nil && passes(p.name, f.Tags.Includes, f.Tags.Excludes)
	case f.Branches != nil:
		return passes(p.name, f.Branches.Includes, f.Branches.Excludes)
	default:
		return f.FilePaths != nil
	}
}

// passes reports whether a name matches patterns. Excluding takes priority.
func passes(name string, includes, excludes []string) bool {
	matches := func(pattern string) bool {
		matched, err := doublestar.Match(pattern, name)
		return err == nil && matched
	}
	return !slices.ContainsFunc(excludes, matches) && (len(includes) == 0 || slices.ContainsFunc(includes, matches))
}

// changed returns the files that a push to a branch has changed. For a new branch, these are
// the files that differ from where it left the action's branch.
func changed(ctx context.Context, m mirror.Mirror, branch string, p push) ([]string, error) {
	before := p.before
	if before == "" {
		var err error
		if before, err = m.Git.Output(ctx, "git", "merge-base", "refs/heads/"+branch, p.after); err != nil {
			// They have nothing in common, so that every file is new.
			out, err := m.Git.Output(ctx, "git", "ls-tree", "-r", "-z", "--name-only", p.after)
			return names(out), err
		}
	}
	out, err := m.Git.Output(ctx, "git", "diff", "-z", "--name-only", "--no-renames", before, p.after, "--")
	return names(out), err
}

func names(out string) []string {
	return strings.FieldsFunc(out, func(r rune) bool { return r == 0 })
}

// startPushed starts a pipeline with exactly the commit that was pushed.
func (s *Service) startPushed(w watch, p push) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pipelines[w.pipeline.name] != w.pipeline {
		return // deleted since
	}
	trigger := types.ExecutionTrigger{TriggerType: types.TriggerTypeWebhookV2, TriggerDetail: aws.String(w.action.Configuration["ConnectionArn"])}
	name := aws.ToString(w.action.Name)
	e, err := s.start(w.pipeline, trigger, nil, []types.SourceRevisionOverride{{
		ActionName: &name, RevisionType: types.SourceRevisionTypeCommitId, RevisionValue: &p.after,
	}})
	if err != nil {
		s.account.Log.Warn("CodePipeline did not start an execution for a push", "pipeline", w.pipeline.name, "pushed", p.name, "error", err)
		return
	}
	if !p.tag {
		e.pushed = map[string]string{name: p.name}
	}
}

// checkTrigger checks a trigger of a pipeline of type V2.
func checkTrigger(d *types.PipelineDeclaration, trigger types.PipelineTriggerDeclaration) error {
	g := trigger.GitConfiguration
	if g == nil {
		return nil
	}
	name := aws.ToString(g.SourceActionName)
	switch {
	case !slices.ContainsFunc(d.Stages[0].Actions, func(a types.ActionDeclaration) bool { return aws.ToString(a.Name) == name }):
		return invalidStructure("The trigger names the source action '%s', which the pipeline does not have", name)
	case len(g.Push) > 0 && len(g.PullRequest) > 0:
		return invalidStructure("The trigger of the source action '%s' has filters for pushes and for pull requests. It can have one kind", name)
	}
	for _, f := range g.Push {
		var patterns []string
		if f.Branches != nil {
			patterns = slices.Concat(patterns, f.Branches.Includes, f.Branches.Excludes)
		}
		if f.FilePaths != nil {
			patterns = slices.Concat(patterns, f.FilePaths.Includes, f.FilePaths.Excludes)
		}
		if f.Tags != nil {
			if f.Branches != nil || f.FilePaths != nil {
				return invalidStructure("A push filter of the source action '%s' is for tags and for branches or file paths. It can be for tags, or for branches with or without file paths", name)
			}
			patterns = slices.Concat(patterns, f.Tags.Includes, f.Tags.Excludes)
		}
		for _, pattern := range patterns {
			if !doublestar.ValidatePattern(pattern) {
				return invalidStructure("The pattern '%s' in a push filter of the source action '%s' is not a glob pattern", pattern, name)
			}
		}
	}
	return nil
}
