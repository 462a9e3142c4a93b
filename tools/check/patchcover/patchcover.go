// Package patchcover determines which of the statements that a change adds or modifies are
// run by tests.
//
// It counts statements of the syntax tree, not lines and not the compiler's blocks. A
// statement is changed if one of its own lines was added. For an if, these are the init
// statement and the condition, not the body. A statement is covered if the profile's block
// that contains its beginning, by line and column, was run. A file that is not in the profile
// is not covered. Code that was in a test, in generated code or behind a build constraint
// before is new, whatever the diff says.
package patchcover

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Patch is a change of Go files, with everything that is needed to judge it.
type Patch struct {
	Changes []Change
	Sources map[string][]byte // the changed files as they are now, by path
	// Before has the files as they were, by their old path. Only files that are generated
	// today need this.
	Before  map[string][]byte
	Modules []Module
	// Mentioned are changed files in testdata whose package's import path occurs in a source
	// that is not a test. They may be part of a program.
	Mentioned map[string]bool
}

// A Result says what a patch changes, and which part of that is covered. Places are
// file:line:column followed by the line's text.
type Result struct {
	Files      int      `json:"files"`      // Go files that were added or modified, including tests
	Statements int      `json:"statements"` // that were added or modified
	Covered    int      `json:"covered"`
	Uncovered  []string `json:"uncovered,omitempty"` // with the reason why they are not covered
	Waived     []string `json:"waived,omitempty"`    // waived by a comment, with the reason; not covered
	Mute       []string `json:"mute,omitempty"`      // waivers without a reason, which have no effect
	// Moved are the statements that were in another place before. They are not among
	// Statements.
	Moved        int      `json:"moved,omitempty"`
	MovedCovered int      `json:"movedCovered,omitempty"`
	Generated    []string `json:"generated,omitempty"`    // files that a generator wrote, which are left out
	Flagged      []string `json:"flagged,omitempty"`      // files that became generated code with this change, which are still counted
	TestSupport  []string `json:"testSupport,omitempty"`  // files in testdata that are in no profile and in no program, which are left out
	Vendored     []string `json:"vendored,omitempty"`     // files of other modules, in vendor, left out: their tests are elsewhere
	DeletedTests []string `json:"deletedTests,omitempty"` // file and function
}

// A Mismatch is the error for a profile that was made from other sources.
type Mismatch struct{ File, Reason string }

func (m *Mismatch) Error() string {
	return fmt.Sprintf("the coverage profile is not from this commit: %s %s", m.File, m.Reason)
}

// Cover compares the patch with a profile that was made from the measured sources.
func (p Patch) Cover(profile Profile, measured Digests) (Result, error) {
	r := Result{DeletedTests: deletedTests(p.Changes)}
	for _, change := range p.Changes {
		if change.Path == "" {
			continue
		}
		r.Files++
		if strings.HasSuffix(change.Path, "_test.go") {
			continue
		}
		if isVendored(change.Path) {
			r.Vendored = append(r.Vendored, change.Path)
			continue
		}
		name := profileName(p.Modules, change.Path)
		if profile[name] == nil && isTestSupport(change.Path) && !p.Mentioned[change.Path] {
			r.TestSupport = append(r.TestSupport, change.Path)
			continue
		}
		source, ok := p.Sources[change.Path]
		if !ok {
			return r, fmt.Errorf("covering %s: its source is not there", change.Path)
		}
		if err := check(change.Path, source, profile[name] != nil, measured); err != nil {
			return r, err
		}
		r.cover(change, source, p.Before[change.Old], name, profile)
	}
	return r, nil
}

// check returns an error unless the profile was made from this source.
func check(file string, source []byte, profiled bool, measured Digests) error {
	sum := sha256.Sum256(source)
	switch want, ok := measured[file]; {
	case !ok && profiled:
		return &Mismatch{file, "is in the profile, but its source was not recorded"}
	case ok && want != hex.EncodeToString(sum[:]):
		return &Mismatch{file, "was different when the tests ran"}
	}
	return nil
}

// revives reports whether code counts now that did not count before, although its lines are
// the same: code of a test, generated code, or code for other systems.
func (c Change) revives() bool {
	if c.Old != "" && !isProduction(c.Old) {
		return true
	}
	constrains := func(line Line) bool { return strings.HasPrefix(line.Text, "//go:build ") }
	return slices.ContainsFunc(c.Added, constrains) && c.Old != "" || slices.ContainsFunc(c.Removed, constrains) ||
		slices.ContainsFunc(c.Removed, func(line Line) bool { return generatedHeader.MatchString(line.Text) })
}

// generatedHeader matches the header that `go help generate` describes.
var generatedHeader = regexp.MustCompile(`^// Code generated .* DO NOT EDIT\.$`)

