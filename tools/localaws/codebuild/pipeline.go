package codebuild

import awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"

// A PipelineBuild is a build that CodePipeline starts. CodePipeline and
// CodeBuild hand artifacts to one another by a way that is not part of the
// public API; this is that way.
type PipelineBuild struct {
	PipelineName string
	ExecutionID  string
	ActionName   string
	InitiatorARN string // who started the execution, for the log; may be empty

	Inputs  []ArtifactLocation // zips
	Primary string             // the input that becomes the working directory; empty takes the first
	Outputs []ArtifactLocation // where zips are put; the first is the primary one where the buildspec names none

	SourceVersion string // the commit id of the primary source; may be empty

	// Start names the project and holds what the action overrides: environment
	// variables, timeouts, the buildspec.
	Start *awscodebuild.StartBuildInput
}

// An ArtifactLocation is a pipeline artifact: its name in the pipeline and the
// S3 object that holds it.
type ArtifactLocation struct {
	Name   string
	Bucket string
	Key    string
}
