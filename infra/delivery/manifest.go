package delivery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/tools/project/agreed"
)

// ManifestFile is the file of the cloud assembly that has the manifest. Synth adds what the
// assembly was made from: commit, dirty and package.
const ManifestFile = agreed.ManifestFile

// SchemaVersion is the version of the manifest. It rises when an older reader would
// misunderstand a manifest.
const SchemaVersion = agreed.ManifestVersion

// A Manifest tells the tools the names of what is delivered. The tools import nothing of a
// CDK app, so they can't know the names otherwise.
type Manifest struct {
	SchemaVersion int    `json:"schemaVersion"`
	Name          string `json:"name"`
	Repository    string `json:"repository"` // the value of the tag magewright:repository of each stack
	// Untagged says that stacks with these names and without a tag belong to the repository.
	Untagged bool             `json:"untagged,omitempty"`
	Stages   []ManifestStage  `json:"stages"` // in order
	Pipeline ManifestPipeline `json:"pipeline"`
}

// A ManifestPipeline is the stack of the pipeline.
type ManifestPipeline struct {
	ManifestStack
	// Judge is the SSM parameter that pins the commit whose code judges releases. If it is
	// present, the code of this release can judge others.
	Judge string `json:"judge"`
	// Evidence is where the pipeline keeps the evidence of releases. It is absent if a stage
	// keeps it.
	Evidence *ManifestEvidence `json:"evidence,omitempty"`
}

// A ManifestStack says where a stack is.
type ManifestStack struct {
	Stack    string `json:"stack"`    // the stack's name
	Template string `json:"template"` // its file in the cloud assembly
	// Account and Region are absent if they are those of the credentials.
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
}

// A ManifestStage is one deployment of what is delivered.
type ManifestStage struct {
	Name string `json:"name"`
	ManifestStack
	// Approval says that a person is asked before the stage.
	Approval bool `json:"approval,omitempty"`
	// Wave is the name that stages have in common if a release reaches them side by side.
	Wave      string             `json:"wave,omitempty"`
	Functions []ManifestFunction `json:"functions"`
	Evidence  *ManifestEvidence  `json:"evidence,omitempty"`
}

// A ManifestFunction is a function that is delivered. Function, Application and
// DeploymentGroup are logical ids in the stage's template.
type ManifestFunction struct {
	Function        string `json:"function"`
	Alias           string `json:"alias"` // the alias's name
	Application     string `json:"application"`
	DeploymentGroup string `json:"deploymentGroup"`
	// Outputs are the keys of the stack's outputs, by names that are the same for every
	// function, such as FunctionName. FunctionUrl is present if the function has a URL.
	Outputs map[string]string `json:"outputs"`
	// Sources say where events come from, apart from the URL.
	Sources []ManifestSource `json:"sources,omitempty"`
}

// A ManifestSource says where a function's events come from.
type ManifestSource struct {
	Kind string `json:"kind"` // queue, topic or schedule
	// Resource is the logical id of the queue, topic or rule. It is absent if that is defined
	// in another place.
	Resource string `json:"resource,omitempty"`
}

// ManifestEvidence says where evidence is kept.
type ManifestEvidence struct {
	Stack  string `json:"stack"`  // the name of the stack that has the bucket and the key
	Bucket string `json:"bucket"` // logical id
	Key    string `json:"key"`    // logical id
	Output string `json:"output"` // the key of the output that names the bucket
}

// manifestWriter writes the manifest when all constructs exist and the app validates them,
// before it synthesizes the templates.
type manifestWriter struct {
	app      awscdk.App
	pipeline awscdk.Stack
	evidence *Evidence // the store of evidence in the pipeline's stack; may be nil
	props    PipelineProps
}

// Validate implements the interface IValidation of constructs.
func (w *manifestWriter) Validate() *[]*string {
	if err := w.write(); err != nil {
		return jsii.Strings(fmt.Sprintf("writing %s: %v", ManifestFile, err))
	}
	return &[]*string{}
}

func (w *manifestWriter) write() error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(w.manifest()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(*w.app.Outdir(), ManifestFile), text.Bytes(), 0o600)
}

func (w *manifestWriter) manifest() Manifest {
	m := Manifest{
		SchemaVersion: SchemaVersion,
		Name:          w.props.Name,
		Repository:    w.props.Repository,
		Untagged:      w.props.Untagged,
		Pipeline:      ManifestPipeline{placeOf(w.pipeline), JudgeParameter(*w.pipeline.StackName()), w.evidence.manifest()},
	}
	for _, stage := range w.props.Stages {
		if stage.Assembled != nil {
			s := stage.Assembled.ManifestStage
			s.Approval, s.Wave = stage.Approval != nil, stage.Wave
			m.Stages = append(m.Stages, s)
			continue
		}
		s := ManifestStage{Name: stage.Name, ManifestStack: placeOf(stage.Stack), Approval: stage.Approval != nil, Wave: stage.Wave, Functions: []ManifestFunction{}}
		for _, d := range stage.Functions {
			s.Functions = append(s.Functions, d.manifest())
		}
		s.Evidence = stage.Evidence.manifest()
		m.Stages = append(m.Stages, s)
	}
	return m
}

func (e *Evidence) manifest() *ManifestEvidence {
	if e == nil {
		return nil
	}
	return &ManifestEvidence{Stack: *awscdk.Stack_Of(e.scope).StackName(), Bucket: logicalID(e.Bucket), Key: logicalID(e.Key), Output: outputKey(e.output)}
}

func (d *Delivery) manifest() ManifestFunction {
	f := ManifestFunction{
		Function:        logicalID(d.function),
		Alias:           Alias,
		Application:     logicalID(d.Group.Application()),
		DeploymentGroup: logicalID(d.Group),
		Outputs:         map[string]string{},
	}
	for name, output := range d.outputs {
		f.Outputs[name] = outputKey(output)
	}
	for _, from := range d.sources {
		f.Sources = append(f.Sources, ManifestSource{Kind: from.kind, Resource: logicalID(from.of)})
	}
	return f
}

func placeOf(stack awscdk.Stack) ManifestStack {
	known := func(value *string) string {
		if *awscdk.Token_IsUnresolved(value) {
			return ""
		}
		return *value
	}
	return ManifestStack{Stack: *stack.StackName(), Template: *stack.TemplateFile(), Account: known(stack.Account()), Region: known(stack.Region())}
}

// logicalID returns the logical id of a construct's resource, or "" if it is defined in
// another place.
func logicalID(construct constructs.IConstruct) string {
	child := construct.Node().DefaultChild()
	if child == nil {
		return ""
	}
	resource, ok := child.(awscdk.CfnElement)
	if !ok {
		return ""
	}
	id, _ := awscdk.Stack_Of(construct).Resolve(resource.LogicalId()).(string)
	return id
}

func outputKey(output awscdk.CfnOutput) string {
	key, _ := awscdk.Stack_Of(output).Resolve(output.LogicalId()).(string)
	return key
}
