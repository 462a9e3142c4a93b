package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/project/agreed"
)

// A limit says which resources CloudFormation gets for a type of resource of a stack. See
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
type limit struct {
	// arns are the ARNs without the partition, with NAME for the name. What follows NAME is
	// left out if the name is a pattern.
	arns []string
	// name is the property that names the resource.
	name string
	// form is the name that CloudFormation makes, with %s for the logical id. If it is "", the
	// name begins with the stack's.
	form string
	// most is how many characters a name can have that CloudFormation makes.
	most int
	// lower says that CloudFormation makes names in lower case.
	lower bool
	// of is the property with the resource to which this one belongs, which has the ARN.
	of string
	// also are actions that AWS can't limit to resources.
	also []string
	// tagged says that the ARN has no name in it, so that the stack's tag limits it.
	tagged bool
	// mapping says that the function limits it.
	mapping bool
}

// logDelivery are the actions with which other services deliver their logs to log groups. AWS
// can't limit them.
var logDelivery = []string{
	"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
}

var (
	functions = []string{"lambda:*:ACCOUNT:function:NAME", "lambda:*:ACCOUNT:function:NAME:*"}
	buckets   = []string{"s3:::NAME", "s3:::NAME/*"}
	topics    = []string{"sns:*:ACCOUNT:NAME"}
	queues    = []string{"sqs:*:ACCOUNT:NAME"}
	groups    = []string{"logs:*:ACCOUNT:log-group:NAME", "logs:*:ACCOUNT:log-group:NAME:*"}
	shifts    = []string{"codedeploy:*:ACCOUNT:application:NAME", "codedeploy:*:ACCOUNT:deploymentgroup:NAME/*"}
	secrets   = []string{"secretsmanager:*:ACCOUNT:secret:NAME-*"}
	alarms    = []string{"cloudwatch:*:ACCOUNT:alarm:NAME"}
)

