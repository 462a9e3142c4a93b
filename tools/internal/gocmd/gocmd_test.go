package gocmd_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/gocmd"
)

// last returns the value of a variable that a process sees, which is the last one.
func last(env []string, name string) string {
	value := ""
	for _, variable := range env {
		if v, ok := strings.CutPrefix(variable, name+"="); ok {
			value = v
		}
	}
	return value
}

func TestEnviron(t *testing.T) {
	for _, tt := range []struct {
		goflags, cgo  string
		set           []string
		flags, cgoSet string
	}{
		{"", "", nil, gocmd.Flags, "0"},
		{"-tags=x  -mod=mod", "", nil, "-tags=x -mod=mod " + gocmd.Flags, "0"},
		{"-trimpath -buildvcs=auto", "", nil, gocmd.Flags, "0"},
		{"-trimpath=false -v", "", nil, "-v " + gocmd.Flags, "0"},
		{"-tags=mage -v", "", nil, "-v " + gocmd.Flags, "0"},
		{"-tags=a,mage,b", "", nil, "-tags=a,b " + gocmd.Flags, "0"},
		{"-timeout=2s", "", nil, "-timeout=2s " + gocmd.Flags, "0"},
		{"-run=None -skip=. -exec=true -toolexec=x -overlay=o.json -short -vet=off -tags=x", "", nil, "-tags=x " + gocmd.Flags, "0"},
		{"--run=None -modfile=other.mod --mod=mod", "", nil, "--mod=mod " + gocmd.Flags, "0"},
		{"", "1", nil, gocmd.Flags, "1"},
		{"", "1", []string{"CGO_ENABLED=0", "GOFLAGS=-x"}, "-x", "0"},
	} {
		t.Setenv("GOFLAGS", tt.goflags)
		t.Setenv("CGO_ENABLED", tt.cgo)
		t.Setenv("KEPT", "1")
		env := gocmd.Environ(tt.set...)
		flags, cgo, kept := last(env, "GOFLAGS"), last(env, "CGO_ENABLED"), last(env, "KEPT")
		if flags != tt.flags || cgo != tt.cgoSet || kept != "1" {
			t.Errorf("GOFLAGS=%q, CGO_ENABLED=%q, %q: %q, %q, KEPT=%q", tt.goflags, tt.cgo, tt.set, flags, cgo, kept)
		}
	}
}

// TestAttackByTheEnvironment tells tools by variables to look at something else.
func TestAttackByTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"GOFLAGS": "-run=TestNothing -mod=mod", "GOPACKAGESDRIVER": "/bin/true", "GOOS": "plan9", "GODEBUG": "x=1", "GOWORK": "/tmp/go.work", "GOEXPERIMENT": "x",
		"GITLEAKS_CONFIG": "x", "GOSEC_X": "1", "GIT_DIR": "/tmp", "GOPROXY": "https://proxy.example.com", "LD_PRELOAD": "x.so",
	} {
		t.Setenv(name, value)
	}
	env := gocmd.ToolEnviron("SET=1")
	for _, variable := range env {
		switch name, _, _ := strings.Cut(variable, "="); name {
		case "GOPACKAGESDRIVER", "GOOS", "GODEBUG", "GOWORK", "GOEXPERIMENT", "GITLEAKS_CONFIG", "GOSEC_X", "GIT_DIR", "LD_PRELOAD":
			t.Errorf("tools are given %s", variable)
		}
	}
	if flags, proxy, path, set := last(env, "GOFLAGS"), last(env, "GOPROXY"), last(env, "PATH"), last(env, "SET"); flags != "-mod=mod "+gocmd.Flags || proxy != "https://proxy.example.com" || path == "" || set != "1" {
		t.Errorf("tools are given GOFLAGS=%s GOPROXY=%s PATH=%s SET=%s", flags, proxy, path, set)
	}
	if refused := gocmd.Refused(); !slices.Equal(refused, []string{"-run=TestNothing"}) {
		t.Errorf("refused are %q", refused)
	}
}

// TestTheGoCommandTakesIt checks that the go command gets the flags and the
// directory, and that its error contains its output.
func TestTheGoCommandTakesIt(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	t.Setenv("CGO_ENABLED", "")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := gocmd.In(dir, "GOOS=plan9", "GOARCH=386").Output(t.Context(), "env", "GOFLAGS", "CGO_ENABLED", "GOOS", "GOMOD")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(out, "\n")
	if !slices.Equal(got[:3], []string{gocmd.Flags, "0", "plan9"}) || filepath.Base(filepath.Dir(got[3])) != filepath.Base(dir) {
		t.Errorf("the go command has %q", got)
	}
	if out, err := gocmd.In(dir).Output(t.Context(), "list", "./missing"); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("Output = %q, %v", out, err)
	}
	cmd := gocmd.In(dir)
	var said strings.Builder
	cmd.Stdout = &said
	if err := cmd.Run(t.Context(), "list", "-m"); err != nil || said.String() != "example\n" {
		t.Errorf("Run says %q, %v", &said, err)
	}
}

// TestAPackageIsTheSameInEveryCheckout checks the purpose of the flags: two
// checkouts of the same sources compile to the same program.
func TestAPackageIsTheSameInEveryCheckout(t *testing.T) {
	var programs []string
	for range 2 {
		dir := t.TempDir()
		for name, text := range map[string]string{"go.mod": "module example\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() { panic(\"x\") }\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := gocmd.In(dir).Run(t.Context(), "build", "-o", "program", "."); err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(filepath.Join(dir, "program")) // #nosec G304 -- built above
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, string(program))
	}
	if programs[0] != programs[1] {
		t.Error("they differ")
	}
}
