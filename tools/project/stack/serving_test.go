package stack_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/stack/stacktest"
)

// What serves is read from the alias and from the version that it names, and
// nothing is asked of the function.
func TestServing(t *testing.T) {
	t.Parallel()
	pkg, commit := strings.Repeat("0f", 32), strings.Repeat("c", 40)
	for _, tt := range []struct {
		name       string
		served     stack.Served
		codeSHA256 string
		says, is   string // the error of Serving, and of Is
		text       string
	}{
		{name: "one version", served: stack.Served{Version: "3", Package: pkg, Commit: commit}, text: "3"},
		{name: "a version that names no commit", served: stack.Served{Version: "3", Package: pkg}, text: "3"},
		{name: "a SHA-256 commit", served: stack.Served{Version: "3", Package: pkg, Commit: strings.Repeat("d", 64)}, text: "3"},
		{name: "traffic that shifts", served: stack.Served{Version: "3", Package: pkg, Shares: map[string]float64{"4": 0.1}}, text: "3 (90 %) 4 (10 %)", is: "versions 3 (90 %) 4 (10 %) share the traffic"},
		{name: "another package", served: stack.Served{Version: "3", Package: strings.Repeat("a", 64)}, text: "3", is: "version 3 serves a package with SHA-256 aaaaaaaaaaaa, but the release's package has 0f0f0f0f0f0f"},
		{name: "an image", served: stack.Served{Version: "3"}, codeSHA256: strings.Repeat("ab", 32), says: "which is not the SHA-256 of a zip file"},
	} {
		cfg := stacktest.Start(t, stacktest.Stage{Outputs: stacktest.Outputs(), Served: tt.served, CodeSHA256: tt.codeSHA256}, nil)
		outputs, err := stack.Describe(t.Context(), cfg, staging(t))
		if err != nil {
			t.Fatal(err)
		}
		got, err := stack.Serving(t.Context(), cfg, outputs)
		if tt.says != "" {
			if exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "next: aws lambda") {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.served) || got.String() != tt.text {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
		if err := got.Is(pkg); (err == nil) != (tt.is == "") || err != nil && err.Error() != tt.is {
			t.Errorf("%s: Is = %v, want %q", tt.name, err, tt.is)
		}
	}
	cfg := stacktest.Start(t, stacktest.Stage{}, nil)
	if _, err := stack.Serving(t.Context(), cfg, stack.Outputs{FunctionName: "other", AliasName: "x"}); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "reading alias x of other") {
		t.Errorf("without an alias: %v", err)
	}
}

// A stage is addressed by its URL, or by the alias of a function that has none;
// and only a release ledger keeps records.
func TestOutputs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		outputs stack.Outputs
		address string
		keeps   bool
	}{
		{stack.Outputs{FunctionName: "f", AliasName: "live"}, "f:live", false},
		{stack.Outputs{FunctionName: "f", AliasName: "live", FunctionURL: "https://f.example/"}, "https://f.example/", false},
		{stack.Outputs{FunctionURL: "https://f.example/", EvidenceBucket: "b"}, "https://f.example/", true},
	} {
		if got := tt.outputs.Address(); got != tt.address || tt.outputs.KeepsRecords() != tt.keeps {
			t.Errorf("%+v: %s, %t", tt.outputs, got, tt.outputs.KeepsRecords())
		}
	}
}

// staging is the stage as it was called before manifests.
func staging(t *testing.T) manifest.Stage {
	t.Helper()
	stage, err := manifest.Old().Stage("staging")
	if err != nil {
		t.Fatal(err)
	}
	return stage
}

