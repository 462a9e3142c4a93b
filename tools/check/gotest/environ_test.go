package gotest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project"
)

// environOf returns what tests get of the environment in a project of these files, and what
// they do not.
func environOf(t *testing.T, files map[string]string) (env, unnamed []string) {
	t.Helper()
	cfg := project.Config{Dir: t.TempDir()}
	for name, text := range files {
		path := filepath.Join(cfg.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := readTree(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return environ(cfg, tree)
}

func gets(env []string, name string) bool {
	return slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

func TestTestsDoNotSeeTheBuild(t *testing.T) {
	for _, name := range []string{"AWS_ENDPOINT_URL", "CDK_CONTEXT_JSON", "CODEBUILD_RESOLVED_SOURCE_VERSION", "MAGE_TARGETS", "PIPELINE_EXECUTION_ID"} {
		t.Setenv(name, "x")
		if env, unnamed := environOf(t, map[string]string{"a.go": `"` + name + `"`}); gets(env, name) || slices.Contains(unnamed, name) {
			t.Errorf("tests see %s, or are told to name it", name)
		}
	}
	t.Setenv("GORACE", "halt_on_error=1")
	if env, _ := environOf(t, nil); slices.Contains(env, "GORACE=halt_on_error=1") || env[len(env)-1] != raceOptions {
		t.Error("tests run with the race options of whoever runs them")
	}
}

// TestTestsGetWhatTheProjectNames checks that tests get a variable of the shell if, and only
// if, a file of the project names it or programs need it.
func TestTestsGetWhatTheProjectNames(t *testing.T) {
	for _, name := range []string{"DATABASE_URL", "EDITOR", "HOME", "LC_TIME", "TERM", "GODEBUG", "https_proxy", "LD_LIBRARY_PATH"} {
		t.Setenv(name, "x")
	}
	for text, named := range map[string]bool{
		"":                            false,
		"os.Getenv(\"DATABASE_URL\")": true,
		"os.Getenv(`DATABASE_URL`)":   true,
		"process.env['DATABASE_URL']": true,
		"U string `env:\"DATABASE_URL,required\"`":        true,
		"psql $DATABASE_URL":                              true,
		"psql \"${DATABASE_URL:?}\"":                      true,
		"psql $DATABASE_URL_OTHER":                        false,
		"A=1\nDATABASE_URL=":                              true,
		"export DATABASE_URL=x":                           true,
		"    - DATABASE_URL=x":                            true,
		"  DATABASE_URL: x":                               true,
		"// DATABASE_URL is ignored":                      false,
		"\"MY_DATABASE_URL\"":                             false,
		"\"DATABASE_URL=x\" for others":                   false,
		strings.Repeat(" ", largest) + "\"DATABASE_URL\"": false,
	} {
		env, unnamed := environOf(t, map[string]string{"sub/file": text})
		if gets(env, "DATABASE_URL") != named || slices.Contains(unnamed, "DATABASE_URL") == named {
			t.Errorf("%.60q: tests get %t, unnamed are %q", text, !named, unnamed)
		}
		if gets(env, "EDITOR") || !slices.Contains(unnamed, "EDITOR") || !slices.IsSorted(unnamed) {
			t.Errorf("%.60q: tests get the editor, or nobody learns that they don't: %q", text, unnamed)
		}
		for _, name := range []string{"HOME", "LC_TIME", "TERM", "GODEBUG", "https_proxy", "LD_LIBRARY_PATH", "PATH", "GOFLAGS", "CGO_ENABLED"} {
			if !gets(env, name) || slices.Contains(unnamed, name) {
				t.Errorf("tests do not get %s", name)
			}
		}
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		unnamed []string
		all     bool
		want    string
	}{
		{nil, true, ""},
		{[]string{"A"}, false, "test: tests do not get A of this shell"},
		{[]string{"A", "B", "C", "D", "E"}, false, "test: tests do not get A, B, C and 2 more (-force -why names them) of this shell"},
		{[]string{"A", "B", "C", "D", "E"}, true, "test: tests do not get A, B, C, D, E of this shell"},
	} {
		if got := describe(tt.unnamed, tt.all); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("describe(%q, %t) = %q, want %q", tt.unnamed, tt.all, got, tt.want)
		}
	}
}
