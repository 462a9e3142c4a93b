package cdk

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
)

// Adopted has the settings in magewright/cdk.json with which a repository that adopts
// Magewright says where its parts are. Paths are relative to its root, with slashes.
type Adopted struct {
	// App is the directory of the CDK app, which contains its cdk.json.
	App string `json:"cdkApp"`
	// Functions says where the CDK app reads the functions that it does not build itself, by
	// the directories of their main packages. A path NAME.zip is a deployment package. Any
	// other path is a directory that gets the bootstrap.
	Functions map[string]string `json:"functions"`
	// Account is the one account of all stacks; see [OneAccount].
	Account string `json:"account"`
}

// Configured reports whether there are any settings.
func Configured(cfg project.Config) bool {
	_, err := os.Stat(filepath.Join(cfg.Dir, cfg.Settings(), "cdk.json"))
	return err == nil
}

// ReadAdopted reads those settings.
func ReadAdopted(cfg project.Config) (Adopted, error) {
	var s Adopted
	context, err := Context(cfg)
	if err != nil {
		return s, err
	}
	encoded, err := json.Marshal(context)
	if err == nil {
		err = json.Unmarshal(encoded, &s)
	}
	file := project.Pin + "/cdk.json"
	if err != nil {
		return s, exit.Missing("mend "+file, "reading the context in %s: %w", file, err)
	}
	if s.App == "" {
		return s, exit.Missing(`write "cdkApp": "DIRECTORY" into "context" of `+file, "%s does not say which directory has the cdk.json of the CDK app", file)
	}
	for _, name := range append([]string{s.App}, s.destinations()...) {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return s, exit.Missing("mend "+file, "reading the context in %s: %q is not in the repository", file, name)
		}
	}
	return s, nil
}

func (s Adopted) destinations() []string {
	var all []string
	for from, to := range s.Functions {
		all = append(all, from, to)
	}
	return all
}

// noCredentials are variables without which a program finds no AWS account.
var noCredentials = []string{
	"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_DEFAULT_PROFILE=", "AWS_WEB_IDENTITY_TOKEN_FILE=",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=", "AWS_CONTAINER_CREDENTIALS_FULL_URI=", "AWS_EC2_METADATA_DISABLED=true",
	"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
}

// DefaultAccount returns the account of a CDK app that can't be synthesized without one: what
// CDK_DEFAULT_ACCOUNT says, or the account of the CodeBuild build, or the one whose answers
// cdk.context.json has, or that of a rehearsal. The CDK CLI asks AWS instead, but synthesis has
// no credentials.
func DefaultAccount(lookedUp string) string {
	const ofTheARN = 4
	if given := os.Getenv("CDK_DEFAULT_ACCOUNT"); given != "" {
		return given
	}
	if parts := strings.Split(os.Getenv("CODEBUILD_BUILD_ARN"), ":"); len(parts) > ofTheARN {
		return parts[ofTheARN]
	}
	return cmp.Or(lookedUp, agreed.RehearsalAccount)
}

// Synthesize runs the CDK app in a directory, as its cdk.json says, and writes the assembly
// to out. It gets no credentials and looks nothing up on AWS, so the same commit gives the
// same assembly for everybody.
func Synthesize(ctx context.Context, cfg project.Config, dir, out string) error {
	if err := dependencies(ctx, cfg, dir); err != nil {
		return err
	}
	text, err := synthesize(ctx, cfg, dir, out)
	if err != nil && os.Getenv("CDK_DEFAULT_ACCOUNT") == "" {
		lookedUp, region, readErr := LookedUp(dir)
		if readErr != nil {
			return readErr
		}
		// In Go, a variable that is not set reads as an empty account, which the CDK refuses. In
		// other languages the same app has no account, and its stacks can go to any.
		if strings.Contains(text, `Unable to parse environment specification "aws:///`) {
			id := DefaultAccount(lookedUp)
			fmt.Fprintf(cfg.Stderr, "the CDK app needs CDK_DEFAULT_ACCOUNT, which is not set: synthesizing for account %s\n", id)
			if id == agreed.RehearsalAccount {
				fmt.Fprintln(cfg.Stderr, "that is the account of a rehearsal; before a deployment to AWS: export CDK_DEFAULT_ACCOUNT=ACCOUNT")
			}
			text, err = synthesize(ctx, cfg, dir, out, "CDK_DEFAULT_ACCOUNT="+id)
		}
		if err != nil && looksUp(text) && lookedUp != "" {
			fmt.Fprintf(cfg.Stderr, "the CDK app looks something up: synthesizing for account %s %s, whose answers its cdk.context.json has\n", lookedUp, region)
			set := []string{"CDK_DEFAULT_ACCOUNT=" + lookedUp}
			if region != "" {
				// The CDK CLI makes CDK_DEFAULT_REGION of it.
				set = append(set, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region)
			}
			text, err = synthesize(ctx, cfg, dir, out, set...)
		}
	}
	// If the synthesis succeeds, only the warnings are useful.
	for line := range strings.Lines(text) {
		if err != nil || strings.HasPrefix(line, "[Warning at ") {
			fmt.Fprint(cfg.Stderr, line)
		}
	}
	if err == nil {
		return nil
	}
	app, relErr := filepath.Rel(cfg.Dir, dir)
	if relErr != nil {
		return relErr
	}
	return explain(app, text, err)
}

