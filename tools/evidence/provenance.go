package evidence

import "time"

// A Provenance says how the deployment packages were made. It is SLSA's provenance; see
// https://slsa.dev/spec/v1.0/provenance. The subjects of its statement are the commit and
// each zip file.
type Provenance struct {
	BuildDefinition BuildDefinition `json:"buildDefinition"`
	RunDetails      RunDetails      `json:"runDetails"`
}

// BuildType identifies what a [Provenance] describes: CodeBuild runs the target synth of the
// commit, in an action of the pipeline. infra/docs/readiness.md explains the parameters.
const BuildType = "https://github.com/magewright/magewright/buildtypes/pipeline/v1"

// BuilderID stands for CodeBuild in the way in which a pipeline of Magewright sets it up.
const BuilderID = "https://github.com/magewright/magewright/builders/codebuild/v1"

// A BuildDefinition says what was requested.
type BuildDefinition struct {
	BuildType string `json:"buildType"`
	// ExternalParameters are the parameters that the commit's authors choose.
	ExternalParameters map[string]string `json:"externalParameters"`
	// InternalParameters are the parameters that the pipeline chooses.
	InternalParameters map[string]string `json:"internalParameters,omitempty"`
	// ResolvedDependencies are the commit and the modules in the programs.
	ResolvedDependencies []Resource `json:"resolvedDependencies"`
}

// RunDetails say who ran the build, and when.
type RunDetails struct {
	Builder  Builder       `json:"builder"`
	Metadata BuildMetadata `json:"metadata"`
}

// A Builder is trusted to have done what a [Provenance] says.
type Builder struct {
	ID string `json:"id"`
}

// BuildMetadata are about one build.
type BuildMetadata struct {
	InvocationID string    `json:"invocationId"` // the ARN of the build
	StartedOn    time.Time `json:"startedOn"`
	FinishedOn   time.Time `json:"finishedOn"`
}

// PredicateType implements [Predicate].
func (Provenance) PredicateType() string { return "https://slsa.dev/provenance/v1" }
