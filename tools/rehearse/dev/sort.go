package dev

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
)

// Sources are the files from which something is made. Paths are relative to the root, with
// slashes.
type sources struct {
	dirs, files []string
}

// has reports whether a file is one of the sources.
func (s sources) has(name string) bool {
	return slices.Contains(s.files, name) || strings.HasSuffix(name, ".go") && slices.Contains(s.dirs, path.Dir(name))
}

// A layout says from which files everything is made.
type layout struct {
	settings string  // the directory of the settings
	programs []made  // the functions that are built here
	app      string  // the directory of the CDK app
	appCode  sources // its sources if it is written in Go
}

// Made is the program of a function with its sources.
type made struct {
	build.Program
	sources
}

// A duty is what has to be done after files were saved.
type duty struct {
	programs []string // the directories of the functions to build
	app      bool     // synthesize and deploy
	smoke    bool     // even if nothing else has to be done
}

// nothing reports whether there is nothing to do.
func (d duty) nothing() bool { return len(d.programs) == 0 && !d.app && !d.smoke }

// modules are the files that determine the modules for everything in Go.
var modules = []string{"go.mod", "go.sum", "go.work", "go.work.sum"}

// sort returns what has to be done for files.
func (l layout) sort(changed []string) duty {
	var d duty
	for _, name := range changed {
		switch {
		case strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".md"):
			continue
		case name == l.settings+"/probes.yml":
			d.smoke = true
			continue
		case name == l.settings+"/cdk.json":
			d.app = true
			continue
		}
		functions := false
		for _, p := range l.programs {
			if p.has(name) || slices.Contains(modules, path.Base(name)) {
				functions = true
				if !slices.Contains(d.programs, p.Dir) {
					d.programs = append(d.programs, p.Dir)
				}
			}
		}
		// For an app at the root, everything below it that is not a function belongs to it.
		below := l.app == "." || strings.HasPrefix(name, l.app+"/")
		if l.appCode.has(name) || below && !functions {
			d.app = true
		}
	}
	slices.Sort(d.programs)
	return d
}

// findLayout finds out from which files everything is made.
func findLayout(ctx context.Context, cfg project.Config) (layout, error) {
	l := layout{settings: cfg.Settings(), app: cfg.Settings()}
	if cfg.Adopted() {
		settings, err := cdk.ReadAdopted(cfg)
		if err != nil {
			return l, err
		}
		l.app = path.Clean(settings.App)
	}
	programs, err := build.Programs(cfg)
	if err != nil {
		return l, err
	}
	for _, p := range programs {
		found, err := sourcesOf(ctx, cfg, p)
		if err != nil {
			return l, err
		}
		l.programs = append(l.programs, made{p, found})
	}
	if inGo, err := filepath.Glob(filepath.Join(cfg.Dir, filepath.FromSlash(l.app), "*.go")); err == nil && len(inGo) > 0 {
		if l.appCode, err = sourcesOf(ctx, cfg, build.Program{Dir: l.app}); err != nil {
			return l, err
		}
	}
	return l, nil
}

func sourcesOf(ctx context.Context, cfg project.Config, p build.Program) (sources, error) {
	dirs, files, err := p.Sources(ctx, cfg)
	if err != nil {
		return sources{}, err
	}
	var s sources
	for _, from := range []struct {
		all  []string
		into *[]string
	}{{dirs, &s.dirs}, {files, &s.files}} {
		for _, name := range from.all {
			relative, err := filepath.Rel(cfg.Dir, name)
			if err != nil {
				return s, err
			}
			*from.into = append(*from.into, filepath.ToSlash(relative))
		}
	}
	return s, nil
}