// limits are the types that are limited to the stack's own resources. If a stack contains
// another type of the same service, CloudFormation may use the whole service.
var limits = map[string]limit{
	"AWS::CloudWatch::Alarm":          {arns: alarms, name: "AlarmName", most: 255, also: []string{"cloudwatch:DescribeAlarms"}},
	"AWS::CloudWatch::CompositeAlarm": {arns: alarms, name: "AlarmName", most: 255, also: []string{"cloudwatch:DescribeAlarms"}},
	"AWS::CloudWatch::Dashboard":      {arns: []string{"cloudwatch::ACCOUNT:dashboard/NAME"}, name: "DashboardName", most: 255},

	"AWS::CodeBuild::Project":     {arns: []string{"codebuild:*:ACCOUNT:project/NAME"}, name: "Name", form: "%s-*"},
	"AWS::CodeBuild::ReportGroup": {arns: []string{"codebuild:*:ACCOUNT:report-group/NAME"}, name: "Name", form: "%s-*"},

	"AWS::CodeDeploy::Application": {arns: shifts, name: "ApplicationName", most: 100, also: []string{"codedeploy:BatchGet*", "codedeploy:Get*", "codedeploy:List*"}},
	// A deployment is named by its group only. What a deployment is cannot be limited.
	"AWS::CodeDeploy::DeploymentGroup":  {arns: shifts, of: "ApplicationName", also: []string{"codedeploy:BatchGet*", "codedeploy:Get*", "codedeploy:List*"}},
	"AWS::CodeDeploy::DeploymentConfig": {arns: []string{"codedeploy:*:ACCOUNT:deploymentconfig:NAME"}, name: "DeploymentConfigName", most: 100},

	"AWS::CodePipeline::Pipeline": {arns: []string{"codepipeline:*:ACCOUNT:NAME", "codepipeline:*:ACCOUNT:NAME/*"}, name: "Name", most: 100},

	"AWS::DynamoDB::Table": {arns: []string{"dynamodb:*:ACCOUNT:table/NAME", "dynamodb:*:ACCOUNT:table/NAME/*"}, name: "TableName", most: 255},
	"AWS::ECR::Repository": {arns: []string{"ecr:*:ACCOUNT:repository/NAME"}, name: "RepositoryName", most: 256, lower: true},

	"AWS::Events::EventBus": {arns: []string{"events:*:ACCOUNT:event-bus/NAME"}, name: "Name", most: 256},
	"AWS::Events::Rule":     {arns: []string{"events:*:ACCOUNT:rule/NAME", "events:*:ACCOUNT:rule/*/NAME"}, name: "Name", most: 64},

	"AWS::KMS::Alias": {arns: []string{"kms:*:ACCOUNT:NAME"}, name: "AliasName", also: []string{"kms:ListAliases"}},
	"AWS::KMS::Key":   {tagged: true},

	"AWS::Kinesis::Stream": {arns: []string{"kinesis:*:ACCOUNT:stream/NAME", "kinesis:*:ACCOUNT:stream/NAME/*"}, name: "Name", most: 128},

	"AWS::Lambda::Alias":                  {arns: functions, of: "FunctionName"},
	"AWS::Lambda::EventInvokeConfig":      {arns: functions, of: "FunctionName"},
	"AWS::Lambda::EventSourceMapping":     {mapping: true, of: "FunctionName", arns: functions},
	"AWS::Lambda::Function":               {arns: functions, name: "FunctionName", most: 64, also: []string{"lambda:GetLayerVersion"}},
	"AWS::Lambda::LayerVersion":           {arns: []string{"lambda:*:ACCOUNT:layer:NAME", "lambda:*:ACCOUNT:layer:NAME:*"}, name: "LayerName", form: "%s*"},
	"AWS::Lambda::LayerVersionPermission": {of: "LayerVersionArn"},
	"AWS::Lambda::Permission":             {arns: functions, of: "FunctionName"},
	"AWS::Lambda::Url":                    {arns: functions, of: "TargetFunctionArn"},
	"AWS::Lambda::Version":                {arns: functions, of: "FunctionName"},

	"AWS::Logs::LogGroup":           {arns: groups, name: "LogGroupName", most: 512, also: []string{"logs:DescribeLogGroups"}},
	"AWS::Logs::LogStream":          {arns: groups, of: "LogGroupName"},
	"AWS::Logs::MetricFilter":       {arns: groups, of: "LogGroupName"},
	"AWS::Logs::SubscriptionFilter": {arns: groups, of: "LogGroupName"},

	"AWS::S3::Bucket":       {arns: buckets, name: "BucketName", most: 63, lower: true},
	"AWS::S3::BucketPolicy": {arns: buckets, of: "Bucket"},

	"AWS::SNS::Subscription": {arns: topics, of: "TopicArn", also: []string{"sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Unsubscribe"}},
	"AWS::SNS::Topic":        {arns: topics, name: "TopicName", most: 256, also: []string{"sns:Unsubscribe"}},
	"AWS::SNS::TopicPolicy":  {arns: topics, of: "Topics"},

	"AWS::SQS::Queue":       {arns: queues, name: "QueueName", most: 80},
	"AWS::SQS::QueuePolicy": {arns: queues, of: "Queues"},

	"AWS::SSM::Parameter": {arns: []string{"ssm:*:ACCOUNT:parameter/NAME"}, name: "Name", form: "CFN-%s-*", also: []string{"ssm:DescribeParameters"}},

	"AWS::Scheduler::Schedule":      {arns: []string{"scheduler:*:ACCOUNT:schedule/*/NAME"}, name: "Name", most: 64},
	"AWS::Scheduler::ScheduleGroup": {arns: []string{"scheduler:*:ACCOUNT:schedule-group/NAME"}, name: "Name", most: 64},

	"AWS::SecretsManager::ResourcePolicy":   {arns: secrets, of: "SecretId"},
	"AWS::SecretsManager::RotationSchedule": {arns: secrets, of: "SecretId"},
	"AWS::SecretsManager::Secret":           {arns: secrets, name: "Name", form: "%s-*", also: []string{"secretsmanager:GetRandomPassword"}},

	"AWS::StepFunctions::StateMachine": {arns: []string{"states:*:ACCOUNT:stateMachine:NAME"}, name: "StateMachineName", form: "%s-*"},
}

// A use is what a stack contains of a service.
type use struct {
	arns, also      set
	foreign         set // ARNs of what the stack only names
	tagged, mapping bool
	// unlimited are the types, with a reason, because of which the whole service is needed.
	unlimited set
}

