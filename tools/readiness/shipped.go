package readiness

import (
	"encoding/json"

	"github.com/magewright/magewright/tools/evidence"
)

// StandardLibrary is the path by which the standard library is listed among
// the modules of a binary.
const StandardLibrary = "std"

// A Shipped is what the program in the deployment package was made of, by the
// build information that it bears.
type Shipped struct {
	evidence.Made
	Package string `json:"package"` // SHA-256 of the zip that was read
	Program string `json:"program"` // path of the main package
	Main    string `json:"main"`    // path of the main module
	// MainNeeds are the modules that packages of the main module import.
	MainNeeds []string `json:"mainNeeds"`
	// Others are files in the zip that nobody looked into.
	Others []string `json:"others,omitempty"`
	// Modules are all but the main one, by path, with the standard library.
	Modules []ShippedModule `json:"modules"`
}

// PredicateType implements [evidence.Predicate].
func (Shipped) PredicateType() string { return base + "shipped/v1" }

// A ShippedModule is a module that packages of the program are of.
type ShippedModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	// Sum is the module's hash as go.sum has it; the standard library has none.
	Sum      string   `json:"sum,omitempty"`
	Packages int      `json:"packages"`        // of it in the program
	Needs    []string `json:"needs,omitempty"` // modules that those import
	// Licences are the texts in the directories of those packages and above.
	Licences []LicenceText `json:"licences,omitempty"`
	// Problem is why the texts could not be read.
	Problem string `json:"problem,omitempty"`
}

// A LicenceText is a file with the terms of a licence.
type LicenceText struct {
	File   string   `json:"file"` // below the module
	SHA256 string   `json:"sha256"`
	Is     []string `json:"is,omitempty"` // SPDX identifiers; none where it was not identified
}

// An SBOM is the bill of materials of the program in the deployment package.
type SBOM struct {
	evidence.Made
	Document json.RawMessage `json:"document"` // CycloneDX 1.6
}

// PredicateType implements [evidence.Predicate].
func (SBOM) PredicateType() string { return base + "sbom/v1" }
