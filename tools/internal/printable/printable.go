// Package printable makes text that anybody may have written safe to print.
package printable

import (
	"strings"
	"unicode"
)

// Line returns a text in one line, without what would do something to a terminal, such as
// escape sequences and characters that change the direction of writing.
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, text)
}
