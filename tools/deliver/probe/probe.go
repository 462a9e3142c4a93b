// Package probe reads what a project declares about the behaviour of its stages, and checks
// it: the steps of the smoke test, in order. Some of the steps are probes, which are also
// sent while traffic shifts. A new version that nobody calls can't fail, so without them it
// would always pass.
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

// File is the file below the project's root in which it declares its steps. In a repository
// that adopts Magewright, the file has the same name in the directory magewright.
const File = "infra/probes.yml"

// Ledger is the exercise of a release ledger. No request can declare it, because it hands
// over records that this pipeline signs. It is implemented in package smoke.
const Ledger = "ledger"

// Steps are what a project declares, in the order of the smoke test. At least one of them is
// a probe.
type Steps []Step

// A Step is one request, invocation of a function, message, event, run of tests or exercise,
// together with the expected outcome.
type Step struct {
	Name string // what the step shows

	// A request. Strings may contain ${name}, which stands for a value that an earlier step
	// captured or for one of [Builtins].
	Method  string
	Path    string // below the stage's URL
	Headers map[string]string
	Body    string
	JSON    json.RawMessage // a body, instead of Body
	Status  int
	// Token says that the request carries a link token of the release as a bearer token (RFC
	// 6750). The ledger shows nothing without one.
	Token bool

	// Invoke is an event with which the function is invoked directly, not through its URL.
	Invoke json.RawMessage
	// Function is the function that Invoke is for, by its logical id or its construct's path.
	// "" is the first function of the stage.
	Function string

	// Message is sent to a queue, and must be processed.
	Message *Message

	// Event is put on an event bus.
	Event *Event

	// Test is a pattern of Go packages below the project's root whose tests are run, such as
	// ./smoke/....
	Test string

	// Exercise is the name of steps that are written in Go, such as [Ledger].
	Exercise string

	Expect  Expectations
	Capture map[string]string // names of values, by their place in the answer, which is a JSON Pointer
	Within  time.Duration     // how long the step is repeated until it succeeds
	// Probe says that the step is also sent while traffic shifts, many times and by several
	// senders at once. Then only its status counts, because the old version answers too.
	Probe bool
}

// A Message is what a step sends to a queue. Queue is the queue's URL, and Body or JSON is
// the content. They may contain ${name}.
type Message struct {
	Queue string
	Body  string
	JSON  json.RawMessage
}

// An Event is what a step puts on an EventBridge bus. Bus is the bus's name or ARN, and "" is
// the default bus. They may contain ${name}.
type Event struct {
	Bus, Source, Type string
	Detail            json.RawMessage // a JSON object
}

// A Probe is a step that is sent while traffic shifts.
type Probe = Step

// Builtins are the names of the values that every step can use.
var Builtins = []string{"commit", "package", "stage", "version"}

// Output begins the names of values that are outputs of the stage's stack, as in
// ${output.QueueUrl}.
const Output = "output."

// safe are the request methods that change nothing.
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

// Of returns the steps that reach a function of a stage: requests if it has a URL, and
// invocations. The main function of a stage is the first one.
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

// Tokens reports whether any step carries a link token.
func (s Steps) Tokens() bool {
	return slices.ContainsFunc(s, func(step Step) bool { return step.Token })
}

// Safe reports whether the step changes nothing on the stage.
func (s Step) Safe() bool { return s.Method != "" && slices.Contains(safe, s.Method) }
