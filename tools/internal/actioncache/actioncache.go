// Package actioncache stores the outputs of actions under a key of what the
// actions read, so that what is proven is not computed again. It uses the terms
// of Bazel's remote cache: an action, its key, and its outputs.
// See https://bazel.build/remote/caching.
//
// An entry is trusted only if it is intact: it has an authentication code made
// with a key of this user, and each output is compared with its digest when it
// is copied. Whoever can read that key can also change the user's files
// directly. Entries from another machine or another user are never trusted.
package actioncache

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/internal/usersecret"
)

// DefaultMax is the default size limit of a cache in bytes: some hundred
// assemblies and test results.
const DefaultMax = 1 << 30

// abandoned is the age after which files that a crash left behind are removed.
const abandoned = 24 * time.Hour

// A Cache is a directory of entries. Several processes may use it concurrently.
type Cache struct {
	Dir   string // created on the first Put
	Max   int64  // size limit in bytes; the least recently used entries are removed first
	Key   []byte // authenticates entries
	Clock clock.Clock
}

// A Record describes an entry.
type Record struct {
	Action     string     `json:"action"`
	Key        string     `json:"key"`
	FinishedOn time.Time  `json:"finishedOn"`       // when the action ended that made it
	Commit     string     `json:"commit"`           // commit at which the action ran
	Dirty      bool       `json:"dirty,omitempty"`  // files differed from the commit
	Build      string     `json:"build,omitempty"`  // id of the CodeBuild build that ran it
	Output     string     `json:"output,omitempty"` // what it printed
	Inputs     inputs.Set `json:"inputs"`
	Files      []File     `json:"files"`
}

// A File is one output of an action.
type File struct {
	Name       string `json:"name"` // ROOT/PATH with slashes, see Roots
	SHA256     string `json:"sha256"`
	Executable bool   `json:"executable,omitempty"`
}

// Roots maps names, such as "evidence", to the directories that contain outputs.
type Roots map[string]string

// Open returns this user's cache: $XDG_CACHE_HOME/magewright/actions. It
// authenticates entries with a key in the user's configuration directory, and
// makes that key if there is none. MAGEWRIGHT_RESULTS names another cache than
// "actions": who judges has one of its own, so that no build which is not reviewed
// chooses a result.
func Open() (*Cache, error) { return Named(cmp.Or(os.Getenv("MAGEWRIGHT_RESULTS"), "actions")) }

// Judge is the name of the cache of results that only a judge writes.
const Judge = "judge"

// Named returns this user's cache of a name; see [Open].
func Named(name string) (*Cache, error) {
	if !simple.MatchString(name) {
		return nil, fmt.Errorf("finding the cache of actions: MAGEWRIGHT_RESULTS is %q, which is not the name of a cache", name)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("finding the cache of actions: %w", err)
	}
	key, err := usersecret.Read(name + ".key")
	if err != nil {
		return nil, fmt.Errorf("opening the cache of actions: %w", err)
	}
	return &Cache{Dir: filepath.Join(cache, "magewright", name), Max: DefaultMax, Key: key, Clock: clock.System()}, nil
}

var simple = regexp.MustCompile(`^[a-z-]+$`)

const recordFile = "record.json"

// signed is a record with its authentication code.
type signed struct {
	MAC    string          `json:"mac"`
	Record json.RawMessage `json:"record"`
}

func (c *Cache) mac(record []byte) string {
	sum := hmac.New(sha256.New, c.Key)
	// This never fails.
	_, _ = sum.Write(record)
	return hex.EncodeToString(sum.Sum(nil))
}

func (c *Cache) entry(key string) string { return filepath.Join(c.Dir, key[:2], key) }

// ErrMiss says that there is no entry.
var ErrMiss = errors.New("there is no entry")

