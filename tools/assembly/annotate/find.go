package annotate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/magewright/magewright/tools/project/manifest"
)

// The types of resources in a delivery.
const (
	functionType    = "AWS::Lambda::Function"
	aliasType       = "AWS::Lambda::Alias"
	urlType         = "AWS::Lambda::Url"
	groupType       = "AWS::CodeDeploy::DeploymentGroup"
	applicationType = "AWS::CodeDeploy::Application"
	pipelineType    = "AWS::CodePipeline::Pipeline"
	bucketType      = "AWS::S3::Bucket"
	keyType         = "AWS::KMS::Key"
	topicType       = "AWS::SNS::Topic"
)

// delivered returns the functions of a stack that are part of a release, sorted: those that
// CodeDeploy shifts, or otherwise those that run a program, as Go functions do. The CDK's own
// helpers are scripts and are not shifted.
func (s *stack) delivered() []string {
	var shifted []string
	for _, alias := range s.ofType(aliasType) {
		if s.group(alias) != "" {
			if f := s.target(s.property(alias, "FunctionName"), functionType); f != "" && !slices.Contains(shifted, f) {
				shifted = append(shifted, f)
			}
		}
	}
	programs := slices.DeleteFunc(s.ofType(functionType), func(id string) bool {
		runtime, _ := s.property(id, "Runtime").(string)
		image := s.property(id, "PackageType") == "Image"
		return !image && !strings.HasPrefix(runtime, "provided") || slices.Contains(shifted, id)
	})
	all := slices.Concat(shifted, programs)
	slices.Sort(all)
	return all
}

// group returns the deployment group that shifts an alias, or "".
func (s *stack) group(alias string) string {
	return s.target(at(s.Resources[alias].UpdatePolicy, "CodeDeployLambdaAliasUpdate", "DeploymentGroupName"), groupType)
}

// aliases returns the aliases of a function.
func (s *stack) aliases(function string) []string {
	versions := slices.DeleteFunc(s.ofType("AWS::Lambda::Version"), func(id string) bool { return !refers(s.property(id, "FunctionName"), function) })
	return slices.DeleteFunc(s.ofType(aliasType), func(id string) bool {
		return !refers(s.property(id, "FunctionName"), append(versions, function)...)
	})
}

// urls returns the URLs of a function.
func (s *stack) urls(function, alias string) []string {
	return slices.DeleteFunc(s.ofType(urlType), func(id string) bool { return !refers(s.property(id, "TargetFunctionArn"), function, alias) })
}

// A trigger is a type of resource that invokes functions.
type trigger struct {
	of string
	// invoked are the paths of the property that names the function. In a list, every element
	// is examined.
	invoked []string
	// source is the property that says where the events come from. "" means the resource
	// itself.
	source string
	kind   string
}

// triggers are all types of resources that invoke a Lambda function, according to
// CloudFormation's documentation of each type. See
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html.
var triggers = []trigger{
	{of: "AWS::Lambda::EventSourceMapping", invoked: []string{"FunctionName"}, source: "EventSourceArn", kind: "stream"},
	{of: "AWS::SNS::Subscription", invoked: []string{"Endpoint"}, source: "TopicArn", kind: "topic"},
	{of: "AWS::Events::Rule", invoked: []string{"Targets"}, kind: "event"},
	{of: "AWS::Scheduler::Schedule", invoked: []string{"Target"}, kind: "schedule"},
	{of: "AWS::Pipes::Pipe", invoked: []string{"Target", "Enrichment"}, kind: "event"},
	{of: "AWS::ApiGatewayV2::Integration", invoked: []string{"IntegrationUri"}, source: "ApiId", kind: "api"},
	{of: "AWS::ApiGatewayV2::Authorizer", invoked: []string{"AuthorizerUri"}, source: "ApiId", kind: "api"},
	{of: "AWS::ApiGatewayV2::Api", invoked: []string{"Target", "Body"}, kind: "api"},
	{of: "AWS::ApiGateway::Method", invoked: []string{"Integration"}, source: "RestApiId", kind: "api"},
	{of: "AWS::ApiGateway::Authorizer", invoked: []string{"AuthorizerUri"}, source: "RestApiId", kind: "api"},
	{of: "AWS::ApiGateway::RestApi", invoked: []string{"Body"}, kind: "api"},
	{of: "AWS::AppSync::DataSource", invoked: []string{"LambdaConfig"}, source: "ApiId", kind: "api"},
	{of: "AWS::ElasticLoadBalancingV2::TargetGroup", invoked: []string{"Targets"}, kind: "balancer"},
	{of: bucketType, invoked: []string{"NotificationConfiguration"}, kind: "bucket"},
	{of: "Custom::S3BucketNotifications", invoked: []string{"NotificationConfiguration"}, source: "BucketName", kind: "bucket"},
	{of: "AWS::Cognito::UserPool", invoked: []string{"LambdaConfig"}, kind: "users"},
	{of: "AWS::Logs::SubscriptionFilter", invoked: []string{"DestinationArn"}, source: "LogGroupName", kind: "logs"},
	{of: "AWS::StepFunctions::StateMachine", invoked: []string{"DefinitionString", "Definition", "DefinitionSubstitutions"}, kind: "workflow"},
	{of: "AWS::IoT::TopicRule", invoked: []string{"TopicRulePayload"}, kind: "topic"},
	{of: "AWS::KinesisFirehose::DeliveryStream", invoked: []string{"ExtendedS3DestinationConfiguration"}, kind: "stream"},
	{of: "AWS::SecretsManager::RotationSchedule", invoked: []string{"RotationLambdaARN"}, source: "SecretId", kind: "event"},
	{of: "AWS::CloudFront::Distribution", invoked: []string{"DistributionConfig"}, kind: "api"},
	{of: "AWS::Bedrock::Agent", invoked: []string{"ActionGroups"}, kind: "event"},
}

