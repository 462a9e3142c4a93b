package settings

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
)

// A repository with good settings. Its engine finds a problem in each rule that is not
// named well.go.
var good = map[string]string{
	"infra/policy/readiness.yml": readiness.StartingPolicy,
	"infra/policy/well.rego":     "package magewright.rules.well\n",
	"infra/probes.yml":           "- {name: it answers, method: GET, path: \"\", status: 200}\n",
	"infra/cdk.json":             `{"context": {"architecture": "arm64"}}`,
}

func engine(_ context.Context, request []byte) (string, error) {
	var asked struct{ Modules map[string]string }
	if err := json.Unmarshal(request, &asked); err != nil {
		return "", err
	}
	problems := []string{}
	for name, text := range asked.Modules {
		if !strings.HasPrefix(text, "package ") {
			problems = append(problems, name+":1: rego_parse_error")
		}
	}
	answer, err := json.Marshal(map[string]any{"engine": "test", "rules": []any{}, "problems": problems})
	return string(answer), err
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		change  map[string]string // "" removes
		adopted bool
		want    []string // how each finding begins
	}{
		{name: "good"},
		{name: "none", change: map[string]string{"infra/policy/readiness.yml": "", "infra/policy/well.rego": "", "infra/probes.yml": "", "infra/cdk.json": ""}},
		{name: "a policy that is no YAML", change: map[string]string{"infra/policy/readiness.yml": "foo: ["}, want: []string{"reading infra/policy/readiness.yml: yaml: line 1"}},
		{name: "a misspelt check", change: map[string]string{"infra/policy/readiness.yml": "required: [drfit]\nmaxAge: 1h\n"}, want: []string{`reading infra/policy/readiness.yml: there is no check "drfit"`}},
		{name: "a misspelt key of a probe", change: map[string]string{"infra/probes.yml": "- {nam: x}\n"}, want: []string{`infra/probes.yml:1: unknown key "nam"`}},
		{name: "a rule that does not compile", change: map[string]string{"infra/policy/bad.rego": "deny if {\n"}, want: []string{"infra/policy/bad.rego:1: rego_parse_error"}},
		{name: "settings that are no JSON", change: map[string]string{"infra/cdk.json": "{\n  \"context\": {,}\n}"}, want: []string{"infra/cdk.json: line 2: invalid character"}},
		{name: "an architecture that Lambda lacks", change: map[string]string{"infra/cdk.json": `{"context": {"architecture": "mips"}}`}, want: []string{"infra/cdk.json: CDK context architecture is mips"}},
		{name: "a key that is none", change: map[string]string{"infra/cdk.json": `{"context": {"evidenceKey": "abc"}}`}, want: []string{"infra/cdk.json: context evidenceKey: reading a public key"}},
		{name: "several", change: map[string]string{"infra/cdk.json": "{", "infra/probes.yml": "x"}, want: []string{"infra/cdk.json: line 1", "infra/probes.yml:1: it must be a list of steps"}},
		{
			name: "another repository", adopted: true,
			change: map[string]string{"magewright/go.mod": "module x\n", "magewright/probes.yml": "{}\n", "magewright/policy/bad.rego": "deny if {"},
			want:   []string{"magewright/policy/bad.rego:1: rego_parse_error", "magewright/probes.yml:1: it must be a list of steps"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := project.Config{Dir: t.TempDir()}
			if err := (command.Cmd{Dir: cfg.Dir}).Run(t.Context(), "git", "init", "-q"); err != nil {
				t.Fatal(err)
			}
			for _, files := range []map[string]string{good, tt.change} {
				for name, text := range files {
					path := filepath.Join(cfg.Dir, filepath.FromSlash(name))
					if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
					if text == "" {
						if err := os.Remove(path); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			got, err := find(t.Context(), cfg, engine)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(tt.want) || !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
			for name := range tt.change {
				if want := strings.HasPrefix(name, cfg.Settings()+"/") && name != "magewright/go.mod"; program.IsSetting(cfg, name) != want {
					t.Errorf("the result depends on %s: %t, want %t", name, !want, want)
				}
			}
		})
	}
}
