package settings_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/magewright/magewright/infra/settings"
)

func TestDefaults(t *testing.T) {
	s, err := settings.Parse(map[string]any{"repository": "example/app"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Architecture != "arm64" || s.Branch != "main" || s.Package != settings.DefaultPackage {
		t.Errorf("settings are %+v", s)
	}
	if s.Production.DeploymentConfig != "CodeDeployDefault.LambdaCanary10Percent5Minutes" || s.Production.Env() != nil {
		t.Errorf("production is %+v: want a canary, in the account of the credentials", s.Production)
	}
}

func TestContextIsHandedOnToBuilds(t *testing.T) {
	given := map[string]any{
		"repository": "example/app",
		"package":    "/somewhere/on/this/machine.zip",
		"commit":     "of this build",
		"goos":       "darwin",
		"production": map[string]any{"account": "111122223333", "region": "eu-central-1"},
	}
	s, err := settings.Parse(given)
	if err != nil {
		t.Fatal(err)
	}
	env := s.Production.Env()
	if env == nil || *env.Account != "111122223333" || *env.Region != "eu-central-1" {
		t.Errorf("production goes to %+v", env)
	}
	encoded, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var context map[string]any
	if err := json.Unmarshal([]byte(encoded), &context); err != nil {
		t.Fatal(err)
	}
	_, path := context["package"]
	_, commit := context["commit"]
	if path || commit || context["goos"] != "darwin" || context["repository"] != "example/app" {
		t.Errorf("builds get %s", encoded)
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		context map[string]any
		says    string
	}{
		{map[string]any{"repository": "app"}, `context repository is "app": it must be owner/name`},
		{map[string]any{"repository": "example/app", "architecture": "riscv"}, `context architecture is "riscv"`},
		{map[string]any{"repository": "example/app", "evidenceLock": "for ever"}, `context evidenceLock is "for ever"`},
		{map[string]any{"repository": "example/app", "branch": map[string]any{}}, "reading CDK context (infra/cdk.json"},
	} {
		if _, err := settings.Parse(tt.context); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v: error is %v, want %s", tt.context, err, tt.says)
		}
	}
}
