package types

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/localaws/apigateway/mapping"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// examined has what the services would refuse during the creation, by type. It is
// refused before anything is created.
var examined = map[string]func(properties map[string]any) []string{
	"AWS::ApiGateway::Method": func(p map[string]any) []string {
		integration, _ := p["Integration"].(map[string]any)
		kind, _ := integration["Type"].(string)
		if strings.HasPrefix(kind, "HTTP") {
			return []string{"the embedded AWS does not support integrations of type " + kind + " of AWS::ApiGateway::Method"}
		}
		// arn:aws:apigateway:REGION:SERVICE:...
		uri, _ := integration["Uri"].(string)
		parts := strings.SplitN(uri, ":", 6)
		if len(parts) == 6 && parts[2] == "apigateway" && !slices.Contains([]string{"dynamodb", "lambda", "sns", "sqs"}, parts[4]) {
			return []string{"the embedded AWS does not support integrations with " + parts[4] + " of AWS::ApiGateway::Method"}
		}
		return unmapped(integration)
	},
	"AWS::ApiGatewayV2::Api": func(p map[string]any) []string {
		if kind, ok := p["ProtocolType"].(string); ok && kind != "HTTP" {
			return []string{"the embedded AWS does not support ProtocolType " + kind + " of AWS::ApiGatewayV2::Api"}
		}
		return nil
	},
	"AWS::Events::Rule": func(p map[string]any) []string {
		var refused []string
		targets, _ := p["Targets"].([]any)
		for _, t := range targets {
			target, _ := t.(map[string]any)
			arn, _ := target["Arn"].(string)
			parts := strings.SplitN(arn, ":", 6)
			if len(parts) < 6 || slices.Contains([]string{"sqs", "sns", "lambda", "codepipeline"}, parts[2]) || parts[2] == "events" && strings.HasPrefix(parts[5], "event-bus/") {
				continue
			}
			refused = append(refused, fmt.Sprintf("the embedded AWS does not support targets such as %s of AWS::Events::Rule", arn))
		}
		return refused
	},
	"AWS::Lambda::EventSourceMapping": func(p map[string]any) []string {
		arn, _ := p["EventSourceArn"].(string)
		if parts := strings.SplitN(arn, ":", 4); len(parts) == 4 && parts[2] != "sqs" && parts[2] != "dynamodb" {
			return []string{"the embedded AWS does not support event sources of " + parts[2] + " of AWS::Lambda::EventSourceMapping"}
		}
		return nil
	},
	"AWS::Lambda::Url": func(p map[string]any) []string {
		if p["InvokeMode"] == "RESPONSE_STREAM" {
			return []string{"the embedded AWS does not support InvokeMode RESPONSE_STREAM of AWS::Lambda::Url"}
		}
		return nil
	},
	"AWS::S3::Bucket": func(p map[string]any) []string {
		if acl, ok := p["AccessControl"].(string); ok && acl != "Private" {
			return []string{"the embedded AWS does not support AccessControl " + acl + " of AWS::S3::Bucket: use a bucket policy"}
		}
		return nil
	},
}

// unmapped returns what the mapping templates of an integration have that is not
// supported.
func unmapped(integration map[string]any) []string {
	all := []any{integration["RequestTemplates"]}
	responses, _ := integration["IntegrationResponses"].([]any)
	for _, r := range responses {
		response, _ := r.(map[string]any)
		all = append(all, response["ResponseTemplates"])
	}
	var refused []string
	for _, templates := range all {
		byType, _ := templates.(map[string]any)
		for _, kind := range slices.Sorted(maps.Keys(byType)) {
			if text, ok := byType[kind].(string); ok {
				if _, err := mapping.Parse(text); err != nil {
					refused = append(refused, "the embedded AWS does not support a mapping template for "+kind+" of AWS::ApiGateway::Method: "+err.Error())
				}
			}
		}
	}
	return refused
}

// examination returns the function that examines a type's properties, or nil.
func examination(name string) func(*resource.Request) []string {
	examine := examined[name]
	if examine == nil {
		return nil
	}
	return func(r *resource.Request) []string { return examine(r.Properties) }
}

// wrongArchitecture refuses a function that is built for another machine than this one.
func wrongArchitecture(properties map[string]any) []string {
	given, ok := properties["Architectures"].([]any)
	architecture := any("x86_64")
	if ok && len(given) == 1 {
		architecture = given[0]
	}
	host := map[bool]string{true: "arm64", false: "x86_64"}[runtime.GOARCH == "arm64"]
	if name, known := architecture.(string); known && name != host {
		return []string{fmt.Sprintf("this machine can't run functions for %s: synthesize the template for %s", name, host)}
	}
	return nil
}
