package buildspec

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

// An Artifact is a zip of files that a build has produced.
type Artifact struct {
	Identifier string // empty for the primary artifact
	Name       string // the buildspec's name for it, evaluated; may be empty
	S3Prefix   string
	Path       string // path of the zip
	Files      int
}

// A file is an entry of an artifact.
type file struct {
	name string // name in the zip, with slashes
	path string // path on disk; the targets of links have been checked
	link string // target of a symbolic link that is stored as a link
	mode fs.FileMode
}

func validGlob(pattern string) bool { return doublestar.ValidatePattern(clean(pattern)) }

// clean makes a pattern relative to its base, as CodeBuild interprets it.
func clean(pattern string) string {
	return strings.TrimPrefix(filepath.ToSlash(pattern), "./")
}

// collect returns the files that an artifact declares, sorted by name. It
// follows symbolic links that stay in the source directory. If the buildspec
// enables it, links that stay in the artifact are kept as links. Other links
// are left out, and the log says so.
func collect(source string, a Artifacts, log *logger) ([]file, error) {
	bases, err := baseDirectories(source, a.BaseDirectory, log)
	if err != nil {
		return nil, err
	}
	var files []file
	taken := map[string]string{}
	for _, base := range bases {
		found, err := match(source, base, a.Files, a.ExcludePaths, log)
		if err != nil {
			return nil, err
		}
		for _, rel := range found {
			f, ok, err := describe(source, base, rel, a.EnableSymlinks, log)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			if a.DiscardPaths {
				f.name = path.Base(rel)
			}
			if other, dup := taken[f.name]; dup {
				if other != f.path {
					log.say("Skipping %s: %s has the same name in the artifact", rel, relative(source, other))
				}
				continue
			}
			taken[f.name] = f.path
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no matching artifact paths found")
	}
	log.say("Found %d file(s)", len(files))
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// baseDirectories returns the directories that a base-directory names.
func baseDirectories(source, base string, log *logger) ([]string, error) {
	shown := base
	if base == "" {
		shown = "."
	}
	log.say("Expanding base directory path: %s", shown)
	rel := base
	if filepath.IsAbs(base) {
		var err error
		if rel, err = filepath.Rel(source, base); err != nil || !filepath.IsLocal(rel) {
			return nil, fmt.Errorf("base directory %s is not in the source directory", base)
		}
	}
	rel = path.Clean(clean(rel))
	if !fs.ValidPath(rel) {
		return nil, fmt.Errorf("base directory %s is not in the source directory", base)
	}
	if rel == "." {
		return []string{source}, nil
	}
	matches, err := doublestar.Glob(os.DirFS(source), rel, doublestar.WithNoFollow())
	if err != nil {
		return nil, fmt.Errorf("expanding base directory %s: %w", base, err)
	}
	var bases []string
	for _, m := range matches {
		dir := filepath.Join(source, filepath.FromSlash(m))
		if info, err := os.Stat(dir); err == nil && info.IsDir() && inside(source, dir) {
			bases = append(bases, dir)
		}
	}
	if len(bases) == 0 {
		return nil, fmt.Errorf("no matching base directory path found for %s", base)
	}
	slices.Sort(bases)
	return bases, nil
}

// match returns the files and links below base that match a pattern and no
// exclusion. Their names are relative to base.
func match(source, base string, patterns, excluded []string, log *logger) ([]string, error) {
	log.say("Expanding file paths for base directory %s", relative(source, base))
	log.say("Assembling file list")
	var names []string
	err := filepath.WalkDir(base, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			names = append(names, filepath.ToSlash(strings.TrimPrefix(p, base+string(filepath.Separator))))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", base, err)
	}
	keep := make([]bool, len(names))
	for _, pattern := range patterns {
		log.say("Expanding %s", pattern)
		glob := path.Clean(clean(strings.TrimPrefix(filepath.ToSlash(pattern), filepath.ToSlash(base)+"/")))
		hits := 0
		for i, name := range names {
			if doublestar.MatchUnvalidated(glob, name) {
				keep[i] = true
				hits++
			}
		}
		if hits > 0 {
			continue
		}
		log.say("Skipping invalid file path %s", pattern)
		if info, err := os.Stat(filepath.Join(base, filepath.FromSlash(glob))); err == nil && info.IsDir() {
			log.say("%s is a directory: %s/**/* names its files", pattern, strings.TrimSuffix(pattern, "/"))
		}
	}
	found := names[:0]
	for i, name := range names {
		if keep[i] && !slices.ContainsFunc(excluded, func(e string) bool { return excludes(clean(e), name) }) {
			found = append(found, name)
		}
	}
	return found, nil
}

// excludes reports whether an exclude-paths pattern covers a file. According to
// AWS's documentation, **/name/**/* also excludes files called name.
func excludes(pattern, name string) bool {
	if doublestar.MatchUnvalidated(pattern, name) {
		return true
	}
	short, ok := strings.CutSuffix(pattern, "/**/*")
	return ok && doublestar.MatchUnvalidated(short, name)
}

// describe inspects a file; ok is false if it must be left out.
func describe(source, base, rel string, keepLinks bool, log *logger) (f file, ok bool, err error) {
	p := filepath.Join(base, filepath.FromSlash(rel))
	info, err := os.Lstat(p)
	if err != nil {
		return file{}, false, fmt.Errorf("reading an artifact's file: %w", err)
	}
	f = file{name: rel, path: p, mode: info.Mode()}
	if info.Mode().IsRegular() {
		return f, true, nil
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		log.say("Skipping %s: it is neither a file nor a symbolic link", rel)
		return file{}, false, nil
	}
	link, err := os.Readlink(p)
	if err != nil {
		return file{}, false, fmt.Errorf("reading an artifact's symbolic link: %w", err)
	}
	if keepLinks && !filepath.IsAbs(link) && filepath.IsLocal(filepath.Join(filepath.Dir(filepath.FromSlash(rel)), link)) {
		f.link = link
		return f, true, nil
	}
	info, err = os.Stat(p)
	if err != nil || !info.Mode().IsRegular() || !inside(source, p) {
		log.say("Skipping %s: the symbolic link leads to %s, which is not a file in the source directory", rel, link)
		return file{}, false, nil
	}
	f.mode = info.Mode()
	return f, true, nil
}

// inside reports whether p is below dir once all links are followed.
func inside(dir, p string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	p, err = filepath.EvalSymlinks(p)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(dir, p)
	return err == nil && filepath.IsLocal(rel)
}

func relative(source, p string) string {
	if rel, err := filepath.Rel(source, p); err == nil {
		return filepath.ToSlash(rel)
	}
	return p
}

// writeZip writes files to a zip that depends only on their names, contents and modes.
func writeZip(name string, files []file) (err error) {
	out, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // #nosec G304 -- a file of our own
	if err != nil {
		return fmt.Errorf("writing an artifact: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		// The zip only travels over loopback, so speed matters more than size.
		return flate.NewWriter(w, flate.BestSpeed)
	})
	for _, f := range files {
		if err := addFile(z, f); err != nil {
			return fmt.Errorf("adding %s to an artifact: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("writing an artifact: %w", err)
	}
	return nil
}

// zipEpoch is the earliest time that a zip can represent.
var zipEpoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func addFile(z *zip.Writer, f file) (err error) {
	h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: zipEpoch}
	switch {
	case f.link != "":
		h.SetMode(fs.ModeSymlink | 0o777)
	case f.mode&0o111 != 0:
		h.SetMode(0o755)
	default:
		h.SetMode(0o644)
	}
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	if f.link != "" {
		_, err = io.WriteString(w, f.link)
		return err
	}
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	_, err = io.Copy(w, in)
	return err
}
