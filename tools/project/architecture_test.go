package project_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/buildspec"
	"github.com/magewright/magewright/tools/project"
)

// dir is the root of the repository.
const dir = "../.."

// goList returns what `go list` prints of packages, in words.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...) // #nosec G204 -- arguments of this file
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.Fields(string(out))
}

// TestTheMagefileIsLight holds that the first target on a fresh machine does
// not compile what it does not need.
func TestTheMagefileIsLight(t *testing.T) {
	t.Parallel()
	heavy := []string{
		"github.com/aws/aws-cdk-go/", "github.com/aws/jsii-runtime-go", "github.com/securego/gosec",
		"github.com/golangci/golangci-lint", project.Module + "/tools/localaws", project.Module + "/infra",
	}
	dependencies := goList(t, "-deps", "-tags=mage", ".")
	if !slices.Contains(dependencies, project.Module+"/tools/lint") {
		t.Fatal("go list did not see the magefile")
	}
	for _, dependency := range dependencies {
		for _, h := range heavy {
			if strings.HasPrefix(dependency, h) {
				t.Errorf("the magefile depends on %s", dependency)
			}
		}
	}
}

// TestDependencyArrows holds that infra and app stay apart from the tools, the
// function from the CDK, and the stacks from the SDK.
func TestDependencyArrows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ packages, never string }{
		{"./app/...", project.Module + "/tools"},
		{"./app/...", project.Module + "/infra"},
		{"./app/...", "github.com/aws/aws-cdk-go"},
		{"./infra/...", project.Module + "/tools"},
		{"./infra/...", "github.com/aws/aws-sdk-go-v2"},
		{"./tools/...", project.Module + "/infra"},
		{"./tools/...", project.Module + "/app"},
	} {
		for _, dependency := range goList(t, "-deps", tt.packages) {
			// What evidence is called and how it is signed is said in one place.
			if dependency == project.Module+"/tools/evidence" {
				continue
			}
			if strings.HasPrefix(dependency, tt.never) {
				t.Errorf("%s depends on %s", tt.packages, dependency)
			}
		}
	}
}

// targets returns the names by which targets can be called.
func targets(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "mage", "-l")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("mage -l: %v", err)
	}
	names := []string{"deploystaging", "deploy-staging"} // -l does not list aliases
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "  ") && len(fields) > 1 {
			names = append(names, strings.ToLower(fields[0]))
		}
	}
	return names
}

var mageCommand = regexp.MustCompile(`go tool mage((?: +[\w:.=-]+)+)`)

// TestTheDocumentsCommandsExist holds that every mage command in the documents
// is a target.
func TestTheDocumentsCommandsExist(t *testing.T) {
	t.Parallel()
	known := targets(t)
	for _, document := range []string{"README.md", "CONTRIBUTING.md"} {
		text, err := os.ReadFile(filepath.Join(dir, document)) // #nosec G304 -- files named here
		if err != nil {
			t.Fatal(err)
		}
		commands := mageCommand.FindAllStringSubmatch(string(text), -1)
		if len(commands) == 0 {
			t.Errorf("%s names no mage command", document)
		}
		for _, command := range commands {
			for _, word := range strings.Fields(command[1]) {
				if strings.HasPrefix(word, "-") {
					continue
				}
				if !slices.Contains(known, strings.ToLower(strings.TrimRight(word, "."))) {
					t.Errorf("%s: %q: there is no target %s", document, strings.TrimSpace(command[0]), word)
				}
			}
		}
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range known {
		if !strings.Contains(strings.ToLower(string(readme)), name) {
			t.Errorf("README.md does not mention the target %s", name)
		}
	}
}

// TestBuildsRunNothingButMage holds that the build logic is written once: the
// buildspec's build phase runs the targets that the action names, and every
// action of the pipeline names targets that exist.
func TestBuildsRunNothingButMage(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(dir, "buildspec.yml"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := buildspec.Parse("buildspec.yml", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, phase := range spec.Phases {
		if got := slices.Concat(phase.Commands, phase.Finally); phase.Name == buildspec.BuildStep && !slices.Equal(got, []string{"go tool mage $MAGE_TARGETS"}) {
			t.Errorf("the build phase runs %q", got)
		}
	}
	known := targets(t)
	named := actionTargets(t)
	if len(named) < 7 {
		t.Errorf("the pipeline names targets in %d actions, want at least 7", len(named))
	}
	for action, list := range named {
		for _, name := range strings.Fields(list) {
			if !slices.Contains(known, strings.ToLower(name)) {
				t.Errorf("action %s runs %q, which is no target", action, name)
			}
		}
	}
}

// actionTargets synthesizes the pipeline and returns MAGE_TARGETS of each of
// its builds.
func actionTargets(t *testing.T) map[string]string {
	t.Helper()
	assembly := t.TempDir()
	zip := filepath.Join(t.TempDir(), "app.zip")
	if err := os.WriteFile(zip, []byte("PK"), 0o600); err != nil {
		t.Fatal(err)
	}
	context, err := json.Marshal(map[string]string{"repository": "example/app", "package": zip})
	if err != nil {
		t.Fatal(err)
	}
	synth := exec.CommandContext(t.Context(), "go", "run", "-trimpath", "-buildvcs=false", "./infra")
	synth.Dir = dir
	synth.Env = append(os.Environ(), "CDK_OUTDIR="+assembly, "CDK_CONTEXT_JSON="+string(context))
	if out, err := synth.CombinedOutput(); err != nil {
		t.Fatalf("synthesizing: %v\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(assembly, "magewright-pipeline.template.json")) // #nosec G304 -- made above
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				Source struct{ BuildSpec string }
				Stages []struct {
					Actions []struct {
						Name          string
						ActionTypeID  struct{ Category, Provider string } `json:"ActionTypeId"`
						Configuration struct{ EnvironmentVariables string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(data, &template); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	named := map[string]string{}
	for id, resource := range template.Resources {
		if resource.Type == "AWS::CodeBuild::Project" && resource.Properties.Source.BuildSpec != "buildspec.yml" {
			t.Errorf("project %s runs %s", id, resource.Properties.Source.BuildSpec)
		}
		for _, stage := range resource.Properties.Stages {
			for _, action := range stage.Actions {
				switch kind := action.ActionTypeID; kind.Category {
				case "Source", "Approval":
					continue
				default:
					if kind.Provider != "CodeBuild" {
						t.Errorf("action %s is run by %s", action.Name, kind.Provider)
					}
				}
				var variables []struct{ Name, Value string }
				if err := json.Unmarshal([]byte(action.Configuration.EnvironmentVariables), &variables); err != nil {
					t.Fatalf("action %s: %v", action.Name, err)
				}
				for _, v := range variables {
					if v.Name == "MAGE_TARGETS" {
						named[action.Name] = v.Value
					}
				}
				if named[action.Name] == "" {
					t.Errorf("action %s names no MAGE_TARGETS", action.Name)
				}
			}
		}
	}
	return named
}
