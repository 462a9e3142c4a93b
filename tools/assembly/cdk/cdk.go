// Package cdk runs the CDK: the app in infra, and the CLI that
// infra/package.json pins.
package cdk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// MinNode is the oldest major version of Node that supports the CDK's kernel.
const MinNode = 20

// Context returns the CDK context in infra/cdk.json, or in magewright/cdk.json of a
// repository that adopts Magewright. The environment variable CDK_CONTEXT_JSON
// overrides it.
func Context(cfg project.Config) (map[string]any, error) {
	file := filepath.Join(cfg.Dir, cfg.Settings(), "cdk.json")
	data, err := os.ReadFile(file) // #nosec G304 -- a file of the project
	if errors.Is(err, fs.ErrNotExist) && cfg.Adopted() {
		return nil, exit.Missing("go tool -C "+project.Pin+" magewright init", "reading CDK context: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading CDK context: %w", err)
	}
	settings, err := parseContext(data)
	if err != nil {
		return nil, exit.Failed("go tool mage lint", "reading CDK context: %s: %w", file, err)
	}
	merged := map[string]any{}
	maps.Copy(merged, settings)
	if given := os.Getenv("CDK_CONTEXT_JSON"); given != "" {
		var override map[string]any
		if err := json.Unmarshal([]byte(given), &override); err != nil {
			return nil, exit.Missing("unset CDK_CONTEXT_JSON", "reading CDK context: CDK_CONTEXT_JSON is not a JSON object: %w", err)
		}
		maps.Copy(merged, override)
	}
	return merged, nil
}

// parseContext returns the context of a cdk.json.
func parseContext(data []byte) (map[string]any, error) {
	var settings struct {
		Context map[string]any `json:"context"`
	}
	err := json.Unmarshal(data, &settings)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("line %d: %w", 1+bytes.Count(data[:syntax.Offset], []byte("\n")), err)
	}
	return settings.Context, err
}

// CheckSettings returns the errors in the text of a cdk.json, apart from those that only the
// CDK app can find.
func CheckSettings(name string, data []byte) error {
	context, err := parseContext(data)
	if err == nil {
		_, _, err = Target(context)
	}
	if key, ok := context[EvidenceKey].(string); err == nil && ok && key != "" {
		if _, err = evidence.ParseKeys(key); err != nil {
			err = fmt.Errorf("context %s: %w", EvidenceKey, err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Target returns the operating system and architecture that the function is
// built for, in Go's terms.
func Target(context map[string]any) (goos, goarch string, err error) {
	goos = "linux"
	if v, ok := context["goos"].(string); ok && v != "" {
		goos = v
	}
	switch architecture := context["architecture"]; architecture {
	case nil, "arm64":
		return goos, "arm64", nil
	case "x86_64":
		return goos, "amd64", nil
	default:
		return "", "", fmt.Errorf("CDK context architecture is %v: AWS Lambda has arm64 and x86_64", architecture)
	}
}

// Preflight checks that there is a Node which can install and run the CDK.
func Preflight(ctx context.Context) error {
	version, err := command.Cmd{}.Output(ctx, "node", "--version")
	if err != nil {
		return exit.Missing("install Node "+strconv.Itoa(MinNode)+" or newer, then node --version", "the CDK needs Node %d or newer on PATH: %w", MinNode, err)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < MinNode {
		return exit.Missing("install Node "+strconv.Itoa(MinNode)+" or newer, then node --version", "the CDK needs Node %d or newer; node --version says %s", MinNode, version)
	}
	return nil
}

// An installation of the CDK CLI and of the Node that runs it.
type installation struct{ dir string }

func (i installation) bin(name string) string {
	return filepath.Join(i.dir, "node_modules", ".bin", name)
}

// Install installs what infra/package-lock.json names, unless that is already
// installed. The installation is in the user's cache under the lock file's
// digest, so that every checkout finds it.
func Install(ctx context.Context, cfg project.Config) error {
	_, err := install(ctx, cfg)
	return err
}

func install(ctx context.Context, cfg project.Config) (_ installation, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("installing the CDK CLI: %w", err)
		}
	}()
	installed, files, err := place(ctx, cfg)
	if err != nil {
		return installation{}, err
	}
	if _, err := os.Stat(installed.dir); err == nil {
		return installed, nil
	}
	if err := Preflight(ctx); err != nil {
		return installation{}, err
	}
	fmt.Fprintln(cfg.Stderr, "installing the CDK CLI and its Node, as infra/package-lock.json pins them")
	cache := filepath.Dir(installed.dir)
	if err := os.MkdirAll(cache, 0o750); err != nil {
		return installation{}, err
	}
	// Another target may do the same concurrently. Each installs into its own
	// directory, and the first to finish wins.
	aside, err := os.MkdirTemp(cache, "installing-")
	if err != nil {
		return installation{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(aside, name), data, 0o600); err != nil {
			return installation{}, err
		}
	}
	npm := command.Cmd{Dir: aside}
	if out, err := npm.Output(ctx, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
		return installation{}, exit.Missing("npm ci --prefix infra", "%w %s", err, out)
	}
	if err := os.Rename(aside, installed.dir); err != nil {
		if _, statErr := os.Stat(installed.dir); statErr != nil {
			return installation{}, err
		}
	}
	return installed, nil
}

// place returns where the CDK CLI is, or will be, installed, and the files that pin it.
func place(ctx context.Context, cfg project.Config) (installation, map[string][]byte, error) {
	pins, err := pinned(ctx, cfg)
	if err != nil {
		return installation{}, nil, err
	}
	files := map[string][]byte{}
	digest := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		files[name], err = os.ReadFile(filepath.Join(pins, name)) // #nosec G304 -- a file of the project, or of Magewright
		if err != nil {
			return installation{}, nil, err
		}
		// This never fails.
		_, _ = digest.Write(files[name])
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return installation{}, nil, err
	}
	return installation{filepath.Join(cache, "magewright", "cdk-"+hex.EncodeToString(digest.Sum(nil))[:16])}, files, nil
}

// Node returns a Node that can run functions in JavaScript, or "" if there is none: the
// one that runs the CDK, if it is installed, or else that on PATH. It also returns the
// directory node_modules of the project that has the AWS SDK for JavaScript, or "".
func Node(ctx context.Context, cfg project.Config) (program, modules string) {
	if installed, _, err := place(ctx, cfg); err == nil {
		if _, err := os.Stat(installed.bin("node")); err == nil {
			program = installed.bin("node")
		}
	}
	if program == "" {
		if found, err := exec.LookPath("node"); err == nil {
			program = found
		}
	}
	for _, dir := range []string{cfg.Dir, filepath.Join(cfg.Dir, "infra"), filepath.Join(cfg.Dir, cfg.Settings())} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", "@aws-sdk")); err == nil {
			return program, filepath.Join(dir, "node_modules")
		}
	}
	return program, ""
}

