package readiness

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"short": func(hash string) string { return fmt.Sprintf("%.12s", hash) },
	"utc":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"count": count,
	"name":  evidenceName,
	"mark":  mark,
	"word":  stateWord,
	"brief": brief,
	"done":  func(status string) string { return changeWords[status] },
}).Parse(pageHTML))

// A pageData holds what the page shows in addition to the assessment.
type pageData struct {
	Assessment
	Candidate Candidate
	Policy    PolicyUsed
	Tone      string
	Lead      string
	Back      []Outcome // outcomes that keep it out of production, failures first
	Counts    []pageCount
	Items     []pageItem
	Stacks    []pageStack
	Evidence  []pageEvidence
	There     map[string]bool // the types that are in Evidence
}

type pageCount struct {
	N    int
	What string
}

type pageItem struct {
	Name     Item
	Outcomes []Outcome
}

// A pageStack is the effect of the deployment on a stack, or the reason why it
// is unknown.
type pageStack struct {
	Name, Why                         string
	Compared                          int
	Added, Changed, Replaced, Removed []string
}

// A pageEvidence is a statement that was used for the decision, or the absence of one.
type pageEvidence struct {
	Type, Absent, Digest string
	First                bool // first of its type, the target of links to the type
	Made                 evidence.Made
}

