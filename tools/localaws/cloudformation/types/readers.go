package types

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// A reader takes what is live of a resource. A service's error that the resource is not
// there means that it was deleted.
type reader func(ctx context.Context, r *resource.Request, into reading) error

// readers has the types whose drift can be detected. The properties that name a
// resource, and those that no service tells (such as a function's code), are left out.
func readers(d Deps) map[string]reader {
	return map[string]reader{
		"AWS::CloudWatch::Alarm":            d.readAlarm,
		"AWS::CloudWatch::CompositeAlarm":   d.readAlarm,
		"AWS::CodeDeploy::Application":      d.readApplication,
		"AWS::CodeDeploy::DeploymentGroup":  d.readDeploymentGroup,
		"AWS::CodeDeploy::DeploymentConfig": d.readDeploymentConfig,
		"AWS::DynamoDB::Table":              d.readTable,
		"AWS::Events::Rule":                 d.readRule,
		"AWS::IAM::ManagedPolicy":           d.readManagedPolicy,
		"AWS::IAM::Policy":                  d.readRolePolicy,
		"AWS::IAM::Role":                    d.readRole,
		"AWS::IAM::RolePolicy":              d.readInlinePolicy,
		"AWS::KMS::Alias":                   d.readKeyAlias,
		"AWS::KMS::Key":                     d.readKey,
		"AWS::Lambda::Alias":                d.readAlias,
		"AWS::Lambda::EventInvokeConfig":    d.readEventInvokeConfig,
		"AWS::Lambda::EventSourceMapping":   d.readMapping,
		"AWS::Lambda::Function":             d.readFunction,
		"AWS::Lambda::Permission":           d.readPermission,
		"AWS::Lambda::Url":                  d.readURL,
		"AWS::Lambda::Version":              d.readVersion,
		"AWS::Logs::LogGroup":               d.readLogGroup,
		"AWS::S3::Bucket":                   d.readBucket,
		"AWS::S3::BucketPolicy":             d.readBucketPolicy,
		"AWS::SNS::Subscription":            d.readSubscription,
		"AWS::SNS::Topic":                   d.readTopic,
		"AWS::SNS::TopicPolicy":             d.readTopicPolicy,
		"AWS::SQS::Queue":                   d.readQueue,
		"AWS::SQS::QueuePolicy":             d.readQueuePolicy,
		"AWS::SSM::Parameter":               d.readParameter,
	}
}

// tagMapOf is the reverse of tagList.
func tagMapOf[T any](tags []T, of func(T) (key, value *string)) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		k, v := of(t)
		m[aws.ToString(k)] = aws.ToString(v)
	}
	return m
}

func (d Deps) readFunction(ctx context.Context, r *resource.Request, into reading) error {
	name := aws.String(r.PhysicalID)
	out, err := d.Functions.GetFunctionConfiguration(ctx, &awslambda.GetFunctionConfigurationInput{FunctionName: name})
	if err != nil {
		return err
	}
	into.fields(out, "FunctionName")
	concurrency, err := d.Functions.GetFunctionConcurrency(ctx, &awslambda.GetFunctionConcurrencyInput{FunctionName: name})
	if err != nil {
		return err
	}
	into.set("ReservedConcurrentExecutions", concurrency.ReservedConcurrentExecutions)
	tags, err := d.Functions.ListTags(ctx, &awslambda.ListTagsInput{Resource: out.FunctionArn})
	if err != nil {
		return err
	}
	into.tags(tags.Tags)
	return nil
}

func (d Deps) readVersion(ctx context.Context, r *resource.Request, into reading) error {
	in := &awslambda.GetFunctionConfigurationInput{}
	in.FunctionName, in.Qualifier = qualified(r.PhysicalID)
	out, err := d.Functions.GetFunctionConfiguration(ctx, in)
	if err != nil {
		return err
	}
	into.set("Description", out.Description)
	into.set("CodeSha256", out.CodeSha256)
	return nil
}

