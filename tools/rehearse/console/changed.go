package console

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/check/patchcover"
)

// A Changed is a file that the release changes, with the lines around the statements that no
// test runs.
type Changed struct {
	File    string `json:"file"`
	Added   int    `json:"added"`
	Missing int    `json:"missing"` // statements that no test runs
	Lines   []Code `json:"lines,omitempty"`
}

// A Code is a line of a source.
type Code struct {
	Number  int    `json:"number"`
	Text    string `json:"text"`
	Added   bool   `json:"added,omitempty"`
	Missing bool   `json:"missing,omitempty"` // the line has a statement that no test runs
}

// A Patch says how much of a release's change the tests run.
type Patch struct {
	Base       string    `json:"base"`
	Statements int       `json:"statements"`
	Covered    int       `json:"covered"`
	Files      []Changed `json:"files"`
	// Unknown says why that is unknown.
	Unknown string `json:"unknown,omitempty"`
}

// sourcesFile is beside a coverage profile. It has the digests of the sources to which the
// profile applies.
const sourcesFile = "sources.json"

// around is how many lines are shown before and after a line.
const around = 2

// patch reads which of the changed statements the tests run, or returns nil if the
// console has no repository to compare with.
func (c *Console) patch(ctx context.Context, commit string, archive *zip.Reader, name string, data []byte) *Patch {
	if c.repository == "" || c.base == "" || commit == "" {
		return nil
	}
	p := &Patch{Base: c.base, Files: []Changed{}}
	result, changes, err := c.cover(ctx, commit, archive, name, data)
	if err != nil {
		p.Unknown = err.Error()
		return p
	}
	p.Statements, p.Covered = result.Statements, result.Covered
	for _, change := range changes.Changes {
		if source, ok := changes.Sources[change.Path]; ok && !strings.HasSuffix(change.Path, "_test.go") {
			p.Files = append(p.Files, changed(change, source, result.Uncovered))
		}
	}
	slices.SortStableFunc(p.Files, func(a, b Changed) int { return b.Missing - a.Missing })
	return p
}

func (c *Console) cover(ctx context.Context, commit string, archive *zip.Reader, name string, data []byte) (r patchcover.Result, p patchcover.Patch, err error) {
	measured := patchcover.Digests{}
	for _, f := range archive.File {
		if f.Name != path.Join(path.Dir(name), sourcesFile) {
			continue
		}
		text, err := read(f)
		if err == nil {
			err = json.Unmarshal(text, &measured)
		}
		if err != nil {
			return r, p, fmt.Errorf("reading %s: %w", f.Name, err)
		}
	}
	profile := patchcover.Profile{}
	if err := profile.Read(bytes.NewReader(data)); err != nil {
		return r, p, err
	}
	if p, err = patchcover.ReadPatch(ctx, c.repository, c.base, commit); err != nil {
		return r, p, err
	}
	r, err = p.Cover(profile, measured)
	return r, p, err
}

// changed returns the lines of a file around the statements that no test runs. Their places
// begin with file:line.
func changed(change patchcover.Change, source []byte, uncovered []string) Changed {
	out := Changed{File: change.Path, Added: len(change.Added)}
	missing, added := map[int]bool{}, map[int]bool{}
	for _, place := range uncovered {
		rest, ok := strings.CutPrefix(place, change.Path+":")
		number, _, _ := strings.Cut(rest, ":")
		if n, err := strconv.Atoi(number); ok && err == nil {
			missing[n] = true
			out.Missing++
		}
	}
	for _, l := range change.Added {
		added[l.Number] = true
	}
	for i, text := range strings.Split(string(source), "\n") {
		n := i + 1
		near := false
		for d := -around; d <= around; d++ {
			near = near || missing[n+d]
		}
		if near {
			out.Lines = append(out.Lines, Code{n, text, added[n], missing[n]})
		}
	}
	return out
}
