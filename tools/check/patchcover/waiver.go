package patchcover

import (
	"go/ast"
	"go/token"
	"strings"
)

// Ignore begins a comment that waives the statement on the same line. If the comment is alone
// on its line, it waives the statement on the next line. The rest of the comment is the
// reason.
const Ignore = "//patchcover:ignore"

// waivers returns the reasons of the waivers in a file, by the line to which they apply. It
// also returns the lines of waivers without a reason, which have no effect.
func waivers(fset *token.FileSet, file *ast.File, source []byte) (reasons map[int]string, mute []int) {
	reasons = map[int]string{}
	for _, group := range file.Comments {
		for _, c := range group.List {
			reason, ok := strings.CutPrefix(c.Text, Ignore)
			if !ok || reason != "" && reason[0] != ' ' && reason[0] != '\t' {
				continue
			}
			at := fset.PositionFor(c.Pos(), false)
			if reason = strings.TrimSpace(reason); reason == "" {
				mute = append(mute, at.Line)
				continue
			}
			line := at.Line
			if alone(source, at) {
				line++
			}
			reasons[line] = reason
		}
	}
	return reasons, mute
}