func (d Deps) readAlias(ctx context.Context, r *resource.Request, into reading) error {
	out, err := d.Functions.GetAlias(ctx, &awslambda.GetAliasInput{
		FunctionName: aws.String(stringOf(r.Properties, "FunctionName")), Name: aws.String(stringOf(r.Properties, "Name")),
	})
	if err != nil {
		return err
	}
	into.set("Description", out.Description)
	into.set("FunctionVersion", out.FunctionVersion)
	type weight struct {
		FunctionVersion string
		FunctionWeight  float64
	}
	var config struct{ AdditionalVersionWeights []weight }
	if out.RoutingConfig != nil {
		for _, version := range slices.Sorted(maps.Keys(out.RoutingConfig.AdditionalVersionWeights)) {
			config.AdditionalVersionWeights = append(config.AdditionalVersionWeights, weight{version, out.RoutingConfig.AdditionalVersionWeights[version]})
		}
	}
	into.set("RoutingConfig", config)
	return nil
}

// readPermission finds the statement. Lambda never changes one: it can only be gone.
func (d Deps) readPermission(ctx context.Context, r *resource.Request, into reading) error {
	in := &awslambda.GetPolicyInput{}
	in.FunctionName, in.Qualifier = qualified(stringOf(r.Properties, "FunctionName"))
	out, err := d.Functions.GetPolicy(ctx, in)
	if err != nil {
		return err
	}
	policy, _ := parsed(out.Policy).(map[string]any)
	statements, _ := policy["Statement"].([]any)
	for _, s := range statements {
		if s, _ := s.(map[string]any); s["Sid"] == r.PhysicalID {
			into.set("Action", s["Action"])
			return nil
		}
	}
	return resource.ErrGone
}

func (d Deps) readURL(ctx context.Context, r *resource.Request, into reading) error {
	in := &awslambda.GetFunctionUrlConfigInput{FunctionName: aws.String(stringOf(r.Properties, "TargetFunctionArn"))}
	if err := decodeProperty(r.Properties, "Qualifier", &in.Qualifier); err != nil {
		return err
	}
	out, err := d.Functions.GetFunctionUrlConfig(ctx, in)
	if err != nil {
		return err
	}
	into.fields(out)
	return nil
}

func (d Deps) readMapping(ctx context.Context, r *resource.Request, into reading) error {
	out, err := d.Functions.GetEventSourceMapping(ctx, &awslambda.GetEventSourceMappingInput{UUID: aws.String(r.PhysicalID)})
	if err != nil {
		return err
	}
	into.fields(out)
	into.set("Enabled", !strings.HasPrefix(aws.ToString(out.State), "Disabl"))
	return nil
}

func (d Deps) readEventInvokeConfig(ctx context.Context, r *resource.Request, into reading) error {
	in := &awslambda.GetFunctionEventInvokeConfigInput{FunctionName: aws.String(stringOf(r.Properties, "FunctionName"))}
	if err := decodeProperty(r.Properties, "Qualifier", &in.Qualifier); err != nil {
		return err
	}
	out, err := d.Functions.GetFunctionEventInvokeConfig(ctx, in)
	if err != nil {
		return err
	}
	into.fields(out)
	return nil
}

// policyText returns the value of a policy that IAM has encoded.
func policyText(encoded *string) any {
	text, err := url.QueryUnescape(aws.ToString(encoded))
	if err != nil {
		return aws.ToString(encoded)
	}
	return parsed(&text)
}

