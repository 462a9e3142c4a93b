package codebuild

import awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"

// A PipelineBuild is a build that CodePipeline starts. CodePipeline and
// CodeBuild exchange artifacts in a way that is not part of the public API.
// This type stands for it.
type PipelineBuild struct {
	PipelineName string
	ExecutionID  string
	ActionName   string
	InitiatorARN string // the principal that started the execution, for the log; may be empty

	Inputs  []ArtifactLocation // zips
	Primary string             // the input that becomes the working directory; the first one if empty
	// Outputs says where zips are put. If the buildspec names none, the first
	// is the primary artifact.
	Outputs []ArtifactLocation

	SourceVersion string // the commit id of the primary source; may be empty

	// Commands, if there are any, run instead of a project of the account.
	Commands *Commands
	// Start names the project and contains the action's overrides: environment
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
