// Package settings finds errors in the files in which a team tells Magewright what it wants:
// the policy, the rules, the probes and the CDK context. Some targets read these files from
// the previous release. Without this package, a broken file would be noticed one release too
// late.
package settings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/check/lint"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/rego"
)

// Check is the check for lint.
var Check = lint.Check{Name: program.Settings.Name, Reads: program.IsSetting, Run: func(ctx context.Context, cfg project.Config) ([]string, error) {
	return find(ctx, cfg, rego.Of(cfg.Dir))
}}

// Print prints one line for each error. It does not fail, because lint decides.
func Print(ctx context.Context, cfg project.Config) error {
	found, err := Check.Run(ctx, cfg)
	for _, line := range found {
		// A finding may have several lines, but counts once.
		fmt.Fprintln(cfg.Stdout, strings.Join(strings.FieldsFunc(line, func(r rune) bool { return r == '\n' }), "; "))
	}
	return err
}

// find returns the errors with their files. A missing file is not an error here.
func find(ctx context.Context, cfg project.Config, engine rego.Engine) (found []string, err error) {
	text := func(name string) (string, []byte, error) {
		name = path.Join(cfg.Settings(), name)
		data, err := os.ReadFile(filepath.Join(cfg.Dir, filepath.FromSlash(name))) // #nosec G304 -- a file of the project
		if errors.Is(err, fs.ErrNotExist) {
			return name, nil, nil
		}
		return name, data, err
	}
	for file, parse := range map[string]func(string, []byte) error{
		readiness.PolicyFile: func(name string, data []byte) error {
			_, err := readiness.ParsePolicy(name, data)
			return err
		},
		path.Base(probe.File): func(name string, data []byte) error {
			_, err := probe.ParseFile(name, data)
			return err
		},
	} {
		name, data, err := text(file)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		if data == nil {
			continue
		}
		if err := parse(name, data); err != nil {
			found = append(found, err.Error())
		}
	}
	name, data, err := text("cdk.json")
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if data != nil {
		if err := cdk.CheckSettings(name, data); err != nil {
			found = append(found, err.Error())
		}
	}
	rules, err := rules(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if len(rules) > 0 {
		answer, err := engine.Ask(ctx, rules, map[string]any{})
		if err != nil {
			return nil, err
		}
		found = append(found, answer.Problems...)
	}
	slices.Sort(found)
	return found, nil
}

// rules returns the texts of the rules in the working tree, by file.
func rules(ctx context.Context, cfg project.Config) (map[string]string, error) {
	names, err := cfg.Listed(ctx, path.Join(cfg.Settings(), path.Dir(readiness.PolicyFile))+"/*.rego")
	if err != nil {
		return nil, fmt.Errorf("listing the rules: %w", err)
	}
	rules := make(map[string]string, len(names))
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(cfg.Dir, filepath.FromSlash(name))) // #nosec G304 -- a file of the project
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not yet committed
		}
		if err != nil {
			return nil, fmt.Errorf("reading the rules: %w", err)
		}
		rules[name] = string(data)
	}
	return rules, nil
}
