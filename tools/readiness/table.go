package readiness

import (
	"fmt"
	"io"
	"strings"
)

// most is how many findings of a check the terminal gets; the page has all.
const most = 5

// WriteTable writes the waivers and the checklist as text: a line for each check, and below
// each that is not PASS why, and what to type next.
func (a Assessment) WriteTable(w io.Writer) {
	a.writeWaivers(w)
	var item Item
	for _, o := range a.Outcomes {
		if o.Item != item {
			item = o.Item
			fmt.Fprintf(w, "\n%s\n", item)
		}
		fmt.Fprintf(w, "  %-14s %-22s %s\n", o.label(), o.ID, o.Counted)
		if o.State == Pass {
			continue
		}
		line := func(format string, args ...any) {
			text := strings.TrimSpace(fmt.Sprintf(format, args...))
			fmt.Fprintf(w, "  %-14s   %s\n", "", strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 19)))
		}
		if o.Reason != "" {
			line("%s", o.Reason)
		}
		for i, finding := range o.Findings {
			if i == most {
				line("and %d more: .magewright/readiness.html", len(o.Findings)-most)
				break
			}
			line("%s", finding)
		}
		if o.Next != "" && o.State != NotApplicable {
			line("next: %s", o.Next)
		}
	}
	fmt.Fprintf(w, "\n%s\n", a.Summary())
}

// writeWaivers writes the head of the table: no waiver goes unseen.
func (a Assessment) writeWaivers(w io.Writer) {
	fmt.Fprintf(w, "%s\n", a.WaiverCount())
	for _, waiver := range a.Waivers {
		label := string(Waived)
		if waiver.Refused != "" {
			label = "REFUSED"
		}
		fmt.Fprintf(w, "  %-14s %-22s %s\n", label, waiver.Check, waiver)
	}
	if len(a.RefusedWaivers()) > 0 {
		fmt.Fprintf(w, "  %-14s   next: %s\n", "", a.MendWaivers())
	}
}

// WaiverCount says how many waivers there are.
func (a Assessment) WaiverCount() string {
	if len(a.Waivers) == 0 {
		return "No waivers"
	}
	refused := len(a.RefusedWaivers())
	s := fmt.Sprintf("%s: %d valid", count(len(a.Waivers), "waiver"), len(a.Waivers)-refused)
	if refused > 0 {
		s += fmt.Sprintf(", %d refused, which is NO-GO", refused)
	}
	return s
}

// label is the state, with a mark on what decides nothing here.
func (o Outcome) label() string {
	switch {
	case o.State == NotApplicable:
		return "N/A"
	case o.Tolerated:
		return "UNKNOWN (ok)"
	case !o.Required:
		return strings.ToLower(string(o.State)) + " *"
	}
	return string(o.State)
}

// Summary is the verdict in one line, with what it rests on.
func (a Assessment) Summary() string {
	counts := map[State]int{}
	other := 0
	for _, o := range a.Outcomes {
		if !o.Required {
			other++
			continue
		}
		counts[o.State]++
	}
	s := fmt.Sprintf("%s  %.12s: %d passed, %d not applicable, %d failed, %d unknown", a.Verdict, a.Commit,
		counts[Pass], counts[NotApplicable], counts[Fail], counts[Unknown])
	if a.Tolerated > 0 {
		s += fmt.Sprintf(" (%d tolerated in a rehearsal)", a.Tolerated)
	}
	if a.Waived > 0 {
		s += fmt.Sprintf(", %d waived", a.Waived)
	}
	if refused := len(a.RefusedWaivers()); refused > 0 {
		s += ", " + count(refused, "waiver") + " refused"
	}
	if other > 0 {
		s += fmt.Sprintf("; %d * not required by the policy", other)
	}
	return s
}