// Lookup returns the record of an action's entry. The error is ErrMiss if there
// is none. Any other error says why the entry is not trusted; the entry has
// then been removed.
func (c *Cache) Lookup(action, key string) (Record, error) {
	dir := c.entry(key)
	record, err := c.read(dir, action, key)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, ErrMiss
	}
	if err != nil {
		return Record{}, errors.Join(fmt.Errorf("the entry of %s in the cache is not believed: %w", action, err), c.discard(dir))
	}
	now := c.Clock.Now()
	// This records the last use. Another process may have removed the entry.
	_ = os.Chtimes(filepath.Join(dir, recordFile), now, now)
	return record, nil
}

// Forget removes the entry for a key, if there is one.
func (c *Cache) Forget(key string) error {
	if err := c.discard(c.entry(key)); err != nil {
		return fmt.Errorf("removing an entry of the cache: %w", err)
	}
	return nil
}

// discard removes an entry atomically. It renames the entry first, so that
// neither another process nor a crash leaves half an entry. It is no error if
// another process has already removed it.
func (c *Cache) discard(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	away, err := os.MkdirTemp(c.Dir, "removing-")
	if err != nil {
		return err
	}
	err = os.Rename(dir, filepath.Join(away, "entry"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(away))
}

func (c *Cache) read(dir, action, key string) (Record, error) {
	var record Record
	data, err := os.ReadFile(filepath.Join(dir, recordFile)) // #nosec G304 -- in the cache
	if err != nil {
		return record, err
	}
	var s signed
	if err := json.Unmarshal(data, &s); err != nil {
		return record, fmt.Errorf("%s: %w", recordFile, err)
	}
	if !hmac.Equal([]byte(s.MAC), []byte(c.mac(s.Record))) {
		return record, fmt.Errorf("%s was not written by this user's key", recordFile)
	}
	if err := json.Unmarshal(s.Record, &record); err != nil {
		return record, fmt.Errorf("%s: %w", recordFile, err)
	}
	if record.Action != action || record.Key != key || record.Inputs.Key(action) != key {
		return record, fmt.Errorf("%s is of another action", recordFile)
	}
	return record, nil
}

// Restore puts an entry's outputs in place, and replaces everything at outputs
// (ROOT/PATH, as for Put). It first compares each output with its digest. If
// one differs, Restore changes nothing and removes the entry.
func (c *Cache) Restore(r Record, roots Roots, outputs ...string) error {
	dir := c.entry(r.Key)
	contents, err := verify(dir, r)
	if err != nil {
		return errors.Join(fmt.Errorf("the entry of %s in the cache is not believed: %w", r.Action, err), c.discard(dir))
	}
	if err := replace(r, contents, roots, outputs); err != nil {
		return fmt.Errorf("taking the result of %s from the cache: %w", r.Action, err)
	}
	return nil
}

// verify reads the outputs of an entry and compares them with their digests.
func verify(dir string, r Record) ([][]byte, error) {
	contents := make([][]byte, len(r.Files))
	for i, f := range r.Files {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Name))) // #nosec G304 -- in the cache
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
			return nil, fmt.Errorf("%s has another digest than its record says", f.Name)
		}
		contents[i] = data
	}
	return contents, nil
}

