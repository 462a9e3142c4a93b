// Package releases shows what is kept about a delivery's releases: what each stage serves,
// who approved which release on which evidence, why releases were refused, DORA's four key
// metrics, and the differences between two releases. It counts only what the pinned keys have
// signed, and changes nothing.
package releases

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/evidence/timeline"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/printable"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/target"
)

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error {
	flags := program.Flags("releases")
	diff := flags.String("diff", "", "the differences between two releases, such as OLD..NEW")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	older, newer, ok := strings.Cut(*diff, "..")
	if *diff != "" && (!ok || older == "" || newer == "" || strings.HasPrefix(older, "-") || strings.HasPrefix(newer, "-")) {
		return exit.Misused("releases", "-diff=%s must be two commits, such as OLD..NEW", *diff)
	}
	return target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		awsConfig, err := stack.Connect(ctx)
		if err != nil {
			return err
		}
		l, names, err := open(ctx, cfg, awsConfig)
		if err != nil {
			return err
		}
		if *diff != "" {
			return l.compare(ctx, cfg, older, newer)
		}
		return l.show(ctx, cfg, awsConfig, names, clock.System().Now())
	})
}

// now returns what serves each stage, as Lambda says.
func now(ctx context.Context, cfg aws.Config, names manifest.Manifest, dir string) ([]timeline.Serving, error) {
	var all []timeline.Serving
	for _, stage := range names.Stages {
		s := timeline.Serving{Stage: stage.Name}
		o, err := stack.Main(ctx, cfg, stage)
		switch {
		case errors.Is(err, stack.ErrNotDeployed):
			s.Version = "not deployed"
		case errors.Is(err, stack.ErrOtherAccount):
			s.Version = "unknown: it is in account " + stage.Account
		case err != nil:
			return nil, err
		default:
			served, err := stack.Serving(ctx, cfg, o)
			if err != nil {
				return nil, err
			}
			if s.Commit, err = stack.CommitOf(ctx, cfg, o, served); err != nil {
				return nil, err
			}
			s.Version, s.Subject = "version "+served.String(), subjectOf(ctx, dir, s.Commit)
		}
		all = append(all, s)
	}
	return all, nil
}

// subjectOf returns the first line of a commit's message, or says that the commit is not in
// the clone.
func subjectOf(ctx context.Context, dir, commit string) string {
	if commit == "" {
		return "nothing names the commit"
	}
	subject, err := gitcmd.In(dir).Output(ctx, "log", "-1", "--format=%s", commit, "--")
	if err != nil {
		return "the commit is not in this repository"
	}
	return printable.Line(subject)
}

// releases returns what is kept, the newest release first. It writes the pages of the
// assessments. The measured figures are those of the last stage.
func (l ledger) releases(ctx context.Context, cfg project.Config, last string, measured figures) ([]timeline.Release, error) {
	back := map[string]string{} // why a deployment was taken back, by what is recorded
	for i, d := range l.to(last) {
		if measured.taken[i] {
			back[d.digest] = "the next deployment took it back: by git revert, or because it does not contain it"
		}
	}
	var all []timeline.Release
	commits := l.commits()
	for i, commit := range commits {
		deployments, assessments := l.of(commit)
		r := timeline.Release{Commit: commit, Subject: subjectOf(ctx, cfg.Dir, commit), Tags: tagsOf(ctx, cfg.Dir, commit)}
		for _, d := range deployments {
			r.Deployments = append(r.Deployments, timeline.Deployment{Deployment: d.Deployment, Failed: cmp.Or(d.Failed(), back[d.digest])})
		}
		for _, a := range slices.Backward(assessments) {
			if r.Verdict == "" {
				r.Verdict, r.Refused = a.Verdict, a.refused()
				r.Passed = strings.HasPrefix(a.Verdict, "GO")
			}
			if a.page == "" {
				continue
			}
			name := fmt.Sprintf("%.12s-%.12s.html", commit, a.digest)
			path, err := cfg.Path("releases", name)
			if err == nil {
				err = os.WriteFile(path, []byte(a.page), 0o600)
			}
			if err != nil {
				return nil, fmt.Errorf("writing the page of an assessment: %w", err)
			}
			r.Assessments = append(r.Assessments, timeline.Assessment{Link: name, Digest: a.digest})
		}
		if i+1 < len(commits) {
			r.Before = commits[i+1]
			r.Difference = l.difference(ctx, cfg, r.Before, commit)
		}
		all = append(all, r)
	}
	return all, nil
}

// difference returns what compare prints, or why nothing can be compared.
func (l ledger) difference(ctx context.Context, cfg project.Config, older, newer string) string {
	var said strings.Builder
	cfg.Stdout = &said
	if err := l.compare(ctx, cfg, older, newer); err != nil {
		why, _, _ := strings.Cut(err.Error(), "\n")
		return why
	}
	return said.String()
}

// tagsOf returns the tags of a commit, such as its version.
func tagsOf(ctx context.Context, dir, commit string) []string {
	tags, err := gitcmd.In(dir).Output(ctx, "tag", "--points-at", commit)
	if err != nil {
		return nil // subjectOf says that the commit is not here
	}
	return strings.Fields(tags)
}

// show prints all, and writes the page.
func (l ledger) show(ctx context.Context, cfg project.Config, awsConfig aws.Config, names manifest.Manifest, at time.Time) error {
	serving, err := now(ctx, awsConfig, names, cfg.Dir)
	if err != nil {
		return err
	}
	p, err := l.page(ctx, cfg, names.Name, names.Last().Name, at)
	if err != nil {
		return err
	}
	p.Serving = serving
	print(cfg.Stdout, p)
	path, err := cfg.Path("releases", "index.html")
	if err != nil {
		return err
	}
	file, err := os.Create(path) // #nosec G304 -- below the evidence directory
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	if err := errors.Join(timeline.Write(file, p), file.Close()); err != nil {
		return err
	}
	fmt.Fprintln(cfg.Stdout, "\npage      .magewright/releases/index.html")
	return nil
}

