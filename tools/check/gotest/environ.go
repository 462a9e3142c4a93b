package gotest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
)

// environ returns the environment of the tests, and the names of the variables that they
// do not get because no file of the project names them.
//
// Tests get what programs need to run, and what the project names. So the result of a test
// depends on the code, and not on the shell: in a build it is the same. Tests do not get
// the variables that say where AWS is and which build this is, because no test may reach
// an account by accident.
func environ(cfg project.Config, tree inputs.Tree) (env, unnamed []string) {
	candidates := map[string]*regexp.Regexp{}
	env = slices.DeleteFunc(gocmd.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case name == "GORACE" || name == "MAGE_TARGETS" || name == "PIPELINE_EXECUTION_ID",
			slices.ContainsFunc([]string{"AWS_", "CDK_", "CODEBUILD_"}, func(prefix string) bool { return strings.HasPrefix(name, prefix) }):
			return true
		case name != "" && !command.Needs(name) && !inputs.Incidental(name) && !inputs.GoVariable(name):
			candidates[name] = naming(name)
		}
		return false
	})
	for file := range tree {
		remove(candidates, filepath.Join(cfg.Dir, filepath.FromSlash(file)))
	}
	env = slices.DeleteFunc(env, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		if candidates[name] != nil {
			unnamed = append(unnamed, name)
		}
		return candidates[name] != nil
	})
	slices.Sort(unnamed)
	return append(env, raceOptions), slices.Compact(unnamed)
}

// naming matches what names a variable: a literal, a reference such as $NAME, or a line of a
// script or of settings that sets it.
func naming(name string) *regexp.Regexp {
	name = regexp.QuoteMeta(name)
	return regexp.MustCompile("(?m)[\"'`]" + name + "[\"'`,]|\\$\\{?" + name + `(?:\W|$)|^[ \t-]*(?:export[ \t]+)?` + name + `[ \t]*[:=]`)
}

// largest is the size of the largest file that may name variables. Larger ones are data.
const largest = 1 << 20

// remove deletes the variables that a file names. A file that can't be read names none.
func remove(candidates map[string]*regexp.Regexp, file string) {
	if len(candidates) == 0 {
		return
	}
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() || info.Size() > largest {
		return
	}
	text, err := os.ReadFile(file) // #nosec G304 -- a file of the project
	if err != nil {
		return
	}
	for name, naming := range candidates {
		if bytes.Contains(text, []byte(name)) && naming.Match(text) {
			delete(candidates, name)
		}
	}
}

// describe says which variables the tests did not get. A test that misses one may fail, so
// then all are named.
func describe(unnamed []string, all bool) string {
	const few = 3
	if len(unnamed) == 0 {
		return ""
	}
	names, more := unnamed, ""
	if !all && len(names) > few {
		names, more = names[:few], fmt.Sprintf(" and %d more (-force -why names them)", len(unnamed)-few)
	}
	return fmt.Sprintf("test: tests do not get %s%s of this shell, because no file of the project names them; a line NAME= in .env.example passes one\n", strings.Join(names, ", "), more)
}

// raceOptions lets a program with the race detector end at once. By default it sleeps for a
// second so that remaining goroutines can race. For as many packages as there are here, that
// would take half a minute. A test waits for everything that it started.
const raceOptions = "GORACE=atexit_sleep_ms=20"
