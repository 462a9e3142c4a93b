package access

import (
	"context"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudformation "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// A World knows the names of resources that only their service can tell, and
// the resources' policies.
type World struct {
	Roles interface {
		GetRole(context.Context, *awsiam.GetRoleInput) (*awsiam.GetRoleOutput, error)
	}
	Keys interface {
		DescribeKey(context.Context, *awskms.DescribeKeyInput) (*awskms.DescribeKeyOutput, error)
		GetKeyPolicy(context.Context, *awskms.GetKeyPolicyInput) (*awskms.GetKeyPolicyOutput, error)
		ListAliases(context.Context, *awskms.ListAliasesInput) (*awskms.ListAliasesOutput, error)
		ListResourceTags(context.Context, *awskms.ListResourceTagsInput) (*awskms.ListResourceTagsOutput, error)
		// KeyOf returns the id of the key that encrypted a text.
		KeyOf(ciphertext []byte) (string, error)
	}
	Secrets interface {
		DescribeSecret(context.Context, *awssecretsmanager.DescribeSecretInput) (*awssecretsmanager.DescribeSecretOutput, error)
	}
	Stacks interface {
		DescribeStacks(context.Context, *awscloudformation.DescribeStacksInput) (*awscloudformation.DescribeStacksOutput, error)
	}
	Deployments interface {
		GetDeployment(context.Context, *awscodedeploy.GetDeploymentInput) (*awscodedeploy.GetDeploymentOutput, error)
	}
	Functions interface {
		GetPolicy(context.Context, *awslambda.GetPolicyInput) (*awslambda.GetPolicyOutput, error)
		GetEventSourceMapping(context.Context, *awslambda.GetEventSourceMappingInput) (*awslambda.GetEventSourceMappingOutput, error)
	}
	Buckets interface {
		GetBucketPolicy(context.Context, *awss3.GetBucketPolicyInput) (*awss3.GetBucketPolicyOutput, error)
		GetBucketEncryption(context.Context, *awss3.GetBucketEncryptionInput) (*awss3.GetBucketEncryptionOutput, error)
		HeadObject(context.Context, *awss3.HeadObjectInput) (*awss3.HeadObjectOutput, error)
	}
	Topics interface {
		GetTopicAttributes(context.Context, *awssns.GetTopicAttributesInput) (*awssns.GetTopicAttributesOutput, error)
	}
	Queues interface {
		// PolicyOf returns the policy of a queue by its ARN, or "" if it has none.
		PolicyOf(queueARN string) string
		// QueueOf returns the ARN of the queue whose messages a task moves, by the
		// task's handle.
		QueueOf(handle string) (string, error)
	}
	Streams interface {
		// StreamOf returns the ARN of the stream that an iterator reads.
		StreamOf(iterator string) (string, error)
	}
	Buses interface {
		// PolicyOf returns the policy of an event bus by its ARN, or "" if it has none.
		PolicyOf(busARN string) string
	}
	Repositories interface {
		GetRepositoryPolicy(context.Context, *awsecr.GetRepositoryPolicyInput) (*awsecr.GetRepositoryPolicyOutput, error)
	}
}

// A target is a resource of an operation.
type target struct {
	arn string
	// version says that the input names a version of an object.
	version bool
}

// action returns the action for the target. S3 has actions of their own for
// versions of objects.
func (t target) action(action string) string {
	if !t.version {
		return action
	}
	switch action {
	case "s3:GetObject", "s3:DeleteObject", "s3:GetObjectTagging", "s3:PutObjectTagging":
		return strings.Replace(action, "Object", "ObjectVersion", 1)
	default:
		return action
	}
}

// resources returns the resources that an operation uses. An operation that
// names none uses all of them, except for the tables of a transaction: each
// action of a transaction applies only to the items that need it.
func (g *Guard) resources(ctx context.Context, service string, o *operation, in any) []target {
	var targets []target
	seen := map[string]bool{}
	for _, e := range o.resources {
		for _, arn := range g.expand(ctx, service, e, in) {
			if !seen[arn] {
				seen[arn] = true
				targets = append(targets, target{arn: arn, version: e.kind == "object" && len(values(in, "VersionId")) > 0})
			}
		}
	}
	return targets
}

// expand returns the ARNs of an expression.
func (g *Guard) expand(ctx context.Context, service string, e expression, in any) []string {
	if e.kind == "*" {
		return []string{"*"}
	}
	first := values(in, e.fields[0])
	var rest []string
	for _, field := range e.fields[1:] {
		// Of several fields with an ARN, one is given.
		if e.kind == "arn" && len(first) == 0 {
			first = values(in, field)
			continue
		}
		rest = append(rest, value(in, field))
	}
	switch e.kind {
	case "object":
		return g.objects(in, e)
	case "deploymentgroup":
		return g.groups(first, in, e)
	case "ciphertext":
		return []string{g.cipherKey(ctx, first, rest[0])}
	}
	if len(first) == 0 && e.kind != "tables" {
		first = []string{""}
	}
	var arns []string
	for _, name := range first {
		arns = append(arns, g.arn(ctx, service, e.kind, name, rest))
	}
	return arns
}

// arn returns the ARN of a resource of a kind by its name. A name that is an ARN
// already stays as it is. Without a name, it is a pattern of all such resources.
func (g *Guard) arn(ctx context.Context, service, kind, name string, rest []string) string {
	a := g.account
	if kind != "function" && kind != "key" && kind != "stack" && kind != "secret" && kind != "build" && kind != "subscription" && kind != "index" && kind != "iterator" && strings.HasPrefix(name, "arn:") {
		return reportGroup(kind, name)
	}
	all := name
	if all == "" {
		all = "*"
	}
	switch kind {
	case "arn":
		return all
	case "alarm":
		return a.ARN("cloudwatch", "alarm:"+all)
	case "alias":
		return a.ARN("kms", all)
	case "application":
		return a.ARN("codedeploy", "application:"+all)
	case "bucket":
		return "arn:aws:s3:::" + all
	case "build":
		return g.build(all)
	case "bus":
		if name == "" {
			all = "default"
		}
		// The input may have the ARN.
		return a.ARN("events", "event-bus/"+strings.TrimPrefix(all, a.ARN("events", "event-bus/")))
	case "dashboard":
		return a.GlobalARN("cloudwatch", "dashboard/"+all)
	case "deployment":
		return g.deployment(ctx, name)
	case "deploymentconfig":
		return a.ARN("codedeploy", "deploymentconfig:"+all)
	case "function":
		return g.function(all, rest)
	case "group":
		return a.ARN("logs", "log-group:"+all+":log-stream:")
	case "index":
		return g.index(all, rest[0])
	case "iterator":
		return ofToken(a.ARN("dynamodb", "table/*/stream/*"), name, g.world.Streams.StreamOf)
	case "key":
		return g.key(ctx, all)
	case "mapping":
		return a.ARN("lambda", "event-source-mapping:"+all)
	case "parameter":
		if strings.HasPrefix(all, "/aws/service/") {
			// It is AWS's, not the account's.
			return "arn:aws:ssm:" + a.Region + "::parameter" + all
		}
		return a.ARN("ssm", "parameter/"+strings.TrimPrefix(all, "/"))
	case "pipeline":
		return a.ARN("codepipeline", strings.Join(append([]string{all}, rest...), "/"))
	case "policy":
		path := "/"
		if rest[0] != "" {
			path = rest[0]
		}
		return a.GlobalARN("iam", "policy"+path+all)
	case "project":
		return a.ARN("codebuild", "project/"+all)
	case "queue":
		return g.queue(name)
	case "report", "reportgroup":
		return a.ARN("codebuild", "report-group/"+all)
	case "repository":
		return a.ARN("ecr", "repository/"+all)
	case "role":
		return g.role(ctx, all)
	case "rule":
		if bus := rest[0]; bus != "" && bus != "default" {
			all = bus[strings.LastIndex(bus, "/")+1:] + "/" + all
		}
		return a.ARN("events", "rule/"+all)
	case "schedule":
		group := rest[0]
		if group == "" {
			group = "default"
		}
		return a.ARN("scheduler", "schedule/"+group+"/"+all)
	case "schedulegroup":
		return a.ARN("scheduler", "schedule-group/"+all)
	case "secret":
		return g.secret(ctx, all)
	case "stack":
		return g.stack(ctx, name)
	case "stream":
		return a.ARN("logs", "log-group:"+all+":log-stream:"+rest[0])
	case "subscription":
		return topicOf(name)
	case "table", "tables":
		return a.ARN("dynamodb", "table/"+all)
	case "task":
		return ofToken(a.ARN("sqs", "*"), name, g.world.Queues.QueueOf)
	case "topic":
		return a.ARN("sns", all)
	case "user":
		return a.GlobalARN("iam", "user/"+all)
	default:
		// A test expands every kind in the table.
		panic("no such kind of resource: " + service + " " + kind)
	}
}

// reportGroup returns the ARN of the report group of a report.
func reportGroup(kind, arn string) string {
	if kind != "report" {
		return arn
	}
	group, _, _ := strings.Cut(strings.Replace(arn, ":report/", ":report-group/", 1), ":report-group/")
	name, _, _ := strings.Cut(strings.TrimPrefix(arn[len(group):], ":report/"), ":")
	return group + ":report-group/" + name
}

// build returns the ARN of the project of a build, whose id is project:uuid.
func (g *Guard) build(id string) string {
	if i := strings.Index(id, ":build/"); i >= 0 {
		id = id[i+len(":build/"):]
	}
	project, _, _ := strings.Cut(id, ":")
	return g.account.ARN("codebuild", "project/"+project)
}

// topicOf returns the topic of a subscription.
func topicOf(subscription string) string {
	if strings.Count(subscription, ":") < 6 {
		return subscription
	}
	return subscription[:strings.LastIndex(subscription, ":")]
}

// index returns the ARN of an index of a table, or of the table if there is no
// index. The table may be given by its ARN.
func (g *Guard) index(table, name string) string {
	if !strings.HasPrefix(table, "arn:") {
		table = g.account.ARN("dynamodb", "table/"+table)
	}
	if name == "" {
		return table
	}
	return table + "/index/" + name
}

// queue returns the ARN of a queue by its URL or name.
func (g *Guard) queue(id string) string {
	name := "*"
	if id != "" {
		// The service refuses a URL that can't be read.
		if _, base, err := account.QueueOf(id); err == nil {
			name = base
		}
	}
	return g.account.ARN("sqs", name)
}

// ofToken returns the resource that a service has put into a token, or all if the
// token is not one of the service's.
func ofToken(all, token string, of func(string) (string, error)) string {
	if arn, err := of(token); err == nil {
		return arn
	}
	return all
}

// function returns the ARN of a function, with its qualifier if it has one. The
// name may be an ARN, or contain the account.
func (g *Guard) function(name string, rest []string) string {
	if strings.HasPrefix(name, "arn:") {
		if parts := strings.SplitN(name, ":", 7); len(parts) == 7 {
			name = parts[6]
		}
	} else if i := strings.Index(name, "function:"); i >= 0 {
		name = name[i+len("function:"):]
	}
	if len(rest) > 0 && rest[0] != "" && !strings.Contains(name, ":") {
		name += ":" + rest[0]
	}
	return g.account.ARN("lambda", "function:"+name)
}

func (g *Guard) objects(in any, e expression) []string {
	bucket := value(in, e.fields[0])
	keys := values(in, e.fields[1])
	if len(keys) == 0 {
		keys = []string{"*"}
	}
	var arns []string
	for _, key := range keys {
		arns = append(arns, "arn:aws:s3:::"+bucket+"/"+key)
	}
	return arns
}

func (g *Guard) groups(application []string, in any, e expression) []string {
	names := values(in, e.fields[1])
	if len(names) == 0 {
		names = []string{"*"}
	}
	app := strings.Join(application, "")
	if app == "" {
		app = "*"
	}
	var arns []string
	for _, name := range names {
		arns = append(arns, g.account.ARN("codedeploy", "deploymentgroup:"+app+"/"+name))
	}
	return arns
}

// What follows asks a service. If the resource does not exist, the ARN is made
// of the name.

func (g *Guard) role(ctx context.Context, name string) string {
	out, err := g.world.Roles.GetRole(ctx, &awsiam.GetRoleInput{RoleName: &name})
	if err != nil {
		return g.account.GlobalARN("iam", "role/"+name)
	}
	return aws.ToString(out.Role.Arn)
}

// mappedFunction returns the ARN of the function in a request about an event
// source mapping: that of the request, or else that of the mapping.
func (g *Guard) mappedFunction(ctx context.Context, in any) string {
	if name := value(in, "FunctionName"); name != "" {
		return g.function(name, nil)
	}
	out, err := g.world.Functions.GetEventSourceMapping(ctx, &awslambda.GetEventSourceMappingInput{UUID: aws.String(value(in, "UUID"))})
	if err != nil {
		return ""
	}
	return aws.ToString(out.FunctionArn)
}

func (g *Guard) key(ctx context.Context, id string) string {
	out, err := g.world.Keys.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: &id})
	switch {
	case err == nil:
		return aws.ToString(out.KeyMetadata.Arn)
	case strings.HasPrefix(id, "arn:"):
		return id
	case strings.HasPrefix(id, "alias/"):
		return g.account.ARN("kms", id)
	default:
		return g.account.ARN("kms", "key/"+id)
	}
}

