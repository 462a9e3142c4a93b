// Package adopt is the command init, which adds Magewright to another repository.
//
// It writes little, and all of that can be deleted: a file for Mage with one line for each
// target, a module file that pins Magewright separately from the repository's own
// dependencies, two lines of .gitignore, and mage as a tool in go.mod. None of it gets into
// what the repository ships.
package adopt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/target"
)

const (
	// pinDir is the directory of the module that pins Magewright. It is a separate module so
	// that Magewright's dependencies and those of the repository never meet. It is a
	// directory because the go command does not accept -modfile in a workspace.
	pinDir = project.Pin
	// tool is the program that the targets run.
	tool = project.Module + "/tools/magewright"
	// pipeline is the CDK app of the pipeline.
	pipeline = project.Module + "/infra/standalone"

	mageModule  = "github.com/magefile/mage"
	mageVersion = "v1.17.2"
)

// Main is the command init.
func Main(ctx context.Context, args []string) error {
	flags := program.Flags("init")
	dry := flags.Bool("dry-run", false, "print what would be written, and write nothing")
	system := flags.String("ci", "", "also write the file that runs the targets for each change on this `system`: codebuild, github or gitlab")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	if _, known := cis[*system]; !known && *system != "" {
		_, err := (&Repository{}).ci(*system)
		return err
	}
	ctx, stop := target.Signals(ctx)
	defer stop()
	version, err := own()
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	return Init(ctx, dir, Options{Version: version, CI: *system, Dry: *dry}, os.Stdout)
}

// own returns the version of this program.
func own() (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "", &exit.Error{
			Code: exit.Usage, Err: errors.New("init: this program was built from a working tree, so it does not know the version that it has to pin"),
			Next: "go run " + tool + "@latest init",
		}
	}
	return info.Main.Version, nil
}

// Options are the options of init.
type Options struct {
	Version string // the version of Magewright to pin
	CI      string // the system that runs the targets for each change; "" for none
	Dry     bool   // only print what would be written
}

// Init writes into the repository around dir what it needs to use a version of Magewright. On
// out it prints what it found, what it wrote and what to do next. It overwrites nothing, and
// writes nothing if it is run again. With dry it only prints what it would write.
func Init(ctx context.Context, dir string, o Options, out io.Writer) error {
	version, dry := o.Version, o.Dry
	r, err := look(ctx, dir)
	if err != nil {
		return err
	}
	r.describe(out)
	if len(r.Modules) == 0 {
		return exit.Missing("go mod init", "init: there is no go.mod in %s, so there is no Go code to check", r.Dir)
	}
	if info, err := os.Stat(filepath.Join(r.Dir, pinDir)); err == nil && !info.IsDir() {
		return exit.Failed("give it another name, then run init again", "init: %s is a file, and what pins Magewright goes into a directory of that name", filepath.Join(r.Dir, pinDir))
	}
	// The buildspec has the command that runs mage.
	mage, added, apart, err := r.mage(ctx, dry)
	if err != nil {
		return err
	}
	r.Mage.Command = mage
	files, err := r.files(ctx)
	if err != nil {
		return err
	}
	runs, err := r.ci(o.CI)
	if err != nil {
		return err
	}
	if runs.name != "" && !slices.ContainsFunc(files, func(f file) bool { return f.name == runs.name }) {
		files = append(files, runs)
	}
	verb := "wrote"
	if dry {
		verb = "would write"
	}
	for _, f := range files {
		if !dry {
			if err := f.write(r.Dir); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "%s %s: %s\n", verb, f.name, f.what)
	}
	pinned, err := r.pin(ctx, version, dry)
	if err != nil {
		return err
	}
	if pinned {
		fmt.Fprintf(out, "%s %s/go.mod and go.sum: they pin Magewright %s\n", verb, pinDir, version)
	}
	if added {
		fmt.Fprintf(out, "%s go.mod and go.sum: %s %s as a tool\n", verb, mageModule, mageVersion)
	}
	if apart != "" {
		fmt.Fprintf(out, "go.mod stays as it is, so mage is not a tool of it: %s\n", apart)
	}
	if len(files) == 0 && !pinned && !added {
		fmt.Fprintln(out, "nothing to write: everything is there")
	}
	if lacking := r.lacking(); len(lacking) > 0 {
		fmt.Fprintf(out, "your file for Mage has no target %s: delete the file and run init again to get the newest one\n", strings.Join(lacking, ", "))
	}
	fmt.Fprintf(out, "next:\n  %s -l      what there is\n  %[1]s check   lint, tests and security; the first time takes minutes\n  git add -A && git commit -m \"Check with Magewright\"\n", mage)
	if len(r.CDK) > 0 {
		fmt.Fprintf(out, "  %s rehearse -approve   the way to production, on this machine and without an AWS account\n", mage)
	}
	return nil
}

