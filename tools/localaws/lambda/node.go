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
	// Lambda's runtimes have. Functions find nothing else in it. It may be empty.
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
	s.nodeOnce.Do(func() {
		if s.nodeErr = s.installNode(); s.nodeErr != nil {
			s.nodeErr = fmt.Errorf("writing the runtime of Node: %w", s.nodeErr)
		}
	})
	if s.nodeErr != nil {
		return "", nil, nil, s.nodeErr
	}
	return s.deps.Node.Program, []string{filepath.Join(s.nodeDir("runtime"), "runtime.mjs")}, []string{
		"AWS_EXECUTION_ENV=AWS_Lambda_" + string(v.settings.Runtime),
		// Lambda's own image also looks for modules in the package's directory.
		"NODE_PATH=" + strings.Join([]string{s.nodeDir("node_modules"), v.code.root}, string(os.PathListSeparator)),
	}, nil
}

// nodeDir returns one of the directories of the runtime. They are beside the one that
// packages are unpacked in, so that Node finds the SDK in node_modules whichever way a
// function asks for it.
func (s *Service) nodeDir(name string) string { return filepath.Join(s.account.Dir, "lambda", name) }

// sdkModules are the modules of the AWS SDK for JavaScript, which Lambda's runtimes have.
// They find the modules that they need themselves where they are installed.
var sdkModules = []string{"@aws", "@aws-crypto", "@aws-sdk", "@smithy", "aws-sdk"}

// installNode writes the runtime, and links the SDK. The other modules that are beside
// the SDK stay out: a function that has not packaged them would fail on AWS.
func (s *Service) installNode() error {
	for _, name := range []string{"runtime", "node_modules"} {
		if err := os.MkdirAll(s.nodeDir(name), 0o755); err != nil { // #nosec G301 -- as /var/runtime is
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(s.nodeDir("runtime"), "runtime.mjs"), nodeRuntime, 0o644); err != nil { // #nosec G306 -- as /var/runtime is
		return err
	}
	for _, name := range sdkModules {
		installed := filepath.Join(s.deps.Node.Modules, name)
		if _, err := os.Stat(installed); s.deps.Node.Modules == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Symlink(installed, filepath.Join(s.nodeDir("node_modules"), name)); err != nil {
			return err
		}
	}
	return nil
}

// A nodeState is what a service has of Node.
type nodeState struct {
	nodeOnce sync.Once
	nodeErr  error
}

// runnable reports whether a package can run with the settings.
func (set settings) runnable(c *code) error {
	if set.interpreted() {
		return nil
	}
	return c.runsHere()
}