func (d Deps) readRole(ctx context.Context, r *resource.Request, into reading) error {
	name := aws.String(r.PhysicalID)
	out, err := d.Identities.GetRole(ctx, &awsiam.GetRoleInput{RoleName: name})
	if err != nil {
		return err
	}
	into.set("AssumeRolePolicyDocument", policyText(out.Role.AssumeRolePolicyDocument))
	into.set("Description", out.Role.Description)
	into.set("MaxSessionDuration", out.Role.MaxSessionDuration)
	into.set("Path", out.Role.Path)
	var boundary *string
	if out.Role.PermissionsBoundary != nil {
		boundary = out.Role.PermissionsBoundary.PermissionsBoundaryArn
	}
	into.set("PermissionsBoundary", boundary)
	into.tags(tagMapOf(out.Role.Tags, func(t iamtypes.Tag) (k, v *string) { return t.Key, t.Value }))
	if _, ok := r.Properties["ManagedPolicyArns"]; ok {
		attached, err := d.Identities.ListAttachedRolePolicies(ctx, &awsiam.ListAttachedRolePoliciesInput{RoleName: name})
		if err != nil {
			return err
		}
		own, err := stringsIn(r.Properties, "ManagedPolicyArns")
		if err != nil {
			return err
		}
		var live, arns []string
		for _, p := range attached.AttachedPolicies {
			arn := aws.ToString(p.PolicyArn)
			live = append(live, arn)
			if !slices.Contains(own, arn) && !elsewhere(r, "AWS::IAM::ManagedPolicy", aws.ToString(p.PolicyName)) {
				arns = append(arns, arn)
			}
		}
		for _, arn := range own {
			// The template may have a policy twice.
			if slices.Contains(live, arn) {
				arns = append(arns, arn)
			}
		}
		into.set("ManagedPolicyArns", arns)
	}
	if _, ok := r.Properties["Policies"]; !ok {
		return nil
	}
	own, err := embeddedPolicies(r.Properties)
	if err != nil {
		return err
	}
	listed, err := d.Identities.ListRolePolicies(ctx, &awsiam.ListRolePoliciesInput{RoleName: name})
	if err != nil {
		return err
	}
	type policy struct {
		PolicyName     string
		PolicyDocument any
	}
	policies := []policy{}
	for _, p := range listed.PolicyNames {
		if _, isOwn := own[p]; !isOwn && (elsewhere(r, "AWS::IAM::Policy", p) || elsewhere(r, "AWS::IAM::RolePolicy", p)) {
			continue
		}
		got, err := d.Identities.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{RoleName: name, PolicyName: &p})
		if err != nil {
			return err
		}
		policies = append(policies, policy{p, policyText(got.PolicyDocument)})
	}
	into.set("Policies", policies)
	return nil
}

// elsewhere reports whether another resource of the stack attaches a policy to a role.
// A managed policy without a name has one that begins with the stack's.
func elsewhere(r *resource.Request, typ, name string) bool {
	return slices.ContainsFunc(r.Others, func(o resource.Other) bool {
		if o.Type != typ {
			return false
		}
		roles, err := stringsIn(o.Properties, "Roles")
		if err != nil || !slices.Contains(roles, r.PhysicalID) && stringOf(o.Properties, "RoleName") != r.PhysicalID {
			return false
		}
		given := stringOf(o.Properties, "PolicyName")
		if typ == "AWS::IAM::ManagedPolicy" {
			given = stringOf(o.Properties, "ManagedPolicyName")
			return given == name || given == "" && strings.HasPrefix(name, r.StackName+"-")
		}
		return given == name
	})
}

func (d Deps) readInlinePolicy(ctx context.Context, r *resource.Request, into reading) error {
	got, err := d.Identities.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{
		RoleName: aws.String(stringOf(r.Properties, "RoleName")), PolicyName: aws.String(stringOf(r.Properties, "PolicyName")),
	})
	if err != nil {
		return err
	}
	into.set("PolicyDocument", policyText(got.PolicyDocument))
	return nil
}