// TestAnyStack holds that a stage is found whose stack has no outputne of the names that
// ours do: by logical ids, with an alias that the manifest names or without one, and
// with the commit that its template names.
func TestAnyStack(t *testing.T) {
	t.Parallel()
	pkg, commit := strings.Repeat("ab", 32), strings.Repeat("c", 40)
	deployed := stacktest.Stage{
		Outputs: map[string]string{"Unrelated": "x"}, Served: stack.Served{Version: "3", Package: pkg},
		Resources: map[string]string{"F1": "service", "App": "application", "Group": "group"}, URL: "https://f.example/",
		Template: `{"Metadata":{"magewright":{"commit":"` + commit + `"}}}`,
	}
	stage := func(f manifest.Function) manifest.Stage {
		return manifest.Stage{Name: "dev", Place: manifest.Place{Stack: "HelloDev"}, Functions: []manifest.Function{f}}
	}
	shifted := manifest.Function{Function: "F1", Alias: "live", Application: "App", DeploymentGroup: "Group", URL: "U1"}
	for _, tt := range []struct {
		f       manifest.Function
		want    stack.Outputs
		version string
		shifts  bool
	}{
		{manifest.Function{Function: "F1"}, stack.Outputs{FunctionName: "service"}, stack.Latest, false},
		{manifest.Function{Function: "F1", URL: "U1"}, stack.Outputs{FunctionName: "service", FunctionURL: "https://f.example/"}, stack.Latest, false},
		{manifest.Function{Function: "F1", Alias: "live"}, stack.Outputs{FunctionName: "service", AliasName: "live"}, "3", false},
		{shifted, stack.Outputs{FunctionName: "service", AliasName: "live", FunctionURL: "https://f.example/", DeploymentApplication: "application", DeploymentGroup: "group"}, "3", true},
	} {
		cfg := stacktest.Start(t, deployed, nil)
		got, err := stack.Describe(t.Context(), cfg, stage(tt.f))
		tt.want.Stack, tt.want.LogicalID, tt.want.All = "HelloDev", "F1", map[string]string{"Unrelated": "x"}
		if err != nil || !reflect.DeepEqual(got, tt.want) || got.Shifts() != tt.shifts {
			t.Errorf("%+v: %+v, %v, want %+v", tt.f, got, err, tt.want)
		}
		served, err := stack.Serving(t.Context(), cfg, got)
		if err != nil || served.Version != tt.version || served.Package != pkg {
			t.Errorf("%+v: %+v, %v", tt.f, served, err)
		}
		if of, err := stack.CommitOf(t.Context(), cfg, got, served); err != nil || of != commit {
			t.Errorf("%+v: it serves commit %q, %v", tt.f, of, err)
		}
	}
	// Of several, one that can be reached comes first. The URL may be that of an API.
	cfgs := stacktest.Start(t, stacktest.Stage{
		Outputs: map[string]string{"Endpoint": "https://api.example/"}, Resources: map[string]string{"F1": "service", "F2": "other"},
	}, nil)
	several := stage(manifest.Function{Function: "F1"})
	several.Functions = append(several.Functions, manifest.Function{Function: "F2", Outputs: map[string]string{"ApiUrl": "Endpoint"}})
	all, err := stack.DescribeAll(t.Context(), cfgs, several)
	if err != nil || len(all) != 2 || all[0].FunctionName != "other" || all[0].Address() != "https://api.example/" || all[1].FunctionName != "service" {
		t.Errorf("%+v, %v", all, err)
	}
	if first, err := stack.Main(t.Context(), cfgs, several); err != nil || !reflect.DeepEqual(first, all[0]) {
		t.Errorf("%+v, %v", first, err)
	}
	if _, err := stack.DescribeAll(t.Context(), cfgs, manifest.Stage{Name: "dev"}); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "names no function of stage dev") {
		t.Errorf("a stage without functions: %v", err)
	}
	// What is not there yet, or says nothing.
	cfg := stacktest.Start(t, stacktest.Stage{Outputs: map[string]string{"Unrelated": "x"}, Template: "Resources: {}"}, nil)
	if got, err := stack.Describe(t.Context(), cfg, stage(shifted)); !errors.Is(err, stack.ErrNotDeployed) {
		t.Errorf("%+v, %v", got, err)
	}
	if of, err := stack.CommitOf(t.Context(), cfg, stack.Outputs{Stack: "HelloDev"}, stack.Served{}); err != nil || of != "" {
		t.Errorf("a template in YAML names commit %q, %v", of, err)
	}
	if of, err := stack.CommitOf(t.Context(), cfg, stack.Outputs{Stack: "HelloDev"}, stack.Served{Commit: commit}); err != nil || of != commit {
		t.Errorf("a version that names its commit: %q, %v", of, err)
	}
	if got := (stack.Outputs{FunctionName: "f"}); got.Address() != "f" || got.Qualifier() != nil {
		t.Errorf("a function without an alias is %s", got.Address())
	}
}
