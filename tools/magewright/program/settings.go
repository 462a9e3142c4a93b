package program

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/check/lint"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
)

// SettingsCommand is the command that prints the errors in the settings.
const SettingsCommand = "settings"

// Settings is the check of lint that lets the program examine the settings.
var Settings = lint.Check{Name: "settings", Reads: IsSetting, Run: settings}

// IsSetting reports whether a file is one in which a team tells Magewright what it wants: the
// policy, the rules, the probes and the CDK context. The path is relative to the root.
func IsSetting(cfg project.Config, name string) bool {
	dir := path.Dir(name)
	return (dir == cfg.Settings() || dir == cfg.Settings()+"/policy") && slices.Contains([]string{".yml", ".json", ".rego"}, path.Ext(name))
}

func settings(ctx context.Context, cfg project.Config) ([]string, error) {
	executable, err := buildAnd(ctx, cfg, nothing)
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	out, err := command.Cmd{Dir: cfg.Dir, Stderr: &said}.Output(ctx, executable, SettingsCommand)
	if err != nil {
		return nil, fmt.Errorf("checking the settings: %w\n%s", err, &said)
	}
	return strings.FieldsFunc(out, func(r rune) bool { return r == '\n' }), nil
}

// nothing is run meanwhile if nothing else will be needed.
func nothing(context.Context, project.Config) error { return nil }
