package patchcover

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
)

// TestEveryStatementIsInABlock holds, for files of the standard library, that
// the compiler's own cover tool measures each statement that is counted here,
// and that a block holds no more of them than the tool says.
func TestEveryStatementIsInABlock(t *testing.T) {
	t.Parallel()
	root, err := command.Cmd{}.Output(t.Context(), "go", "env", "GOROOT")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"net/http/server.go", "net/http/transport.go", "encoding/json/decode.go", "go/printer/nodes.go", "reflect/value.go",
		"text/template/exec.go", "context/context.go", "slices/sort.go", "iter/iter.go", "database/sql/sql.go", "cmd/go/internal/load/pkg.go",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(root, "src", name)
			source, err := os.ReadFile(file) // #nosec G304 -- of the standard library
			if err != nil {
				t.Fatal(err)
			}
			fset := token.NewFileSet()
			parsed, err := parser.ParseFile(fset, file, source, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			m := coverTool(t, file)
			all := statements(fset, parsed, source)
			if len(all) < 10 {
				t.Fatalf("%d statements", len(all))
			}
			counted := map[span]int{}
			for _, s := range all {
				at := fset.Position(s.measured)
				if _, held := m.covered(position{at.Line, at.Column}); !held {
					t.Errorf("%v: no block holds the statement", at)
				}
				if s.start == s.measured { // the tool does not count the headers of cases
					held, _ := m.holder(position{at.Line, at.Column})
					counted[held]++
				}
			}
			for s, n := range counted {
				if n > m.blocks[s].statements {
					t.Errorf("%s:%v holds %d statements, and the cover tool says %d", name, s, n, m.blocks[s].statements)
				}
			}
			if wrong := m.impossible(name, source); len(wrong) > 0 {
				t.Errorf("the cover tool's blocks can't be: %s", strings.Join(wrong, "\n"))
			}
		})
	}
}

// coverTool returns the blocks into which the compiler's tool cuts a file.
func coverTool(t *testing.T, file string) measure {
	t.Helper()
	out, err := command.Cmd{}.Output(t.Context(), "go", "tool", "cover", "-mode=set", "-var=blocks", file)
	if err != nil {
		t.Fatal(err)
	}
	// It writes "start line, end line, end column<<16|start column, // [i]", and
	// the numbers of statements after that.
	places := regexp.MustCompile(`(?m)^\t\t(\d+), (\d+), 0x([0-9a-f]+), // \[(\d+)\]$`).FindAllStringSubmatch(out, -1)
	_, tail, _ := strings.Cut(out, "NumStmt: [")
	numbers := regexp.MustCompile(`(?m)^\t\t(\d+), // \d+$`).FindAllStringSubmatch(tail, -1)
	if len(places) == 0 || len(places) != len(numbers) {
		t.Fatalf("%d places and %d numbers", len(places), len(numbers))
	}
	blocks := map[span]block{}
	for i, place := range places {
		from, to := number(t, place[1], 10), number(t, place[2], 10)
		columns := number(t, place[3], 16)
		blocks[span{position{from, columns & 0xffff}, position{to, columns >> 16}}] = block{statements: number(t, numbers[i][1], 10)}
	}
	return Profile{file: blocks}.of(file)
}

func number(t *testing.T, text string, base int) int {
	t.Helper()
	n, err := strconv.ParseInt(text, base, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}
