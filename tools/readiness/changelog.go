package readiness

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// A Changelog holds the changelogs of the base and the candidate.
type Changelog struct {
	evidence.Made
	File   string `json:"file"`
	Absent bool   `json:"absent,omitempty"` // the candidate has none
	Before string `json:"before"`           // "" if the base has none, or there is no base
	After  string `json:"after"`
}

// PredicateType implements [evidence.Predicate].
func (Changelog) PredicateType() string { return base + "changelog/v1" }

// changelog checks that users can read what the release brings.
func changelog() Check {
	return Check{
		ID: "changelog", Item: Documentation,
		Title: "The changelog has an entry for this release",
		Doc: `The sections of the changelog (https://keepachangelog.com/en/1.1.0/) are parsed at
base and candidate. There must be either a section for a new version with entries, or
more new entries in Unreleased than it has lost without their moving to a version. An
entry is an item of three words or more below Added, Changed, Deprecated, Removed,
Fixed or Security. White space, other sections, removals, and entries that the base
has anywhere don't count. If only documents (the licence and Markdown at the root, Markdown in doc and
docs) and tests changed, no entry is needed; the list of these files is the proof. Other tools accept any difference in the file.`,
		Inputs: []evidence.Predicate{Changelog{}},
		Next:   "write an entry below Unreleased in CHANGELOG.md, then git commit",
		Decide: func(in Inputs) Result {
			c := read(in, &Changelog{})
			if len(in.Candidate.Changed) == 0 {
				return Undecided("no file differs from the base %.12s: is it the previous release?", in.Candidate.Base)
			}
			if paths, only := onlyDocumentsAndTests(in.Candidate.Changed); only && !in.Candidate.First() {
				return Inapplicable("only documents and tests changed: %s", strings.Join(paths, ", "))
			}
			counted := fmt.Sprintf("%s changed", count(len(in.Candidate.Changed), "file"))
			if c.Absent {
				return Failed(counted, "there is no "+c.File)
			}
			before, after := parseChangelog(c.Before), parseChangelog(c.After)
			if len(after) == 0 {
				return Failed(counted, c.File+" has neither an Unreleased section nor a section for a version")
			}
			gained, released := gain(before, after)
			counted = fmt.Sprintf("%s: %s, %s in Unreleased, %s for a version; %s", c.File, count(len(after), "section"), count(gained, "new entry"), count(len(released), "new section"), counted)
			if gained == 0 && len(released) == 0 {
				return Failed(counted, c.File+": there is no new entry in Unreleased and no new section for a version")
			}
			return concluded(counted, nil, nil, "Whether the entries describe everything that the release changes.")
		},
	}
}

// isDocument reports whether a file is a document and nothing else: the licence and
// Markdown at the root, and Markdown in a directory of documents. A program may embed
// what is elsewhere.
func isDocument(name string) bool {
	if name == "LICENSE" {
		return true
	}
	dir := path.Dir(name)
	return strings.HasSuffix(name, ".md") && (dir == "." || slices.ContainsFunc(strings.Split(dir, "/"), func(word string) bool { return word == "doc" || word == "docs" }))
}

// onlyDocumentsAndTests reports whether none of the changed paths is built or deployed.
func onlyDocumentsAndTests(changes []Change) (paths []string, only bool) {
	for _, c := range changes {
		for _, name := range []string{c.Path, c.From} {
			if name == "" {
				continue
			}
			if !isTest(name) && !isDocument(name) {
				return nil, false
			}
			paths = append(paths, name)
		}
	}
	return paths, true
}

// unreleased is the title of the section for changes that are not in a version yet.
const unreleased = "Unreleased"

// isTest reports whether a file is a test, or is read by one.
func isTest(name string) bool {
	return strings.HasSuffix(name, "_test.go") || slices.Contains(strings.Split(path.Dir(name), "/"), "testdata")
}

// A changelogSection is Unreleased or a version, including its entries.
type changelogSection struct {
	title   string // Unreleased, or a version, for example 1.2.0
	entries []string
}

var (
	sectionHead = regexp.MustCompile(`^## +\[?(Unreleased|v?\d+\.\d+[^\]\s]*)\]?`)
	kindHead    = regexp.MustCompile(`^### +(Added|Changed|Deprecated|Removed|Fixed|Security)\s*$`)
	entryStart  = regexp.MustCompile(`^[-*+] +`)
)

// parseChangelog returns the sections of a changelog. Each entry becomes one
// line with single spaces.
func parseChangelog(text string) []changelogSection {
	var sections []changelogSection
	inKind, inEntry := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		switch head := sectionHead.FindStringSubmatch(line); {
		case head != nil:
			sections = append(sections, changelogSection{title: head[1]})
			inKind, inEntry = false, false
		case strings.HasPrefix(line, "## ") || strings.HasPrefix(line, "# "):
			inKind, inEntry = false, false
		case strings.HasPrefix(line, "###"):
			inKind, inEntry = kindHead.MatchString(line) && len(sections) > 0, false
		case !inKind:
		case entryStart.MatchString(line):
			last := &sections[len(sections)-1]
			last.entries = append(last.entries, words(entryStart.ReplaceAllString(line, "")))
			inEntry = true
		case inEntry && strings.TrimSpace(line) != "":
			last := &sections[len(sections)-1]
			i := len(last.entries) - 1
			last.entries[i] = words(last.entries[i] + " " + line)
		}
	}
	for i := range sections {
		sections[i].entries = slices.DeleteFunc(sections[i].entries, func(e string) bool { return len(strings.Fields(e)) < 3 })
	}
	return sections
}

func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// gain returns how many entries Unreleased has gained, minus those that it lost
// without a move to a version. It also returns the versions that have a new
// section with entries.
func gain(before, after []changelogSection) (gained int, released []string) {
	everBefore, releasedBefore, nowAfter, titles := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range before {
		titles[s.title] = true
		for _, e := range s.entries {
			everBefore[e] = true
			releasedBefore[e] = releasedBefore[e] || s.title != unreleased
		}
	}
	for _, s := range after {
		for _, e := range s.entries {
			nowAfter[e] = true
			if s.title == unreleased && !everBefore[e] {
				gained++
				// Identical entries count as one.
				everBefore[e] = true
			}
		}
		// A section that only has a new title is not new.
		fresh := func(e string) bool { return !releasedBefore[e] }
		if s.title != unreleased && !titles[s.title] && slices.ContainsFunc(s.entries, fresh) {
			released = append(released, s.title)
		}
	}
	for _, s := range before {
		for _, e := range s.entries {
			if s.title == unreleased && !nowAfter[e] {
				gained--
			}
		}
	}
	return max(gained, 0), released
}
