package collect

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
)

// Judge describes the code that runs.
func Judge(ctx context.Context, cfg project.Config, candidate readiness.Candidate, c clock.Clock) (readiness.Judge, error) {
	j := readiness.Judge{
		Made:   evidence.Made{FinishedOn: c.Now()},
		Commit: cfg.Judge.Commit, Outside: !cfg.Judged(),
		Rules: readiness.Rules(candidate.Changed, cfg.Adopted()),
	}
	if !cfg.Adopted() {
		return j, nil
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		j.Version = info.Main.Version
	}
	const file = project.Pin + "/go.mod"
	text, found, err := gitcmd.In(cfg.Dir).File(ctx, candidate.Commit, file)
	if err != nil || !found {
		return j, err
	}
	parsed, err := modfile.ParseLax(file, text, nil)
	if err != nil {
		return j, fmt.Errorf("reading which Magewright %.12s pins: %w", candidate.Commit, err)
	}
	for _, required := range parsed.Require {
		if required.Mod.Path == project.Module {
			j.Pinned = required.Mod.Version
		}
	}
	return j, nil
}

// secondOfABuild compares the assembly with what another build of the pipeline has
// synthesized. A judge runs nothing of the candidate, so it can't synthesize itself.
func secondOfABuild(e Env) readiness.SecondSynthesis {
	again, err := readSecond(e)
	if err != nil {
		return readiness.SecondSynthesis{Reason: plain(err)}
	}
	first, err := cdk.Digests(e.Project.Assembly)
	if err != nil {
		return readiness.SecondSynthesis{Reason: plain(err)}
	}
	return compareFiles(first, again.Files)
}

func readSecond(e Env) (evidence.Synthesis, error) {
	var again evidence.Synthesis
	statements, err := evidence.ReadDir(e.Project.Evidence)
	if err != nil {
		return again, err
	}
	found := 0
	for _, s := range statements {
		if s.PredicateType != again.PredicateType() {
			continue
		}
		found++
		if err := s.Decode(&again); err != nil {
			return again, err
		}
		if commit := s.Digest(evidence.GitCommit); commit != e.Candidate.Commit || again.Dirty {
			return again, fmt.Errorf("the second synthesis is of commit %.12s, or of files that differ from it", commit)
		}
	}
	if found != 1 {
		return again, errors.New("no build has left one, or several have; an action of the pipeline runs synth -second for it")
	}
	return again, nil
}
