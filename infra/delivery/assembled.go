package delivery

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// An AssembledStage is a stage whose stack another CDK app, in any language, has synthesized.
// The manifest of that app's assembly names it.
type AssembledStage struct {
	ManifestStage
	// names are the names that the template itself gives to resources, by type.
	// CloudFormation makes the names of the others, which begin with the stack's name.
	names map[string][]string
}

// ReadAssembly reads the manifest of an assembly that another CDK app has synthesized. It
// returns the manifest's stages.
func ReadAssembly(dir string) (Manifest, []AssembledStage, error) {
	var m Manifest
	if err := readFile(filepath.Join(dir, ManifestFile), &m); err != nil {
		return m, nil, fmt.Errorf("reading the names in the assembly: %w", err)
	}
	var stages []AssembledStage
	for _, s := range m.Stages {
		stage := AssembledStage{ManifestStage: s, names: map[string][]string{}}
		var template struct {
			Resources map[string]struct {
				Type       string
				Properties map[string]any
			}
		}
		if err := readFile(filepath.Join(dir, filepath.FromSlash(s.Template)), &template); err != nil {
			return m, nil, fmt.Errorf("reading stack %s: %w", s.Stack, err)
		}
		for _, r := range template.Resources {
			property, ok := nameProperties[r.Type]
			if name := r.Properties[property]; ok && name != nil {
				stage.names[r.Type] = append(stage.names[r.Type], pattern(name))
			}
		}
		stages = append(stages, stage)
	}
	return m, stages, nil
}

func readFile(file string, into any) error {
	data, err := os.ReadFile(file) // #nosec G304 -- a file of the assembly
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	return err
}

// nameProperties are the properties with which a template names the resources that concern
// the pipeline.
var nameProperties = map[string]string{
	"AWS::Lambda::Function":        "FunctionName",
	"AWS::CloudWatch::Alarm":       "AlarmName",
	"AWS::CodeDeploy::Application": "ApplicationName",
	"AWS::SNS::Topic":              "TopicName",
	"AWS::SQS::Queue":              "QueueName",
}

// pattern returns a pattern for a name: the name itself, or anything if it is only known once
// the stack is deployed.
func pattern(name any) string {
	if text, ok := name.(string); ok {
		return text
	}
	return "*"
}

// Canary reports whether CodeDeploy shifts the traffic of the stage's functions.
func (s AssembledStage) Canary() bool {
	return len(s.Functions) > 0 && !slices.ContainsFunc(s.Functions, func(f ManifestFunction) bool { return f.DeploymentGroup == "" || f.Alias == "" })
}

// patterns match the names of the resources that the pipeline's builds may use.
type patterns struct {
	stacks, functions, alarms, topics []string
	drilled                           []string // functions that get a bad version in a drill
	applications                      []string // applications of CodeDeploy with which they get it
	invoked                           []string // functions that smoke tests invoke directly
	queues                            []string // queues to which smoke tests send messages
}

// namesOf returns the patterns of a delivery.
func namesOf(props PipelineProps) patterns {
	// All stacks of our own constructs begin with the delivery's name. Of another CDK app,
	// only the pipeline's stack does.
	own := StackName(props.Name, "*")
	p := patterns{stacks: []string{own}, functions: []string{own}, alarms: []string{own}, topics: []string{own}}
	for i, stage := range props.Stages {
		last := i == len(props.Stages)-1
		if stage.Assembled == nil {
			if !last {
				p.drilled = append(p.drilled, *stage.Stack.StackName()+"-*")
				p.applications = append(p.applications, *stage.Stack.StackName()+"-*")
			}
			continue
		}
		of := func(resource string) []string {
			named := slices.Clone(stage.Assembled.names[resource])
			slices.Sort(named)
			return slices.Compact(append([]string{stage.Assembled.Stack + "-*"}, named...))
		}
		functions := of("AWS::Lambda::Function")
		p.stacks = append(p.stacks, stage.Assembled.Stack)
		p.functions = append(p.functions, functions...)
		p.invoked = append(p.invoked, functions...)
		p.alarms = append(p.alarms, of("AWS::CloudWatch::Alarm")...)
		p.topics = append(p.topics, of("AWS::SNS::Topic")...)
		p.queues = append(p.queues, of("AWS::SQS::Queue")...)
		if !last && stage.Assembled.Canary() {
			p.drilled = append(p.drilled, functions...)
			p.applications = append(p.applications, of("AWS::CodeDeploy::Application")...)
		}
	}
	return p
}