// A source says where a function's events come from.
type source struct {
	manifest.Source
	by     string // the resource that invokes the function
	direct bool   // it invokes the function itself and not the alias
}

// sources returns where the events of a function come from, sorted and without duplicates.
func (s *stack) sources(function, alias string) []source {
	var all []source
	for _, t := range triggers {
		for _, id := range s.ofType(t.of) {
			invoked := make([]any, len(t.invoked))
			for i, name := range t.invoked {
				invoked[i] = s.property(id, name)
			}
			if !refers(invoked, function, alias) {
				continue
			}
			found := source{manifest.Source{Kind: t.kind, Resource: id}, id, alias != "" && !refers(invoked, alias)}
			if t.source != "" {
				found.Resource = s.anyTarget(s.property(id, t.source))
			}
			found.Kind = s.kind(t, id, found.Resource)
			if !slices.ContainsFunc(all, func(other source) bool { return other.Source == found.Source && other.direct == found.direct }) {
				all = append(all, found)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b source) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Resource, b.Resource))
	})
	return all
}

// anyTarget returns the first resource of the stack to which a value refers, or "".
func (s *stack) anyTarget(v any) string {
	found := ""
	references(v, func(id string) {
		if _, ok := s.Resources[id]; ok && (found == "" || id < found) {
			found = id
		}
	})
	return found
}

// kind returns the kind of source that a trigger is.
func (s *stack) kind(t trigger, id, from string) string {
	switch t.of {
	case "AWS::Lambda::EventSourceMapping":
		arn, _ := s.property(id, t.source).(string)
		if s.Resources[from].Type == "AWS::SQS::Queue" || strings.Contains(arn, ":sqs:") {
			return "queue"
		}
	case "AWS::Events::Rule":
		if s.property(id, "ScheduleExpression") != nil {
			return "schedule"
		}
	}
	return t.kind
}

// outputs returns the keys of a function's outputs, by what the outputs contain.
func (s *stack) outputs(function, alias, url string, f manifest.Function) map[string]string {
	keys := map[string]string{}
	set := func(name, key string) {
		if have := keys[name]; have == "" || key < have {
			keys[name] = key
		}
	}
	for key, output := range s.Outputs {
		v, _ := output.Value.(map[string]any)
		ref, _ := v["Ref"].(string)
		attribute, _ := v["Fn::GetAtt"].([]any)
		text, _ := output.Value.(string)
		switch {
		case ref != "" && ref == function:
			set("FunctionName", key)
		case ref != "" && ref == f.Application:
			set("DeploymentApplication", key)
		case ref != "" && ref == f.DeploymentGroup:
			set("DeploymentGroup", key)
		case s.Resources[ref].Type == topicType && s.notifies(ref, function):
			set("NotificationTopic", key)
		case url != "" && len(attribute) == 2 && attribute[0] == url && attribute[1] == "FunctionUrl":
			set("FunctionUrl", key)
		case alias != "" && (text == f.Alias || s.namesAlias(output.Value, alias)):
			set("AliasName", key)
		}
		for _, from := range f.Sources {
			if from.Kind == "api" && from.Resource != "" && isAddress(output.Value, from.Resource) {
				set("ApiUrl", key)
			}
		}
	}
	return keys
}