func (d Deps) readRolePolicy(ctx context.Context, r *resource.Request, into reading) error {
	roles, err := stringsIn(r.Properties, "Roles")
	if err != nil {
		return err
	}
	with := []string{}
	into.set("PolicyDocument", r.Properties["PolicyDocument"])
	for _, role := range roles {
		got, err := d.Identities.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{RoleName: &role, PolicyName: aws.String(stringOf(r.Properties, "PolicyName"))})
		if err != nil && handlerCode(err) == "NotFound" {
			continue
		}
		if err != nil {
			return err
		}
		with = append(with, role)
		live := policyText(got.PolicyDocument)
		if len(resource.Compare("", r.Properties["PolicyDocument"], live)) > 0 {
			into.set("PolicyDocument", live)
		}
	}
	if len(with) == 0 && len(roles) > 0 {
		return resource.ErrGone
	}
	into.set("Roles", with)
	return nil
}

func (d Deps) readManagedPolicy(ctx context.Context, r *resource.Request, into reading) error {
	arn := aws.String(r.PhysicalID)
	out, err := d.Identities.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: arn})
	if err != nil {
		return err
	}
	version, err := d.Identities.GetPolicyVersion(ctx, &awsiam.GetPolicyVersionInput{PolicyArn: arn, VersionId: out.Policy.DefaultVersionId})
	if err != nil {
		return err
	}
	into.set("PolicyDocument", policyText(version.PolicyVersion.Document))
	into.set("Description", out.Policy.Description)
	if _, ok := r.Properties["Roles"]; !ok {
		return nil
	}
	attached, err := d.Identities.ListEntitiesForPolicy(ctx, &awsiam.ListEntitiesForPolicyInput{PolicyArn: arn})
	if err != nil {
		return err
	}
	roles := []string{}
	for _, role := range attached.PolicyRoles {
		roles = append(roles, aws.ToString(role.RoleName))
	}
	into.set("Roles", roles)
	return nil
}

func (d Deps) readKey(ctx context.Context, r *resource.Request, into reading) error {
	id := aws.String(r.PhysicalID)
	out, err := d.Keys.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: id})
	if err != nil {
		return err
	}
	if out.KeyMetadata.KeyState == kmstypes.KeyStatePendingDeletion {
		return resource.ErrGone
	}
	into.fields(out.KeyMetadata)
	policy, err := d.Keys.GetKeyPolicy(ctx, &awskms.GetKeyPolicyInput{KeyId: id})
	if err != nil {
		return err
	}
	into.set("KeyPolicy", parsed(policy.Policy))
	if _, ok := r.Properties["EnableKeyRotation"]; ok {
		rotation, err := d.Keys.GetKeyRotationStatus(ctx, &awskms.GetKeyRotationStatusInput{KeyId: id})
		if err != nil {
			return err
		}
		into.set("EnableKeyRotation", rotation.KeyRotationEnabled)
		into.set("RotationPeriodInDays", rotation.RotationPeriodInDays)
	}
	tags, err := d.Keys.ListResourceTags(ctx, &awskms.ListResourceTagsInput{KeyId: id})
	if err != nil {
		return err
	}
	into.tags(tagMapOf(tags.Tags, func(t kmstypes.Tag) (k, v *string) { return t.TagKey, t.TagValue }))
	return nil
}

func (d Deps) readKeyAlias(ctx context.Context, r *resource.Request, into reading) error {
	target := stringOf(r.Properties, "TargetKeyId")
	in := &awskms.ListAliasesInput{}
	for {
		out, err := d.Keys.ListAliases(ctx, in)
		if err != nil {
			return err
		}
		for _, a := range out.Aliases {
			if aws.ToString(a.AliasName) != r.PhysicalID {
				continue
			}
			// The template may have the key's id or its ARN.
			if id := aws.ToString(a.TargetKeyId); !strings.HasSuffix(target, id) {
				target = id
			}
			into.set("TargetKeyId", target)
			return nil
		}
		if !out.Truncated {
			return resource.ErrGone
		}
		in.Marker = out.NextMarker
	}
}

