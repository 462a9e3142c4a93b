package annotate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// copyTag is the tag of a stack that Magewright has copied. Its value is the name of the
// original. CloudFormation shows the tag in the account.
const copyTag = "magewright:copy-of"

// trialStage is the name of the stage whose stack is a copy of production's.
const trialStage = "staging"

// physicalNames are the properties that give resources names which must be unique in the
// account and region, or worldwide. See
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html.
var physicalNames = map[string]string{
	"AWS::ApiGateway::ApiKey":              "Name",
	"AWS::ApiGateway::DomainName":          "DomainName",
	"AWS::ApiGatewayV2::DomainName":        "DomainName",
	"AWS::CloudWatch::Alarm":               "AlarmName",
	"AWS::CloudWatch::CompositeAlarm":      "AlarmName",
	"AWS::CloudWatch::Dashboard":           "DashboardName",
	"AWS::CodeBuild::Project":              "Name",
	"AWS::CodeBuild::ReportGroup":          "Name",
	"AWS::CodeDeploy::Application":         "ApplicationName",
	"AWS::CodeDeploy::DeploymentConfig":    "DeploymentConfigName",
	"AWS::CodePipeline::Pipeline":          "Name",
	"AWS::Cognito::UserPoolDomain":         "Domain",
	"AWS::DynamoDB::GlobalTable":           "TableName",
	"AWS::DynamoDB::Table":                 "TableName",
	"AWS::ECR::Repository":                 "RepositoryName",
	"AWS::ECS::Cluster":                    "ClusterName",
	"AWS::ElastiCache::ReplicationGroup":   "ReplicationGroupId",
	"AWS::Events::EventBus":                "Name",
	"AWS::Events::Rule":                    "Name",
	"AWS::IAM::Group":                      "GroupName",
	"AWS::IAM::InstanceProfile":            "InstanceProfileName",
	"AWS::IAM::ManagedPolicy":              "ManagedPolicyName",
	"AWS::IAM::Role":                       "RoleName",
	"AWS::IAM::User":                       "UserName",
	"AWS::KMS::Alias":                      "AliasName",
	"AWS::Kinesis::Stream":                 "Name",
	"AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
	"AWS::Lambda::Function":                "FunctionName",
	"AWS::Logs::LogGroup":                  "LogGroupName",
	"AWS::OpenSearchService::Domain":       "DomainName",
	"AWS::RDS::DBCluster":                  "DBClusterIdentifier",
	"AWS::RDS::DBInstance":                 "DBInstanceIdentifier",
	"AWS::Route53::RecordSet":              "Name",
	"AWS::S3::Bucket":                      "BucketName",
	"AWS::SNS::Topic":                      "TopicName",
	"AWS::SQS::Queue":                      "QueueName",
	"AWS::SSM::Parameter":                  "Name",
	"AWS::Scheduler::Schedule":             "Name",
	"AWS::Scheduler::ScheduleGroup":        "Name",
	"AWS::SecretsManager::Secret":          "Name",
	"AWS::StepFunctions::StateMachine":     "StateMachineName",
	"AWS::WAFv2::WebACL":                   "Name",
}

// owners are the properties with which a resource belongs to another one: it gets what is
// sent to that one, or decides about it. If that one is outside of the stack, a copy would do
// the same to what users have.
var owners = map[string][]string{
	"AWS::Events::Rule":               {"EventBusName"},
	"AWS::IAM::Policy":                {"Groups", "Roles", "Users"},
	"AWS::Lambda::EventInvokeConfig":  {"FunctionName"},
	"AWS::Lambda::EventSourceMapping": {"EventSourceArn"},
	"AWS::Lambda::Permission":         {"FunctionName"},
	"AWS::Lambda::Url":                {"TargetFunctionArn"},
	"AWS::Logs::MetricFilter":         {"LogGroupName"},
	"AWS::Logs::SubscriptionFilter":   {"LogGroupName"},
	"AWS::S3::BucketPolicy":           {"Bucket"},
	"AWS::SNS::Subscription":          {"TopicArn"},
	"AWS::SNS::TopicPolicy":           {"Topics"},
	"AWS::SQS::QueuePolicy":           {"Queues"},
	"Custom::S3BucketNotifications":   {"BucketName"},
}

// alone returns the reasons why a copy of the stack could not exist beside the original:
// names that are taken, and resources that both would share.
func (s *stack) alone() []string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(s.Resources)) {
		r := s.Resources[id]
		if key := physicalNames[r.Type]; key != "" && r.Properties[key] != nil && !s.own(r.Properties[key]) {
			all = append(all, fmt.Sprintf("%s has a fixed %s", s.path(id), key))
		}
		for _, key := range owners[r.Type] {
			if s.foreign(r.Properties[key]) {
				all = append(all, fmt.Sprintf("%s has a %s outside of the stack, which the copy would share", s.path(id), key))
			}
		}
		if r.Type == "AWS::CloudFormation::Stack" {
			all = append(all, s.path(id)+" is a nested stack, which was not examined")
		}
		if aliases, _ := at(r.Properties, "DistributionConfig", "Aliases").([]any); r.Type == "AWS::CloudFront::Distribution" && len(aliases) > 0 {
			all = append(all, s.path(id)+" has domain names")
		}
		if imports(r.Properties) {
			all = append(all, s.path(id)+" uses what another stack exports, so a trial would use the same data")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Outputs)) {
		if name := at(s.Outputs[key].Export, "Name"); name != nil && !s.own(name) {
			all = append(all, fmt.Sprintf("output %s is exported by a fixed name", key))
		}
	}
	return all
}

