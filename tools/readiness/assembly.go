package readiness

import (
	"encoding/json"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
)

// The stacks that a release consists of.
const (
	stagingStack    = project.StagingStack
	productionStack = project.ProductionStack
	pipelineStack   = project.PipelineStack
)

var releaseStacks = project.Stacks()

// An Assembly is what the candidate's cloud assembly holds.
type Assembly struct {
	evidence.Made
	// Commit and Package are what the assembly says that it was made from.
	Commit    string                   `json:"commit"`
	Package   string                   `json:"package"`
	Stacks    map[string]AssemblyStack `json:"stacks"` // by name
	NagErrors []NagError               `json:"nagErrors,omitempty"`
	Functions []FunctionPackage        `json:"functions"`
	Again     SecondSynthesis          `json:"again"`
}

// PredicateType implements [evidence.Predicate].
func (Assembly) PredicateType() string { return base + "assembly/v1" }

// An AssemblyStack is one stack of the assembly.
type AssemblyStack struct {
	// Environment is aws://ACCOUNT/REGION, as the manifest has it.
	Environment string          `json:"environment"`
	Template    json.RawMessage `json:"template"`
	// Nag is nil where cdk-nag left no report for the stack.
	Nag *NagReport `json:"nag,omitempty"`
}

// A NagReport counts the rows of cdk-nag's report of a stack.
type NagReport struct {
	Resources int `json:"resources"` // that a rule applied to
	Compliant int `json:"compliant"`
	// Suppressed are rules that do not apply, with a reason in the code.
	Suppressed int `json:"suppressed"`
	// NonCompliant and Errored name rule and resource.
	NonCompliant []string `json:"nonCompliant,omitempty"`
	Errored      []string `json:"errored,omitempty"`
}

// A NagError is an error that the assembly's metadata holds.
type NagError struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// A FunctionPackage is the zip file in the assembly that a function is made of.
type FunctionPackage struct {
	Stack     string `json:"stack"`
	LogicalID string `json:"logicalId"`
	File      string `json:"file"`
	SHA256    string `json:"sha256"` // of the file's bytes; the CDK's asset hash is another
}

// A SecondSynthesis compares the assembly with one from a clean clone.
type SecondSynthesis struct {
	// Reason is why none was made, or "".
	Reason   string   `json:"reason,omitempty"`
	Files    int      `json:"files"`
	Differ   []string `json:"differ,omitempty"` // files that differ, or that one of the two lacks
	Excluded []string `json:"excluded,omitempty"`
}