func (d Deps) readQueue(ctx context.Context, r *resource.Request, into reading) error {
	url := aws.String(r.PhysicalID)
	out, err := d.Queues.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil {
		return err
	}
	into.attributes(out.Attributes, append(queueProperties(), "FifoQueue")...)
	tags, err := d.Queues.ListQueueTags(ctx, &awssqs.ListQueueTagsInput{QueueUrl: url})
	if err != nil {
		return err
	}
	into.tags(tags.Tags)
	return nil
}

// sharedPolicies compares the policy of each topic or queue in a list.
func sharedPolicies(r *resource.Request, into reading, list string, policy func(id string) (string, error)) error {
	ids, err := stringsIn(r.Properties, list)
	if err != nil {
		return err
	}
	into.set("PolicyDocument", r.Properties["PolicyDocument"])
	for _, id := range ids {
		text, err := policy(id)
		if err != nil {
			return err
		}
		if live := parsed(&text); len(resource.Compare("", r.Properties["PolicyDocument"], live)) > 0 {
			into.set("PolicyDocument", live)
		}
	}
	return nil
}

func (d Deps) readQueuePolicy(ctx context.Context, r *resource.Request, into reading) error {
	return sharedPolicies(r, into, "Queues", func(url string) (string, error) {
		out, err := d.Queues.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNamePolicy}})
		if err != nil {
			return "", err
		}
		return out.Attributes["Policy"], nil
	})
}

func (d Deps) readTopicPolicy(ctx context.Context, r *resource.Request, into reading) error {
	return sharedPolicies(r, into, "Topics", func(arn string) (string, error) {
		out, err := d.Topics.GetTopicAttributes(ctx, &awssns.GetTopicAttributesInput{TopicArn: &arn})
		if err != nil {
			return "", err
		}
		return out.Attributes["Policy"], nil
	})
}