// limited notes what a stack contains of a type, for a role of its own.
func (n *Needs) limited(prefix, stack, id, kind string, resources map[string]resource) {
	if n.uses == nil {
		n.uses = map[string]*use{}
	}
	u := n.uses[prefix]
	if u == nil {
		u = &use{}
		n.uses[prefix] = u
	}
	of, known := limits[kind]
	if !known {
		u.unlimited.add(kind)
		return
	}
	for _, action := range of.also {
		u.also.add(action)
	}
	u.tagged, u.mapping = u.tagged || of.tagged, u.mapping || of.mapping
	switch properties := resources[id].Properties; {
	case of.of != "":
		for _, owner := range listed(properties[of.of]) {
			if text, ok := owner.(string); ok && text != "" {
				if arn, is := strings.CutPrefix(text, "arn:aws:"); is {
					u.foreign.add(wildcards(arn))
				} else {
					u.foreign.of(of.arns, text)
				}
			} else if owned(owner, resources) == "" {
				u.unlimited.add(kind + " of something outside of the stack")
			}
		}
	case of.name != "":
		name := named(stack, id, resources)
		if name == "" || name[0] == '*' || strings.HasPrefix(name, "alias/*") {
			u.unlimited.add(kind + " with a name that only its deployment makes known")
			return
		}
		u.arns.of(of.arns, name)
	}
}

// of adds the ARNs for a name, which can be a pattern.
func (s *set) of(arns []string, name string) {
	for _, arn := range arns {
		before, after, _ := strings.Cut(arn, "NAME")
		if strings.HasSuffix(before, ":parameter/") {
			name = strings.TrimPrefix(name, "/")
		}
		if strings.HasSuffix(name, "*") {
			after = ""
		}
		s.add(before + name + after)
	}
}

func listed(v any) []any {
	if all, ok := v.([]any); ok {
		return all
	}
	return []any{v}
}

// owned returns the logical id of the template's resource to which a value refers, or "".
func owned(v any, resources map[string]resource) string {
	object, _ := v.(map[string]any)
	id, _ := object["Ref"].(string)
	switch attribute := object["Fn::GetAtt"].(type) {
	case string:
		id, _, _ = strings.Cut(attribute, ".")
	case []any:
		if len(attribute) > 0 {
			id, _ = attribute[0].(string)
		}
	}
	if _, ok := resources[id]; !ok {
		return ""
	}
	return id
}

// named returns a pattern for the name of a resource, or "" if nothing is known about it.
func named(stack, id string, resources map[string]resource) string {
	r := resources[id]
	of, known := limits[r.Type]
	if !known || of.name == "" {
		return ""
	}
	if given := r.Properties[of.name]; given != nil {
		return pattern(given, stack, resources)
	}
	if of.form != "" {
		return fmt.Sprintf(of.form, id)
	}
	if of.lower {
		stack = strings.ToLower(stack)
	}
	return made(stack, id, of.most)
}

// pattern returns a pattern for a value of a template, with * for what only the deployment
// makes known.
func pattern(v any, stack string, resources map[string]resource) string {
	switch v := v.(type) {
	case string:
		return wildcards(v)
	case float64, bool:
		return fmt.Sprint(v)
	case map[string]any:
		if ref, ok := v["Ref"].(string); ok {
			if ref == "AWS::StackName" {
				return stack
			}
			// A resource may be named by one that is named by it only in a template that
			// CloudFormation refuses, and that ends here too.
			rest := maps.Clone(resources)
			delete(rest, ref)
			if r, ok := resources[ref]; ok && r.Properties[limits[r.Type].name] != nil {
				return pattern(r.Properties[limits[r.Type].name], stack, rest)
			} else if name := named(stack, ref, resources); ok && name != "" {
				return name
			}
			return "*"
		}
		if join, ok := v["Fn::Join"].([]any); ok && len(join) == 2 {
			by, _ := join[0].(string)
			var parts []string
			for _, part := range listed(join[1]) {
				parts = append(parts, pattern(part, stack, resources))
			}
			return squeeze(strings.Join(parts, wildcards(by)))
		}
		if text, ok := v["Fn::Sub"].(string); ok {
			return squeeze(substitute(text, stack, resources))
		}
	}
	return "*"
}

// substitute returns a pattern for the text of an Fn::Sub.
func substitute(text, stack string, resources map[string]resource) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(wildcards(before))
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		if literal, is := strings.CutPrefix(name, "!"); is {
			b.WriteString(wildcards("${" + literal + "}"))
		} else {
			b.WriteString(pattern(map[string]any{"Ref": name}, stack, resources))
		}
		text = after
	}
}

