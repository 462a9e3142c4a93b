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
	s := &Service{account: account.Account{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}, deps: Deps{Dir: dir}}
	return s, func(project, action, uuid string) *build {
		b := &build{uuid: uuid, project: cbtypes.Project{Name: &project}, api: cbtypes.Build{Id: aws.String(project + ":" + uuid)}}
		if action != "" {
			b.pipeline = &PipelineBuild{PipelineName: project, ActionName: action}
		}
		return b
	}
}

func leave(t *testing.T, f func() error) {
	t.Helper()
	if err := f(); err != nil {
		t.Error(err)
	}
}

func TestBuildsOfAnActionHaveOnePlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, of := builder(t, dir)
	first, leaveFirst := s.place(of("checks", "Lint", "1"))
	if want := filepath.Join(dir, "builds", "checks-Lint"); first != want {
		t.Errorf("it is in %s, want %s", first, want)
	}
	if err := os.MkdirAll(filepath.Join(first, "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	// Meanwhile, another endpoint of this user runs the same action.
	other, _ := builder(t, dir)
	second, leaveSecond := other.place(of("checks", "Lint", "2"))
	if want := filepath.Join(other.account.Dir, "codebuild", "checks", "2"); second != want {
		t.Errorf("a build at the same time is in %s, want %s", second, want)
	}
	if err := os.MkdirAll(second, 0o700); err != nil {
		t.Fatal(err)
	}
	leave(t, leaveSecond)
	if _, err := os.Stat(second); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it leaves its directory: %v", err)
	}
	if _, err := os.Stat(filepath.Join(first, "src")); err != nil {
		t.Errorf("it has removed the other's files: %v", err)
	}
	for _, b := range []*build{of("checks", "Test", "3"), of("checks", "", "4")} {
		place, leaveIt := s.place(b)
		if place == first || !strings.HasPrefix(place, filepath.Join(dir, "builds")) {
			t.Errorf("another action is in %s", place)
		}
		leave(t, leaveIt)
	}
	leave(t, leaveFirst)
	if _, err := os.Stat(first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it leaves its directory: %v", err)
	}
	third, leaveThird := other.place(of("checks", "Lint", "5"))
	if third != first {
		t.Errorf("the next build is in %s", third)
	}
	leave(t, leaveThird)
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
	place, leaveIt := s.place(of("checks", "Lint", "1"))
	if place != filepath.Join(dir, "builds", "checks-Lint") {
		t.Errorf("it is in %s", place)
	}
	if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("files of before are there: %v", err)
	}
	leave(t, leaveIt)
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, of := builder(t, dir)
	// No name leads outside the directory.
	for _, name := range []string{"../../etc", `..\x`, "a/b", "..", "a\x00b"} {
		place, leaveIt := s.place(of(name, "Lint", "1"))
		if filepath.Dir(place) != filepath.Join(dir, "builds") {
			t.Errorf("%q is in %s", name, place)
		}
		leave(t, leaveIt)
	}
	without, of := builder(t, "")
	if place, _ := without.place(of("checks", "Lint", "1")); place != filepath.Join(without.account.Dir, "codebuild", "checks", "1") {
		t.Errorf("without a directory for builds it is in %s", place)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken, of := builder(t, file)
	if place, _ := broken.place(of("checks", "Lint", "1")); place != filepath.Join(broken.account.Dir, "codebuild", "checks", "1") {
		t.Errorf("where none can be made it is in %s", place)
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
	leave(t, unlock)
	again, err := lock(file)
	if err != nil {
		t.Fatalf("it is still taken: %v", err)
	}
	leave(t, again)
	if _, err := lock(filepath.Join(file, "x")); err == nil || errors.Is(err, errTaken) {
		t.Errorf("a file that can't be made: %v", err)
	}
}