func (d Deps) readTopic(ctx context.Context, r *resource.Request, into reading) error {
	arn := aws.String(r.PhysicalID)
	out, err := d.Topics.GetTopicAttributes(ctx, &awssns.GetTopicAttributesInput{TopicArn: arn})
	if err != nil {
		return err
	}
	into.attributes(out.Attributes, topicAttributes...)
	tags, err := d.Topics.ListTagsForResource(ctx, &awssns.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil {
		return err
	}
	into.tags(tagMapOf(tags.Tags, func(t snstypes.Tag) (k, v *string) { return t.Key, t.Value }))
	if _, ok := r.Properties["Subscription"]; !ok {
		return nil
	}
	apart := map[topicSubscription]bool{}
	for _, o := range r.Others {
		if o.Type == "AWS::SNS::Subscription" && stringOf(o.Properties, "TopicArn") == r.PhysicalID {
			apart[topicSubscription{stringOf(o.Properties, "Endpoint"), stringOf(o.Properties, "Protocol")}] = true
		}
	}
	var own []topicSubscription
	if err := decodeProperty(r.Properties, "Subscription", &own); err != nil {
		return err
	}
	subscriptions := []topicSubscription{}
	in := &awssns.ListSubscriptionsByTopicInput{TopicArn: arn}
	for {
		out, err := d.Topics.ListSubscriptionsByTopic(ctx, in)
		if err != nil {
			return err
		}
		for _, s := range out.Subscriptions {
			t := topicSubscription{aws.ToString(s.Endpoint), aws.ToString(s.Protocol)}
			// Nobody can take back an unconfirmed subscription, so an update leaves it.
			if !apart[t] && (strings.HasPrefix(aws.ToString(s.SubscriptionArn), "arn:") || slices.Contains(own, t)) {
				subscriptions = append(subscriptions, t)
			}
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	into.set("Subscription", subscriptions)
	return nil
}

func (d Deps) readSubscription(ctx context.Context, r *resource.Request, into reading) error {
	out, err := d.Topics.GetSubscriptionAttributes(ctx, &awssns.GetSubscriptionAttributesInput{SubscriptionArn: aws.String(r.PhysicalID)})
	if err != nil {
		return err
	}
	into.attributes(out.Attributes, append(slices.Sorted(maps.Keys(subscriptionDefaults)), "Endpoint", "Protocol", "TopicArn")...)
	return nil
}

func (d Deps) readTable(ctx context.Context, r *resource.Request, into reading) error {
	name := aws.String(r.PhysicalID)
	out, err := d.Tables.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: name})
	if err != nil {
		return err
	}
	t := out.Table
	into.fields(t, "TableName", "BillingMode", "SSESpecification", "TableClass")
	billing := dynamodbtypes.BillingModeProvisioned
	if t.BillingModeSummary != nil {
		billing = t.BillingModeSummary.BillingMode
	}
	into.set("BillingMode", billing)
	class := dynamodbtypes.TableClassStandard
	if t.TableClassSummary != nil {
		class = t.TableClassSummary.TableClass
	}
	into.set("TableClass", class)
	var encryption dynamodbtypes.SSESpecification
	if err := decodeProperty(r.Properties, "SSESpecification", &encryption); err != nil {
		return err
	}
	wanted := aws.ToString(encryption.KMSMasterKeyId)
	encryption = dynamodbtypes.SSESpecification{}
	if t.SSEDescription != nil {
		encryption = dynamodbtypes.SSESpecification{
			Enabled: aws.Bool(t.SSEDescription.Status == dynamodbtypes.SSEStatusEnabled), SSEType: t.SSEDescription.SSEType, KMSMasterKeyId: t.SSEDescription.KMSMasterKeyArn,
		}
		// The template may have the key's id.
		if wanted != "" && strings.HasSuffix(aws.ToString(encryption.KMSMasterKeyId), "/"+wanted) {
			encryption.KMSMasterKeyId = &wanted
		}
	}
	into.set("SSESpecification", encryption)
	if _, ok := r.Properties["TimeToLiveSpecification"]; ok {
		ttl, err := d.Tables.DescribeTimeToLive(ctx, &awsdynamodb.DescribeTimeToLiveInput{TableName: name})
		if err != nil {
			return err
		}
		live := dynamodbtypes.TimeToLiveSpecification{AttributeName: ttl.TimeToLiveDescription.AttributeName}
		live.Enabled = aws.Bool(strings.HasPrefix(string(ttl.TimeToLiveDescription.TimeToLiveStatus), "ENABL"))
		if !*live.Enabled {
			live.AttributeName = nil
		}
		into.set("TimeToLiveSpecification", live)
	}
	if _, ok := r.Properties["PointInTimeRecoverySpecification"]; ok {
		backups, err := d.Tables.DescribeContinuousBackups(ctx, &awsdynamodb.DescribeContinuousBackupsInput{TableName: name})
		if err != nil {
			return err
		}
		live := dynamodbtypes.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(false)}
		if p := backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription; p != nil {
			live.PointInTimeRecoveryEnabled = aws.Bool(p.PointInTimeRecoveryStatus == dynamodbtypes.PointInTimeRecoveryStatusEnabled)
			live.RecoveryPeriodInDays = p.RecoveryPeriodInDays
		}
		into.set("PointInTimeRecoverySpecification", live)
	}
	tags, err := d.Tables.ListTagsOfResource(ctx, &awsdynamodb.ListTagsOfResourceInput{ResourceArn: t.TableArn})
	if err != nil {
		return err
	}
	into.tags(tagMapOf(tags.Tags, func(t dynamodbtypes.Tag) (k, v *string) { return t.Key, t.Value }))
	return nil
}

