package actioncache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/inputs"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// open returns an empty cache for the test, with a stopped clock.
func open(t *testing.T) (*Cache, *clock.Manual) {
	t.Helper()
	c := clock.NewManual(noon)
	return &Cache{Dir: filepath.Join(t.TempDir(), "actions"), Max: DefaultMax, Key: []byte("a key of the test"), Clock: c}, c
}

// write writes files, given by their paths below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// read returns the files below dir, by their paths.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path) // #nosec G304 -- below a directory of the test
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

const action = "lint"

func recordOf(value string) Record {
	set := inputs.Set{"file a.go": value}
	return Record{Action: action, Key: set.Key(action), Inputs: set, Output: "no findings\n", FinishedOn: noon, Commit: "0123"}
}

// outputs are the outputs of these tests' action.
var outputs = []string{"evidence/report.json", "assembly/."}

var made = map[string]string{"evidence/report.json": "{}", "assembly/stack.json": "stack", "assembly/asset/app.zip": "PK"}

// put stores the outputs of a record, which are in directories of their own.
func put(t *testing.T, c *Cache, r Record) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, made)
	if err := c.Put(r, rootsIn(dir), outputs...); err != nil {
		t.Fatal(err)
	}
}

func rootsIn(dir string) Roots {
	return Roots{"evidence": filepath.Join(dir, "evidence"), "assembly": filepath.Join(dir, "assembly")}
}