// pinned returns the directory whose package-lock.json pins the CDK CLI: that of
// Magewright itself, which other repositories download as a module.
func pinned(ctx context.Context, cfg project.Config) (string, error) {
	cfg = cfg.Code()
	if !cfg.Adopted() {
		return filepath.Join(cfg.Dir, "infra"), nil
	}
	const next = "go -C " + project.Pin + " mod download"
	list := gocmd.In(filepath.Join(cfg.Dir, project.Pin), "GOWORK=off", "GOFLAGS=-mod=mod")
	dir, err := list.Output(ctx, "list", "-m", "-f={{.Dir}}", project.Module)
	if err != nil {
		return "", exit.Missing(next, "finding Magewright, which %s/go.mod pins: %w", project.Pin, err)
	}
	if dir == "" {
		return "", exit.Missing(next, "Magewright, which %s/go.mod pins, is not downloaded", project.Pin)
	}
	return filepath.Join(dir, "infra"), nil
}

// noise is what jsii-runtime-go prints about a kernel that has ended normally, if two of its
// goroutines wait for the process at the same time.
const noise = "Runtime process exited abnormally: waitid: no child processes"

// A hushed writer leaves out the noise.
type hushed struct{ io.Writer }

func (h hushed) Write(p []byte) (int, error) {
	if _, err := h.Writer.Write(bytes.ReplaceAll(p, []byte(noise), nil)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// App runs the CDK app, which writes the cloud assembly for a context to dir.
func App(ctx context.Context, cfg project.Config, context map[string]any, dir string) error {
	installed, err := install(ctx, cfg)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(context)
	if err != nil {
		return fmt.Errorf("writing CDK context: %w", err)
	}
	app := gocmd.In(cfg.Dir, "CDK_OUTDIR="+dir, "CDK_CONTEXT_JSON="+string(encoded), "JSII_NODE="+installed.bin("node"))
	app.Stdout, app.Stderr = cfg.Stderr, hushed{cfg.Stderr}
	if err := app.Run(ctx, "run", "./infra"); err != nil {
		return fmt.Errorf("synthesizing: %w", err)
	}
	return nil
}

// CLI runs the CDK CLI in a directory without a cdk.json. The cdk.json in an app's root could
// name a command that runs before each of the CLI's commands.
func CLI(ctx context.Context, cfg project.Config, args ...string) error {
	home := filepath.Join(cfg.Evidence, "cdk-home")
	if err := os.MkdirAll(home, 0o750); err != nil {
		return fmt.Errorf("making a directory for the CDK CLI: %w", err)
	}
	return cli(ctx, cfg, home, nil, args...)
}

// cli runs the CDK CLI in a directory with more variables ("NAME=value").
func cli(ctx context.Context, cfg project.Config, dir string, set []string, args ...string) error {
	installed, err := install(ctx, cfg)
	if err != nil {
		return err
	}
	cli := command.Cmd{
		Dir: dir,
		Env: append(gocmd.Environ(
			"CDK_DISABLE_CLI_TELEMETRY=1",
			// The CLI caches accounts by access key below its home. Projects
			// must not share that cache.
			"CDK_HOME="+filepath.Join(cfg.Evidence, "cdk-home"),
			"JSII_NODE="+installed.bin("node"),
		), set...),
		Stdout: cfg.Stdout,
		Stderr: cfg.Stdout, // the reader waits for the CLI's progress
	}
	args = append([]string{installed.bin("cdk"), "--no-notices", "--no-color"}, args...)
	err = cli.Run(ctx, installed.bin("node"), args...)
	if code := command.ExitCode(err); code >= 0 && ctx.Err() == nil {
		// Where the CLI is on this machine, and all that it was given, helps nobody.
		return fmt.Errorf("cdk %s ended with exit status %d", args[3], code)
	}
	if err != nil {
		return fmt.Errorf("cdk %s: %w", args[3], err)
	}
	return nil
}
