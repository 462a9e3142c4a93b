package readiness

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/manifest"
)

// An Assembly describes the candidate's cloud assembly.
type Assembly struct {
	evidence.Made
	// Commit and Package are what the assembly says it was made from.
	Commit  string                   `json:"commit"`
	Package string                   `json:"package"`
	Stacks  map[string]AssemblyStack `json:"stacks"` // by name
	// Manifest names what is delivered: promote deploys by the same names.
	Manifest manifest.Manifest `json:"manifest"`
	// Unwritten says why the assembly has no manifest. Its names are then those that the
	// templates give, if any. Targets that deploy refuse such an assembly.
	Unwritten string `json:"unwritten,omitempty"`
	// Files are all files of the assembly with their SHA-256. promote deploys no
	// others.
	Files     map[string]string `json:"files,omitempty"`
	NagErrors []NagError        `json:"nagErrors,omitempty"`
	Functions []FunctionPackage `json:"functions"`
	Again     SecondSynthesis   `json:"again"`
	NagAgain  *SecondNag        `json:"nagAgain,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Assembly) PredicateType() string { return base + "assembly/v1" }

// unnamed stands for the name of a stack that the manifest does not have.
const unnamed = "(a stack that the manifest does not name)"

// first returns the stack in which releases are tried. It returns unnamed if the only stack
// is the one that users have.
func (a *Assembly) first() string {
	if len(a.Manifest.Stages) < 2 {
		return unnamed
	}
	return a.Manifest.First().Stack
}

// last returns the stack that users have.
func (a *Assembly) last() string {
	if len(a.Manifest.Stages) == 0 {
		return unnamed
	}
	return a.Manifest.Last().Stack
}

// production returns the stacks that promote deploys. The first is the one that users have.
func (a *Assembly) production() []string {
	if len(a.Manifest.Stages) == 0 {
		return []string{unnamed}
	}
	return a.Manifest.Last().Stacks()
}

// pipeline returns the stack of the pipeline.
func (a *Assembly) pipeline() string {
	if a.Manifest.Pipeline.Stack == "" {
		return unnamed
	}
	return a.Manifest.Pipeline.Stack
}

// delivers reports whether a function of a stage's template is one that is
// delivered. Our constructs deliver every function of a stage. In other CDK apps,
// some functions are the CDK's own helpers.
func (a *Assembly) delivers(stage manifest.Stage, function string) bool {
	return a.Manifest.Annotated == "" ||
		slices.ContainsFunc(stage.Functions, func(f manifest.Function) bool { return f.Function == function })
}

// Packages returns the packages of the functions that a stage delivers, sorted by
// the functions' logical ids.
func (a *Assembly) Packages(stage manifest.Stage) []FunctionPackage {
	var all []FunctionPackage
	for _, f := range a.Functions {
		if f.Stack == stage.Stack && a.delivers(stage, f.LogicalID) {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b FunctionPackage) int { return strings.Compare(a.LogicalID, b.LogicalID) })
	return all
}

// PackageDigest returns the digest that identifies the packages of a stage's functions, or ""
// if there are none.
func (a *Assembly) PackageDigest(stage manifest.Stage) string {
	var all []cdk.FunctionPackage
	for _, f := range a.Packages(stage) {
		all = append(all, cdk.FunctionPackage{LogicalID: f.LogicalID, File: f.File, SHA256: f.SHA256})
	}
	if len(all) == 0 {
		return ""
	}
	return cdk.PackageDigest(all)
}

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
	// Rows counts the rows by rule and result, such as "AwsSolutions-S1 Suppressed".
	Rows map[string]int `json:"rows,omitempty"`
}

// A SecondNag is what a judge has found when it applied cdk-nag to the templates itself.
type SecondNag struct {
	// Own says that it was not applied again: whoever judges has made the reports, or
	// the CDK app has a cdk-nag of its own.
	Own    bool   `json:"own,omitempty"`
	Reason string `json:"reason,omitempty"` // why it could not be applied, or ""
	// Version is the judge's cdk-nag, and Claimed the one that the candidate requires.
	Version   string   `json:"version,omitempty"`
	Claimed   string   `json:"claimed,omitempty"`
	Resources int      `json:"resources"`        // that a rule applied to
	Broken    []string `json:"broken,omitempty"` // rules that are broken, or failed to run
	Differ    []string `json:"differ,omitempty"` // what the candidate's reports say otherwise
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
