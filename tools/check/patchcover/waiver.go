package patchcover

import (
	"go/ast"
	"go/token"
	"strings"
)

// Ignore is how a comment begins that waives the statement in its line, or,
// where it stands alone, the one in the next line. What follows is the reason.
const Ignore = "//patchcover:ignore"

// waivers returns the reasons of the waivers of a file, by the line that they
// hold for, and the lines of those without a reason, which waive nothing.
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