// squeeze replaces several wildcards in a row by one.
func squeeze(pattern string) string {
	for strings.Contains(pattern, "**") {
		pattern = strings.ReplaceAll(pattern, "**", "*")
	}
	return pattern
}

// wildcards replaces what would have a meaning in a policy, and what no name has.
func wildcards(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_+=,.@-:/#", r):
			return r
		default:
			return '?'
		}
	}, text)
}

// made returns a pattern for the name that CloudFormation makes for a resource. If it has to
// shorten the name, only the beginning of the stack's name is certain.
func made(stack, id string, most int) string {
	const random = len("--123456789012")
	if len(stack)+len(id)+random <= most {
		return stack + "-*"
	}
	return beginning(stack)
}

// limitedStatements returns the statements for the services that a stack uses.
func (n *Needs) limitedStatements(account string) []allowance {
	var statements []allowance
	var own, open, services []string
	var arns set
	for _, prefix := range slices.Sorted(maps.Keys(n.uses)) {
		u := n.uses[prefix]
		if len(u.unlimited) > 0 {
			services = append(services, prefix+":*")
			continue
		}
		for _, some := range []set{u.arns, u.foreign} {
			for arn := range some {
				arns.add("arn:aws:" + strings.Replace(arn, "ACCOUNT", account, 1))
			}
		}
		if len(u.arns)+len(u.foreign) > 0 {
			own = append(own, prefix+":*")
		}
		open = append(open, slices.Sorted(maps.Keys(u.also))...)
		if u.tagged {
			keys := []string{"arn:aws:kms:*:" + account + ":key/*"}
			requested, has := map[string][]string{"aws:RequestTag/" + agreed.StackTag: n.stacks}, map[string][]string{"aws:ResourceTag/" + agreed.StackTag: n.stacks}
			// A key is tagged while it is made, when it has neither a tag nor an alias. The
			// keys that sign evidence and records have aliases.
			fresh := map[string][]string{"aws:ResourceTag/" + agreed.StackTag: {"true"}, "kms:ResourceAliases": {"true"}}
			statements = append(statements,
				allowance{Sid: "NewKeys", Effect: "Allow", Action: []string{"kms:CreateKey"}, Resource: []string{"*"}, Condition: conditions{"StringEquals": requested}},
				allowance{Sid: "TagsOfNewKeys", Effect: "Allow", Action: []string{"kms:TagResource"}, Resource: keys, Condition: conditions{"StringEquals": requested, "Null": fresh}},
				allowance{Sid: "Keys", Effect: "Allow", Action: []string{"kms:*"}, Resource: keys, Condition: conditions{"StringEquals": has}})
		}
		if u.mapping {
			var of []string
			for _, arn := range slices.Sorted(maps.Keys(u.arns)) {
				if strings.Contains(arn, ":function:") {
					of = append(of, "arn:aws:"+strings.Replace(arn, "ACCOUNT", account, 1))
				}
			}
			statements = append(statements,
				allowance{Sid: "Mappings", Effect: "Allow", Action: []string{"lambda:*EventSourceMapping"}, Resource: []string{"*"}, Condition: conditions{"ArnLike": {"lambda:FunctionArn": of}}},
				allowance{Sid: "TagsOfMappings", Effect: "Allow", Action: []string{"lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"}, Resource: []string{"arn:aws:lambda:*:" + account + ":event-source-mapping:*"}})
		}
	}
	if n.uses["states"] != nil || n.uses["apigateway"] != nil {
		if n.uses["logs"] != nil {
			open = append(open, logDelivery...)
		}
	}
	slices.Sort(open)
	add := func(sid string, actions, resources []string) {
		if len(actions) > 0 && len(resources) > 0 {
			statements = append(statements, allowance{Sid: sid, Effect: "Allow", Action: actions, Resource: resources})
		}
	}
	add("Named", own, slices.Sorted(maps.Keys(arns)))
	add("Unnamed", slices.Compact(open), []string{"*"})
	add("Services", services, []string{"*"})
	return statements
}

// unlimited returns the services that CloudFormation may use on all resources of the account,
// although the stack has a role of its own, and why.
func (n *Needs) unlimited() []string {
	var all []string
	for _, prefix := range slices.Sorted(maps.Keys(n.uses)) {
		if why := n.uses[prefix].unlimited; len(why) > 0 {
			all = append(all, prefix+" ("+strings.Join(slices.Sorted(maps.Keys(why)), ", ")+")")
		}
	}
	return all
}
