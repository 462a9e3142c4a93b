package adopt

import (
	"bytes"
	"fmt"
	"go/format"
	"slices"
	"strings"
	"text/template"
)

// A verb is a target that init offers.
type verb struct {
	Name    string // of the function
	Command string
	Doc     string
	Again   bool // it has the flags -force and -why
}

// verbs are the targets, in the order in which somebody meets them.
var verbs = []verb{
	{"Check", "check", "runs lint, test and sec, two at a time.", true},
	{"Lint", "lint", "checks formatting and code: gofmt, go vet, golangci-lint.", true},
	{"Test", "test", "runs the tests with the race detector; JUnit and coverage go to .magewright.", true},
	{"Sec", "sec", "looks for insecure code, known vulnerabilities and secrets.", true},
	{"Fmt", "fmt", "formats the Go files.", false},
	{"Clean", "clean", "removes what targets have made: .magewright and cdk.out.", false},
}

// runner is the function that the targets call.
const runner = "magewright"

var magefile = template.Must(template.New("magefile").Parse(`//go:build mage

// Targets that Magewright runs, in the version that magewright/go.mod pins.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)
{{range .}}
// {{.Name}} {{.Doc}}
{{if .Again}}func {{.Name}}(
	force *bool, // run it although nothing has changed
	why *bool, // name every input that has changed
) error {
	return magewright("{{.Command}}", "force", force, "why", why)
}
{{else}}func {{.Name}}() error { return magewright("{{.Command}}") }
{{end}}{{end}}
// magewright runs a command of Magewright with the flags that are given, as pairs
// of a name and a *bool. Its exit code is that of mage.
func magewright(command string, flags ...any) error {
	args := []string{command}
	for i := 0; i+1 < len(flags); i += 2 {
		if given, ok := flags[i+1].(*bool); ok && given != nil {
			args = append(args, fmt.Sprintf("-%s=%t", flags[i], *given))
		}
	}
	// The go command compiles it once and keeps it, and says nothing meanwhile.
	found := make(chan struct{})
	go func() {
		for seconds := 2; ; seconds += 5 {
			select {
			case <-found:
				return
			case <-time.After(time.Duration(min(seconds, 5)) * time.Second):
				fmt.Fprintf(os.Stderr, "compiling Magewright: %d s; the first time takes a minute or two\n", seconds)
			}
		}
	}()
	find := exec.Command("go", "tool", "-n", "magewright")
	find.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-trimpath", "CGO_ENABLED=0")
	find.Dir, find.Stderr = "magewright", os.Stderr
	program, err := find.Output()
	close(found)
	if err != nil {
		return fmt.Errorf("compiling Magewright, which magewright/go.mod pins: %w", err)
	}
	run := exec.Command(strings.TrimSpace(string(program)), args...) // #nosec G204 -- the go command has named it
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = run.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() > 0 {
		os.Exit(ended.ExitCode()) // it has said why
	}
	return err
}
`))

// magefile returns the file for Mage, with the targets whose names are not taken,
// or no file where it is there.
func (r *Repository) magefile() (file, error) {
	name := r.magefileName()
	if slices.Contains(r.Mage.Names, runner) {
		return file{}, nil // written before, and theirs since
	}
	var offered []verb
	var taken []string
	for _, v := range verbs {
		if slices.Contains(r.Mage.Names, v.Name) {
			taken = append(taken, v.Name)
			continue
		}
		offered = append(offered, v)
	}
	var text bytes.Buffer
	if err := magefile.Execute(&text, offered); err != nil {
		return file{}, fmt.Errorf("writing %s: %w", name, err)
	}
	data, err := format.Source(text.Bytes())
	if err != nil {
		return file{}, fmt.Errorf("writing %s: %w", name, err)
	}
	what := "a target a line"
	if len(taken) > 0 {
		what += ", without those that you have: " + strings.Join(taken, ", ")
	}
	return file{name: name, what: what, data: data}, nil
}
