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

// ManifestFile is the file of the cloud assembly that the manifest is in. Synth
// adds what the assembly was made from: commit, dirty and package.
const ManifestFile = agreed.ManifestFile

// SchemaVersion is the version of the manifest. It rises when an older reader would
// misunderstand a manifest.
const SchemaVersion = agreed.ManifestVersion

// A Manifest tells the tools the names of what is delivered, which they can't
// know otherwise: they import nothing of a CDK app.
type Manifest struct {
	SchemaVersion int    `json:"schemaVersion"`
	Name          string `json:"name"`
	Repository    string `json:"repository"` // as the tag magewright:repository of each stack has it
	// Untagged says that stacks by these names without a tag are the repository's.
	Untagged bool             `json:"untagged,omitempty"`
	Stages   []ManifestStage  `json:"stages"` // in order
	Pipeline ManifestPipeline `json:"pipeline"`
}

// A ManifestPipeline is the stack of the pipeline.
type ManifestPipeline struct {
	ManifestStack
	// Judge is the parameter of SSM that pins the commit of the code which judges
	// releases. That it is here says that the code of this release is able to.
	Judge string `json:"judge"`
	// Evidence is where the pipeline keeps the evidence of releases. It is left out
	// where a stage keeps it.
	Evidence *ManifestEvidence `json:"evidence,omitempty"`
}

// A ManifestStack says where a stack is.
type ManifestStack struct {
	Stack    string `json:"stack"`    // the stack's name
	Template string `json:"template"` // its file in the cloud assembly
	// Account and Region are left out where they are those of the credentials.
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
}

// A ManifestStage is one deployment of what is delivered.
type ManifestStage struct {
	Name string `json:"name"`
	ManifestStack
	// Approval says that a person is asked before the stage.
	Approval bool `json:"approval,omitempty"`
	// Wave is what the stages have in common that a release reaches side by side.
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
	// Outputs are the keys of the stack's outputs, by what they are of every
	// function, such as FunctionName. FunctionUrl is there where the function has
	// a URL.
	Outputs map[string]string `json:"outputs"`
	// Sources are where events come from, other than the URL.
	Sources []ManifestSource `json:"sources,omitempty"`
}

// A ManifestSource is where a function's events come from.
type ManifestSource struct {
	Kind string `json:"kind"` // queue, topic or schedule
	// Resource is the logical id of the queue, topic or rule, left out where it is
	// defined elsewhere.
	Resource string `json:"resource,omitempty"`
}

// ManifestEvidence is where evidence is kept.
type ManifestEvidence struct {
	Stack  string `json:"stack"`  // the name of the stack that has the bucket and the key
	Bucket string `json:"bucket"` // logical id
	Key    string `json:"key"`    // logical id
	Output string `json:"output"` // the key of the output that names the bucket
}

// manifestWriter writes the manifest when the app has made all constructs and
// validates them, before it synthesizes the templates.
type manifestWriter struct {
	app      awscdk.App
	pipeline awscdk.Stack
	evidence *Evidence // that the pipeline keeps; may be nil
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

// logicalID returns the logical id of a construct's resource, or "" where it is
// defined elsewhere.
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
