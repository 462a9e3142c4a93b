package readiness

import (
	"encoding/json"

	"github.com/magewright/magewright/tools/evidence"
)

// StandardLibrary is the path under which the standard library is listed among
// a binary's modules.
const StandardLibrary = "std"

// A Shipped says what the program in the deployment package was made from,
// according to the build information in it.
type Shipped struct {
	evidence.Made
	Package string `json:"package"` // SHA-256 of the zip
	Program string `json:"program"` // path of the main package
	Main    string `json:"main"`    // path of the main module
	// MainNeeds lists the modules that packages of the main module import.
	MainNeeds []string `json:"mainNeeds"`
	// Others lists files in the zip that were not examined.
	Others []string `json:"others,omitempty"`
	// Modules lists all modules except the main one, by path, and the standard library.
	Modules []ShippedModule `json:"modules"`
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

// An SBOM is the bill of materials of the program in the deployment package.
type SBOM struct {
	evidence.Made
	Document json.RawMessage `json:"document"` // CycloneDX 1.6
}

// PredicateType implements [evidence.Predicate].
func (SBOM) PredicateType() string { return base + "sbom/v1" }
