// Package results keeps what a rehearsal has produced after its AWS has gone: the log of each
// action, the files that the actions have left, and a page that leads to them.
package results

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Page is the file in a rehearsal's directory that leads to the others.
const Page = "index.html"

// left is the directory of an action's files, beside the action's log. So a file with the
// same name does not replace the log.
const left = "left"

// maxFile is the size limit of a file in bytes. Evidence is much smaller.
const maxFile = 64 << 20

// A Rehearsal is one execution of the pipeline.
type Rehearsal struct {
	Commit  string
	Base    string // the previous release, or ""
	Status  string // status of the execution
	Actions []Action
	// NotRehearsed says what the rehearsal does not show.
	NotRehearsed []Left
}

// Left is something that was not rehearsed, the reason, and what to do about it.
type Left struct{ Name, Why, Next string }

// An Action is an action of the pipeline, with the files that it has left.
type Action struct {
	Stage, Name, Status string
	Took                string // "" if it has not begun
	Command             string // the command that does the same alone; "" if the action is not a build
	Approval            bool   // a person decides
	Log                 string // "" if it has none
	Said                string // CodePipeline's own message, if it is not in the log
	Artifacts           [][]byte
}

// Dir is the name of the action's directory.
func (a Action) Dir() string { return a.Stage + "-" + a.Name }

// LogFile is the path of the log in the rehearsal's directory, or "".
func (a Action) LogFile() string {
	if a.Log == "" {
		return ""
	}
	return path.Join(a.Dir(), "log.txt")
}

// FirstError returns the first lines in the action's log that say why it failed.
func (a Action) FirstError() string {
	if a.Log != "" {
		return FirstError(a.Log)
	}
	return a.Said
}

// Failed reports whether the action has failed.
func (a Action) Failed() bool { return a.Status == "Failed" }

// Write writes the rehearsal into a directory and replaces what is there.
func (r Rehearsal) Write(dir string) error {
	fresh := dir + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o750)); err != nil {
		return fmt.Errorf("keeping the results: %w", err)
	}
	if err := r.write(fresh); err != nil {
		return errors.Join(fmt.Errorf("keeping the results: %w", err), os.RemoveAll(fresh))
	}
	// A reader finds either the results of the previous rehearsal or these.
	if err := errors.Join(os.RemoveAll(dir), os.Rename(fresh, dir)); err != nil {
		return fmt.Errorf("keeping the results: %w", err)
	}
	return nil
}

func (r Rehearsal) write(dir string) error {
	files := make(map[string][]string, len(r.Actions))
	for _, a := range r.Actions {
		if a.Log == "" && len(a.Artifacts) == 0 {
			continue
		}
		to := filepath.Join(dir, a.Dir())
		if err := os.MkdirAll(to, 0o750); err != nil {
			return err
		}
		if a.Log != "" {
			if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(a.LogFile())), []byte(a.Log), 0o600); err != nil {
				return err
			}
		}
		for _, artifact := range a.Artifacts {
			names, err := unpack(artifact, filepath.Join(to, left))
			if err != nil {
				return fmt.Errorf("the artifact of %s/%s: %w", a.Stage, a.Name, err)
			}
			for _, name := range names {
				files[a.Dir()] = append(files[a.Dir()], path.Join(a.Dir(), left, name))
			}
		}
	}
	page, err := r.page(files)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, Page), page, 0o600)
}

// unpack writes the files of a zip file below a directory, and returns their names, sorted. A
// name that leads out of the directory is an error.
func unpack(artifact []byte, to string) ([]string, error) {
	archive, err := zip.NewReader(bytes.NewReader(artifact), int64(len(artifact)))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range archive.File {
		if !f.Mode().IsRegular() {
			continue
		}
		if !fs.ValidPath(f.Name) {
			return nil, fmt.Errorf("%q is not the name of a file", f.Name)
		}
		file := filepath.Join(to, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return nil, err
		}
		data, err := read(f)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, err
		}
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names, nil
}

func read(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", f.Name, maxFile)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // read only
	return io.ReadAll(r)             // no more than its header says: package zip checks that
}

//go:embed index.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"short": func(commit string) string { return commit[:min(12, len(commit))] },
	"base":  path.Base,
	// A number sign in a name does not begin a fragment.
	"href": func(file string) string { return (&url.URL{Path: file}).EscapedPath() },
}).Parse(pageHTML))

// shown are the files that somebody opens first, in this order, with a description.
var shown = []struct{ name, what string }{
	{"readiness.html", "readiness"},
	{"plan.md", "deployment plan"},
	{"junit.xml", "test report"},
	{"gosec.sarif", "security findings"},
}

// A link leads to a file.
type link struct{ File, Text string }

// page returns the page. The files are listed by action.
func (r Rehearsal) page(files map[string][]string) ([]byte, error) {
	type row struct {
		Action
		Links []link // what is opened first
		Files []string
	}
	rows := make([]row, 0, len(r.Actions))
	var first []link
	for _, a := range r.Actions {
		here := row{Action: a, Files: files[a.Dir()]}
		for _, s := range shown {
			for _, file := range here.Files {
				if path.Base(file) == s.name {
					here.Links = append(here.Links, link{file, s.what})
				}
			}
		}
		first = append(first, here.Links...)
		rows = append(rows, here)
	}
	// The newest of a kind is the interesting one.
	newest := map[string]int{}
	for i, l := range first {
		newest[l.Text] = i
	}
	first = slices.DeleteFunc(slices.Clone(first), func(l link) bool { return first[newest[l.Text]] != l })
	var page bytes.Buffer
	err := pageTemplate.Execute(&page, struct {
		Rehearsal
		Good  bool
		First []link
		Rows  []row
	}{r, r.Status == "Succeeded", first, rows})
	return page.Bytes(), err
}

// Failures returns the actions that failed.
func (r Rehearsal) Failures() []Action {
	return slices.DeleteFunc(slices.Clone(r.Actions), func(a Action) bool { return !a.Failed() })
}

// Lines returns the last lines of a text.
func Lines(text string, n int) string {
	all := strings.SplitAfter(strings.TrimRight(text, "\n")+"\n", "\n")
	return strings.Join(all[max(0, len(all)-n-1):], "")
}
