package gotest

import (
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/gocmd"
)

// environ is the environment of the tests: this process's, without what says
// where AWS is and which build this is. What a test finds depends on the code,
// and not on who runs it; and no test may reach an account by accident.
func environ() []string {
	kept := slices.DeleteFunc(gocmd.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "GORACE" || name == "MAGE_TARGETS" || name == "PIPELINE_EXECUTION_ID" ||
			slices.ContainsFunc([]string{"AWS_", "CDK_", "CODEBUILD_"}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
	return append(kept, raceOptions)
}

// raceOptions let a program with the race detector end at once. By default it
// sleeps for a second, so that what still goes on can race: half a minute for as
// many packages as there are here. A test waits for what it has started.
const raceOptions = "GORACE=atexit_sleep_ms=20"
