//go:build unix

package codebuild

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/magewright/magewright/tools/localaws/account"
)

// builder returns a service, and a function that makes builds for it.
func builder(t *testing.T, dir string) (*Service, func(project, action, uuid string) *build) {
	t.Helper()
	s := New(account.Account{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}, Deps{Dir: dir})
	return s, func(project, action, uuid string) *build {
		b := &build{uuid: uuid, project: cbtypes.Project{Name: &project}, api: cbtypes.Build{Id: aws.String(project + ":" + uuid)}}
		if action != "" {
			b.pipeline = &PipelineBuild{PipelineName: project, ActionName: action}
		}
		return b
	}
}

func leave(t *testing.T, p place) {
	t.Helper()
	if err := p.leave("", tree{}); err != nil {
		t.Error(err)
	}
}

func TestBuildsOfAnActionHaveOnePlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, of := builder(t, dir)
	atFirst := s.place(of("checks", "Lint", "1"))
	first := atFirst.dir
	if want := filepath.Join(dir, "builds", "checks-Lint"); first != want {
		t.Errorf("it is in %s, want %s", first, want)
	}
	if err := os.MkdirAll(filepath.Join(first, "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	// Meanwhile, another endpoint of this user runs the same action.
	other, _ := builder(t, dir)
	atSecond := other.place(of("checks", "Lint", "2"))
	second := atSecond.dir
	if want := filepath.Join(other.account.Dir, "codebuild", "checks", "2"); second != want {
		t.Errorf("a build at the same time is in %s, want %s", second, want)
	}
	if err := os.MkdirAll(second, 0o700); err != nil {
		t.Fatal(err)
	}
	leave(t, atSecond)
	if _, err := os.Stat(second); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it leaves its directory: %v", err)
	}
	if _, err := os.Stat(filepath.Join(first, "src")); err != nil {
		t.Errorf("it has removed the other's files: %v", err)
	}
	for _, b := range []*build{of("checks", "Test", "3"), of("checks", "", "4")} {
		at := s.place(b)
		if at.dir == first || !strings.HasPrefix(at.dir, filepath.Join(dir, "builds")) {
			t.Errorf("another action is in %s", at.dir)
		}
		leave(t, at)
	}
	leave(t, atFirst)
	if _, err := os.Stat(first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it leaves its directory: %v", err)
	}
	third := other.place(of("checks", "Lint", "5"))
	if third.dir != first {
		t.Errorf("the next build is in %s", third.dir)
	}
	leave(t, third)
}

// TestWhatAKilledBuildLeaves checks that a build starts in an empty directory.
func TestWhatAKilledBuildLeaves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, of := builder(t, dir)
	left := filepath.Join(dir, "builds", "checks-Lint", "go", "pkg")
	if err := errors.Join(os.MkdirAll(left, 0o700), os.WriteFile(filepath.Join(left, "x"), nil, 0o400), os.Chmod(left, 0o500)); err != nil { // #nosec G302 -- as in a module cache
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "builds", "checks-Lint.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := s.place(of("checks", "Lint", "1"))
	if at.dir != filepath.Join(dir, "builds", "checks-Lint") {
		t.Errorf("it is in %s", at.dir)
	}
	if _, err := os.Stat(at.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("files of before are there: %v", err)
	}
	leave(t, at)
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, of := builder(t, dir)
	// No name leads outside the directory.
	for _, name := range []string{"../../etc", `..\x`, "a/b", "..", "a\x00b"} {
		at := s.place(of(name, "Lint", "1"))
		if filepath.Dir(at.dir) != filepath.Join(dir, "builds") {
			t.Errorf("%q is in %s", name, at.dir)
		}
		leave(t, at)
	}
	without, of := builder(t, "")
	if at := without.place(of("checks", "Lint", "1")); at.dir != filepath.Join(without.account.Dir, "codebuild", "checks", "1") {
		t.Errorf("without a directory for builds it is in %s", at.dir)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken, of := builder(t, file)
	if at := broken.place(of("checks", "Lint", "1")); at.dir != filepath.Join(broken.account.Dir, "codebuild", "checks", "1") {
		t.Errorf("where none can be made it is in %s", at.dir)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(file); !errors.Is(err, errTaken) {
		t.Errorf("it can be had twice: %v", err)
	}
	// A process that a build starts and that outlives it does not hold the lock.
	child := exec.CommandContext(t.Context(), "sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	leave(t, place{dir: t.TempDir(), unlock: unlock})
	again, err := lock(file)
	if err != nil {
		t.Fatalf("it is still taken: %v", err)
	}
	leave(t, place{dir: t.TempDir(), unlock: again})
	if _, err := lock(filepath.Join(file, "x")); err == nil || errors.Is(err, errTaken) {
		t.Errorf("a file that can't be made: %v", err)
	}
}
