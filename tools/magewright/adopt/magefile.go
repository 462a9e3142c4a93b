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
	Args    []arg
	// CDK says that it is for repositories with a CDK app only.
	CDK bool
	// Alias is how a pipeline spells it, "" where that is the name's own spelling.
	Alias string
	// With are further arguments of the command, as Go code.
	With string
}

// An arg is an optional argument of a target, which is a flag of the command.
type arg struct{ Name, Type, Doc string }

// again are the arguments of a target that does not run again what is proven.
var again = []arg{
	{"force", "bool", "run it although nothing has changed"},
	{"why", "bool", "name every input that has changed"},
}

var base = arg{"base", "string", "the release that HEAD follows: a commit, or none; default what production serves, else the latest tag, else HEAD's parent"}

// verbs are the targets, in the order in which somebody meets them.
var verbs = []verb{
	{Name: "Check", Command: "check", Doc: "runs lint, test and sec, two at a time, and synth where there is a CDK app.", Args: again},
	{Name: "Lint", Command: "lint", Doc: "checks formatting and code: gofmt, go vet, golangci-lint.", Args: again},
	{Name: "Test", Command: "test", Doc: "runs the tests with the race detector; JUnit and coverage go to .magewright.", Args: again},
	{Name: "Sec", Command: "sec", Doc: "looks for insecure code, known vulnerabilities and secrets.", Args: again},
	{Name: "Build", Command: "build", Doc: "builds the functions that magewright/cdk.json names to where the CDK app reads them.", CDK: true},
	{Name: "Synth", Command: "synth", Doc: "synthesizes the CDK app, and the pipeline that delivers it, into cdk.out.", Args: again, CDK: true},
	{Name: "Rehearse", Command: "rehearse", Doc: "takes HEAD through the pipeline to production on this machine, without an AWS account.", CDK: true, Args: []arg{
		{"approve", "bool", "answer the approval with yes"}, base,
		{"baseVerify", "bool", "take the base through the whole pipeline too, its checks included"},
		{"builds", "int", "how many builds run at once; default 2"},
		{"keep", "bool", "keep the endpoint running at the end"},
		{"speed", "float64", "how many times as fast AWS's waits pass; default 60"},
	}},
	{Name: "Local", Command: "local", Doc: "runs the embedded AWS in the foreground, on 127.0.0.1:4566.", CDK: true, Args: []arg{
		{"env", "bool", "print the exports of the embedded AWS that runs in another shell, for eval"},
		{"iam", "string", "whether IAM is enforced: on (the default), report or off"},
		{"port", "int", "the port to listen on; default 4566"},
		{"speed", "float64", "how many times as fast AWS's waits pass; default 60"},
	}},
	{Name: "Bootstrap", Command: "bootstrap", Doc: "prepares the account of the credentials for the CDK, once, in each region that stacks go to.", CDK: true},
	{Name: "DeployStaging", Command: "deploy", Doc: "deploys the first stage from cdk.out, as it is (also: deploy-staging).", CDK: true, Alias: "deploy-staging"},
	{Name: "Smoke", Command: "smoke", Doc: "takes the steps that magewright/probes.yml declares with the first stage.", CDK: true},
	{Name: "Drill", Command: "drill", Doc: "releases a bad version to the first stage on purpose, and sees that AWS takes it back.", CDK: true, Args: []arg{
		{"fault", "string", "what the bad version does: errors:SHARE, latency:DURATION or crash; default errors:0.5"},
	}},
	{Name: "Plan", Command: "plan", Doc: "prints the deployment plan of HEAD.", CDK: true, Args: []arg{
		base,
		{"send", "bool", "publish it to the stakeholders' topic, and record that"},
	}},
	{Name: "Readiness", Command: "readiness", Doc: "decides from evidence whether HEAD may go to production: exit code 0 is GO.", CDK: true, Args: []arg{
		base,
		{"missing", "bool", "list what is missing to require every check, with the command that sets it up, and decide nothing"},
	}},
	{Name: "Verify", Command: "verify", Doc: "decides the verdict again from a bundle and the public key alone.", CDK: true, Args: []arg{
		{"bundle", "string", "the bundle's file; default .magewright/readiness.intoto.jsonl"},
		{"key", "string", "the file of the public key; default the keys that the CDK context pins"},
	}},
	{Name: "Attest", Command: "attest", Doc: "signs what you say of HEAD, by your own key: a manual test, a review or a waiver.", CDK: true, Args: []arg{
		{"what", "string", "what you have tried, the result of your review, or the reason for a waiver"},
		{"review", "bool", "sign a review of the change since the base"},
		{"waive", "string", "sign a waiver for this check"},
		{"expires", "string", "a waiver expires at the beginning of this day in UTC, such as 2026-12-20; 30 days away at most"},
		{"owner", "string", "who makes sure that the waiver is not needed again"},
		{"scope", "string", "what a waiver covers: commits, from the base to HEAD (default), or package"},
		base,
		{"key", "string", "your private key; default MAGEWRIGHT_KEY, else ~/.config/magewright/key.pem"},
		{"newKey", "bool", "make a private key and print its line for the policy"},
	}},
	{Name: "Annotate", Command: "annotate", Doc: "writes the names of what is delivered into cdk.out; synth does it too.", CDK: true, Args: []arg{
		{"draft", "bool", "print a magewright.yml of what is found, and write nothing"},
	}},
	{Name: "Promote", Command: "promote", Doc: "takes cdk.out to production, if the evidence allows it.", CDK: true, Args: []arg{
		{"breakGlass", "string", "why to deploy although the evidence does not allow it; signed and kept for ever"},
	}},
	{Name: "PipelineDeploy", Command: "deploy", Doc: "deploys the pipeline's stack from cdk.out (also: pipeline:deploy).", CDK: true, Alias: "pipeline:deploy", With: `, "-stage=pipeline"`},
	{Name: "PipelineStatus", Command: "pipeline:status", Doc: "shows the pipeline's last execution, and what waits for an answer (also: pipeline:status).", CDK: true, Alias: "pipeline:status"},
	{Name: "EvidenceKey", Command: "evidence:key", Doc: "prints the public key that signs evidence in this account (also: evidence:key).", CDK: true, Alias: "evidence:key"},
	{Name: "Fmt", Command: "fmt", Doc: "formats the Go files."},
	{Name: "Clean", Command: "clean", Doc: "removes what targets have made: .magewright and cdk.out."},
}