// leftovers fails the test if the cache contains anything but entries.
func leftovers(t *testing.T, c *Cache) {
	t.Helper()
	for _, pattern := range []string{"writing-*", "removing-*"} {
		if left, err := filepath.Glob(filepath.Join(c.Dir, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

func TestOutputsComeBack(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	r := recordOf("1")
	if _, err := c.Lookup(action, r.Key); !errors.Is(err, ErrMiss) {
		t.Fatalf("an empty cache says %v", err)
	}
	put(t, c, r)
	leftovers(t, c)
	got, err := c.Lookup(action, r.Key)
	if err != nil || got.Output != r.Output || !got.FinishedOn.Equal(noon) || got.Commit != "0123" || len(got.Files) != 3 {
		t.Fatalf("Lookup = %+v, %v", got, err)
	}
	dir := t.TempDir()
	// What was there before must not be taken for an output.
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	write(t, filepath.Dir(elsewhere), map[string]string{"elsewhere": "untouched"})
	write(t, dir, map[string]string{
		"evidence/report.json": "stale, and longer", "evidence/other.json": "of another target",
		"assembly/old.json": "stale", "assembly/asset/old.zip": "stale",
	})
	if err := os.Symlink(elsewhere, filepath.Join(dir, "assembly", "stack.json")); err != nil {
		t.Fatal(err)
	}
	if err := c.Restore(got, rootsIn(dir), outputs...); err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(made)
	want["evidence/other.json"] = "of another target"
	if files := read(t, dir); !maps.Equal(files, want) {
		t.Errorf("restored %v", files)
	}
	if data, err := os.ReadFile(elsewhere); err != nil || string(data) != "untouched" {
		t.Errorf("a link was followed out of the outputs: %q, %v", data, err)
	}
}

func TestAnOutputOverALink(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	put(t, c, recordOf("1"))
	r, err := c.Lookup(action, recordOf("1").Key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"secret": "untouched", "evidence/x": ""})
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, "evidence", "report.json")); err != nil {
		t.Fatal(err)
	}
	// This must also work if the caller does not name the outputs.
	if err := c.Restore(r, rootsIn(dir)); err != nil {
		t.Fatal(err)
	}
	if files := read(t, dir); files["secret"] != "untouched" || files["evidence/report.json"] != "{}" {
		t.Errorf("restored %v", files)
	}
}

func TestAnExecutableStaysOne(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	r, dir := recordOf("1"), t.TempDir()
	write(t, dir, map[string]string{"assembly/bootstrap": "program", "assembly/text": "text"})
	if err := os.Chmod(filepath.Join(dir, "assembly", "bootstrap"), 0o700); err != nil { // #nosec G302 -- a program
		t.Fatal(err)
	}
	if err := c.Put(r, rootsIn(dir), "assembly/."); err != nil {
		t.Fatal(err)
	}
	r, err := c.Lookup(action, r.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Restore(r, rootsIn(dir), "assembly/."); err != nil {
		t.Fatal(err)
	}
	for name, executable := range map[string]bool{"bootstrap": true, "text": false} {
		info, err := os.Stat(filepath.Join(dir, "assembly", name))
		if err != nil || info.Mode()&0o111 != 0 != executable {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// rewrite changes the record of an entry. It either keeps the authentication
// code or makes one with a key.
func rewrite(t *testing.T, dir string, key []byte, change func(*Record)) {
	t.Helper()
	file := filepath.Join(dir, recordFile)
	data, err := os.ReadFile(file) // #nosec G304 -- in the test's cache
	if err != nil {
		t.Fatal(err)
	}
	var s signed
	var r Record
	if err := errors.Join(json.Unmarshal(data, &s), json.Unmarshal(s.Record, &r)); err != nil {
		t.Fatal(err)
	}
	change(&r)
	if s.Record, err = json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	if key != nil {
		s.MAC = (&Cache{Key: key}).mac(s.Record)
	}
	if data, err = json.Marshal(s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAPoisonedRecordIsNotBelieved checks that Lookup refuses an entry whose
// record somebody has changed, and removes it, so that the next result can take
// its place.
func TestAPoisonedRecordIsNotBelieved(t *testing.T) {
	t.Parallel()
	const evil = "evil"
	for _, tt := range []struct {
		name   string
		poison func(t *testing.T, c *Cache, dir string)
		says   string
	}{
		{"what it printed was edited", func(t *testing.T, _ *Cache, dir string) {
			rewrite(t, dir, nil, func(r *Record) { r.Output = evil })
		}, "was not written by this user's key"},
		{"an output and its digest were changed together", func(t *testing.T, _ *Cache, dir string) {
			write(t, dir, map[string]string{"evidence/report.json": evil})
			rewrite(t, dir, nil, func(r *Record) {
				for i := range r.Files {
					if r.Files[i].Name == "evidence/report.json" {
						r.Files[i].SHA256 = inputs.Hash(evil)
					}
				}
			})
		}, "was not written by this user's key"},
		{"it was signed with another key", func(t *testing.T, _ *Cache, dir string) {
			rewrite(t, dir, []byte("another user's"), func(*Record) {})
		}, "was not written by this user's key"},
		{"it has no code", func(t *testing.T, _ *Cache, dir string) {
			write(t, dir, map[string]string{recordFile: `{"record":{}}`})
		}, "was not written by this user's key"},
		{"the entry of another key was copied here", func(t *testing.T, c *Cache, dir string) {
			other := recordOf("2")
			put(t, c, other)
			if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(c.entry(other.Key)))); err != nil {
				t.Fatal(err)
			}
		}, "is of another action"},
		{"the entry of another action was copied here", func(t *testing.T, c *Cache, dir string) {
			other := recordOf("1")
			other.Action = "test"
			other.Key = other.Inputs.Key("test")
			put(t, c, other)
			if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(c.entry(other.Key)))); err != nil {
				t.Fatal(err)
			}
		}, "is of another action"},
		{"it claims a key that its inputs have not", func(t *testing.T, c *Cache, dir string) {
			rewrite(t, dir, c.Key, func(r *Record) { r.Inputs = inputs.Set{"file a.go": "2"} })
		}, "is of another action"},
		{"it was cut off", func(t *testing.T, _ *Cache, dir string) {
			write(t, dir, map[string]string{recordFile: `{"mac":"`})
		}, "unexpected end of JSON"},
		{"it is empty", func(t *testing.T, _ *Cache, dir string) {
			write(t, dir, map[string]string{recordFile: ""})
		}, "unexpected end of JSON"},
		{"it is a directory", func(t *testing.T, _ *Cache, dir string) {
			file := filepath.Join(dir, recordFile)
			if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
		{"it is a link to a record that is not signed", func(t *testing.T, _ *Cache, dir string) {
			fake := filepath.Join(t.TempDir(), "fake.json")
			write(t, filepath.Dir(fake), map[string]string{"fake.json": `{"mac":"","record":{"action":"lint"}}`})
			file := filepath.Join(dir, recordFile)
			if err := errors.Join(os.Remove(file), os.Symlink(fake, file)); err != nil {
				t.Fatal(err)
			}
		}, "was not written by this user's key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := open(t)
			r := recordOf("1")
			put(t, c, r)
			tt.poison(t, c, c.entry(r.Key))
			if _, err := c.Lookup(action, r.Key); err == nil || errors.Is(err, ErrMiss) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Lookup says %v, want %q", err, tt.says)
			}
			if _, err := c.Lookup(action, r.Key); !errors.Is(err, ErrMiss) {
				t.Errorf("the entry is still there: %v", err)
			}
			leftovers(t, c)
			put(t, c, r)
			if _, err := c.Lookup(action, r.Key); err != nil {
				t.Errorf("a new entry is not taken: %v", err)
			}
		})
	}
}

// TestPoisonedOutputsAreNotBelieved checks that Restore changes nothing if one
// of the outputs is not what the action left.
func TestPoisonedOutputsAreNotBelieved(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		poison func(t *testing.T, dir string)
	}{
		{"an output was changed, its time was not", func(t *testing.T, dir string) {
			file := filepath.Join(dir, "evidence", "report.json")
			before, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, map[string]string{"evidence/report.json": "[]"})
			if err := os.Chtimes(file, before.ModTime(), before.ModTime()); err != nil {
				t.Fatal(err)
			}
		}},
		{"an output was removed", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "assembly", "asset", "app.zip")); err != nil {
				t.Fatal(err)
			}
		}},
		{"an output was cut off", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"assembly/asset/app.zip": "P"})
		}},
		{"an output is a link to something else", func(t *testing.T, dir string) {
			file := filepath.Join(dir, "assembly", "stack.json")
			if err := errors.Join(os.Remove(file), os.Symlink("/dev/null", file)); err != nil {
				t.Fatal(err)
			}
		}},
		{"an output is a directory", func(t *testing.T, dir string) {
			file := filepath.Join(dir, "assembly", "stack.json")
			if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := open(t)
			put(t, c, recordOf("1"))
			r, err := c.Lookup(action, recordOf("1").Key)
			if err != nil {
				t.Fatal(err)
			}
			tt.poison(t, c.entry(r.Key))
			dir := t.TempDir()
			before := map[string]string{"evidence/report.json": "mine", "assembly/old": "mine"}
			write(t, dir, before)
			if err := c.Restore(r, rootsIn(dir), outputs...); err == nil || !strings.Contains(err.Error(), "is not believed") {
				t.Errorf("Restore says %v", err)
			}
			if after := read(t, dir); !maps.Equal(after, before) {
				t.Errorf("Restore left %v", after)
			}
			if _, err := c.Lookup(action, r.Key); !errors.Is(err, ErrMiss) {
				t.Errorf("the entry is still there: %v", err)
			}
		})
	}
}

