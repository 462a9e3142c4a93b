package readiness

import (
	"fmt"
	"io"
	"strings"
)

// WriteMissing writes the way from what a team requires today to the whole
// checklist. Each check that does not hold has one line: what is missing, and the
// command that sets it up. The policy is the path of the file that the checks are
// added to.
func (a Assessment) WriteMissing(w io.Writer, policy string) {
	var required, ready, failing, open []Outcome
	holding := 0
	for _, o := range a.Outcomes {
		holds := o.State == Pass || o.State == NotApplicable || o.State == Waived
		if o.Required {
			required = append(required, o)
			if holds {
				holding++
			}
		}
		switch {
		case holds && !o.Required && !always(o.ID):
			ready = append(ready, o)
		case o.State == Fail:
			failing = append(failing, o)
		case !holds:
			open = append(open, o)
		}
	}
	fmt.Fprintf(w, "%d of %s are required, and %d of these hold today\n", len(required), count(len(a.Outcomes), "check"), holding)
	list := func(title string, outcomes []Outcome) {
		if len(outcomes) == 0 {
			return
		}
		fmt.Fprintf(w, "\n%s\n", title)
		var reasons []string
		alike := map[string][]string{} // checks that lack the same, by that
		for _, o := range outcomes {
			name := o.ID
			if o.Required {
				name += " (required)"
			}
			reason := o.lacks()
			if alike[reason] == nil {
				reasons = append(reasons, reason)
			}
			alike[reason] = append(alike[reason], name)
		}
		for _, reason := range reasons {
			fmt.Fprintf(w, "  %s: %s\n", strings.Join(alike[reason], ", "), reason)
		}
	}
	if len(ready) > 0 {
		fmt.Fprintf(w, "\nhold today, and are not required yet: add them to required in %s\n  %s\n", policy, wrap(strings.Join(ids(ready), ", "), 2))
	}
	list("need something set up", open)
	list("have findings", failing)
	if len(ready)+len(open)+len(failing) == 0 {
		fmt.Fprintf(w, "\nnothing is missing: every check is required, and holds\n")
	}
}

// lacks says in one line what a check lacks, and what to type next. Several checks may lack
// the same, such as credentials.
func (o Outcome) lacks() string {
	reason := o.Reason
	if len(o.Findings) > 0 {
		reason = o.Findings[0]
		if more := len(o.Findings) - 1; more > 0 {
			reason += fmt.Sprintf(", and %d more", more)
		}
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(strings.TrimSpace(reason), "\n", "; ")), " ")
	if o.Next != "" {
		text += "; next: " + strings.Join(strings.Fields(o.Next), " ")
	}
	return text
}

func ids(outcomes []Outcome) []string {
	names := make([]string, len(outcomes))
	for i, o := range outcomes {
		names[i] = o.ID
	}
	return names
}
