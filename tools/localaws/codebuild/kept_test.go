//go:build unix

package codebuild

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
)

// contents returns what is below a directory: the kind, permissions and text of
// each name outside .git.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(dir, name)
		all.WriteString(info.Mode().String() + " " + relative + " ")
		switch {
		case d.Name() == ".git":
			return fs.SkipDir
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			all.WriteString(target)
			return err
		case d.Type().IsRegular():
			text, err := os.ReadFile(name) // #nosec G304 G122 -- below the test's own directory
			all.Write(text)
			return err
		}
		all.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func inode(t *testing.T, name string) uint64 {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// TestNothingOfAnEarlierBuildIsBelieved checks that a build whose files are partly
// those of an earlier build of its action has exactly the files of its commit.
func TestNothingOfAnEarlierBuildIsBelieved(t *testing.T) {
	t.Parallel()
	repository := checkout{t, t.TempDir()}
	repository.git("init", "-q")
	repository.write("a/one", "one\n")
	repository.write("a/two", "two\n")
	repository.write("b/three", "three\n")
	repository.write("run", "#!/bin/sh\n")
	repository.write(".gitignore", "*.log\n")
	if err := errors.Join(os.Chmod(filepath.Join(repository.dir, "run"), 0o700), os.Symlink("a", filepath.Join(repository.dir, "link"))); err != nil { // #nosec G302 -- a script is executed
		t.Fatal(err)
	}
	repository.commit()
	repository.git("tag", "first")
	// The next commit has other files of the same names.
	repository.write("a/one", "uno\n")
	repository.git("rm", "-q", "-r", "b")
	repository.write("b", "a file now\n")
	repository.commit()
	service, _ := builder(t, t.TempDir())
	wants := map[string]string{}
	for _, version := range []string{"first", ""} {
		fresh := filepath.Join(t.TempDir(), "fresh")
		if _, err := service.clone(t.Context(), &workplace{}, repository.dir, version, fresh); err != nil {
			t.Fatal(err)
		}
		wants[version] = contents(t, fresh)
	}
	changed := errors.New("the directory can't be kept")
	for name, build := range map[string]func(dir string) error{
		"nothing":      func(string) error { return nil },
		"file edited":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "a/one"), []byte("uno\n"), 0o600) },
		"same length":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "a/one"), []byte("eno\n"), 0o600) },
		"removed":      func(dir string) error { return os.RemoveAll(filepath.Join(dir, "a")) },
		"file added":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "a/more"), nil, 0o600) },
		"ignored file": func(dir string) error { return os.WriteFile(filepath.Join(dir, "a/x.log"), nil, 0o600) },
		"empty dir":    func(dir string) error { return os.MkdirAll(filepath.Join(dir, "a/empty/er"), 0o750) },
		"repository":   func(dir string) error { return exec.Command("git", "init", "-q", filepath.Join(dir, "a")).Run() }, // #nosec G204 -- a test's directory
		"hook": func(dir string) error {
			return command.WriteProgram(filepath.Join(dir, ".git/hooks/post-checkout"), []byte("#!/bin/sh\ntouch made\n"))
		},
		"filter": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, ".git/info/attributes"), []byte("* text eol=crlf\n"), 0o600)
		},
		"executable":     func(dir string) error { return os.Chmod(filepath.Join(dir, "a/one"), 0o700) }, // #nosec G302 -- what is tested
		"not readable":   func(dir string) error { return os.Chmod(filepath.Join(dir, "a/one"), 0o200) },
		"not executable": func(dir string) error { return os.Chmod(filepath.Join(dir, "run"), 0o600) },
		"directory's":    func(dir string) error { return os.Chmod(filepath.Join(dir, "b"), 0o777) }, // #nosec G302 -- what is tested
		"link for a file": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "a/one")), os.Symlink("two", filepath.Join(dir, "a/one")))
		},
		"link for a directory": func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")), os.Symlink("c", filepath.Join(dir, "a")))
		},
		"directory for a file": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "a/one")), os.Mkdir(filepath.Join(dir, "a/one"), 0o750))
		},
		"file for a directory": func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "a")), os.WriteFile(filepath.Join(dir, "a"), nil, 0o600))
		},
		"pipe": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "a/one")), syscall.Mkfifo(filepath.Join(dir, "a/one"), 0o600))
		},
		"link changed": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "link")), os.Symlink("/etc", filepath.Join(dir, "link")))
		},
		"all removed": func(dir string) error { return errors.Join(os.RemoveAll(dir), changed) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, of := builder(t, t.TempDir())
			download := func(version string) (*workplace, place) {
				t.Helper()
				at := s.place(of("checks", "Lint", "1"))
				w := &workplace{dir: at.dir, kept: at.kept, source: filepath.Join(at.dir, "src")}
				if err := os.MkdirAll(at.dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if _, err := s.clone(t.Context(), w, repository.dir, version, w.source); err != nil {
					t.Fatal(err)
				}
				return w, at
			}
			w, at := download("first")
			kept, first := inode(t, filepath.Join(w.source, "b/three")), modified(t, w.source, "b/three")
			err := build(w.source)
			if err != nil && !errors.Is(err, changed) {
				t.Fatal(err)
			}
			if err := at.leave(w.source, w.checkedOut); err != nil {
				t.Error(err)
			}
			w, at = download("first")
			if got := contents(t, w.source); got != wants["first"] {
				t.Errorf("it has\n%s\nwant\n%s", got, wants["first"])
			}
			if err == nil && inode(t, filepath.Join(w.source, "b/three")) != kept {
				t.Error("it makes a file again that is the same")
			}
			if at := modified(t, w.source, "b/three"); !at.Equal(first) {
				t.Errorf("a file's time is %s, was %s", at, first)
			}
			if status, err := (checkout{t, w.source}).output("status", "--porcelain", "--ignored"); err != nil || status != "" {
				t.Errorf("git status says %s (%v)", status, err)
			}
			if err := at.leave(w.source, w.checkedOut); err != nil {
				t.Error(err)
			}
			w, at = download("")
			if got := contents(t, w.source); got != wants[""] {
				t.Errorf("of the next commit it has\n%s\nwant\n%s", got, wants[""])
			}
			if err := at.leave(w.source, w.checkedOut); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestConvertedFilesAreCheckedOutAgain checks a repository in which git may write
// other contents than the commit has.
func TestConvertedFilesAreCheckedOutAgain(t *testing.T) {
	t.Parallel()
	repository := checkout{t, t.TempDir()}
	repository.git("init", "-q")
	repository.write("a.txt", "one\n")
	repository.write("sub/.gitattributes", "* text=auto\n")
	repository.commit()
	dir := t.TempDir()
	w := &workplace{source: filepath.Join(dir, "src"), kept: filepath.Join(dir, "kept")}
	left := checkout{t, w.kept}
	left.write("a.txt", "one\r\n")
	s, _ := builder(t, dir)
	if _, err := s.clone(t.Context(), w, repository.dir, "", w.source); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(w.source, "a.txt")); err != nil || string(text) != "one\n" {
		t.Errorf("it has %q (%v)", text, err)
	}
	if _, err := os.Lstat(w.kept); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the files of before are still there: %v", err)
	}
}
