// Package annotation tells GitHub, if a target runs there, which line of the change a finding
// is about. GitHub then shows the finding beside that line.
package annotation

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
)

// most is the number of annotations that a target makes. GitHub shows ten for each step. See
// https://docs.github.com/en/rest/checks/runs.
const most = 10

// Wanted reports whether the target runs on GitHub Actions, which shows annotations that are
// printed to its log. See
// https://docs.github.com/en/actions/reference/workflows-and-actions/variables.
func Wanted() bool { return os.Getenv("GITHUB_ACTIONS") == "true" }

// place matches a finding: the file, the line, possibly the column, and the text.
var place = regexp.MustCompile(`^\s*((?:[\w.@ -]+/)*[\w.@ -]+\.\w+):(\d+)(?::(\d+))?:\s+(\S.*)$`)

// A Writer passes on what is written to it, and adds an annotation after each line that is a
// finding. Files are named relative to the root of the repository.
type Writer struct {
	to    io.Writer
	title string
	dir   string // the directory of files that are named without one
	rest  []byte
	made  int
}

// New returns a writer to an output. The title says which tool found something. A file that
// is named without its directory, as go test does it, is in dir.
func New(to io.Writer, title, dir string) *Writer { return &Writer{to: to, title: title, dir: dir} }

// Write implements [io.Writer].
func (w *Writer) Write(data []byte) (int, error) {
	if _, err := w.to.Write(data); err != nil {
		return 0, err
	}
	w.rest = append(w.rest, data...)
	for {
		line, rest, whole := bytes.Cut(w.rest, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		w.rest = rest
		if text := w.annotation(string(line)); text != "" {
			if _, err := io.WriteString(w.to, text+"\n"); err != nil {
				return 0, err
			}
		}
	}
}

// annotation returns GitHub's command for a line that is a finding, or "" for other lines.
// See https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands.
func (w *Writer) annotation(line string) string {
	match := place.FindStringSubmatch(line)
	if match == nil || w.made == most {
		return ""
	}
	w.made++
	file := match[1]
	if w.dir != "" && !strings.Contains(file, "/") {
		file = path.Join(w.dir, file)
	}
	column := ""
	if match[3] != "" {
		column = ",col=" + match[3]
	}
	return fmt.Sprintf("::error file=%s,line=%s%s,title=%s::%s", property(strings.TrimPrefix(file, "./")), match[2], column, property(w.title), message(match[4]))
}

func message(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

func property(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(message(text))
}