// describe prints what was found.
func (r *Repository) describe(out io.Writer) {
	fmt.Fprintf(out, "found in %s:\n", r.Dir)
	list := func(what string, items []string, none string) {
		if len(items) == 0 {
			items = []string{none}
		}
		fmt.Fprintf(out, "  %-10s %s\n", what, strings.Join(items, "\n             "))
	}
	var modules, apps []string
	for _, m := range r.Modules {
		modules = append(modules, m.Dir+" ("+m.Path+")")
	}
	if r.Workspace {
		modules = append(modules, "with a workspace, go.work")
	}
	for _, c := range r.CDK {
		apps = append(apps, c.Dir+" ("+cmp.Or(c.App, "its cdk.json names no app")+")")
	}
	list("modules", modules, "none")
	list("functions", r.Functions, "none: no main package uses github.com/aws/aws-lambda-go/lambda")
	list("CDK", apps, "none: no cdk.json")
	list("remote", nil, cmp.Or(withoutUser(r.Remote), "none"))
}

// withoutUser returns the URL of a remote without a user, whose name or password may be
// a token. Remotes that are no URLs, such as git@HOST:PATH, have no password.
func withoutUser(remote string) string {
	parsed, err := url.Parse(remote)
	if err != nil || parsed.User == nil {
		return remote
	}
	parsed.User = nil
	return parsed.String()
}

// A file is a file that init writes, or to which it appends.
type file struct {
	name, what string
	data       []byte
	add        bool // append to the existing file
}

