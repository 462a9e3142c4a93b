package readiness

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/magewright/magewright/tools/evidence"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"short": func(hash string) string { return fmt.Sprintf("%.12s", hash) },
	"tone":  tone,
}).Parse(pageHTML))

// tone is the class of an outcome's colour. The state stands beside it in
// words.
func tone(o Outcome) string {
	switch o.State {
	case Fail:
		return "bad"
	case Unknown, Waived:
		return "open"
	default:
		return "good"
	}
}

// WritePage writes the page that an approver reads: one file of HTML that
// needs no other.
func (a Assessment) WritePage(w io.Writer, statements []evidence.Statement) error {
	type item struct {
		Name     Item
		Outcomes []Outcome
	}
	data := struct {
		Assessment
		Candidate  Candidate
		PolicyFrom string
		Items      []item
	}{Assessment: a}
	in := Inputs{Statements: statements}
	var policy PolicyUsed
	if err := in.Read(&data.Candidate); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	if err := in.Read(&policy); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	data.PolicyFrom = policy.From
	for _, o := range a.Outcomes {
		i := slices.IndexFunc(data.Items, func(i item) bool { return i.Name == o.Item })
		if i < 0 {
			data.Items = append(data.Items, item{Name: o.Item})
			i = len(data.Items) - 1
		}
		data.Items[i].Outcomes = append(data.Items[i].Outcomes, o)
	}
	if err := page.Execute(w, data); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}
