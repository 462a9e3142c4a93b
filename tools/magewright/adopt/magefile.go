package adopt

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"maps"
	"slices"
	"strings"
	"text/template"

	"github.com/magewright/magewright/tools/magewright/targets"
)

// runner is the name of the function that the targets call.
const runner = "magewright"

var magefile = template.Must(template.New("magefile").Funcs(template.FuncMap{
	"aliases": func(all []targets.Target) bool {
		return slices.ContainsFunc(all, func(v targets.Target) bool { return v.Alias != "" })
	},
	"start": targets.Start,
}).Parse(`//go:build mage

// Targets that Magewright runs, in the version that magewright/go.mod pins.
// {{start .}}
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"
)
{{if aliases .}}
// Aliases gives targets the spelling that a pipeline uses.
var Aliases = map[string]any{
{{range .}}{{if .Alias}}	"{{.Alias}}": {{.Name}},
{{end}}{{end}}}
{{end}}{{range .}}
// {{.Name}} {{.Doc}}
{{if .Args}}func {{.Name}}(
{{range .Args}}	{{.Name}} *{{.Type}}, // {{.Doc}}
{{end}}) error {
	return magewright("{{.Command}}"{{.With}}{{range .Args}}, magewrightFlag("{{.Name}}", {{.Name}}){{end}})
}
{{else}}func {{.Name}}() error { return magewright("{{.Command}}"{{.With}}) }
{{end}}{{end}}
// magewrightFlag returns the flag of an argument, or "" where it was not given.
func magewrightFlag[T any](name string, given *T) string {
	if given == nil {
		return ""
	}
	return fmt.Sprintf("-%s=%v", name, *given)
}

// magewright runs a command of Magewright with the flags that are given. Its exit
// code is that of mage.
func magewright(command string, flags ...string) error {
	args := []string{command}
	for _, given := range flags {
		if given != "" {
			args = append(args, given)
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
	var said bytes.Buffer
	find.Dir, find.Stderr = "magewright", io.MultiWriter(os.Stderr, &said)
	program, err := find.Output()
	close(found)
	if err != nil {
		next := "see what the go command says above; GOWORK=off go -C magewright tool -n magewright repeats it alone"
		if text := said.String(); strings.Contains(text, "go.sum") || strings.Contains(text, "go mod tidy") || strings.Contains(text, "no such tool") {
			next = "GOWORK=off go -C magewright mod tidy"
		}
		return fmt.Errorf("compiling Magewright, which magewright/go.mod pins: %w\n  next: %s", err, next)
	}
	run := exec.Command(strings.TrimSpace(string(program)), args...) // #nosec G204 -- the go command has named it
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	// The program hears Ctrl-C as well, and may have something to restore.
	signal.Reset(os.Interrupt)
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	err = run.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() > 0 {
		os.Exit(ended.ExitCode()) // it has said why
	}
	return err
}
`))

// magefile returns the file for Mage. It returns no file if it exists already.
func (r *Repository) magefile() (file, error) {
	name := r.magefileName()
	if slices.Contains(r.Mage.Names, runner) {
		return file{}, nil // init wrote it before, and it belongs to the repository since then
	}
	var offered []targets.Target
	var renamed []string
	for _, v := range targets.All() {
		if !r.offers(v) {
			continue
		}
		if ours := r.nameOf(v); ours != v.Name {
			renamed = append(renamed, fmt.Sprintf("you have %s, so ours is %s", v.Name, mageName(ours)))
			v.Name = ours
		}
		if slices.Contains(r.Mage.Names, "Aliases") {
			v.Alias = "" // Mage reads only one variable of this kind
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
	what := strings.Join(append([]string{"a target a line"}, renamed...), "; ")
	return file{name: name, what: what, data: data}, nil
}

// nameOf returns the name of the function of a target. It is another one if the repository has
// a function of the target's name.
func (r *Repository) nameOf(v targets.Target) string {
	if slices.Contains(r.Mage.Names, v.Name) {
		return "Magewright" + v.Name
	}
	return v.Name
}

// mageName returns what Mage calls the target of a function.
func mageName(function string) string { return strings.ToLower(function[:1]) + function[1:] }

// renamed returns what targets are called here, by what a pipeline calls them.
func (r *Repository) renamed() map[string]string {
	names := map[string]string{}
	for _, v := range targets.All() {
		called, here := cmp.Or(v.Alias, mageName(v.Name)), mageName(r.nameOf(v))
		// An alias is another name of the same function.
		if alias := !slices.Contains(r.Mage.Names, "Aliases") && here == mageName(v.Name); r.offers(v) && here != called && !alias {
			names[called] = here
		}
	}
	return names
}

// target returns what a target is called here.
func (r *Repository) target(called string) string { return cmp.Or(r.renamed()[called], called) }

// run returns the command that runs the targets in a variable of a shell, in which they have
// the names that a pipeline gives them.
func (r *Repository) run(variable string) string {
	renamed := r.renamed()
	if len(renamed) == 0 {
		return r.Mage.Command + " $" + variable
	}
	var edits []string
	for _, called := range slices.Sorted(maps.Keys(renamed)) {
		edits = append(edits, fmt.Sprintf("-e 's/ %s / %s /'", called, renamed[called]))
	}
	return fmt.Sprintf(`%s $(echo " $%s " | sed %s)`, r.Mage.Command, variable, strings.Join(edits, " "))
}

// offers reports whether a target is for the repository.
func (r *Repository) offers(v targets.Target) bool { return !v.Own && (!v.CDK || len(r.CDK) > 0) }

// lacking returns the names of the targets that are offered now but are missing from a file
// for Mage that was written earlier.
func (r *Repository) lacking() []string {
	var names []string
	for _, v := range targets.All() {
		there := slices.Contains(r.Mage.Names, v.Name) || slices.Contains(r.Mage.Names, "Magewright"+v.Name)
		if slices.Contains(r.Mage.Names, runner) && !there && r.offers(v) {
			names = append(names, v.Name)
		}
	}
	return names
}
