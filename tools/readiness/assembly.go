package readiness

import (
	"encoding/json"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
)

// The stacks of a release.
const (
	stagingStack    = project.StagingStack
	productionStack = project.ProductionStack
	pipelineStack   = project.PipelineStack
)

var releaseStacks = project.Stacks()

// An Assembly describes the candidate's cloud assembly.
type Assembly struct {
	evidence.Made
	// Commit and Package are what the assembly says it was made from.
	Commit  string                   `json:"commit"`
	Package string                   `json:"package"`
	Stacks  map[string]AssemblyStack `json:"stacks"` // by name
	// Manifest are the names by which promote deploys, in order; nil where the
	// assembly has no manifest, which promote refuses.
	Manifest []string `json:"manifest,omitempty"`
	// Files are all files of the assembly with their SHA-256. promote deploys no
	// others.
	Files     map[string]string `json:"files,omitempty"`
	NagErrors []NagError        `json:"nagErrors,omitempty"`
	Functions []FunctionPackage `json:"functions"`
	Again     SecondSynthesis   `json:"again"`
}

// PredicateType implements [evidence.Predicate].
func (Assembly) PredicateType() string { return base + "assembly/v1" }

// An AssemblyStack is one stack of the assembly.
type AssemblyStack struct {
	// Environment is aws://ACCOUNT/REGION, as in the manifest.
	Environment string          `json:"environment"`
	Template    json.RawMessage `json:"template"`
	// Nag is nil if cdk-nag left no report on the stack.
	Nag *NagReport `json:"nag,omitempty"`
}

// A NagReport counts the rows of cdk-nag's report on a stack.
type NagReport struct {
	Resources int `json:"resources"` // resources that a rule applied to
	Compliant int `json:"compliant"`
	// Suppressed counts rules that are suppressed with a reason in the code.
	Suppressed int `json:"suppressed"`
	// NonCompliant and Errored name the rule and the resource.
	NonCompliant []string `json:"nonCompliant,omitempty"`
	Errored      []string `json:"errored,omitempty"`
}

// A NagError is an error in the assembly's metadata.
type NagError struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// A FunctionPackage is the zip file in the assembly that a function is made from.
type FunctionPackage struct {
	Stack     string `json:"stack"`
	LogicalID string `json:"logicalId"`
	File      string `json:"file"`
	SHA256    string `json:"sha256"` // hash of the file's bytes; the CDK's asset hash is different
}

// A SecondSynthesis compares the assembly with one from a clean clone.
type SecondSynthesis struct {
	// Reason says why there was no second synthesis. It is empty if there was one.
	Reason   string   `json:"reason,omitempty"`
	Files    int      `json:"files"`
	Differ   []string `json:"differ,omitempty"` // files that differ, or that only one of the two has
	Excluded []string `json:"excluded,omitempty"`
}