// synthesize returns what the app and the CLI print. set has more variables ("NAME=value").
func synthesize(ctx context.Context, cfg project.Config, dir, out string, set ...string) (string, error) {
	var said bytes.Buffer
	cfg.Stdout = &said
	err := cli(ctx, cfg, dir, append(set, noCredentials...), "synth", "--quiet", "--no-lookups", "--output", out)
	return strings.ReplaceAll(said.String(), noise, ""), err
}

// looksUp reports whether a CDK app was not synthesized because it looks up something that
// its cdk.context.json does not have for its account.
func looksUp(text string) bool {
	return strings.Contains(text, "ontext lookups have been disabled") || strings.Contains(text, "since account/region are not specified at the stack level")
}

// explain says why a CDK app was not synthesized, and what helps. It finds that in the output
// of the app and the CLI.
func explain(app, text string, err error) error {
	switch {
	case looksUp(text):
		return exit.Missing("cd "+app+" && cdk synth, with credentials; then commit cdk.context.json", "the CDK app looks up at AWS what %s/cdk.context.json does not have: %w", app, err)
	case strings.Contains(text, "ailed to bundle asset") || strings.Contains(text, "spawnSync docker ENOENT"):
		return exit.Missing(`start Docker; or build without it: make the function's code of a path, and say in "functions" of `+project.Pin+`/cdk.json which main package is built there, such as {"cmd/hello": "dist/hello"}`,
			"the CDK app builds an asset in a container, and that failed: %w", err)
	case strings.Contains(text, "annot find asset at"):
		return exit.Missing(`say in "functions" of `+project.Pin+`/cdk.json which main package is to be built there, such as {"cmd/hello": "dist/hello"}; or in "build" of `+app+`/cdk.json which command builds it`,
			"the CDK app reads an asset that nothing has built: %w", err)
	}
	return exit.Failed("cd "+app+" && cdk synth", "synthesizing %s: %w", app, err)
}

// dependencies installs what the CDK app's lock file names, if the app has one and nothing is
// installed yet. It supports npm, Yarn and pnpm. The lock file is the nearest one from the
// app's directory up to the root of the repository.
func dependencies(ctx context.Context, cfg project.Config, dir string) error {
	for at := dir; ; at = filepath.Dir(at) {
		for _, lock := range []struct{ file, command string }{
			{"package-lock.json", "npm ci --no-audit --no-fund --loglevel=error"},
			{"yarn.lock", "yarn install --frozen-lockfile"},
			{"pnpm-lock.yaml", "pnpm install --frozen-lockfile"},
		} {
			if _, err := os.Stat(filepath.Join(at, lock.file)); err != nil {
				continue
			}
			if _, err := os.Stat(filepath.Join(at, "node_modules")); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			fmt.Fprintf(cfg.Stderr, "installing what %s names\n", lock.file)
			words := strings.Fields(lock.command)
			install := command.Cmd{Dir: at, Stdout: cfg.Stderr, Stderr: cfg.Stderr}
			if err := install.Run(ctx, words[0], words[1:]...); err != nil {
				return exit.Missing("cd "+at+" && "+lock.command, "installing what the CDK app needs: %w", err)
			}
			return nil
		}
		if at == cfg.Dir || at == filepath.Dir(at) {
			return nil
		}
	}
}

// Pipeline runs the CDK app of the pipeline in magewright/cdk.json, which writes the assembly
// for a context to out. The app reads the names of what is delivered from the assembly in
// cfg.Assembly.
func Pipeline(ctx context.Context, cfg project.Config, context map[string]any, out string) error {
	installed, err := install(ctx, cfg)
	if err != nil {
		return err
	}
	file := filepath.Join(cfg.Dir, project.Pin, "cdk.json")
	var settings struct{ App string }
	if err := readSettings(file, &settings); err != nil {
		return err
	}
	encoded, err := json.Marshal(context)
	if err != nil {
		return fmt.Errorf("writing CDK context: %w", err)
	}
	app := command.Cmd{
		Dir: filepath.Join(cfg.Dir, project.Pin),
		Env: gocmd.Environ("GOWORK=off", "CDK_OUTDIR="+out, "CDK_CONTEXT_JSON="+string(encoded), "JSII_NODE="+installed.bin("node")),
		// Its output is about its own work.
		Stdout: cfg.Stderr, Stderr: hushed{cfg.Stderr},
	}
	if err := app.Run(ctx, "sh", "-c", settings.App); err != nil {
		return exit.Failed("cd "+project.Pin+" && "+settings.App, "synthesizing the pipeline: %w", err)
	}
	return nil
}

func readSettings(file string, into *struct{ App string }) error {
	data, err := os.ReadFile(file) // #nosec G304 -- a file of the project
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err == nil && into.App == "" {
		err = errors.New(`"app" does not say by which command the pipeline is synthesized`)
	}
	if err != nil {
		return exit.Missing("go tool -C "+project.Pin+" magewright init", "reading %s: %w", file, err)
	}
	return nil
}