// cipherKey returns the key of a text to be decrypted.
func (g *Guard) cipherKey(ctx context.Context, ciphertext []string, id string) string {
	if owner, err := g.world.Keys.KeyOf([]byte(strings.Join(ciphertext, ""))); err == nil {
		id = owner
	}
	return g.key(ctx, id)
}

func (g *Guard) aliases(ctx context.Context, id string) []string {
	key, err := g.world.Keys.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return nil
	}
	out, err := g.world.Keys.ListAliases(ctx, &awskms.ListAliasesInput{KeyId: key.KeyMetadata.KeyId})
	if err != nil {
		return nil
	}
	var names []string
	for _, a := range out.Aliases {
		names = append(names, aws.ToString(a.AliasName))
	}
	return names
}

// keyTags adds the tags of a key to the condition keys.
func (g *Guard) keyTags(ctx context.Context, c policy.Context, id string) {
	key, err := g.world.Keys.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return
	}
	out, err := g.world.Keys.ListResourceTags(ctx, &awskms.ListResourceTagsInput{KeyId: key.KeyMetadata.KeyId})
	if err != nil {
		return
	}
	for _, tag := range out.Tags {
		c.Set("aws:ResourceTag/"+aws.ToString(tag.TagKey), aws.ToString(tag.TagValue))
	}
}

