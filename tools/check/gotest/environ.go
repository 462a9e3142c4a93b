package gotest

import (
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/gocmd"
)

// environ returns the environment of the tests: that of this process without the variables
// that say where AWS is and which build this is. The result of a test depends on the code and
// not on who runs it, and no test may reach an account by accident.
func environ() []string {
	kept := slices.DeleteFunc(gocmd.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "GORACE" || name == "MAGE_TARGETS" || name == "PIPELINE_EXECUTION_ID" ||
			slices.ContainsFunc([]string{"AWS_", "CDK_", "CODEBUILD_"}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
	return append(kept, raceOptions)
}

// raceOptions lets a program with the race detector end at once. By default it sleeps for a
// second so that remaining goroutines can race. For as many packages as there are here, that
// would take half a minute. A test waits for everything that it started.
const raceOptions = "GORACE=atexit_sleep_ms=20"
