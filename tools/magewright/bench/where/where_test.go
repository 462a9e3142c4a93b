package where

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// record returns a struct acct_v3 in a byte order.
func record(order binary.ByteOrder, version byte) []byte {
	data := make([]byte, recordSize)
	data[0], data[1] = forkedOnly|2, version
	order.PutUint16(data[2:], 34816)                     // terminal
	order.PutUint32(data[4:], 256)                       // exit status
	order.PutUint32(data[16:], 4711)                     // pid
	order.PutUint32(data[20:], 4700)                     // parent
	order.PutUint32(data[24:], 1_795_996_697)            // start
	order.PutUint32(data[28:], math.Float32bits(12_345)) // elapsed
	order.PutUint16(data[32:], 1<<13|1000)               // user: 8000 ticks
	order.PutUint16(data[34:], 25)                       // system
	copy(data[48:], "compile\x00rest")
	return data
}

func TestReadAccounting(t *testing.T) {
	t.Parallel()
	want := Process{PID: 4711, Parent: 4700, Start: 1_795_996_697, End: 1_795_996_820.45, CPU: 80.25, Name: "compile", ForkedOnly: true, accounted: true}
	data := append(record(binary.LittleEndian, 3), record(binary.BigEndian, 0x83)...)
	got, err := ReadAccounting(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Process{want, want}, got, cmp.AllowUnexported(Process{})); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if got, err := ReadAccounting(nil); got != nil || err != nil {
		t.Errorf("an empty file gives %v, %v", got, err)
	}
	for name, broken := range map[string][]byte{
		"at offset 64 are less than a record": data[:recordSize+3],
		"offset 0: version 2, want 3":         record(binary.LittleEndian, 2),
	} {
		if _, err := ReadAccounting(broken); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, want one that says %q", err, name)
		}
	}
}

func TestCompressed(t *testing.T) {
	t.Parallel()
	for c, want := range map[uint16]uint64{0: 0, 1: 1, 0x1fff: 8191, 0x2000 | 1024: 8192, 0xffff: 8191 << 21} {
		if got := compressed(c); got != want {
			t.Errorf("compressed(%#x) = %d, want %d", c, got, want)
		}
	}
}

func words(line string) []string { return strings.Fields(line) }