// TestAnEntryWithMore checks that a file that the record does not name is not restored.
func TestAnEntryWithMore(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	put(t, c, recordOf("1"))
	r, err := c.Lookup(action, recordOf("1").Key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c.entry(r.Key), map[string]string{"assembly/more.json": "evil"})
	dir := t.TempDir()
	if err := c.Restore(r, rootsIn(dir), outputs...); err != nil {
		t.Fatal(err)
	}
	if files := read(t, dir); !maps.Equal(files, made) {
		t.Errorf("restored %v", files)
	}
}

func TestRootsPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := Roots{"evidence": dir, "unset": ""}
	for _, name := range []string{
		"", "evidence", "evidence/", "other/x", "evidence/../x", "evidence/a/../../x", "evidence//etc/passwd", "../x", "/etc/passwd", "unset/x", "./x",
	} {
		if path, err := roots.path(name); err == nil {
			t.Errorf("%q leads to %s", name, path)
		}
	}
	for name, want := range map[string]string{"evidence/.": dir, "evidence/a/b": filepath.Join(dir, "a", "b")} {
		if path, err := roots.path(name); err != nil || path != want {
			t.Errorf("%q leads to %s, %v", name, path, err)
		}
	}
}

// TestANameThatLeadsOutside checks that an entry that names a place outside the
// roots changes nothing, even if it is signed.
func TestANameThatLeadsOutside(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"evidence/../outside", "elsewhere/x", "outside"} {
		c, _ := open(t)
		r := recordOf("1")
		put(t, c, r)
		rewrite(t, c.entry(r.Key), c.Key, func(r *Record) {
			r.Files = append(r.Files, File{Name: name, SHA256: inputs.Hash("x")})
		})
		write(t, c.entry(r.Key), map[string]string{name: "x"})
		r, err := c.Lookup(action, r.Key)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := c.Restore(r, rootsIn(dir), outputs...); err == nil {
			t.Errorf("%s was restored", name)
		}
		if files := read(t, dir); len(files) > 0 {
			t.Errorf("%s: restored %v", name, files)
		}
	}
}

