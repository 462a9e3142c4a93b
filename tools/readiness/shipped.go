package readiness

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// StandardLibrary is the path under which the standard library is listed among
// a binary's modules.
const StandardLibrary = "std"

// A Shipped says what the programs in the deployment packages were made from,
// according to the build information in them.
type Shipped struct {
	evidence.Made
	Package string `json:"package"` // the release's package
	ShippedProgram
	// Further are the programs of further functions.
	Further []ShippedProgram `json:"further,omitempty"`
	// LeftOut names the modules of the repository of which no program ships.
	LeftOut []string `json:"leftOut,omitempty"`
}

// A ShippedProgram is the program in one deployment package.
type ShippedProgram struct {
	// SHA256 is the hash of the zip file, "" where it is the release's package.
	SHA256  string `json:"sha256,omitempty"`
	Program string `json:"program"` // path of the main package
	Main    string `json:"main"`    // path of the main module
	// Own lists other modules of the repository that the program is made from.
	Own []string `json:"own,omitempty"`
	// MainNeeds lists the modules that packages of the repository import.
	MainNeeds []string `json:"mainNeeds"`
	// Others lists files in the zip that were not examined.
	Others []string `json:"others,omitempty"`
	// Modules lists all modules except the repository's, by path, and the standard
	// library.
	Modules []ShippedModule `json:"modules"`
}

// Programs returns all programs.
func (s Shipped) Programs() []ShippedProgram {
	return append([]ShippedProgram{s.ShippedProgram}, s.Further...)
}

// AllModules returns the modules of all programs, sorted, each version once.
func (s Shipped) AllModules() []ShippedModule {
	all := map[string]ShippedModule{}
	for _, p := range s.Programs() {
		for _, m := range p.Modules {
			key := m.Path + " " + m.Version
			if before, ok := all[key]; ok {
				m = before.with(m)
			}
			all[key] = m
		}
	}
	modules := make([]ShippedModule, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		modules = append(modules, all[key])
	}
	return modules
}

// with adds what another program knows of the same module: other packages of it can
// need other modules, and have texts of their own.
func (m ShippedModule) with(other ShippedModule) ShippedModule {
	m.Packages = max(m.Packages, other.Packages)
	m.Needs = slices.Compact(slices.Sorted(slices.Values(slices.Concat(m.Needs, other.Needs))))
	m.Licences = slices.Clone(m.Licences)
	for _, text := range other.Licences {
		if !slices.ContainsFunc(m.Licences, func(t LicenceText) bool { return t.File == text.File && t.SHA256 == text.SHA256 }) {
			m.Licences = append(m.Licences, text)
		}
	}
	if m.Problem == "" {
		m.Problem = other.Problem
	}
	return m
}

// left names what no program ships, for what was not checked.
func (s Shipped) left() string {
	if len(s.LeftOut) == 0 {
		return ""
	}
	return " Modules of the repository of which no program ships: " + strings.Join(s.LeftOut, ", ") + "."
}

// PredicateType implements [evidence.Predicate].
func (Shipped) PredicateType() string { return base + "shipped/v1" }

// A ShippedModule is a module with packages in the program.
type ShippedModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	// Sum is the module's hash, as in go.sum. The standard library has none.
	Sum      string   `json:"sum,omitempty"`
	Packages int      `json:"packages"`        // number of its packages in the program
	Needs    []string `json:"needs,omitempty"` // modules that these packages import
	// Licences are the texts in the directories of these packages and above them.
	Licences []LicenceText `json:"licences,omitempty"`
	// Problem says why the texts could not be read.
	Problem string `json:"problem,omitempty"`
}

// A LicenceText is a file with licence terms.
type LicenceText struct {
	File   string   `json:"file"` // path below the module
	SHA256 string   `json:"sha256"`
	Is     []string `json:"is,omitempty"` // SPDX identifiers; none if it was not identified
}

// An SBOM is the bill of materials of the programs in the deployment packages.
type SBOM struct {
	evidence.Made
	Document json.RawMessage `json:"document"` // CycloneDX 1.6
}

// PredicateType implements [evidence.Predicate].
func (SBOM) PredicateType() string { return base + "sbom/v1" }