// readBucket asks for each property that the template sets. S3 has an error for a
// setting that a bucket does not have.
func (d Deps) readBucket(ctx context.Context, r *resource.Request, into reading) error {
	b, name := buckets{d}, aws.String(r.PhysicalID)
	if _, err := d.Buckets.GetBucketLocation(ctx, &awss3.GetBucketLocationInput{Bucket: name}); err != nil {
		return err
	}
	for property, get := range map[string]func() error{
		"VersioningConfiguration": func() error {
			out, err := d.Buckets.GetBucketVersioning(ctx, &awss3.GetBucketVersioningInput{Bucket: name})
			into.set("VersioningConfiguration", out)
			return err
		},
		"PublicAccessBlockConfiguration": func() error {
			out, err := d.Buckets.GetPublicAccessBlock(ctx, &awss3.GetPublicAccessBlockInput{Bucket: name})
			if err == nil {
				into.set("PublicAccessBlockConfiguration", out.PublicAccessBlockConfiguration)
			}
			return err
		},
		"OwnershipControls": func() error {
			out, err := d.Buckets.GetBucketOwnershipControls(ctx, &awss3.GetBucketOwnershipControlsInput{Bucket: name})
			if err == nil {
				into.set("OwnershipControls", out.OwnershipControls)
			}
			return err
		},
		"ObjectLockConfiguration": func() error {
			out, err := d.Buckets.GetObjectLockConfiguration(ctx, &awss3.GetObjectLockConfigurationInput{Bucket: name})
			if err == nil {
				into.set("ObjectLockConfiguration", out.ObjectLockConfiguration)
			}
			return err
		},
		"BucketEncryption": func() error {
			out, err := d.Buckets.GetBucketEncryption(ctx, &awss3.GetBucketEncryptionInput{Bucket: name})
			if err != nil {
				return err
			}
			return into.sent(b.encryption, out.ServerSideEncryptionConfiguration, nil)
		},
		"LifecycleConfiguration": func() error {
			out, err := d.Buckets.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: name})
			return into.sent(b.lifecycle, out, err)
		},
		"LoggingConfiguration": func() error {
			out, err := d.Buckets.GetBucketLogging(ctx, &awss3.GetBucketLoggingInput{Bucket: name})
			return into.sent(b.logging, out, err)
		},
		"NotificationConfiguration": func() error {
			out, err := d.Buckets.GetBucketNotificationConfiguration(ctx, &awss3.GetBucketNotificationConfigurationInput{Bucket: name})
			return into.sent(b.notifications, out, err)
		},
		"Tags": func() error {
			out, err := d.Buckets.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: name})
			if err == nil {
				into.tags(tagMapOf(out.TagSet, func(t s3types.Tag) (k, v *string) { return t.Key, t.Value }))
			}
			return err
		},
	} {
		if _, ok := r.Properties[property]; !ok {
			continue
		}
		switch err := get(); {
		case err != nil && handlerCode(err) == "NotFound":
			into.live[property] = nil
		case err != nil:
			return err
		}
	}
	return nil
}

// sent compares a setting of a bucket with what was sent to S3 for it.
func (r reading) sent(setting func(*resource.Request, *string) (bucketSetting, error), live any, err error) error {
	if err != nil {
		return err
	}
	s, err := setting(r.request, &r.request.PhysicalID)
	if err != nil {
		return err
	}
	r.api(s.property, s.sent, live)
	return nil
}

func (d Deps) readBucketPolicy(ctx context.Context, r *resource.Request, into reading) error {
	out, err := d.Buckets.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{Bucket: aws.String(r.PhysicalID)})
	if err != nil {
		return err
	}
	into.set("PolicyDocument", parsed(out.Policy))
	return nil
}

func (d Deps) readAlarm(ctx context.Context, r *resource.Request, into reading) error {
	out, err := d.Alarms.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{r.PhysicalID},
		AlarmTypes: []cloudwatchtypes.AlarmType{cloudwatchtypes.AlarmTypeMetricAlarm, cloudwatchtypes.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return err
	}
	var arn *string
	switch {
	case len(out.MetricAlarms) > 0:
		arn = out.MetricAlarms[0].AlarmArn
		into.fields(out.MetricAlarms[0], "AlarmName")
	case len(out.CompositeAlarms) > 0:
		arn = out.CompositeAlarms[0].AlarmArn
		into.fields(out.CompositeAlarms[0], "AlarmName")
	default:
		return resource.ErrGone
	}
	tags, err := d.Alarms.ListTagsForResource(ctx, &awscloudwatch.ListTagsForResourceInput{ResourceARN: arn})
	if err != nil {
		return err
	}
	into.tags(tagMapOf(tags.Tags, func(t cloudwatchtypes.Tag) (k, v *string) { return t.Key, t.Value }))
	return nil
}