// boundaryOf returns the ARN of a role's permissions boundary, or "".
func (g *Guard) boundaryOf(ctx context.Context, role string) string {
	got, err := g.world.Roles.GetRole(ctx, &awsiam.GetRoleInput{RoleName: &role})
	if err != nil || got.Role.PermissionsBoundary == nil {
		return ""
	}
	return aws.ToString(got.Role.PermissionsBoundary.PermissionsBoundaryArn)
}

func (g *Guard) secret(ctx context.Context, id string) string {
	out, err := g.world.Secrets.DescribeSecret(ctx, &awssecretsmanager.DescribeSecretInput{SecretId: &id})
	switch {
	case err == nil:
		return aws.ToString(out.ARN)
	case strings.HasPrefix(id, "arn:"):
		return id
	default:
		return g.account.ARN("secretsmanager", "secret:"+id)
	}
}

func (g *Guard) stack(ctx context.Context, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	if name == "" {
		return g.account.ARN("cloudformation", "stack/*/*")
	}
	out, err := g.world.Stacks.DescribeStacks(ctx, &awscloudformation.DescribeStacksInput{StackName: &name})
	if err != nil || len(out.Stacks) == 0 {
		return g.account.ARN("cloudformation", "stack/"+name+"/*")
	}
	return aws.ToString(out.Stacks[0].StackId)
}

