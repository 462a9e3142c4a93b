package readiness

import (
	"strings"
	"testing"
)

// FuzzAnUnchangedChangelogGainsNothing checks that a text never counts as an
// entry for a release that leaves it unchanged or only adds white space at line ends.
func FuzzAnUnchangedChangelogGainsNothing(f *testing.F) {
	f.Add("# Changelog\n\n## Unreleased\n\n### Added\n\n- One entry of note.\n")
	f.Add("## Unreleased\n## Unreleased\n### Added\n- a b c\n- a b c\n## 1.0.0\n### Fixed\n* a b c\n  d")
	f.Add("### Added\n- one two three\n## [v1.2]\n### Security\n-  x y z\n\n continued\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, after := range []string{text, strings.ReplaceAll(text, "\n", "  \n")} {
			if gained, released := gain(parseChangelog(text), parseChangelog(after)); gained != 0 || len(released) != 0 {
				t.Errorf("%q gains %d entries and %q", text, gained, released)
			}
		}
	})
}