// page returns what is shown, without what serves.
func (l ledger) page(ctx context.Context, cfg project.Config, name, last string, at time.Time) (timeline.Page, error) {
	measured := measure(ctx, cfg.Dir, l.to(last), at)
	all, err := l.releases(ctx, cfg, last, measured)
	return timeline.Page{
		Title: "Releases of " + name, About: "As of " + timeline.Time(at) + ". Only what a pinned key has signed counts.",
		Releases: all, Stage: last, Figures: measured.words(last), Unknown: measured.unknown, Unreadable: l.unreadable,
	}, err
}

// print prints a page as text. People have written parts of it, such as the summary of an
// approval, and none of them may hide a line.
func print(out io.Writer, p timeline.Page) {
	line := func(format string, args ...any) { fmt.Fprintln(out, printable.Line(fmt.Sprintf(format, args...))) }
	line("serves")
	for _, s := range p.Serving {
		line("  %-12s %-12.12s  %s  %s", s.Stage, s.Commit, s.Version, s.Subject)
	}
	line("")
	line("releases, the newest first")
	for _, r := range p.Releases {
		line("  %.12s  %s  %s", r.Commit, cmp.Or(r.Verdict, "not assessed"), strings.Join(append(r.Tags, r.Subject), "  "))
		for _, why := range r.Refused {
			line("      refused: %s", why)
		}
		for _, d := range r.Deployments {
			line("      %s  %s%s", timeline.Time(d.FinishedOn), d.Where(), warrant(d))
			if d.Failed != "" {
				line("      failed: %s", d.Failed)
			}
		}
	}
	if len(p.Releases) == 0 {
		line("  none is kept")
	}
	line("")
	line("DORA's four figures of %s, from the signed records", p.Stage)
	for _, f := range p.Figures {
		line("  %-22s %s", f.Name, f.Value)
		line("  %-22s   %s", "", f.Definition)
	}
	for _, why := range p.Unknown {
		line("  not counted: %s", why)
	}
	for _, what := range p.Unreadable {
		line("does not count: %s", what)
	}
}

// warrant says what a deployment was allowed by.
func warrant(d timeline.Deployment) string {
	if d.BreakGlass != nil {
		return ", BREAK GLASS by " + d.BreakGlass.By + ": " + d.BreakGlass.Reason
	}
	if by := d.Approved(); by != "" {
		return ", " + by
	}
	return ""
}

// compare prints the differences between two releases.
func (l ledger) compare(ctx context.Context, cfg project.Config, older, newer string) error {
	git := gitcmd.In(cfg.Dir)
	for _, name := range []*string{&older, &newer} {
		hash, err := git.Output(ctx, "rev-parse", "--verify", "--quiet", *name+"^{commit}")
		if err != nil {
			return exit.Failed("go tool mage releases", "there is no commit %s here", *name)
		}
		*name = hash
	}
	for _, commit := range []string{older, newer} {
		deployments, assessments := l.of(commit)
		verdict := "not assessed"
		pkg := ""
		if len(assessments) > 0 {
			a := assessments[len(assessments)-1]
			verdict, pkg = a.Verdict, a.Package
		}
		fmt.Fprintf(cfg.Stdout, "%.12s  %s  %s\n      package sha256 %.12s, %d deployments\n", commit, verdict, subjectOf(ctx, cfg.Dir, commit), orNone(pkg), len(deployments))
	}
	back, brought, err := between(ctx, cfg.Dir, older, newer)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		title string
		all   []change
	}{{"brings", brought}, {"takes back", back}} {
		fmt.Fprintf(cfg.Stdout, "\n%s %d commits\n", part.title, len(part.all))
		for _, c := range part.all {
			fmt.Fprintf(cfg.Stdout, "  %.12s  %s  %s\n", c.hash, c.when.Format(time.DateOnly), c.subject)
		}
	}
	stat, err := git.Output(ctx, "diff", "--stat=100", "--no-color", older, newer, "--")
	if err != nil {
		return fmt.Errorf("comparing the files: %w", err)
	}
	fmt.Fprintf(cfg.Stdout, "\nfiles\n %s\n", stat)
	return l.compareChecks(cfg.Stdout, older, newer)
}

// compareChecks prints the checks whose results differ.
func (l ledger) compareChecks(out io.Writer, older, newer string) error {
	results := func(commit string) map[string]string {
		all := map[string]string{}
		if _, assessments := l.of(commit); len(assessments) > 0 {
			for _, o := range assessments[len(assessments)-1].Outcomes {
				all[o.Title] = string(o.State)
			}
		}
		return all
	}
	before, after := results(older), results(newer)
	if len(before) == 0 || len(after) == 0 {
		_, err := fmt.Fprintln(out, "\nthe checks can't be compared: one of the releases was not assessed")
		return err
	}
	var lines []string
	for title, state := range after {
		if was := before[title]; was != state {
			lines = append(lines, fmt.Sprintf("  %s: %s, and was %s before", title, state, orNone(was)))
		}
	}
	for title, was := range before {
		if _, there := after[title]; !there {
			lines = append(lines, fmt.Sprintf("  %s: not decided, and was %s before", title, was))
		}
	}
	slices.Sort(lines)
	_, err := fmt.Fprintf(out, "\n%d checks have different results\n%s", len(lines), strings.Join(append(lines, ""), "\n"))
	return err
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