// deployment returns the deployment group of a deployment.
func (g *Guard) deployment(ctx context.Context, id string) string {
	out, err := g.world.Deployments.GetDeployment(ctx, &awscodedeploy.GetDeploymentInput{DeploymentId: &id})
	application, group := "*", "*"
	if err == nil && out.DeploymentInfo != nil {
		application, group = aws.ToString(out.DeploymentInfo.ApplicationName), aws.ToString(out.DeploymentInfo.DeploymentGroupName)
	}
	return g.account.ARN("codedeploy", "deploymentgroup:"+application+"/"+group)
}

// resourcePolicy returns the policy of a resource, and whether nothing is
// allowed without it.
func (g *Guard) resourcePolicy(ctx context.Context, arn string) (_ *policy.Policy, required bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return nil, false
	}
	var document *string
	switch service, resource := parts[2], parts[5]; {
	case service == "s3":
		bucket, _, _ := strings.Cut(resource, "/")
		if out, err := g.world.Buckets.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{Bucket: &bucket}); err == nil {
			document = out.Policy
		}
	case service == "kms" && strings.HasPrefix(resource, "key/"):
		out, err := g.world.Keys.GetKeyPolicy(ctx, &awskms.GetKeyPolicyInput{KeyId: &arn})
		if err != nil {
			// There is no such key.
			return nil, false
		}
		return g.parse("the key's policy", aws.ToString(out.Policy)), true
	case service == "lambda" && strings.HasPrefix(resource, "function:"):
		if out, err := g.world.Functions.GetPolicy(ctx, &awslambda.GetPolicyInput{FunctionName: &arn}); err == nil {
			document = out.Policy
		}
	case service == "sns":
		if out, err := g.world.Topics.GetTopicAttributes(ctx, &awssns.GetTopicAttributesInput{TopicArn: &arn}); err == nil {
			document = aws.String(out.Attributes["Policy"])
		}
	case service == "sqs":
		document = aws.String(g.world.Queues.PolicyOf(arn))
	case service == "events" && strings.HasPrefix(resource, "event-bus/"):
		document = aws.String(g.world.Buses.PolicyOf(arn))
	case service == "ecr" && strings.HasPrefix(resource, "repository/"):
		name := strings.TrimPrefix(resource, "repository/")
		if out, err := g.world.Repositories.GetRepositoryPolicy(ctx, &awsecr.GetRepositoryPolicyInput{RepositoryName: &name}); err == nil {
			document = out.PolicyText
		}
	}
	return g.parse("the resource's policy", aws.ToString(document)), false
}

// encryptionContext returns the encryption context in an input of KMS.
func encryptionContext(in any) map[string]string {
	v := reflect.ValueOf(in)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	field := v.FieldByName("EncryptionContext")
	if !field.IsValid() {
		return nil
	}
	pairs, _ := reflect.TypeAssert[map[string]string](field)
	return pairs
}
