package types

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/localaws/apigateway/mapping"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
)

// examined has what the services would refuse during the creation, by type. It is
// refused before anything is created.
var examined = map[string]func(properties map[string]any) []string{
	"AWS::ApiGateway::Method": func(p map[string]any) []string {
		integration, _ := p["Integration"].(map[string]any)
		return notIntegrated("AWS::ApiGateway::Method", integration)
	},
	"AWS::ApiGateway::RestApi": func(p map[string]any) []string {
		refused := unreachable("AWS::ApiGateway::RestApi", p)
		if p["Mode"] == "merge" {
			refused = append(refused, "the embedded AWS does not support Mode merge of AWS::ApiGateway::RestApi")
		}
		parameters, _ := p["Parameters"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			if name != "endpointConfigurationTypes" && (name != "basepath" || parameters[name] != "ignore") {
				refused = append(refused, "the embedded AWS does not support the parameter "+name+" of AWS::ApiGateway::RestApi")
			}
		}
		return append(refused, unimportable("AWS::ApiGateway::RestApi", p, openapi.REST...)...)
	},
	"AWS::ApiGatewayV2::Api": func(p map[string]any) []string {
		if kind, ok := p["ProtocolType"].(string); ok && kind != "HTTP" {
			return []string{"the embedded AWS does not support ProtocolType " + kind + " of AWS::ApiGatewayV2::Api"}
		}
		return append(unreachable("AWS::ApiGatewayV2::Api", p), unimportable("AWS::ApiGatewayV2::Api", p, openapi.HTTP...)...)
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

// unreachable refuses an API that only a custom domain name would reach.
func unreachable(typ string, p map[string]any) []string {
	if text, _ := scalar(p["DisableExecuteApiEndpoint"]); text == "true" {
		return []string{"the embedded AWS does not support DisableExecuteApiEndpoint of " + typ}
	}
	return nil
}

// unimportable returns why an API can't be made of its document, as far as that is known
// before anything is created.
func unimportable(typ string, p map[string]any, known ...string) []string {
	body, ok := p["Body"].(map[string]any)
	if !ok {
		return nil
	}
	text, err := jsonText(settled(body))
	var d *openapi.Document
	if err == nil {
		d, err = openapi.Parse([]byte(text), known...)
	}
	if err != nil {
		return []string{"the embedded AWS does not support Body of " + typ + ": " + err.Error()}
	}
	var refused []string
	if d.Extensions["api-key-source"] == "AUTHORIZER" {
		refused = append(refused, "the embedded AWS does not support the API key source AUTHORIZER of "+typ)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Schemes)) {
		if openapi.Object(d.Schemes[name]["x-amazon-apigateway-authorizer"])["authorizerCredentials"] != nil {
			refused = append(refused, "the embedded AWS does not support credentials of the authorizer "+name+" of "+typ)
		}
	}
	for _, o := range d.Operations {
		integration := map[string]any{"Type": strings.ToUpper(openapi.Text(o.Integration["type"])), "Uri": o.Integration["uri"], "RequestTemplates": o.Integration["requestTemplates"]}
		var responses []any
		for _, r := range openapi.Object(o.Integration["responses"]) {
			responses = append(responses, map[string]any{"ResponseTemplates": openapi.Object(r)["responseTemplates"]})
		}
		integration["IntegrationResponses"] = responses
		refused = append(refused, notIntegrated(typ, integration)...)
		// The URI may not be known yet, but such an integration always has a function.
		if c := o.Integration["credentials"]; c != nil && c != openapi.CallerCredentials && integration["Type"] == "AWS_PROXY" {
			refused = append(refused, "the embedded AWS does not support credentials of an integration with a function of "+typ)
		}
	}
	return refused
}

// notIntegrated returns what is not supported of an integration.
func notIntegrated(typ string, integration map[string]any) []string {
	kind, _ := integration["Type"].(string)
	if strings.HasPrefix(kind, "HTTP") {
		return []string{"the embedded AWS does not support integrations of type " + kind + " of " + typ}
	}
	// arn:aws:apigateway:REGION:SERVICE:...
	uri, _ := integration["Uri"].(string)
	parts := strings.SplitN(uri, ":", 6)
	if len(parts) == 6 && parts[2] == "apigateway" && !slices.Contains([]string{"dynamodb", "lambda", "sns", "sqs"}, parts[4]) {
		return []string{"the embedded AWS does not support integrations with " + parts[4] + " of " + typ}
	}
	return unmapped(typ, integration)
}

// settled returns a value with texts in the place of those that are not known yet.
func settled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for name, e := range v {
			m[name] = settled(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = settled(e)
		}
		return l
	case string, bool, float64:
		return v
	}
	return "unknown"
}

// unmapped returns what the mapping templates of an integration have that is not
// supported.
func unmapped(typ string, integration map[string]any) []string {
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
					refused = append(refused, "the embedded AWS does not support a mapping template for "+kind+" of "+typ+": "+err.Error())
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