func (f file) write(dir string) error {
	path := filepath.Join(dir, filepath.FromSlash(f.name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { // #nosec G301 -- a directory of the repository
		return fmt.Errorf("writing %s: %w", f.name, err)
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if f.add {
		mode = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	to, err := os.OpenFile(path, mode, 0o644) // #nosec G302 G304 -- a file of the repository
	if err == nil {
		_, err = to.Write(f.data)
		err = errors.Join(err, to.Close())
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.name, err)
	}
	return nil
}

// files returns the files to write, apart from module files.
func (r *Repository) files(ctx context.Context) ([]file, error) {
	var files []file
	if f, err := r.magefile(); err != nil {
		return nil, err
	} else if f.name != "" {
		files = append(files, f)
	}
	ignore, err := r.read(".gitignore")
	if err != nil {
		return nil, fmt.Errorf("reading .gitignore: %w", err)
	}
	left := []string{"/.magewright/"}
	if len(r.CDK) > 0 {
		left = append(left, "/cdk.out/")
		products, err := r.products()
		if err != nil {
			return nil, err
		}
		for _, name := range products {
			// It may be ignored by any pattern in any directory.
			if err := gitcmd.In(r.Dir).Run(ctx, "check-ignore", "--quiet", name); err != nil {
				left = append(left, "/"+name)
			}
		}
	}
	lines := strings.Split(strings.ReplaceAll(string(ignore), "\r\n", "\n"), "\n")
	missing := slices.DeleteFunc(left, func(line string) bool {
		// A pattern without the slashes ignores it as well.
		return slices.Contains(lines, line) || slices.Contains(lines, strings.Trim(line, "/")) || slices.Contains(lines, strings.TrimPrefix(line, "/")) || slices.Contains(lines, strings.TrimSuffix(line, "/"))
	})
	if len(missing) > 0 {
		data := strings.Join(missing, "\n") + "\n"
		if len(ignore) > 0 && !bytes.HasSuffix(ignore, []byte("\n")) {
			data = "\n" + data
		}
		files = append(files, file{".gitignore", "the results of targets are not committed", []byte(data), true})
	}
	if len(r.CDK) > 0 {
		delivered, err := r.delivery()
		if err != nil {
			return nil, err
		}
		files = append(files, delivered...)
	}
	return files, nil
}

// pin writes the module that pins Magewright if it does not exist.
func (r *Repository) pin(ctx context.Context, version string, dry bool) (wrote bool, err error) {
	dir := filepath.Join(r.Dir, pinDir)
	pinned, err := r.read(pinDir + "/go.mod")
	if err != nil {
		return false, fmt.Errorf("looking for the pin of Magewright: %w", err)
	}
	if pinned != nil {
		return r.pinPipeline(ctx, pinned, dry)
	}
	if dry {
		return true, nil
	}
	if entries, err := os.ReadDir(dir); err == nil && slices.ContainsFunc(entries, notSettings) {
		return false, exit.Missing("git mv "+pinDir+" ANOTHER-NAME", "init: the directory %s has other files in it, but it is the place where Magewright is pinned", pinDir)
	}
	name := r.Modules[0].Path + "/" + pinDir
	if err := (file{name: pinDir + "/go.mod", data: []byte("module " + name + "\n\ngo 1.26\n")}).write(r.Dir); err != nil {
		return false, err
	}
	tools := []string{"get", "-tool", tool + "@" + version}
	if len(r.CDK) > 0 {
		tools = append(tools, pipeline+"@"+version)
	}
	if out, err := gocmd.In(dir, "GOWORK=off", "GOFLAGS=-mod=mod").Output(ctx, tools...); err != nil {
		for _, name := range []string{"go.mod", "go.sum"} { // made above
			_ = os.Remove(filepath.Join(dir, name))
		}
		return false, exit.Missing("go env GOPROXY", "pinning Magewright %s: %w\n%s", version, err, out)
	}
	return true, nil
}

// pinPipeline adds the CDK app of the pipeline to a pin that lacks it, because the repository
// had no CDK app when the pin was made.
func (r *Repository) pinPipeline(ctx context.Context, pinned []byte, dry bool) (wrote bool, err error) {
	parsed, err := modfile.Parse(pinDir+"/go.mod", pinned, nil)
	if err != nil {
		return false, fmt.Errorf("looking for the pin of Magewright: %w", err)
	}
	has := slices.ContainsFunc(parsed.Tool, func(t *modfile.Tool) bool { return t.Path == pipeline })
	if has || dry || len(r.CDK) == 0 {
		return !has && len(r.CDK) > 0, nil
	}
	out, err := gocmd.In(filepath.Join(r.Dir, pinDir), "GOWORK=off", "GOFLAGS=-mod=mod").Output(ctx, "get", "-tool", pipeline)
	if err != nil {
		return false, exit.Missing("go -C "+pinDir+" get -tool "+tool+"@latest", "pinning the CDK app of the pipeline: %w\n%s", err, out)
	}
	return true, nil
}

// mage makes mage a tool of the root module if that changes nothing else in go.mod. It
// returns the command that runs mage, and why mage is apart from the module if only the
// attempt could show it.
func (r *Repository) mage(ctx context.Context, dry bool) (run string, wrote bool, why string, err error) {
	apart := "go run " + mageModule + "@" + mageVersion
	switch {
	case r.Mage.Pinned:
		return "go tool mage", false, "", nil
	case r.Modules[0].Dir != "." || r.Vendored || r.Workspace:
		// There is no module in which to pin it, or it would have to be vendored, or the
		// other modules of the workspace would get it.
		return apart, false, "", nil
	case dry:
		return "go tool mage", true, "", nil
	}
	before := map[string][]byte{}
	for _, name := range []string{"go.mod", "go.sum"} {
		if before[name], err = r.read(name); err != nil {
			return "", false, "", fmt.Errorf("pinning mage: %w", err)
		}
	}
	_, getErr := gocmd.In(r.Dir, "GOFLAGS=-mod=mod").Output(ctx, "get", "-tool", mageModule+"@"+mageVersion)
	after, err := r.read("go.mod")
	if err != nil {
		return "", false, "", fmt.Errorf("pinning mage: %w", err)
	}
	why = "that would change other requirements, and so what you ship"
	if getErr != nil {
		why = strings.TrimSpace(getErr.Error())
	} else if onlyMage(before["go.mod"], after) {
		return "go tool mage", true, "", nil
	}
	for name, data := range before {
		if data == nil {
			err = errors.Join(err, os.RemoveAll(filepath.Join(r.Dir, name)))
			continue
		}
		err = errors.Join(err, os.WriteFile(filepath.Join(r.Dir, name), data, 0o644)) // #nosec G306 -- as it was
	}
	if err != nil {
		return "", false, "", fmt.Errorf("restoring go.mod: %w", err)
	}
	return apart, false, why, nil
}

// onlyMage reports whether two versions of go.mod differ only in mage.
func onlyMage(before, after []byte) bool {
	a, errA := modfile.Parse("go.mod", before, nil)
	b, errB := modfile.Parse("go.mod", after, nil)
	if errA != nil || errB != nil {
		return false
	}
	requires := func(f *modfile.File) []string {
		var all []string
		for _, q := range f.Require {
			if q.Mod.Path != mageModule {
				all = append(all, q.Mod.String())
			}
		}
		slices.Sort(all)
		return all
	}
	language := func(f *modfile.File) string {
		text := ""
		if f.Go != nil {
			text = f.Go.Version
		}
		if f.Toolchain != nil {
			text += " " + f.Toolchain.Name
		}
		return text
	}
	return slices.Equal(requires(a), requires(b)) && language(a) == language(b)
}

// magefileName returns the path of the file for Mage, which is beside the repository's own
// magefiles if there are any.
func (r *Repository) magefileName() string {
	if r.Mage.Dir == "" {
		return "magefile.go"
	}
	return path.Join(r.Mage.Dir, "magewright.go")
}
