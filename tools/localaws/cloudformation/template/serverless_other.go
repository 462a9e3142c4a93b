package template

import (
	"maps"
	"strings"
)

// layer makes AWS::Lambda::LayerVersion. Each content has a version of its own.
func (s *serverless) layer(id string, r, properties map[string]any) {
	p := maps.Clone(properties)
	layer := map[string]any{"LayerName": id}
	content := objectOf(p["ContentUri"], "S3Bucket", "S3Key", "S3ObjectVersion")
	switch {
	case p["ContentUri"] == nil:
		s.invalid(id, "Missing required property 'ContentUri'")
	case content == nil:
		s.invalid(id, "'ContentUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter: package the template first, with sam package")
	}
	layer["Content"] = content
	take(p, layer, "LayerName", "CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo")
	policy, _ := s.resolved(p["RetentionPolicy"]).(string)
	for _, done := range []string{"ContentUri", "RetentionPolicy", "PublishLambdaVersion"} {
		delete(p, done)
	}
	version := id + short(layer)
	made := s.make(version, "AWS::Lambda::LayerVersion", r, layer, true)
	if made["DeletionPolicy"] == nil {
		made["DeletionPolicy"] = Retain
	}
	if strings.EqualFold(policy, Delete) {
		made["DeletionPolicy"] = Delete
	}
	s.aliases[id] = version
	s.left(id, serverlessType+"LayerVersion", p)
}

// application makes a nested stack.
func (s *serverless) application(id string, r, properties map[string]any) {
	p := maps.Clone(properties)
	stack := map[string]any{"Tags": tags(p)}
	switch location := p["Location"].(type) {
	case string:
		if !strings.HasPrefix(location, "https://") && !strings.HasPrefix(location, "http://") {
			s.invalid(id, "'Location' is not the URL of a template in S3: package the template first, with sam package")
		}
		stack["TemplateURL"] = location
	case map[string]any:
		if _, _, call := function(location); !call {
			s.invalid(id, "The embedded AWS has no Serverless Application Repository: give the URL of a template as 'Location'")
		}
		stack["TemplateURL"] = location
	default:
		s.invalid(id, "Missing required property 'Location'")
	}
	delete(p, "Location")
	take(p, stack, "Parameters", "NotificationARNs", "TimeoutInMinutes")
	s.make(id, "AWS::CloudFormation::Stack", r, stack, true)
	s.left(id, serverlessType+"Application", p)
}

// stateMachine makes AWS::StepFunctions::StateMachine with its role.
func (s *serverless) stateMachine(id string, r, properties map[string]any) {
	p := maps.Clone(properties)
	all := tags(p)[1:]
	machine := map[string]any{"Tags": append([]any{map[string]any{"Key": "stateMachine:createdBy", "Value": "SAM"}}, all...)}
	if uri := p["DefinitionUri"]; uri != nil {
		location := objectOf(uri, "Bucket", "Key", "Version")
		if location == nil {
			s.invalid(id, "'DefinitionUri' is not a valid S3 Uri of the form 's3://bucket/key': package the template first, with sam package")
		}
		machine["DefinitionS3Location"] = location
	}
	take(p, machine, "Definition", "DefinitionSubstitutions")
	if name, ok := p["Name"]; ok {
		machine["StateMachineName"] = name
	}
	if kind, ok := p["Type"]; ok {
		machine["StateMachineType"] = kind
	}
	if logging, ok := p["Logging"]; ok {
		machine["LoggingConfiguration"] = logging
	}
	if tracing, ok := p["Tracing"]; ok {
		machine["TracingConfiguration"] = tracing
	}
	if role, ok := p["Role"]; ok {
		machine["RoleArn"] = role
	} else {
		var arns []any
		if tracing, _ := p["Tracing"].(map[string]any); tracing["Enabled"] == true {
			arns = append(arns, managed("AWSXrayWriteOnlyAccess"))
		}
		s.roleWith(id, r, p, "states.amazonaws.com", "stateMachine:createdBy", arns)
		machine["RoleArn"] = getAtt(id+"Role", "Arn")
	}
	s.make(id, machineType, r, machine, true)
	for _, done := range []string{"DefinitionUri", "Name", "Type", "Logging", "Tracing", "Role", "Policies", "RolePath", "PermissionsBoundary"} {
		delete(p, done)
	}
	s.left(id, serverlessType+"StateMachine", p)
}
