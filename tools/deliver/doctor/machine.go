package doctor

import (
	"context"
	"fmt"
	"go/version"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/gocmd"
)

// machine has the checks that need no AWS.
var machine = []check{
	{"go", golang},
	{"node", node},
	{"git", git},
	{"disk", disk},
}

// needed is how many bytes a fresh machine needs for Go's build cache, the modules, the CDK
// CLI and the tools.
const needed = 5 << 30

func golang(ctx context.Context, p *patient) Finding {
	has, err := gocmd.In(p.cfg.Dir).Output(ctx, "env", "GOVERSION")
	if err != nil {
		return missing("install Go from https://go.dev/dl", "the go command does not run: %v", err)
	}
	wants := wantedGo(p.cfg.Dir)
	if wants != "" && version.Compare(has, "go"+wants) < 0 {
		return missing("go env -w GOTOOLCHAIN=auto", "this is %s, but go.mod asks for %s", has, wants)
	}
	return ok("%s", has)
}

// wantedGo returns the Go version that go.mod asks for, or "".
func wantedGo(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, "go.mod")) // #nosec G304 -- of the project
	if err != nil {
		return "" // the modules are in another place
	}
	parsed, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil || parsed.Go == nil {
		return ""
	}
	return parsed.Go.Version
}

func node(ctx context.Context, _ *patient) Finding {
	if err := cdk.Preflight(ctx); err != nil {
		f := unknown(err)
		f.State = Missing
		return f
	}
	has, err := command.Cmd{}.Output(ctx, "node", "--version")
	if err != nil {
		return unknown(err)
	}
	return ok("%s", has)
}

func git(ctx context.Context, p *patient) Finding {
	has, err := gitcmd.In(p.cfg.Dir).Output(ctx, "--version")
	if err != nil {
		return missing("install git", "git does not run: %v", err)
	}
	if shallow, err := gitcmd.In(p.cfg.Dir).Output(ctx, "rev-parse", "--is-shallow-repository"); err == nil && shallow == "true" {
		return missing("git fetch --unshallow", "%s; the clone is shallow, but the previous release is looked for in its history", has)
	}
	return ok("%s, commit %.12s", strings.TrimPrefix(has, "git version "), p.cfg.Commit)
}

func disk(_ context.Context, _ *patient) Finding {
	var says []string
	for _, place := range places() {
		free, err := free(place.dir)
		if err != nil {
			return unknown(fmt.Errorf("%s %s: %w", place.name, place.dir, err))
		}
		if free < needed {
			return missing("go clean -cache", "%s %s has %s left, but a fresh machine needs %s", place.name, place.dir, size(free), size(needed))
		}
		says = append(says, fmt.Sprintf("%s %s", size(free), place.name))
	}
	return ok("free: %s", strings.Join(says, ", "))
}

// A place is a directory that grows.
type place struct{ name, dir string }

func places() []place {
	all := []place{{"temporary files", os.TempDir()}}
	if cache, err := os.UserCacheDir(); err == nil {
		all = append(all, place{"cache", cache})
	}
	// A directory that does not exist yet will be made in its parent.
	for i := range all {
		for dir := all[i].dir; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
				all[i].dir = dir
				break
			}
		}
	}
	return all
}

// size formats a number of bytes for a reader.
func size(bytes uint64) string {
	return strconv.FormatFloat(float64(bytes)/(1<<30), 'f', 1, 64) + " GB"
}
