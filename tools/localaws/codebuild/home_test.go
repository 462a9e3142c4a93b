package codebuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// TestAttackByAUsersFiles looks for the keys and tokens that a user keeps at home, where
// clients look for them. A build finds the caches there, and none of the others.
func TestAttackByAUsersFiles(t *testing.T) {
	user := t.TempDir()
	t.Setenv("HOME", user)
	t.Setenv("XDG_CONFIG_HOME", "")
	for name, text := range map[string]string{
		".aws/credentials": "s3cr3t", ".ssh/id_ed25519": "s3cr3t", ".netrc": "s3cr3t", ".docker/config.json": "s3cr3t",
		".config/gh/hosts.yml": "s3cr3t", ".config/gcloud/credentials.db": "s3cr3t", ".git-credentials": "s3cr3t", ".gnupg/key": "s3cr3t",
		".cargo/credentials.toml": "s3cr3t", ".m2/settings.xml": "s3cr3t", ".gradle/gradle.properties": "s3cr3t", ".kube/config": "s3cr3t",
		".npmrc":                  "registry=https://npm.example/\n@team:registry=https://team.example/\n//npm.example/:_authToken=s3cr3t\n_auth = s3cr3t\nproxy=http://ada:s3cr3t@proxy.example\n",
		".cache/go-build/a":       "a cache",
		"go/pkg/mod/cache/lock":   "a cache",
		".config/go/env":          "GOPROXY=https://proxy.example",
		".config/magewright/a":    "a key of results",
		".m2/repository/x/pom":    "a cache",
		".cargo/registry/index/x": "a cache",
	} {
		file := filepath.Join(user, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newService(t, newWorld())
	create(t, s, project("home", `version: 0.2
phases:
  build:
    commands:
      - 'test "$HOME" != "`+user+`" && test -w "$HOME"'
      - 'grep -rqs s3cr3t "$HOME" ~ && echo FOUND || echo none'
      - 'find -L "$HOME" -type f | sed "s|$HOME|at|" | sort'
      - 'cat "$HOME/.npmrc"'
      - 'mkdir "$HOME/.aws" && echo left > "$HOME/.aws/config"'
`))
	for range 2 {
		out, err := s.StartBuild(t.Context(), start("home"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.WaitBuild(t.Context(), *out.Build.Id)
		if err != nil {
			t.Fatal(err)
		}
		log := logOf(t, s, b)
		want := strings.Join([]string{
			"at/.cache/go-build/a", "at/.cargo/registry/index/x", "at/.config/go/env", "at/.config/magewright/a", "at/.m2/repository/x/pom", "at/.npmrc", "at/go/pkg/mod/cache/lock",
		}, "\n")
		if b.BuildStatus != cbtypes.StatusTypeSucceeded || !strings.Contains(log, "\nnone\n") || !strings.Contains(log, "\n"+want+"\n") ||
			!strings.Contains(log, "\nregistry=https://npm.example/\n@team:registry=https://team.example/\n") {
			t.Fatalf("%s\n%s", b.BuildStatus, log)
		}
	}
	// Removing a build's home removes nothing of the user's.
	if text, err := os.ReadFile(filepath.Join(user, ".cache", "go-build", "a")); err != nil || string(text) != "a cache" { // #nosec G304 -- the test's
		t.Errorf("the user's cache has %q: %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(user, ".aws", "config")); err == nil {
		t.Error("a build has written below the user's home")
	}
}

// Modules are where they are in the user's shell, although a build has a home of its own.
// The go command would compile them again at another path.
func TestBuildsFindTheUsersModules(t *testing.T) {
	t.Setenv("GOMODCACHE", "")
	want := moduleCache()
	if want == "" {
		t.Skip("this user has no Go modules")
	}
	s := newService(t, newWorld())
	create(t, s, project("modules", "version: 0.2\nphases: {build: {commands: ['echo at $(go env GOMODCACHE)']}}\n"))
	out, err := s.StartBuild(t.Context(), start("modules"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.WaitBuild(t.Context(), *out.Build.Id)
	if err != nil {
		t.Fatal(err)
	}
	if log := logOf(t, s, b); !strings.Contains(log, "at "+want+"\n") {
		t.Errorf("modules are not at %s:\n%s", want, log)
	}
}
