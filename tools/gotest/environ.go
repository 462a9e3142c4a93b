package gotest

import (
	"os"
	"slices"
	"strings"
)

// environ is the environment of the tests: this process's, without what says
// where AWS is and which build this is. What a test finds depends on the code,
// and not on who runs it; and no test may reach an account by accident.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "MAGE_TARGETS" || name == "PIPELINE_EXECUTION_ID" ||
			slices.ContainsFunc([]string{"AWS_", "CDK_", "CODEBUILD_"}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
}
