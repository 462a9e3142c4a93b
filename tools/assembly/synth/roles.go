package synth

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/manifest"
)

// bootstrapped matches the roles of CloudFormation that cdk bootstrap makes. See
// https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html.
var bootstrapped = regexp.MustCompile(`:role/cdk-[^/]+-cfn-exec-role-`)

// assignRoles writes into the assembly by which role CloudFormation deploys each stack of the
// pipeline's account. The CDK CLI reads that there, whatever language the CDK app is written
// in. A role that the app has chosen itself stays.
func assignRoles(cfg project.Config) error {
	names, err := manifest.ReadAny(cfg)
	if errors.Is(err, manifest.ErrNone) {
		return nil // the commit is older than manifests
	}
	if err != nil {
		return err
	}
	for _, place := range names.OwnRoles() {
		if place.Stack != names.Pipeline.Stack {
			if err := editTemplate(cfg, place.Template, func(template map[string]any) { bindRoles(template, names.Pipeline.Stack) }); err != nil {
				return fmt.Errorf("giving the roles of %s a permissions boundary: %w", place.Stack, err)
			}
		}
		file := filepath.Join(filepath.Dir(place.TemplateFile(cfg)), "manifest.json")
		if err := cdk.Edit(file, func(list map[string]any) error { return assignRole(list, place.Stack) }); err != nil {
			return fmt.Errorf("naming the role by which CloudFormation deploys %s: %w", place.Stack, err)
		}
	}
	return nil
}

// bindRoles gives each role of a stage's template a permissions boundary, unless it has one. A
// stage can't make a role that may change another stage or the pipeline.
func bindRoles(template map[string]any, pipeline string) {
	resources, _ := template["Resources"].(map[string]any)
	for id := range resources {
		r, _ := resources[id].(map[string]any)
		if r["Type"] != "AWS::IAM::Role" {
			continue
		}
		properties, ok := r["Properties"].(map[string]any)
		if !ok {
			properties = map[string]any{}
			r["Properties"] = properties
		}
		if properties["PermissionsBoundary"] == nil {
			properties["PermissionsBoundary"] = map[string]any{"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy" + agreed.DeploymentRoles + agreed.Boundary(pipeline)}
		}
	}
}

func assignRole(list map[string]any, stack string) error {
	artifacts, _ := list["artifacts"].(map[string]any)
	for id := range artifacts {
		artifact, _ := artifacts[id].(map[string]any)
		properties, _ := artifact["properties"].(map[string]any)
		name, given := properties["stackName"].(string)
		if !given {
			name = id
		}
		if artifact["type"] != "aws:cloudformation:stack" || name != stack {
			continue
		}
		const role, parameter = "cloudFormationExecutionRoleArn", "bootstrapStackVersionSsmParameter"
		if chosen, _ := properties[role].(string); chosen != "" && !bootstrapped.MatchString(chosen) {
			return nil
		}
		properties[role] = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role" + agreed.DeploymentRoles + agreed.DeploymentRole(stack)
		// With a required version, the CLI looks for the parameter before it deploys.
		properties[parameter] = agreed.DeploymentVersion(stack)
		if properties["requiresBootstrapStackVersion"] == nil {
			properties["requiresBootstrapStackVersion"] = 1
		}
		tags, ok := properties["tags"].(map[string]any)
		if !ok {
			tags = map[string]any{}
			properties["tags"] = tags
		}
		tags[agreed.StackTag] = stack
		return nil
	}
	return fmt.Errorf("manifest.json lists no such stack")
}