// WritePage writes the page for approvers: a single, self-contained HTML file.
func (a Assessment) WritePage(w io.Writer, statements []evidence.Statement) error {
	in := Inputs{Statements: statements, Now: a.FinishedOn}
	data := pageData{Assessment: a, Lead: a.lead(), Tone: verdictTone(a.Verdict), Back: a.Blocking(), Counts: a.counts(), Items: a.byItem(), There: map[string]bool{}}
	slices.SortStableFunc(data.Back, func(a, b Outcome) int { return strings.Compare(string(a.State), string(b.State)) })
	if err := in.Read(&data.Candidate); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	if err := in.Read(&data.Policy); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	in.Candidate, in.Policy = data.Candidate, data.Policy.Policy
	for _, name := range in.stacks() {
		data.Stacks = append(data.Stacks, in.stackChanges(name))
	}
	for _, s := range statements {
		e, err := describeStatement(s)
		if err != nil {
			return fmt.Errorf("writing the page: %w", err)
		}
		e.First = !data.There[e.Type]
		data.Evidence = append(data.Evidence, e)
		data.There[e.Type] = true
	}
	if err := page.Execute(w, data); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// stacks returns the names of all stacks of the release, as far as they are known.
func (in Inputs) stacks() []string {
	var a Assembly
	if err := in.Read(&a); err != nil || len(a.Manifest.Stages) == 0 {
		return []string{unnamed}
	}
	return a.Manifest.Stacks()
}

// stackChanges compares a deployed stack with the candidate's.
func (in Inputs) stackChanges(name string) pageStack {
	for _, p := range []evidence.Predicate{Assembly{}, Deployed{}} {
		if reason, _ := in.unusable(p.PredicateType()); reason != "" {
			return pageStack{Name: name, Why: fmt.Sprintf("unknown: %s: %s", evidenceName(p.PredicateType()), reason)}
		}
	}
	if err := in.Read(&Assembly{}); err != nil {
		return pageStack{Name: name, Why: "unknown: " + err.Error()}
	}
	if err := in.Read(&Deployed{}); err != nil {
		return pageStack{Name: name, Why: "unknown: " + err.Error()}
	}
	d, why, ok := stackDiff(in, name)
	if !ok {
		return pageStack{Name: name, Why: why.Reason}
	}
	s := pageStack{Name: name, Compared: d.compared()}
	for _, id := range d.added {
		s.Added = append(s.Added, d.after.describe(id))
	}
	for _, id := range d.changed {
		if d.replaced[id] == "" {
			s.Changed = append(s.Changed, d.after.describe(id))
		}
	}
	for _, id := range d.after.ids() {
		if why := d.replaced[id]; why != "" {
			s.Replaced = append(s.Replaced, d.after.describe(id)+": "+why)
		}
	}
	for _, id := range d.removed {
		s.Removed = append(s.Removed, d.before.describe(id))
	}
	return s
}

func describeStatement(s evidence.Statement) (pageEvidence, error) {
	e := pageEvidence{Type: s.PredicateType}
	if err := json.Unmarshal(s.Predicate, &e.Made); err != nil {
		return e, fmt.Errorf("reading a statement of %s: %w", s.PredicateType, err)
	}
	var absent Absence
	if s.Decode(&absent) == nil {
		e.Type, e.Absent = absent.Of, absent.Reason
	}
	payload, err := json.Marshal(s)
	if err != nil {
		return e, fmt.Errorf("reading a statement of %s: %w", s.PredicateType, err)
	}
	e.Digest = evidence.Digest(payload)
	return e, nil
}

// brief keeps the first findings of an outcome. The checklist has all.
func brief(o Outcome) Outcome {
	if more := len(o.Findings) - most; more > 0 {
		o.Findings = append(slices.Clone(o.Findings[:most]), fmt.Sprintf("and %d more", more))
	}
	return o
}

// evidenceName returns the last part of a predicate type before its version.
func evidenceName(predicateType string) string { return path.Base(path.Dir(predicateType)) }

// byItem groups the outcomes by point of the checklist. A point that no check
// decides has none.
func (a Assessment) byItem() []pageItem {
	list := make([]pageItem, len(items))
	for i, item := range items {
		list[i].Name = item
		list[i].Outcomes = slices.DeleteFunc(slices.Clone(a.Outcomes), func(o Outcome) bool { return o.Item != item })
	}
	return list
}

// counts returns the number of required checks in each state.
func (a Assessment) counts() []pageCount {
	states := map[State]int{}
	other := 0
	for _, o := range a.Outcomes {
		if o.Required {
			states[o.State]++
		} else {
			other++
		}
	}
	return []pageCount{
		{states[Pass], "passed"}, {states[NotApplicable], "not applicable"}, {states[Waived], "waived"},
		{states[Fail], "failed"}, {states[Unknown] - a.Tolerated, "unknown"}, {a.Tolerated, "unknown, tolerated"}, {other, "not required"},
	}
}

// lead explains the verdict in one sentence.
func (a Assessment) lead() string {
	switch blocking := len(a.Blocking()); {
	case blocking > 0:
		return count(blocking, "required check") + keeps(blocking) + " this release from production."
	case a.Verdict == NoGo:
		return "The policy requires no check, so nothing is known about this release."
	case a.Verdict == GoRehearsal && a.Tolerated == 0:
		return "This is a rehearsal: it says nothing about a real account."
	case a.Verdict == GoRehearsal:
		return fmt.Sprintf("This is a rehearsal: %s stayed unknown and would be a NO-GO anywhere else.", count(a.Tolerated, "check"))
	case a.Waived > 0:
		return fmt.Sprintf("%s waived. Every other required check passed, or does not apply.", wasWere(a.Waived, "check"))
	}
	return "Every required check passed, or does not apply."
}

func keeps(n int) string {
	if n == 1 {
		return " keeps"
	}
	return " keep"
}

func wasWere(n int, one string) string {
	if n == 1 {
		return count(n, one) + " is"
	}
	return count(n, one) + " are"
}

// verdictTone returns the CSS class for a verdict's colour. The text repeats
// what the colour says.
func verdictTone(verdict string) string {
	switch verdict {
	case Go:
		return "good"
	case NoGo:
		return "bad"
	}
	return "open"
}

// mark returns the symbol that is shown before a state's word.
func mark(s State) string {
	switch s {
	case Pass:
		return "✓"
	case Fail:
		return "✗"
	case Unknown:
		return "?"
	case Waived:
		return "!"
	}
	return "–"
}

// stateWord returns the word for a state.
func stateWord(s State) string {
	if s == NotApplicable {
		return "N/A"
	}
	return string(s)
}

var changeWords = map[string]string{"A": "added", "M": "modified", "D": "deleted", "R": "renamed", "C": "copied", "T": "type changed"}
