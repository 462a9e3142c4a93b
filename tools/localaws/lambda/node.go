package lambda

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// nodeRuntime is the program that loads the handlers of functions in JavaScript. It
// takes the place of the runtime that Lambda's own image of Node has.
//
//go:embed runtime.mjs
var nodeRuntime []byte

// nodeRuntimes are the runtimes that a Node can run. Its version is that of the
// machine, not the one that the runtime's name says.
var nodeRuntimes = []lambdatypes.Runtime{
	lambdatypes.RuntimeNodejs16x, lambdatypes.RuntimeNodejs18x, lambdatypes.RuntimeNodejs20x, lambdatypes.RuntimeNodejs22x, lambdatypes.RuntimeNodejs24x,
}

// Node is the Node that runs functions in JavaScript.
type Node struct {
	Program string // its executable; functions in JavaScript are refused if it is empty
	// Modules is the directory node_modules with the AWS SDK for JavaScript, which
	// Lambda's runtimes have. It may be empty.
	Modules string
}

// CheckRuntime refuses a runtime that functions can't have, and says what to do.
func (s *Service) CheckRuntime(name string) error {
	const ours = "provided.al2023 and provided.al2, whose zip contains an executable named bootstrap, and nodejs18.x to nodejs24.x"
	switch runtime := lambdatypes.Runtime(name); {
	case runtime == lambdatypes.RuntimeProvidedal2, runtime == lambdatypes.RuntimeProvidedal2023:
		return nil
	case slices.Contains(nodeRuntimes, runtime):
		if s.deps.Node.Program == "" {
			return invalid("The embedded AWS found no Node to run %s. Install Node, or run npm ci in the directory of the CDK app.", name)
		}
		return nil
	case name == "":
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case name == "go1.x":
		return invalid("The runtime parameter of go1.x is no longer supported for creating or updating AWS Lambda functions. Use provided.al2023: build the function as an executable named bootstrap, with GOOS=linux and -tags=lambda.norpc.")
	default:
		return invalid("The embedded AWS can't run %s. It runs %s.", name, ours)
	}
}

// interpreted reports whether a function's code is not built for a machine.
func (set settings) interpreted() bool { return slices.Contains(nodeRuntimes, set.Runtime) }

// entrypoint returns the command of a version's process, and variables for it.
func (s *Service) entrypoint(v *version) (program string, args, env []string, err error) {
	if !v.settings.interpreted() {
		return filepath.Join(v.code.root, "bootstrap"), nil, nil, nil
	}
	dir, err := s.nodeDir()
	if err != nil {
		return "", nil, nil, err
	}
	return s.deps.Node.Program, []string{filepath.Join(dir, "runtime.mjs")}, []string{
		"AWS_EXECUTION_ENV=AWS_Lambda_" + string(v.settings.Runtime),
		// Lambda's own image also looks for modules in the package's directory.
		"NODE_PATH=" + strings.Join([]string{s.deps.Node.Modules, v.code.root}, string(os.PathListSeparator)),
	}, nil
}

// nodeDir returns the directory of the runtime, which it writes once. Packages are
// unpacked below the directory beside it, so that Node finds the SDK there whichever way
// a function asks for it.
func (s *Service) nodeDir() (string, error) {
	s.nodeOnce.Do(func() {
		lambda := filepath.Join(s.account.Dir, "lambda")
		dir := filepath.Join(lambda, "runtime")
		err := os.MkdirAll(dir, 0o755) // #nosec G301 -- as /var/runtime is
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "runtime.mjs"), nodeRuntime, 0o644) // #nosec G306 -- as /var/runtime is
		}
		if modules := s.deps.Node.Modules; err == nil && modules != "" {
			if err = os.Symlink(modules, filepath.Join(lambda, "node_modules")); errors.Is(err, fs.ErrExist) {
				err = nil
			}
		}
		if err != nil {
			s.nodeErr = fmt.Errorf("writing the runtime of Node: %w", err)
		}
		s.node = dir
	})
	return s.node, s.nodeErr
}

// A nodeState is what a service has of Node.
type nodeState struct {
	nodeOnce sync.Once
	node     string
	nodeErr  error
}

// here refuses code of an architecture that is not this host's. Interpreted code has none.
func (set settings) here() error {
	if set.interpreted() {
		return nil
	}
	return runsHere(set.Architecture)
}

// runnable reports whether a package can run with the settings.
func (set settings) runnable(c *code) error {
	if set.interpreted() {
		return nil
	}
	return c.runsOn(set.Architecture)
}