// isProduction reports whether the go command can build a file into a program.
func isProduction(file string) bool {
	if file == "" || strings.HasSuffix(file, "_test.go") || isTestSupport(file) || isVendored(file) {
		return false
	}
	return !slices.ContainsFunc(strings.Split(file, "/"), func(element string) bool {
		return strings.HasPrefix(element, "_") || strings.HasPrefix(element, ".")
	})
}

// isVendored reports whether a file is a copy of another module's, of which the go
// command takes no package for one of the repository's own.
func isVendored(file string) bool {
	return slices.Contains(strings.Split(path.Dir(file), "/"), "vendor")
}

// isTestSupport reports whether the go command uses a file only for tests.
func isTestSupport(file string) bool {
	return slices.Contains(strings.Split(path.Dir(file), "/"), "testdata")
}

// cover adds the changes of one file. If the file was generated code before, before is its
// old text.
func (r *Result) cover(change Change, source, before []byte, name string, profile Profile) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, change.Path, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		r.Statements++
		r.Uncovered = append(r.Uncovered, fmt.Sprintf("%s: it can't be parsed, so nothing in it counts as covered", change.Path))
		return
	}
	if ast.IsGenerated(file) {
		if change.Old == "" || generated(before) {
			r.Generated = append(r.Generated, change.Path)
			return
		}
		r.Flagged = append(r.Flagged, change.Path)
	}
	lines := bytes.Split(source, []byte("\n"))
	added := map[int]Line{}
	for _, line := range change.Added {
		added[line.Number] = line
	}
	if change.revives() {
		for i := range lines {
			added[i+1] = Line{Number: i + 1}
		}
	}
	reasons, mute := waivers(fset, file, source)
	for _, line := range mute {
		r.Mute = append(r.Mute, fmt.Sprintf("%s:%d", change.Path, line))
	}
	measure, why := profile.of(name), ""
	switch {
	case name == "":
		why = "its file is in no module"
	case len(measure.spans) == 0:
		why = "its file is in no profile: no test was built with it"
	case displaced(file):
		why = "//line comments in its file make the profile ambiguous"
	}
	for _, s := range statements(fset, file, source) {
		isNew, moved := s.changed(added)
		if !isNew && !moved {
			continue
		}
		at, measured := fset.PositionFor(s.start, false), fset.PositionFor(s.measured, false)
		covered, held := measure.covered(position{measured.Line, measured.Column})
		covered = covered && why == ""
		place := fmt.Sprintf("%s:%d:%d: %s", change.Path, at.Line, at.Column, bytes.TrimSpace(lines[at.Line-1]))
		switch reason := reasons[at.Line]; {
		case !isNew:
			r.Moved++
			if covered {
				r.MovedCovered++
			}
			continue
		case covered:
			r.Covered++
		case reason != "":
			r.Waived = append(r.Waived, fmt.Sprintf("%s (%s)", place, reason))
		default:
			r.Uncovered = append(r.Uncovered, fmt.Sprintf("%s (%s)", place, cmp.Or(why, unrun(held))))
		}
		r.Statements++
	}
}

// changed reports whether one of the statement's own lines is new or was moved.
func (s statement) changed(added map[int]Line) (isNew, moved bool) {
	for line := range s.lines {
		if l, ok := added[line]; ok {
			isNew, moved = isNew || !l.Moved, moved || l.Moved
		}
	}
	return isNew, moved
}

func unrun(held bool) string {
	if !held {
		return "no block of the profile contains it"
	}
	return "no test runs it"
}

// displaced reports whether comments assign other line numbers to places in a file, so that
// blocks of the profile could be confused.
func displaced(file *ast.File) bool {
	return slices.ContainsFunc(file.Comments, func(group *ast.CommentGroup) bool {
		return slices.ContainsFunc(group.List, func(c *ast.Comment) bool {
			return strings.HasPrefix(c.Text, "//line ") || strings.HasPrefix(c.Text, "/*line ")
		})
	})
}

func generated(source []byte) bool {
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.ParseComments|parser.PackageClauseOnly)
	return err == nil && ast.IsGenerated(file)
}

var testFunction = regexp.MustCompile(`^func ((?:Test|Fuzz|Example)\w*)\(`)

// deletedTests returns the tests that no longer exist in any file. A test that was moved, or
// whose file was renamed, is not deleted.
func deletedTests(changes []Change) []string {
	added := map[string]int{}
	var removed []string
	for _, c := range changes {
		if strings.HasSuffix(c.Path, "_test.go") {
			for _, line := range c.Added {
				if m := testFunction.FindStringSubmatch(line.Text); m != nil {
					added[m[1]]++
				}
			}
		}
		if strings.HasSuffix(c.Old, "_test.go") {
			for _, line := range c.Removed {
				if m := testFunction.FindStringSubmatch(line.Text); m != nil {
					removed = append(removed, c.Old+" "+m[1])
				}
			}
		}
	}
	return slices.DeleteFunc(removed, func(test string) bool {
		_, name, _ := strings.Cut(test, " ")
		added[name]--
		return added[name] >= 0
	})
}