// own reports whether a value is different in another stack, because it contains the stack's
// name or id or the name of one of its resources.
func (s *stack) own(v any) bool {
	if refers(v, "AWS::StackName") || refers(v, "AWS::StackId") {
		return true
	}
	for id := range s.Resources {
		if refers(v, id) {
			return true
		}
	}
	return false
}

// foreign reports whether a value, or one in a list, names something outside of the stack.
// The default event bus does not count, because every account has it.
func (s *stack) foreign(v any) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, s.foreign)
	}
	return v != nil && v != "default" && !s.own(v)
}

// imports reports whether a value contains an Fn::ImportValue.
func imports(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, imports)
	case map[string]any:
		for key, value := range v {
			if key == "Fn::ImportValue" || imports(value) {
				return true
			}
		}
	}
	return false
}

// addCopy adds a copy of a stack to the assembly in memory.
func (c *cloud) addCopy(of *stack, name string) *stack {
	s := *of
	s.Stack, s.id, s.copyOf = name, name, of.id
	s.tags = maps.Clone(of.tags)
	if s.tags == nil {
		s.tags = map[string]string{}
	}
	s.tags[copyTag] = of.Stack
	c.stacks = append(c.stacks, &s)
	return &s
}

// stackOrCopy returns the stack of a stage in the file, which may be a copy.
func (f *Found) stackOrCopy(r *reader, w writtenStage) *stack {
	if w.copyOf.value == "" {
		return f.stackOf(r, w.stack)
	}
	of := f.stackOf(r, w.copyOf)
	if of == nil {
		return nil
	}
	if slices.ContainsFunc(f.assembly.stacks, func(s *stack) bool { return s.Stack == w.stack.value }) {
		r.wrong(w.stack.line, "the assembly already has a stack %s, so a copy of %s can't have that name", w.stack.value, of.Stack)
		return nil
	}
	if why := of.alone(); len(why) > 0 {
		r.wrong(w.copyOf.line, "a copy of stack %s can't exist beside it: %s", of.Stack, strings.Join(why, "; "))
		return nil
	}
	return f.assembly.addCopy(of, w.stack.value)
}

// trial returns a first stage for an app with a single stack, which is the one that users
// have. The stage is a copy of that stack. A note says so, or says why there can't be a copy.
func (f *Found) trial(stages []named) *named {
	if len(stages) != 1 || ranks[stages[0].word] != ranks[last] {
		return nil
	}
	users := stages[0]
	if why := users.alone(); len(why) > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("no stage before %s: a copy of stack %s can't exist beside it: %s", users.word, users.Stack, strings.Join(why, "; ")))
		return nil
	}
	name := users.base + "-" + trialStage
	if slices.ContainsFunc(f.assembly.stacks, func(s *stack) bool { return s.Stack == name }) {
		return nil
	}
	f.Notes = append(f.Notes, fmt.Sprintf("the app has one stack, so releases are tried in a copy of it, %s; make sure that a trial may use what the functions reach outside of the stack", name))
	return &named{f.assembly.addCopy(users.stack, name), trialStage, users.base}
}

// copies adds the copies to the list of the assembly that contains the originals.
func (f *Found) copies(list map[string]any, file string) error {
	for _, s := range f.assembly.stacks {
		if s.copyOf == "" || s.file != file {
			continue
		}
		// What the CDK says about the stack, including its assets, also applies to the copy.
		data, err := json.Marshal(at(list, "artifacts", s.copyOf))
		if err != nil {
			return err
		}
		var artifact map[string]any
		if err := json.Unmarshal(data, &artifact); err != nil {
			return err
		}
		artifacts, _ := list["artifacts"].(map[string]any)
		properties, ok := artifact["properties"].(map[string]any)
		if !ok || artifacts == nil {
			return fmt.Errorf("stack %s has no properties", s.copyOf)
		}
		properties["stackName"], artifact["displayName"] = s.Stack, s.Stack
		tags := map[string]any{}
		for key, value := range s.tags {
			tags[key] = value
		}
		properties["tags"] = tags
		// The CDK CLI lets only one stack wait for what a list of assets publishes.
		dependencies, _ := artifact["dependencies"].([]any)
		for i, d := range dependencies {
			name, _ := d.(string)
			assets, _ := artifacts[name].(map[string]any)
			if assets["type"] == "cdk:asset-manifest" {
				dependencies[i] = s.id + strings.TrimPrefix(name, s.copyOf)
				artifacts[s.id+strings.TrimPrefix(name, s.copyOf)] = assets
			}
		}
		artifacts[s.id] = artifact
	}
	return nil
}