func TestOutputsThatAreNotKept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, output string
		prepare      func(t *testing.T, dir string)
	}{
		{"an output that is not there", "evidence/missing.json", func(*testing.T, string) {}},
		{"a link among the outputs", "assembly/.", func(t *testing.T, dir string) {
			if err := os.Symlink("stack.json", filepath.Join(dir, "assembly", "link")); err != nil {
				t.Fatal(err)
			}
		}},
		{"an output that is a link", "evidence/link", func(t *testing.T, dir string) {
			if err := os.Symlink("report.json", filepath.Join(dir, "evidence", "link")); err != nil {
				t.Fatal(err)
			}
		}},
		{"an output outside of its root", "evidence/../assembly/stack.json", func(*testing.T, string) {}},
		{"an output of no root", "other/x", func(*testing.T, string) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := open(t)
			dir := t.TempDir()
			write(t, dir, made)
			tt.prepare(t, dir)
			r := recordOf("1")
			if err := c.Put(r, rootsIn(dir), "evidence/report.json", tt.output); err == nil {
				t.Error("it was kept")
			}
			leftovers(t, c)
			if _, err := c.Lookup(action, r.Key); !errors.Is(err, ErrMiss) {
				t.Errorf("there is an entry: %v", err)
			}
		})
	}
}

func TestTheFirstEntryStays(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	first, second := recordOf("1"), recordOf("1")
	second.Output = "second\n"
	put(t, c, first)
	put(t, c, second)
	leftovers(t, c)
	if r, err := c.Lookup(action, first.Key); err != nil || r.Output != first.Output {
		t.Errorf("Lookup = %+v, %v", r, err)
	}
	if err := c.Forget(first.Key); err != nil {
		t.Fatal(err)
	}
	leftovers(t, c)
	if _, err := c.Lookup(action, first.Key); !errors.Is(err, ErrMiss) {
		t.Errorf("a forgotten entry: %v", err)
	}
	if err := c.Forget(first.Key); err != nil {
		t.Errorf("forgetting it again: %v", err)
	}
}

// TestHalfAnEntryIsReplaced checks that the remains of an entry, left by a
// crash during its removal, do not prevent a new entry for the key.
func TestHalfAnEntryIsReplaced(t *testing.T) {
	t.Parallel()
	for _, left := range []string{"evidence/report.json", "."} {
		c, _ := open(t)
		r := recordOf("1")
		path := filepath.Join(c.entry(r.Key), filepath.FromSlash(left))
		if left == "." {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		} else {
			write(t, c.entry(r.Key), map[string]string{left: "half"})
			if _, err := c.Lookup(action, r.Key); !errors.Is(err, ErrMiss) {
				t.Errorf("half an entry: %v", err)
			}
		}
		put(t, c, r)
		if _, err := c.Lookup(action, r.Key); err != nil {
			t.Errorf("with %s left: %v", left, err)
		}
		leftovers(t, c)
	}
}

// TestSeveralAtOnce checks that processes that put, read, restore, forget and
// trim the same cache concurrently see complete entries or none.
func TestSeveralAtOnce(t *testing.T) {
	t.Parallel()
	shared, _ := open(t)
	// This is less than one entry.
	shared.Max = 200
	var group sync.WaitGroup
	for n := range 8 {
		from, to := t.TempDir(), t.TempDir()
		write(t, from, made)
		group.Go(func() {
			// This stands for another process.
			c := *shared
			for i := range 12 {
				r := recordOf(fmt.Sprint(i % 3))
				if err := c.Put(r, rootsIn(from), outputs...); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("Put: %v", err)
				}
				got, err := c.Lookup(action, r.Key)
				if err != nil {
					if !errors.Is(err, ErrMiss) && !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("Lookup: %v", err)
					}
					continue
				}
				switch err := c.Restore(got, rootsIn(to), outputs...); {
				case err == nil:
					if files := read(t, to); !maps.Equal(files, made) {
						t.Errorf("restored %v", files)
					}
				// Otherwise another process has removed it.
				case !errors.Is(err, fs.ErrNotExist):
					t.Errorf("Restore: %v", err)
				}
				if n%2 == 0 {
					if err := c.Trim(); err != nil {
						t.Errorf("Trim: %v", err)
					}
				} else if err := c.Forget(r.Key); err != nil {
					t.Errorf("Forget: %v", err)
				}
			}
		})
	}
	group.Wait()
	leftovers(t, shared)
}

