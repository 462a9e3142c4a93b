package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// identified is the percentage of a text that must consist of known licences
// for the text to count as identified. pkg.go.dev uses the same value.
// See https://pkg.go.dev/license-policy.
const identified = 75

// licenceName matches the names of files with licence terms: those that
// pkg.go.dev accepts, and names that begin like them.
var licenceName = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying)([-._].*)?$|^[a-z0-9.]+-(un)?licen[cs]e(\.(txt|md|rst|markdown))?$`)

// licences reads the licence texts of modules, in the directories of packages
// that are in the program and in the directories above.
func licences(ctx context.Context, main project.GoModule, modules []readiness.ShippedModule, packages []aPackage) error {
	dirs, err := moduleDirs(ctx, main, modules)
	if err != nil {
		return err
	}
	for i := range modules {
		m := &modules[i]
		root := dirs[m.Path]
		if root.problem != "" {
			m.Problem = root.problem
			continue
		}
		places := []string{root.dir}
		for _, p := range packages {
			if m.Path == readiness.StandardLibrary || p.module() != m.Path {
				continue
			}
			for dir := p.Dir; len(dir) > len(root.dir) && strings.HasPrefix(dir, root.dir); dir = filepath.Dir(dir) {
				places = append(places, dir)
			}
		}
		slices.Sort(places)
		if m.Licences, err = licenceTexts(root.dir, slices.Compact(places)); err != nil {
			m.Problem = err.Error()
		}
	}
	return nil
}

// A moduleDir is the directory of a module's files, or the reason why it is unknown.
type moduleDir struct{ dir, problem string }

// moduleDirs finds the files of the modules. It accepts them if their hash is
// the one in the program.
func moduleDirs(ctx context.Context, main project.GoModule, modules []readiness.ShippedModule) (map[string]moduleDir, error) {
	dirs := map[string]moduleDir{}
	args := []string{"mod", "download", "-json"}
	for _, m := range modules {
		switch {
		case m.Path == readiness.StandardLibrary:
			dirs[m.Path] = standardLibrary(ctx, main, m.Version)
		case m.Version == "" || m.Sum == "":
			dirs[m.Path] = moduleDir{problem: "it is a local directory: it has no version or no hash"}
		default:
			args = append(args, m.Path+"@"+m.Version)
		}
	}
	if len(args) == 3 {
		return dirs, nil
	}
	// The command fails if one module fails, and its output says which.
	out, runErr := main.Go().Output(ctx, args...)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	decoder := json.NewDecoder(strings.NewReader(out))
	for {
		var m struct{ Path, Version, Dir, Error string }
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, exit.Missing("go mod download", "finding the licences: reading go mod download -json: %w: %w", err, runErr)
		}
		i := slices.IndexFunc(modules, func(s readiness.ShippedModule) bool { return s.Path == m.Path })
		if i < 0 || m.Error != "" {
			dirs[m.Path] = moduleDir{problem: "it can't be fetched: " + m.Error}
			continue
		}
		sum, err := dirhash.HashDir(m.Dir, m.Path+"@"+m.Version, dirhash.Hash1)
		switch {
		case err != nil:
			dirs[m.Path] = moduleDir{problem: fmt.Sprintf("its files can't be hashed: %v", err)}
		case sum != modules[i].Sum:
			dirs[m.Path] = moduleDir{problem: fmt.Sprintf("%s has hash %s, but the program's module has %s", m.Dir, sum, modules[i].Sum)}
		default:
			dirs[m.Path] = moduleDir{dir: m.Dir}
		}
	}
	for _, m := range modules {
		if _, ok := dirs[m.Path]; !ok {
			dirs[m.Path] = moduleDir{problem: fmt.Sprintf("go mod download does not know it: %v", runErr)}
		}
	}
	return dirs, nil
}

// standardLibrary finds the installed Go, which must be the one that built the program.
func standardLibrary(ctx context.Context, main project.GoModule, version string) moduleDir {
	out, err := main.Go().Output(ctx, "env", "GOROOT", "GOVERSION")
	fields := strings.Split(out, "\n")
	switch {
	case err != nil:
		return moduleDir{problem: err.Error()}
	case len(fields) != 2 || fields[1] != version:
		return moduleDir{problem: fmt.Sprintf("the program was built with %s, but the Go here is %s", version, fields[len(fields)-1])}
	}
	return moduleDir{dir: fields[0]}
}

// licenceTexts reads and identifies the licence files in directories.
func licenceTexts(root string, dirs []string) ([]readiness.LicenceText, error) {
	var texts []readiness.LicenceText
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.Type()&fs.ModeType != 0 || filepath.Ext(entry.Name()) == ".go" || !licenceName.MatchString(entry.Name()) {
				continue
			}
			path := filepath.Join(dir, entry.Name())
			data, err := os.ReadFile(path) // #nosec G304 -- a file of a module whose hash is known
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return nil, err
			}
			texts = append(texts, readiness.LicenceText{File: filepath.ToSlash(name), SHA256: evidence.Digest(data), Is: identify(data)})
		}
	}
	return texts, nil
}

// identify returns the SPDX identifiers of the licences in a text. It returns
// nil if much of the text is something else. The URL of a licence is not its text.
func identify(text []byte) []string {
	cover := licensecheck.Scan(text)
	if cover.Percent < identified {
		return nil
	}
	var ids []string
	for _, match := range cover.Match {
		if !match.IsURL {
			ids = append(ids, match.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
