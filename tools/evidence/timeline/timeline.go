// Package timeline draws releases as a page: what serves where, DORA's four figures, and
// each release with its verdict, why it was refused or failed, and who approved it on
// which evidence. The release ledger and the target releases show the same page, each with
// what it knows. The package imports the standard library and package evidence only,
// because a function ships it.
package timeline

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// A Page is what is shown. Parts that are empty are left out.
type Page struct {
	Title string
	// About says in a sentence what the page has.
	About string
	// Back is the address of the page that leads to this one, with its name.
	Back, BackTo string
	Serving      []Serving
	// Stage is the stage that the figures are of.
	Stage    string
	Figures  []Figure
	Unknown  []string // why a figure does not count something
	Releases []Release
	// Unreadable says of each document that does not count why.
	Unreadable []string
	// Open shows the releases opened.
	Open bool
}

// A Serving is what serves a stage.
type Serving struct{ Stage, Commit, Version, Subject string }

// A Figure is one of DORA's, with its definition.
type Figure struct{ Name, Value, Definition string }

// A Release is a commit that something is kept of.
type Release struct {
	Commit  string
	Subject string // the first line of its message, or ""
	Tags    []string
	Link    string // its own page, or ""
	// Verdict is that of the newest assessment. Passed says that it lets the release
	// into production.
	Verdict     string
	Passed      bool
	Refused     []string // what kept it out of production
	Assessments []Assessment
	Deployments []Deployment
	// Before is the release before this one, and Difference what is between the two, as lines
	// of text. Both may be "".
	Before, Difference string
}

// An Assessment is a page on which an approver decided.
type Assessment struct{ Link, Digest string }

// A Deployment is one of a release.
type Deployment struct {
	evidence.Deployment
	// Failed says why it failed or was taken back, or is "".
	Failed string
}

// Broken returns the deployments of the release that were made against the evidence.
func (r Release) Broken() []Deployment {
	var all []Deployment
	for _, d := range r.Deployments {
		if d.BreakGlass != nil {
			all = append(all, d)
		}
	}
	return all
}

// Failed reports whether a deployment of the release failed or was taken back.
func (r Release) Failed() bool {
	for _, d := range r.Deployments {
		if d.Failed != "" {
			return true
		}
	}
	return false
}

// Where says which version of a stage the deployment made.
func (d Deployment) Where() string {
	if d.Version == "" {
		return d.Stage
	}
	return d.Stage + ", version " + d.Version
}

// Approved says who approved the deployment, or "".
func (d Deployment) Approved() string {
	switch {
	case d.Approval == nil:
		return ""
	case d.Approval.Summary == "":
		return "approved by " + d.Approval.By
	}
	return "approved by " + d.Approval.By + ": " + d.Approval.Summary
}

// Time writes a time as people read it.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

//go:embed timeline.html
var text string

var page = template.Must(template.New("timeline").Funcs(template.FuncMap{
	"short": func(hash string) string { return hash[:min(12, len(hash))] },
	"time":  Time,
	"goes":  func(verdict string) bool { return strings.HasPrefix(verdict, "GO") },
}).Parse(text))

// Write writes the page as HTML that loads and runs nothing.
func Write(w io.Writer, p Page) error {
	if err := page.Execute(w, p); err != nil {
		return fmt.Errorf("writing the page of the releases: %w", err)
	}
	return nil
}
