package readiness

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/magewright/magewright/tools/internal/printable"
)

// most is the number of findings that the terminal and the top of the page show
// for a check. The page's checklist has all.
const most = 5

// tableWidth is the maximum number of characters in a line of the table, which
// is the width of the narrowest terminal. Longer words, and commands, are not broken.
const tableWidth = 80

// WriteTable writes who has judged, the waivers and the checklist as text. Each check has a
// line with what was counted. Below each check that is not PASS, it says why,
// and what to type next.
func (a Assessment) WriteTable(w io.Writer) {
	if a.Judged != "" {
		fmt.Fprintf(w, "%s\n\n", wrap(a.Judged, 0))
	}
	a.writeWaivers(w)
	widest := 0
	for _, o := range a.Outcomes {
		widest = max(widest, len(o.ID))
	}
	const label, below = 13, 2
	for _, item := range a.byItem() {
		fmt.Fprintf(w, "\n%s\n", item.Name)
		if len(item.Outcomes) == 0 {
			fmt.Fprintf(w, "  %-*s %s\n", label, "-", "no check decides this")
		}
		for _, o := range item.Outcomes {
			head := fmt.Sprintf("  %-*s %-*s  ", label, o.label(), widest, o.ID)
			fmt.Fprintln(w, strings.TrimRight(head+wrap(o.Counted, len(head)), " "))
			if o.State == Pass {
				continue
			}
			indent := 2 + label + 1 + below
			line := func(mark, text string) {
				if text = strings.TrimSpace(text); text != "" {
					fmt.Fprintf(w, "%*s%s%s\n", indent, "", mark, wrap(text, indent+len(mark)))
				}
			}
			line("", o.Reason)
			for i, finding := range o.Findings {
				if i == most {
					line("- ", fmt.Sprintf("and %d more: .magewright/readiness.html", len(o.Findings)-most))
					break
				}
				line("- ", finding)
			}
			if o.Next != "" && (o.State == Fail || o.State == Unknown) {
				fmt.Fprintf(w, "%*snext: %s\n", indent, "", o.Next)
			}
		}
	}
	fmt.Fprintf(w, "\n%s\n", wrap(a.Summary(), 0))
}

// wrap breaks a text between words, so that no line that begins at the indent
// exceeds the table's width. It leaves out what would do something to a terminal: the
// change that is judged has chosen names and subjects in it.
func wrap(text string, indent int) string {
	var b strings.Builder
	at := indent
	for i, word := range strings.Fields(printable.Line(text)) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > tableWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// writeWaivers writes the head of the table, so that nobody overlooks a waiver.
func (a Assessment) writeWaivers(w io.Writer) {
	fmt.Fprintf(w, "%s\n", a.WaiverCount())
	for _, waiver := range a.Waivers {
		label := string(Waived)
		if waiver.Refused != "" {
			label = "REFUSED"
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-13s %s", label, waiver.Check), " "))
		fmt.Fprintf(w, "%18s%s\n", "", wrap(waiver.String(), 18))
	}
	if len(a.RefusedWaivers()) > 0 {
		fmt.Fprintf(w, "%18snext: %s\n", "", a.MendWaivers())
	}
}

// WaiverCount returns the number of waivers in words.
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

// label returns the state, with a mark if the check is not required here.
func (o Outcome) label() string {
	switch {
	case o.Tolerated:
		return "UNKNOWN (ok)"
	case !o.Required:
		return strings.ToLower(stateWord(o.State)) + " *"
	}
	return stateWord(o.State)
}

// Summary returns the verdict in one line, with its basis.
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