func TestKind(t *testing.T) {
	t.Parallel()
	const digest = "9f6a6ea4ff52338670a769a7b64676edb2df522593ec7ea7351824d32a3dc394"
	for line, want := range map[string]string{
		"/usr/local/go/pkg/tool/linux_amd64/compile -o x":                     "go: compile",
		"/usr/local/go/pkg/tool/linux_amd64/asm -p runtime":                   "go: asm",
		"as --64 -o x.o x.s":                                                  "C compiler",
		"go build -trimpath ./tools/rehearse":                                 "go build",
		"go -C tools/pins/opa tool opa test x":                                "go tool opa",
		"go tool -modfile=tools/golangci-lint/go.mod golangci-lint run ./...": "go tool golangci-lint",
		"go run -trimpath ./infra":                                            "go run",
		"/usr/local/go/bin/go tool github.com/securego/gosec/v2/cmd/gosec":    "go tool gosec",
		"go": "go",
		"/tmp/go-build1/b1/lambda.test -test.v=true":                                  "test binaries",
		"/tmp/go-build1/b001/exe/gosec -sarif x":                                      "gosec",
		"/tmp/go-build1/b001/exe/infra":                                               "program: infra",
		"/home/u/.cache/go-build/12/12ab-d/infra":                                     "program: infra",
		"/p/.magewright/bin/rehearse -approve=true":                                   "program: rehearse",
		"/tmp/magewright-aws-1/lambda/x/bootstrap":                                    "program: bootstrap",
		"/home/u/.magefile/" + digest + " test":                                       "magefile",
		"/home/u/.cache/go-build/cd/cd31-d/mage test":                                 "mage",
		"git-upload-pack /p":                                                          "git",
		"/usr/lib/git-core/git pack-objects":                                          "git",
		"/c/node_modules/.bin/node /c/node_modules/.bin/cdk deploy":                   "node: cdk",
		"/c/cdk-1/node/bin/node --preserve-symlinks /tmp/jsii-runtime.1/l/program.js": "node: jsii kernel",
		"node /usr/bin/npm ci":                                                        "node: npm",
		"node --version":                                                              "node",
		"-bash -l":                                                                    "shell",
		"sleep 1":                                                                     others,
	} {
		if got := kind(Process{Args: words(line), Name: "ignored"}); got != want {
			t.Errorf("kind(%s) = %q, want %q", line, got, want)
		}
	}
	for name, want := range map[string]string{
		"compile": "go: compile", digest[:15]: "magefile", "tr": others, "": others, "npm ci": "node: npm", "lambda.test": "test binaries", "go": "go",
	} {
		if got := kind(Process{Name: name}); got != want {
			t.Errorf("kind of a process seen by its name only, %q, = %q, want %q", name, got, want)
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("9f6a6ea4", 8)
	for line, want := range map[string]string{
		"go tool mage rehearse -approve":               "rehearse -approve",
		"/go/bin/go tool example.com/mage -l":          "-l",
		"/tmp/go-build1/exe/mage lint":                 "lint",
		"/h/.magefile/" + digest + " sec":              "sec",
		"mage":                                         "the default target",
		"mage attest -what=" + strings.Repeat("x", 60): "attest -what=xxxxxxxxxxxxxxxxxxxxxxxx...",
		"go tool cover":                                "",
		"/p/.magewright/bin/rehearse":                  "",
		"":                                             "",
	} {
		if got, ok := target(words(line)); got != want || ok != (want != "") {
			t.Errorf("target(%s) = %q, %v, want %q", line, got, ok, want)
		}
	}
}

func TestCompiled(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]compilation{
		"compile -o x -trimpath /tmp/b012=> -p internal/cpu -std -pack a.go":                          {"internal/cpu", "plain"},
		"compile -o x -trimpath /m/x=>x@v1;/tmp/b012=> -p example.com/x -race -pack a.go":             {"example.com/x", "race+trimpath"},
		"compile -o x -trimpath /tmp/b1=> -p example.com/x -race -coveragecfg=/tmp/b1/cfg -pack a.go": {"example.com/x", "cover+race"},
		"compile -o x -p main -pack /tmp/clone-1/tools/rehearse/main.go /tmp/x.go":                    {"main in tools/rehearse", "plain"},
		"compile -o x -p main -pack ./magefile.go":                                                    {"main in .", "plain"},
		"compile": {unseen, "plain"}, "compile @/tmp/args1": {unread, "plain"},
		"": {unseen, "plain"},
	} {
		if got := compiled(words(line)); got != want {
			t.Errorf("compiled(%s) = %+v, want %+v", line, got, want)
		}
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	accounted := []Process{
		{PID: 10, Parent: 1, Start: 100, End: 103.5, CPU: 3, Name: "compile", accounted: true},
		{PID: 10, Parent: 5, Start: 200, End: 201, CPU: 1, Name: "link", accounted: true}, // the PID was used again
		{PID: 11, Parent: 5, Start: 100, End: 100.01, CPU: 0.01, Name: "sh", accounted: true},
	}
	seen := []Process{
		{PID: 10, Parent: 5, Start: 200.25, End: 200.9, CPU: 0.5, Name: "link", Args: words("link -o x"), Dir: "/b"},
		{PID: 10, Parent: 4, Start: 100.25, End: 103, CPU: 2, Name: "compile", Args: words("compile -p x"), Dir: "/a"},
		{PID: 12, Parent: 5, Start: 150, End: 160, CPU: 7, Name: "server"},
	}
	want := []Process{
		{PID: 10, Parent: 4, Start: 100.25, End: 103.75, CPU: 3, Name: "compile", Args: words("compile -p x"), Dir: "/a", accounted: true},
		{PID: 10, Parent: 5, Start: 200.25, End: 201.25, CPU: 1, Name: "link", Args: words("link -o x"), Dir: "/b", accounted: true},
		accounted[2],
		seen[2],
	}
	if diff := cmp.Diff(want, Join(accounted, seen), cmp.AllowUnexported(Process{})); diff != "" {
		t.Errorf("Join (-want +got):\n%s", diff)
	}
}

// rehearsal is what a small rehearsal might start.
func rehearsal() []Process {
	const root = 1000
	digest := "/h/.magefile/" + strings.Repeat("9f6a6ea4", 8)
	return []Process{
		{PID: 1, Parent: root, Start: 0, End: 100, CPU: 1, Name: "go", Args: words("go tool mage rehearse -approve")},
		{PID: 2, Parent: 1, Start: 1, End: 100, CPU: 1, Name: "mage", Args: words("/go-build1/exe/mage rehearse -approve")},
		{PID: 3, Parent: 2, Start: 2, End: 100, CPU: 1, Name: "9f6a6ea49f6a6ea", Args: words(digest + " rehearse -approve")},
		{PID: 4, Parent: 3, Start: 3, End: 20, CPU: 5, Name: "go", Args: words("go build -trimpath -o x ./tools/rehearse")},
		{PID: 5, Parent: 4, Start: 4, End: 18, CPU: 12, Name: "compile", Args: words("compile -trimpath a=>b;c=> -p " + CDK)},
		// It was looked at between fork and exec.
		{PID: 6, Parent: 4, Start: 5, End: 5.5, CPU: 0.5, Name: "asm", Args: words("go build -trimpath -o x ./tools/rehearse")},
		{PID: 7, Parent: 3, Start: 20, End: 100, CPU: 8, Name: "rehearse", Args: words("/p/.magewright/bin/rehearse -approve=true")},
		{PID: 8, Parent: 7, Start: 30, End: 60, CPU: 0, Name: "bash", Args: words("/usr/bin/bash -c x")},
		{PID: 9, Parent: 8, Start: 30, End: 60, CPU: 1, Name: "mage", Args: words("/h/.cache/go-build/mage test")},
		{PID: 10, Parent: 9, Start: 31, End: 60, CPU: 2, Name: "go", Args: words("go test -race ./...")},
		{PID: 11, Parent: 10, Start: 32, End: 40, CPU: 10, Name: "compile", Args: words("compile -trimpath c=> -race -p " + CDK)},
		{PID: 12, Parent: 10, Start: 40, End: 60, CPU: 20, Name: "ledger.test", Args: words("/tmp/go-build2/ledger.test -test.v"), Dir: "/c/app/ledger"},
		{PID: 13, Parent: 7, Start: 70, End: 90, CPU: 6, Name: "node", Args: words("node /c/.bin/cdk deploy")},
		// The same target again, and somebody else's processes.
		{PID: 14, Parent: 7, Start: 91, End: 99, CPU: 1, Name: "mage", Args: words("/h/.cache/go-build/mage test")},
		{PID: 20, Parent: 1, Start: 500, End: 600, CPU: 99, Name: "late"}, // PID 1 was used again
		{PID: 30, Parent: 31, Start: 1, End: 2, CPU: 99, Name: "loop"},
		{PID: 31, Parent: 30, Start: 1, End: 2, CPU: 99, Name: "loop"},
		{PID: 32, Parent: 40, Start: 1, End: 2, CPU: 99, Name: "stranger"},
	}
}

func TestDescendants(t *testing.T) {
	t.Parallel()
	tree := descendants(rehearsal(), 1000)
	var got []int
	for i, p := range tree.processes {
		parent := 1000
		if j := tree.parents[i]; j >= 0 {
			parent = tree.processes[j].PID
		}
		if parent != p.Parent {
			t.Errorf("process %d has the parent %d, want %d", p.PID, parent, p.Parent)
		}
		if (p.PID == 6) != (p.Args == nil) {
			t.Errorf("process %d has the command line %q", p.PID, p.Args)
		}
		got = append(got, p.PID)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, got); diff != "" {
		t.Errorf("descendants (-want +got):\n%s", diff)
	}
}

// TestAChildIsNotOlder has a child that accounting knows to the second only.
func TestAChildIsNotOlder(t *testing.T) {
	t.Parallel()
	tree := descendants([]Process{{PID: 2, Parent: 1, Start: 10, End: 10.5}, {PID: 1, Parent: 1000, Start: 10.75, End: 12}}, 1000)
	want := []Process{{PID: 2, Parent: 1, Start: 10.75, End: 11.25}, {PID: 1, Parent: 1000, Start: 10.75, End: 12}}
	if diff := cmp.Diff(want, tree.processes, cmp.AllowUnexported(Process{})); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
}

var update = flag.Bool("update", false, "rewrite testdata/report.txt")

func TestAnalyse(t *testing.T) {
	t.Parallel()
	report := Analyse(rehearsal(), 1000)
	report.Command = "go tool mage rehearse -approve, warm caches"
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "report.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if report.CDKCompilations != 2 || report.Compilations != 2 || report.CPUSeconds != 68.5 {
		t.Errorf("report is %+v", report)
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
	uncertain := append(rehearsal(), Process{PID: 15, Parent: 10, Start: 33, End: 34, Name: "compile", Args: words("compile @/tmp/args1")})
	if got, want := Analyse(uncertain, 1000).CountOfCDK(), "at least 2, at most 3 (of 1 the arguments were not read)"; got != want {
		t.Errorf("CountOfCDK = %q, want %q", got, want)
	}
	if empty := Analyse(nil, 1000); empty.Processes != 0 {
		t.Errorf("nothing gives %+v", empty)
	}
}