func (d Deps) readLogGroup(ctx context.Context, r *resource.Request, into reading) error {
	in := &awslogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(r.PhysicalID)}
	for {
		out, err := d.Logs.DescribeLogGroups(ctx, in)
		if err != nil {
			return err
		}
		for _, g := range out.LogGroups {
			if aws.ToString(g.LogGroupName) != r.PhysicalID {
				continue
			}
			into.fields(g, "LogGroupName")
			tags, err := d.Logs.ListTagsForResource(ctx, &awslogs.ListTagsForResourceInput{ResourceArn: aws.String(d.Account.ARN("logs", "log-group:"+r.PhysicalID))})
			if err != nil {
				return err
			}
			into.tags(tags.Tags)
			return nil
		}
		if aws.ToString(out.NextToken) == "" {
			return resource.ErrGone
		}
		in.NextToken = out.NextToken
	}
}

func (d Deps) readParameter(ctx context.Context, r *resource.Request, into reading) error {
	out, err := d.Parameters.GetParameters(ctx, &awsssm.GetParametersInput{Names: []string{r.PhysicalID}})
	if err != nil {
		return err
	}
	if len(out.Parameters) == 0 {
		return resource.ErrGone
	}
	into.fields(out.Parameters[0], "Name")
	return nil
}

func (d Deps) readRule(ctx context.Context, r *resource.Request, into reading) error {
	bus, name := ruleNames(r.PhysicalID)
	out, err := d.Events.DescribeRule(ctx, &awseventbridge.DescribeRuleInput{Name: name, EventBusName: bus})
	if err != nil {
		return err
	}
	into.fields(out, "Name", "EventBusName", "EventPattern")
	into.set("EventPattern", parsed(out.EventPattern))
	if _, ok := r.Properties["Targets"]; !ok {
		return nil
	}
	targets, err := d.Events.ListTargetsByRule(ctx, &awseventbridge.ListTargetsByRuleInput{Rule: name, EventBusName: bus})
	if err != nil {
		return err
	}
	into.set("Targets", targets.Targets)
	return nil
}

func (d Deps) readApplication(ctx context.Context, r *resource.Request, into reading) error {
	out, err := d.Deployments.GetApplication(ctx, &awscodedeploy.GetApplicationInput{ApplicationName: aws.String(r.PhysicalID)})
	if err != nil {
		return err
	}
	into.set("ComputePlatform", out.Application.ComputePlatform)
	return nil
}

func (d Deps) readDeploymentGroup(ctx context.Context, r *resource.Request, into reading) error {
	out, err := d.Deployments.GetDeploymentGroup(ctx, &awscodedeploy.GetDeploymentGroupInput{
		ApplicationName: aws.String(stringOf(r.Properties, "ApplicationName")), DeploymentGroupName: aws.String(r.PhysicalID),
	})
	if err != nil {
		return err
	}
	into.fields(out.DeploymentGroupInfo, "ApplicationName", "DeploymentGroupName")
	return nil
}

func (d Deps) readDeploymentConfig(ctx context.Context, r *resource.Request, into reading) error {
	out, err := d.Deployments.GetDeploymentConfig(ctx, &awscodedeploy.GetDeploymentConfigInput{DeploymentConfigName: aws.String(r.PhysicalID)})
	if err != nil {
		return err
	}
	into.fields(out.DeploymentConfigInfo, "DeploymentConfigName")
	return nil
}