func TestTrim(t *testing.T) {
	t.Parallel()
	c, now := open(t)
	if err := c.Trim(); err != nil {
		t.Errorf("a cache that is not there: %v", err)
	}
	var records []Record
	for i := range 4 {
		r := recordOf(fmt.Sprint(i))
		put(t, c, r)
		// The lookup records the last use by the cache's clock.
		if _, err := c.Lookup(action, r.Key); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
		now.Advance(time.Hour)
	}
	// The oldest entry is used again.
	if _, err := c.Lookup(action, records[0].Key); err != nil {
		t.Fatal(err)
	}
	write(t, c.Dir, map[string]string{
		"writing-crashed/evidence/report.json": "half", "removing-crashed/entry/record.json": "{}", "writing-now/record.json": "{}", "README": "no entry",
	})
	for name, age := range map[string]time.Duration{"writing-crashed": 25 * time.Hour, "removing-crashed": 25 * time.Hour, "writing-now": time.Minute} {
		at := now.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(c.Dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	size, _ := measure(c.entry(records[0].Key))
	c.Max = 2*size + size/2
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, false, true} {
		if _, err := os.Stat(c.entry(records[i].Key)); (err == nil) != want {
			t.Errorf("entry %d is there: %v, want %v", i, err == nil, want)
		}
	}
	for name, want := range map[string]bool{"writing-crashed": false, "removing-crashed": false, "writing-now": true, "README": true} {
		if _, err := os.Stat(filepath.Join(c.Dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}

func TestADirectoryThatIsNone(t *testing.T) {
	t.Parallel()
	c, _ := open(t)
	write(t, filepath.Dir(c.Dir), map[string]string{"actions": "a file"})
	r, dir := recordOf("1"), t.TempDir()
	write(t, dir, made)
	if _, err := c.Lookup(action, r.Key); err == nil || errors.Is(err, ErrMiss) {
		t.Errorf("Lookup says %v", err)
	}
	if err := c.Put(r, rootsIn(dir), outputs...); err == nil {
		t.Error("Put kept something")
	}
	if err := c.Trim(); err == nil {
		t.Error("Trim trimmed something")
	}
	if data, err := os.ReadFile(c.Dir); err != nil || !bytes.Equal(data, []byte("a file")) {
		t.Errorf("what is there became %q, %v", data, err)
	}
}

func TestOpen(t *testing.T) {
	cacheDir, config := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cacheDir)
	t.Setenv("XDG_CONFIG_HOME", config)
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, recordOf("1"))
	if again, err := Open(); err != nil || again.Dir != filepath.Join(cacheDir, "magewright", "actions") {
		t.Errorf("Open = %+v, %v", again, err)
	} else if _, err := again.Lookup(action, recordOf("1").Key); err != nil {
		t.Errorf("the next process does not believe it: %v", err)
	}
	info, err := os.Stat(c.Dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can see the cache: %v, %v", info.Mode(), err)
	}
	// This is what another user, or another machine, has written.
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	stranger, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Lookup(action, recordOf("1").Key); err == nil || errors.Is(err, ErrMiss) {
		t.Errorf("another user believes it: %v", err)
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	if _, err := Open(); err == nil {
		t.Error("a cache was opened without a home directory")
	}
}

// TestAnotherCache holds that another name is another cache with another key, and that
// no name leads elsewhere.
func TestAnotherCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	first, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAGEWRIGHT_RESULTS", "judge")
	second, err := Open()
	if err != nil || second.Dir == first.Dir || bytes.Equal(second.Key, first.Key) {
		t.Errorf("%+v is no other than %+v, %v", second, first, err)
	}
	t.Setenv("MAGEWRIGHT_RESULTS", "../judge")
	if c, err := Open(); err == nil || !strings.Contains(err.Error(), `"../judge", which is not the name`) {
		t.Errorf("Open = %+v, %v", c, err)
	}
}