// runner is the function that the targets call.
const runner = "magewright"

var magefile = template.Must(template.New("magefile").Funcs(template.FuncMap{
	"aliases": func(all []verb) bool { return slices.ContainsFunc(all, func(v verb) bool { return v.Alias != "" }) },
}).Parse(`//go:build mage

// Targets that Magewright runs, in the version that magewright/go.mod pins.
package main

import (
	"errors"
	"fmt"
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
	find.Dir, find.Stderr = "magewright", os.Stderr
	program, err := find.Output()
	close(found)
	if err != nil {
		return fmt.Errorf("compiling Magewright, which magewright/go.mod pins: %w", err)
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
		if v.CDK && len(r.CDK) == 0 {
			continue
		}
		if slices.Contains(r.Mage.Names, v.Name) {
			taken = append(taken, v.Name)
			continue
		}
		if slices.Contains(r.Mage.Names, "Aliases") {
			v.Alias = "" // Mage reads one such variable only
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
	if slices.Contains(r.Mage.Names, "Aliases") && len(r.CDK) > 0 {
		taken = append(taken, "Aliases")
	}
	if len(taken) > 0 {
		what += ", without those that you have: " + strings.Join(taken, ", ")
	}
	if run := slices.DeleteFunc(taken, func(name string) bool { return !slices.Contains(inPipeline, name) }); len(run) > 0 && len(r.CDK) > 0 {
		what += "; a pipeline would run yours of " + strings.Join(run, ", ") + ", which leave no evidence: rename them"
	}
	return file{name: name, what: what, data: data}, nil
}

// inPipeline are the targets that a pipeline runs by their names.
var inPipeline = []string{"Lint", "Test", "Sec", "Synth", "DeployStaging", "Smoke", "Drill", "Plan", "Readiness", "Promote", "PipelineDeploy", "Aliases"}

// lacking returns the names of the targets that are offered today, and that the file
// for Mage which was written before does not have.
func (r *Repository) lacking() []string {
	var names []string
	for _, v := range verbs {
		if slices.Contains(r.Mage.Names, runner) && !slices.Contains(r.Mage.Names, v.Name) && (!v.CDK || len(r.CDK) > 0) {
			names = append(names, v.Name)
		}
	}
	return names
}
