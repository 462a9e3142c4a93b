// Package probe reads what a project declares of its stages' behaviour, and asks
// them: the steps of the smoke test, in order, and the probes among them, which
// are sent while traffic shifts. A new version that nobody calls can't fail, and
// so would pass.
package probe

import (
	"encoding/json"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
)

// File is where a project declares its steps, below its root. In a repository that
// adopts Magewright it is of the same name in the directory magewright.
const File = "infra/probes.yml"

// Ledger is the exercise of a release ledger, which no request can declare: it
// hands over what this pipeline signs. Package smoke has it.
const Ledger = "ledger"

// Steps are what a project declares, in the order of the smoke test. One of them
// is a probe at least.
type Steps []Step

// A Step is one request, one invocation of the function, a message, an event, a run
// of tests or an exercise, and what must come of it.
type Step struct {
	Name string // what it shows

	// A request. Strings may hold ${name}, which stands for a value that an
	// earlier step has captured, or for one of [Builtins].
	Method  string
	Path    string // below the stage's URL
	Headers map[string]string
	Body    string
	JSON    json.RawMessage // a body, in the place of Body
	Status  int
	// Token says that it is sent with a link token of the release, as a bearer
	// token (RFC 6750): what the ledger keeps is not shown without.
	Token bool

	// Invoke is an event that the function is invoked with, not by its URL.
	Invoke json.RawMessage
	// Function is the name of the function that Invoke is for: its logical id or its
	// construct's path. "" is the first function of the stage.
	Function string

	// Message is sent to a queue, and must be worked off.
	Message *Message

	// Event is put on an event bus.
	Event *Event

	// Test is a pattern of Go packages below the project's root, such as
	// ./smoke/..., whose tests are run.
	Test string

	// Exercise is the name of steps that are Go code, such as [Ledger].
	Exercise string

	Expect  Expectations
	Capture map[string]string // names of values, by where they are: a JSON Pointer
	Within  time.Duration     // for how long it is tried again until it succeeds
	// Probe says that it is also sent while traffic shifts, many times and by
	// several senders at once. Only its status counts then: the old version
	// answers too.
	Probe bool
}

// A Message is what a step sends to a queue. Queue is the queue's URL, Body what is
// sent, or JSON in its place. They may hold ${name}.
type Message struct {
	Queue string
	Body  string
	JSON  json.RawMessage
}

// An Event is what a step puts on a bus of EventBridge. Bus is the bus's name or ARN,
// and "" is the default bus. They may hold ${name}.
type Event struct {
	Bus, Source, Type string
	Detail            json.RawMessage // an object
}

// A Probe is a step that is sent while traffic shifts.
type Probe = Step

// Builtins are the names of the values that every step has.
var Builtins = []string{"commit", "package", "stage", "version"}

// Output begins the name of a value that is an output of the stage's stack, as in
// ${output.QueueUrl}.
const Output = "output."

// safe are the methods of requests that change nothing.
var safe = []string{http.MethodGet, http.MethodHead, http.MethodOptions}

// Load reads the steps of the project in dir.
func Load(dir string) (Steps, error) {
	project := project.Config{Dir: dir}
	file, next := project.Settings()+"/"+path.Base(File), "git checkout "+File
	if project.Adopted() {
		next = "write " + file + ", such as: - {name: it answers, method: GET, path: \"\", status: 200}"
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file))) // #nosec G304 -- a file of the project
	if err != nil {
		return nil, exit.Missing(next, "reading the probes: %w", err)
	}
	steps, err := ParseFile(file, data)
	if err != nil {
		return nil, exit.Missing("git log -p "+file, "reading the probes: %w", err)
	}
	return steps, nil
}

// Probes returns the steps that are sent while traffic shifts.
func (s Steps) Probes() []Probe {
	return slices.DeleteFunc(slices.Clone(s), func(step Step) bool { return !step.Probe })
}

// Of returns the steps that reach a function of a stage: requests, if it has a URL, and
// invocations. The main function of a stage is the first.
func (s Steps) Of(o stack.Outputs, main bool) Steps {
	return slices.DeleteFunc(slices.Clone(s), func(step Step) bool {
		switch {
		case step.Method != "":
			return o.FunctionURL == ""
		case step.Invoke == nil:
			return true
		case step.Function == "":
			return !main
		}
		return !o.Is(step.Function)
	})
}

// Tokens reports whether a step is sent with a link token.
func (s Steps) Tokens() bool {
	return slices.ContainsFunc(s, func(step Step) bool { return step.Token })
}

// Safe reports whether the step changes nothing at the stage.
func (s Step) Safe() bool { return s.Method != "" && slices.Contains(safe, s.Method) }