// namesAlias reports whether a value is the name of an alias: the last part of its ARN, as
// the CDK writes it.
func (s *stack) namesAlias(v any, alias string) bool {
	selected, _ := at(v, "Fn::Select").([]any)
	if len(selected) != 2 {
		return false
	}
	index, _ := selected[0].(float64)
	split, _ := at(selected[1], "Fn::Split").([]any)
	return index == 7 && len(split) == 2 && split[0] == ":" && at(split[1], "Ref") == alias
}

// notifies reports whether alarms about a function notify a topic.
func (s *stack) notifies(topic, function string) bool {
	return slices.ContainsFunc(s.ofType("AWS::CloudWatch::Alarm"), func(id string) bool {
		return refers(s.property(id, "AlarmActions"), topic) && refers([]any{s.property(id, "Dimensions"), s.property(id, "Metrics")}, function)
	})
}

// isAddress reports whether a value is the address of an API.
func isAddress(v any, api string) bool {
	if attribute, ok := at(v, "Fn::GetAtt").([]any); ok && len(attribute) == 2 {
		return attribute[0] == api && attribute[1] == "ApiEndpoint"
	}
	join, _ := at(v, "Fn::Join").([]any)
	if len(join) != 2 || !refers(v, api) {
		return false
	}
	parts, _ := join[1].([]any)
	if len(parts) == 0 {
		return false
	}
	first, _ := parts[0].(string)
	return strings.HasPrefix(first, "https://")
}

// ranks are the words in the names of stages, ordered by how far a release has come when it
// reaches them.
var ranks = map[string]int{
	"sandbox": 1, "dev": 1, "develop": 1, "development": 1,
	"ci": 2, "int": 2, "integration": 2, "test": 2, "testing": 2,
	"qa": 3, "uat": 3, "acceptance": 3,
	"alpha": 4,
	"beta":  5,
	"gamma": 6, "preprod": 6, "stage": 6, "staging": 6,
	"canary": 7, "pilot": 7,
	"live": 8, "prd": 8, "prod": 8, "production": 8,
}

// last is the name of the last stage if its stack's name does not say it.
const last = "production"

// A named is a stack whose name says to which stage it belongs.
type named struct {
	*stack
	word string // the stage's name; "" if the stack's name has none
	base string // the rest of the name
}

// nameOf splits the name of a stack into the name of a stage, which is its first or last
// word, and the rest.
func nameOf(s *stack) named {
	words := split(s.Stack)
	for _, i := range []int{len(words) - 1, 0} {
		if word := strings.ToLower(words[i]); ranks[word] > 0 {
			return named{s, word, strings.Join(slices.Delete(slices.Clone(words), i, i+1), "-")}
		}
	}
	return named{s, "", strings.Join(words, "-")}
}

// split returns the words of a name in kebab case or camel case.
func split(name string) []string {
	var words []string
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '_' }) {
		start, before := 0, ' '
		for i, r := range part {
			if unicode.IsUpper(r) && unicode.IsLower(before) {
				words = append(words, part[start:i])
				start = i
			}
			before = r
		}
		words = append(words, part[start:])
	}
	if len(words) == 0 {
		return []string{name}
	}
	return words
}

// stages returns the stages in order if the names of the stacks say them. The error says what
// they leave open.
func (c *cloud) stages() ([]named, error) {
	var all []named
	for _, s := range c.stacks {
		if len(s.delivered()) > 0 {
			all = append(all, nameOf(s))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("none of its %d stacks has a function that CodeDeploy shifts or that runs a program", len(c.stacks))
	}
	if len(all) == 1 && all[0].word == "" {
		all[0].word, all[0].base = last, all[0].Stack
	}
	slices.SortStableFunc(all, func(a, b named) int { return cmp.Compare(ranks[a.word], ranks[b.word]) })
	for i, s := range all {
		switch {
		case s.word == "":
			return all, fmt.Errorf("the name of stack %s does not say to which stage it belongs", s.Stack)
		case i > 0 && s.base != all[0].base:
			return all, fmt.Errorf("stacks %s and %s both have functions, and their names do not say that they are the same in two stages", all[0].Stack, s.Stack)
		case i > 0 && ranks[s.word] == ranks[all[i-1].word]:
			return all, fmt.Errorf("the names of stacks %s and %s do not say which comes first", all[i-1].Stack, s.Stack)
		}
	}
	return all, nil
}

// pipeline returns the stack with a pipeline that is not a stage, if there is exactly one.
func (c *cloud) pipeline(stages []manifest.Stage) *stack {
	var found []*stack
	for _, s := range c.stacks {
		if len(s.ofType(pipelineType)) > 0 && !slices.ContainsFunc(stages, func(stage manifest.Stage) bool { return stage.Stack == s.Stack }) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}
