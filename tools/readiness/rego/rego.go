// Package rego asks Open Policy Agent about an organisation's rules. The engine is the
// program in tools/pins/opa, a module of its own.
package rego

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// An Engine answers requests about rules. Request and answer are JSON.
type Engine func(ctx context.Context, request []byte) (string, error)

// module is the module of the engine.
const module = project.Module + "/tools/pins/opa"

// Of returns the engine for a checkout. In a checkout of this project, it is the engine
// there. In a repository that adopts Magewright, it is the engine of the running version.
func Of(checkout string) Engine {
	return func(ctx context.Context, request []byte) (string, error) {
		dir, program := filepath.Join(checkout, "tools", "pins", "opa"), "."
		if (project.Config{Dir: checkout}).Adopted() {
			version := running()
			if version == "" {
				return "", exit.Missing("GOWORK=off go -C "+project.Pin+" get -tool "+project.Module+"/tools/magewright@latest",
					"this program was built from a working tree, so it does not know the version of its engine")
			}
			dir, program = checkout, module+"@"+version
		}
		opa := gocmd.In(dir)
		opa.Env = gocmd.ToolEnviron("GOWORK=off")
		opa.Stdin = bytes.NewReader(request)
		return opa.Output(ctx, "run", program)
	}
}

// running returns the version of Magewright from which this program was built, or "" for a
// working tree.
func running() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == project.Module && m.Version != "(devel)" {
			return m.Version
		}
	}
	return ""
}

// An Answer is the output of tools/pins/opa. If it has problems, it decides nothing.
type Answer struct {
	Engine   string                 `json:"engine"`
	Rules    []readiness.PolicyRule `json:"rules"`
	Problems []string               `json:"problems"`
}

// Ask applies rules, texts by the names of their files, to inputs.
func (e Engine) Ask(ctx context.Context, rules map[string]string, inputs map[string]any) (Answer, error) {
	var a Answer
	request, err := json.Marshal(map[string]any{"modules": rules, "inputs": inputs})
	if err != nil {
		return a, fmt.Errorf("asking the rules: %w", err)
	}
	out, err := e(ctx, request)
	if err != nil {
		return a, exit.Missing("go tool mage lint", "asking the rules: %w", err)
	}
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a); err != nil {
		return a, fmt.Errorf("asking the rules: reading the answer: %w", err)
	}
	if a.Engine == "" {
		return a, errors.New("asking the rules: the answer does not name the engine that gave it")
	}
	return a, nil
}