// replace removes everything at outputs and writes the files of a record.
func replace(r Record, contents [][]byte, roots Roots, outputs []string) error {
	// Every path must be known before anything is removed.
	paths := make([]string, len(r.Files))
	for i, f := range r.Files {
		var err error
		if paths[i], err = roots.path(f.Name); err != nil {
			return err
		}
	}
	stale := make([]string, len(outputs))
	for i, output := range outputs {
		var err error
		if stale[i], err = roots.path(output); err != nil {
			return err
		}
	}
	for _, path := range stale {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	for i, path := range paths {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		// The existing file may be a link to somewhere else, or read-only.
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		mode := fs.FileMode(0o600)
		if r.Files[i].Executable {
			mode = 0o700
		}
		if err := os.WriteFile(path, contents[i], mode); err != nil { // #nosec G703 -- below a root, see path
			return err
		}
	}
	return nil
}

// path returns the path of the output ROOT/PATH.
func (r Roots) path(name string) (string, error) {
	root, rest, ok := strings.Cut(name, "/")
	dir, known := r[root]
	local := filepath.FromSlash(rest)
	if !ok || !known || dir == "" || !filepath.IsLocal(local) {
		return "", fmt.Errorf("%s is not an output", name)
	}
	return filepath.Join(dir, local), nil
}

// Put stores the outputs of an action: files, and directories with all files in
// them. They are given as ROOT/PATH; a whole root is ROOT/. with a dot. An
// entry is either complete or absent, because Put writes it elsewhere and then
// renames it. If another process was faster, its entry stays.
func (c *Cache) Put(r Record, roots Roots, outputs ...string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("keeping the result of %s: %w", r.Action, err)
		}
	}()
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(c.Dir, "writing-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	r.Files = nil
	for _, output := range outputs {
		if err := c.collect(&r, roots, output, aside); err != nil {
			return err
		}
	}
	record, err := json.Marshal(r)
	if err != nil {
		return err
	}
	data, err := json.Marshal(signed{MAC: c.mac(record), Record: record})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(aside, recordFile), data, 0o600); err != nil {
		return err
	}
	dir := c.entry(r.Key)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	for range 3 {
		if err = os.Rename(aside, dir); err == nil {
			return nil
		}
		if _, statErr := os.Stat(filepath.Join(dir, recordFile)); statErr == nil {
			return nil
		}
		// What is there is not an entry, or another process has just removed it.
		if err := c.discard(dir); err != nil {
			return err
		}
	}
	return err
}

// collect copies an output to the directory aside and records its digest.
func (c *Cache) collect(r *Record, roots Roots, output, aside string) error {
	from, err := roots.path(output)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", path)
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		name := output
		if relative != "." {
			name = strings.TrimSuffix(output, "/.") + "/" + filepath.ToSlash(relative)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		sum, err := copyFile(path, filepath.Join(aside, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		r.Files = append(r.Files, File{Name: name, SHA256: sum, Executable: info.Mode()&0o111 != 0})
		return nil
	})
}

// copyFile copies a file and returns its SHA-256.
func copyFile(from, to string) (_ string, err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	in, err := os.Open(from) // #nosec G304 -- an output of this project
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- in the cache
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), in)
	if err := errors.Join(err, out.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Trim removes what a crash left behind. While the cache exceeds its size
// limit, it also removes the least recently used entries.
func (c *Cache) Trim() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("trimming the cache: %w", err)
		}
	}()
	type used struct {
		dir  string
		at   time.Time
		size int64
	}
	var entries []used
	total := int64(0)
	now := c.Clock.Now()
	groups, err := os.ReadDir(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, group := range groups {
		dir := filepath.Join(c.Dir, group.Name())
		if strings.HasPrefix(group.Name(), "writing-") || strings.HasPrefix(group.Name(), "removing-") {
			if info, err := group.Info(); err == nil && now.Sub(info.ModTime()) > abandoned {
				// Another process may be doing the same.
				_ = os.RemoveAll(dir)
			}
			continue
		}
		inside, err := os.ReadDir(dir)
		if err != nil {
			// This does not belong to the cache.
			continue
		}
		for _, e := range inside {
			u := used{dir: filepath.Join(dir, e.Name())}
			u.size, u.at = measure(u.dir)
			total += u.size
			entries = append(entries, u)
		}
	}
	slices.SortFunc(entries, func(a, b used) int { return a.at.Compare(b.at) })
	for _, e := range entries {
		if total <= c.Max {
			break
		}
		if err := c.discard(e.dir); err != nil {
			return err
		}
		total -= e.size
	}
	return nil
}

// measure returns an entry's size in bytes, and the time of its last use.
func measure(dir string) (size int64, at time.Time) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			size += info.Size()
			if filepath.Base(path) == recordFile {
				at = info.ModTime()
			}
		}
		return nil
	})
	return size, at
}
