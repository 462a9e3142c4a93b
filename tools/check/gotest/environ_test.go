package gotest

import (
	"slices"
	"strings"
	"testing"
)

func TestTestsDoNotSeeTheBuild(t *testing.T) {
	for _, name := range []string{"AWS_ENDPOINT_URL", "CDK_CONTEXT_JSON", "CODEBUILD_RESOLVED_SOURCE_VERSION", "MAGE_TARGETS", "PIPELINE_EXECUTION_ID"} {
		t.Setenv(name, "x")
		if slices.ContainsFunc(environ(), func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			t.Errorf("tests see %s", name)
		}
	}
	t.Setenv("GORACE", "halt_on_error=1")
	if got := environ(); slices.Contains(got, "GORACE=halt_on_error=1") || got[len(got)-1] != raceOptions {
		t.Error("tests run with the race options of whoever runs them")
	}
	t.Setenv("MAGEWRIGHT_TEST", "kept")
	if !slices.Contains(environ(), "MAGEWRIGHT_TEST=kept") {
		t.Error("the rest of the environment is gone")
	}
}
