package types

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/localaws/apigateway/mapping"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
	"github.com/magewright/magewright/tools/localaws/loopback"
	"github.com/magewright/magewright/tools/localaws/s3"
)

// examined has what the services would refuse during the creation, by type. It is
// refused before anything is created.
var examined = map[string]func(*resource.Request) []string{
	"AWS::ApiGateway::Method": func(r *resource.Request) []string {
		p := r.Properties
		integration, _ := p["Integration"].(map[string]any)
		return notIntegrated("AWS::ApiGateway::Method", integration)
	},
	"AWS::ApiGateway::RestApi": func(r *resource.Request) []string {
		p := r.Properties
		refused := append(unreachable("AWS::ApiGateway::RestApi", p), other(r, "ApiKeySourceType", "HEADER")...)
		endpoints, _ := p["EndpointConfiguration"].(map[string]any)
		if kinds, _ := endpoints["Types"].([]any); slices.Contains(kinds, any("PRIVATE")) {
			refused = append(refused, "the embedded AWS does not support private APIs: EndpointConfiguration.Types PRIVATE of AWS::ApiGateway::RestApi"+leaveOut)
		}
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
	"AWS::ApiGateway::UsagePlan": func(r *resource.Request) []string {
		quota, _ := r.Properties["Quota"].(map[string]any)
		if offset, ok := scalar(quota["Offset"]); ok && offset != "0" {
			return []string{"the embedded AWS does not support Quota.Offset of AWS::ApiGateway::UsagePlan"}
		}
		return nil
	},
	"AWS::ApiGatewayV2::Integration": func(r *resource.Request) []string { return other(r, "IntegrationType", "AWS_PROXY") },
	"AWS::ApiGatewayV2::Api": func(r *resource.Request) []string {
		p := r.Properties
		if kind, ok := p["ProtocolType"].(string); ok && kind != "HTTP" {
			return []string{"the embedded AWS does not support ProtocolType " + kind + " of AWS::ApiGatewayV2::Api" + leaveOut}
		}
		return append(unreachable("AWS::ApiGatewayV2::Api", p), unimportable("AWS::ApiGatewayV2::Api", p, openapi.HTTP...)...)
	},
	"AWS::CloudWatch::Alarm": func(r *resource.Request) []string {
		refused := unactionable(r)
		metrics, _ := r.Properties["Metrics"].([]any)
		for _, v := range metrics {
			if metric, _ := v.(map[string]any); metric["AccountId"] != nil {
				refused = append(refused, "the embedded AWS does not support Metrics.AccountId of AWS::CloudWatch::Alarm: it has the metrics of the stack's account only")
			}
		}
		return refused
	},
	"AWS::CloudWatch::CompositeAlarm": unactionable,
	"AWS::CodeBuild::Project": func(r *resource.Request) []string {
		return slices.Concat(unclonable(r),
			other(r, "Source.Type", "CODEPIPELINE", "NO_SOURCE", "S3", "GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET"),
			other(r, "LogsConfig.S3Logs.Status", "DISABLED"),
			other(r, "Environment.Type", "LINUX_CONTAINER", "ARM_CONTAINER", "LINUX_EC2", "ARM_EC2", "LINUX_LAMBDA_CONTAINER", "ARM_LAMBDA_CONTAINER"))
	},
	"AWS::CodeBuild::ReportGroup":       func(r *resource.Request) []string { return other(r, "ExportConfig.ExportConfigType", "NO_EXPORT") },
	"AWS::CodeDeploy::Application":      onlyLambda,
	"AWS::CodeDeploy::DeploymentConfig": onlyLambda,
	"AWS::Events::Rule": func(r *resource.Request) []string {
		var refused []string
		targets, _ := r.Properties["Targets"].([]any)
		for _, t := range targets {
			target, _ := t.(map[string]any)
			refused = append(refused, undeliverable(r, "targets", target["Arn"], "sqs", "sns", "lambda", "codepipeline", "events")...)
		}
		return refused
	},
	"AWS::KMS::Key": func(r *resource.Request) []string {
		refused := append(other(r, "Origin", "AWS_KMS"), other(r, "KeySpec", "SYMMETRIC_DEFAULT", "ECC_NIST_P256", "ECC_NIST_P384", "RSA_2048")...)
		if multi, _ := scalar(r.Properties["MultiRegion"]); multi == "true" {
			refused = append(refused, "the embedded AWS does not support MultiRegion true of AWS::KMS::Key")
		}
		if spec, given := r.Properties["KeySpec"].(string); given && spec != "SYMMETRIC_DEFAULT" && len(refused) == 0 {
			refused = other(r, "KeyUsage", "SIGN_VERIFY")
		}
		return refused
	},
	"AWS::Lambda::EventInvokeConfig": func(r *resource.Request) []string {
		var refused []string
		destinations, _ := r.Properties["DestinationConfig"].(map[string]any)
		for _, name := range []string{"OnFailure", "OnSuccess"} {
			destination, _ := destinations[name].(map[string]any)
			refused = append(refused, undeliverable(r, "destinations", destination["Destination"], "sqs", "sns", "lambda")...)
		}
		return refused
	},
	"AWS::Lambda::EventSourceMapping": func(r *resource.Request) []string {
		refused := undeliverable(r, "event sources", r.Properties["EventSourceArn"], "sqs", "dynamodb")
		if service, _ := addressee(r.Properties["EventSourceArn"]); service == "kinesis" {
			refused[0] += leaveOut
		}
		if seconds, ok := scalar(r.Properties["TumblingWindowInSeconds"]); ok && seconds != "0" {
			refused = append(refused, "the embedded AWS does not support TumblingWindowInSeconds of AWS::Lambda::EventSourceMapping")
		}
		destinations, _ := r.Properties["DestinationConfig"].(map[string]any)
		destination, _ := destinations["OnFailure"].(map[string]any)
		return append(refused, undeliverable(r, "destinations", destination["Destination"], "sqs", "sns")...)
	},
	"AWS::Lambda::Url": func(r *resource.Request) []string {
		p := r.Properties
		if p["InvokeMode"] == "RESPONSE_STREAM" {
			return []string{"the embedded AWS does not support InvokeMode RESPONSE_STREAM of AWS::Lambda::Url"}
		}
		return nil
	},
	"AWS::SNS::Subscription": func(r *resource.Request) []string { return unsubscribed(r, r.Properties) },
	"AWS::SNS::Topic": func(r *resource.Request) []string {
		var refused []string
		subscriptions, _ := r.Properties["Subscription"].([]any)
		for _, v := range subscriptions {
			subscription, _ := v.(map[string]any)
			refused = append(refused, unsubscribed(r, subscription)...)
		}
		return refused
	},
	"AWS::Scheduler::Schedule": func(r *resource.Request) []string {
		target, _ := r.Properties["Target"].(map[string]any)
		return undeliverable(r, "targets", target["Arn"], "sqs", "sns", "lambda", "codepipeline", "events")
	},
	"AWS::S3::Bucket": func(r *resource.Request) []string {
		p := r.Properties
		var refused []string
		if acl, ok := p["AccessControl"].(string); ok && acl != "Private" {
			refused = append(refused, "the embedded AWS does not support AccessControl "+acl+" of AWS::S3::Bucket: use a bucket policy")
		}
		notifications, _ := p["NotificationConfiguration"].(map[string]any)
		for _, kind := range []string{"LambdaConfigurations", "QueueConfigurations", "TopicConfigurations"} {
			all, _ := notifications[kind].([]any)
			for _, v := range all {
				notification, _ := v.(map[string]any)
				if event, ok := notification["Event"].(string); ok && !s3.Notifies(event) {
					refused = append(refused, "the embedded AWS does not support notifications about the event "+event+" of AWS::S3::Bucket"+leaveOut)
				}
			}
		}
		return refused
	},
}

// leaveOut says what to do about a resource that can't be rehearsed.
const leaveOut = ". Leave it out of the template of the rehearsal with a condition, and test it in a stage on AWS"

// other refuses a value that is known and is none of those that the embedded AWS has. The
// path of the property has dots.
func other(r *resource.Request, path string, has ...string) []string {
	var value any = r.Properties
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	if text, ok := value.(string); ok && !slices.Contains(has, text) {
		return []string{fmt.Sprintf("the embedded AWS does not support %s %s of %s, only %s", path, text, r.Type, strings.Join(has, ", "))}
	}
	return nil
}

// unclonable refuses a repository that is elsewhere, unless a connection says where it is.
func unclonable(r *resource.Request) []string {
	source, _ := r.Properties["Source"].(map[string]any)
	auth, _ := source["Auth"].(map[string]any)
	location, known := source["Location"].(string)
	kind, _ := source["Type"].(string)
	repository := slices.Contains([]string{"GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET"}, kind)
	if !known || !repository || auth["Type"] == "CODECONNECTIONS" || strings.HasPrefix(location, "/") {
		return nil
	}
	if u, err := url.Parse(location); err == nil && (u.Scheme == "file" || loopback.Is(u.Host)) {
		return nil
	}
	return []string{"the embedded AWS does not clone " + location + " for AWS::CodeBuild::Project: it clones from this machine only, or through a connection (Source.Auth of the type CODECONNECTIONS)"}
}

// onlyLambda refuses the other compute platforms of CodeDeploy. Without one, it is Server.
func onlyLambda(r *resource.Request) []string {
	if _, given := r.Properties["ComputePlatform"]; !given {
		asked := *r
		asked.Properties = map[string]any{"ComputePlatform": "Server"}
		r = &asked
	}
	return other(r, "ComputePlatform", "Lambda")
}

// unactionable refuses the actions of an alarm that can't be carried out.
func unactionable(r *resource.Request) []string {
	var refused []string
	for _, name := range []string{"AlarmActions", "InsufficientDataActions", "OKActions"} {
		actions, _ := r.Properties[name].([]any)
		for _, arn := range actions {
			refused = append(refused, undeliverable(r, name, arn, "sns", "lambda")...)
		}
	}
	return refused
}

// unsubscribed refuses a subscription to which nothing can be delivered.
func unsubscribed(r *resource.Request, subscription map[string]any) []string {
	protocol, _ := subscription["Protocol"].(string)
	endpoint, known := subscription["Endpoint"].(string)
	if u, ok := subscription["Endpoint"].(template.Unknown); ok {
		endpoint = u.Prefix
	}
	switch protocol {
	case "", "email", "lambda", "sqs":
		return nil
	case "http", "https":
		if u, err := url.Parse(endpoint); err == nil && (loopback.Is(u.Host) || !known && u.Host == "") {
			return nil
		}
		return []string{fmt.Sprintf("the embedded AWS does not support the endpoint %s of %s: it delivers to this machine only", endpoint, r.Type)}
	}
	return []string{fmt.Sprintf("the embedded AWS does not support the protocol %s of %s", protocol, r.Type)}
}

// undeliverable refuses an ARN of another service than those, or of another region, as far
// as it is known.
func undeliverable(r *resource.Request, what string, arn any, services ...string) []string {
	service, region := addressee(arn)
	all := strings.Join(services, ", ")
	if service != "" && !slices.Contains(services, service) {
		return []string{fmt.Sprintf("the embedded AWS does not support %s of %s of %s, only those of %s", what, service, r.Type, all)}
	}
	text, _ := arn.(string)
	if service == "events" && text != "" && !strings.Contains(text, ":event-bus/") {
		return []string{fmt.Sprintf("the embedded AWS does not support %s such as %s of %s", what, text, r.Type)}
	}
	// arn:aws:cloudformation:REGION:...
	own := strings.Split(r.StackID, ":")
	if region != "" && len(own) > 3 && region != own[3] {
		return []string{fmt.Sprintf("the embedded AWS does not support %s in %s of %s: it has the region %s only", what, region, r.Type, own[3])}
	}
	return nil
}

// addressee returns the service and the region of an ARN, as far as they are known.
func addressee(v any) (service, region string) {
	text, _ := v.(string)
	if u, ok := v.(template.Unknown); ok {
		// What a custom resource or a nested stack answers is not known.
		name, aws := strings.CutPrefix(u.Type, "AWS::")
		namespace, _, _ := strings.Cut(name, "::")
		if aws && namespace != "CloudFormation" && (u.Attribute == "Arn" || u.Attribute == "") {
			return strings.ToLower(namespace), ""
		}
		text = u.Prefix
	}
	// The last part may not be complete.
	parts := strings.Split(text, ":")
	if parts = parts[:len(parts)-1]; len(parts) < 3 || parts[0] != "arn" {
		return "", ""
	}
	if len(parts) > 3 {
		region = parts[3]
	}
	return parts[2], region
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
		if c := o.Integration["credentials"]; c != nil && c != openapi.AsCaller && integration["Type"] == "AWS_PROXY" {
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
	if strings.Contains(uri, "${stageVariables") {
		return []string{"the embedded AWS does not support stage variables in the Uri of an integration of " + typ}
	}
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
	var all []any
	// A function behind a proxy gets the whole request. API Gateway keeps templates without
	// using them.
	if integration["Type"] != "AWS_PROXY" {
		all = append(all, integration["RequestTemplates"])
	}
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
