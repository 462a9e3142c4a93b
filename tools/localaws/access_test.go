package localaws_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/access"
)

const trusted = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`

// makeRole creates a role with an inline policy of the given statements.
func makeRole(t testing.TB, cfg aws.Config, name, trust, statements string) string {
	t.Helper()
	c := iam.NewFromConfig(cfg)
	role, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	if statements != "" {
		if _, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: &name, PolicyName: aws.String("inline"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + statements + `]}`),
		}); err != nil {
			t.Fatal(err)
		}
	}
	return *role.Role.Arn
}

// assume returns the configuration of clients with a role's credentials.
func assume(t *testing.T, cfg aws.Config, in *sts.AssumeRoleInput) aws.Config {
	t.Helper()
	in.RoleSessionName = aws.String("s1")
	out, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return cfg
}

// refused returns the code and message of an error of an API.
func refused(err error) string {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return api.ErrorCode() + ": " + api.ErrorMessage()
}

// TestAccess calls services as a role, and expects AWS's refusals in the form of
// each protocol.
func TestAccess(t *testing.T) {
	t.Parallel()
	server := serve(t, clock.NewElastic(1))
	admin := clientsOf(server)
	ctx := t.Context()
	const session = "User: arn:aws:sts::000000000000:assumed-role/reader/s1 is not authorized to perform: "
	arn := makeRole(t, admin, "reader", trusted, `
		{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*"},
		{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket","Condition":{"StringLike":{"s3:prefix":"a/*"}}},
		{"Effect":"Allow","Action":["ssm:GetParameter","ssm:PutParameter"],"Resource":"arn:aws:ssm:*:*:parameter/app/*"},
		{"Effect":"Deny","Action":"ssm:PutParameter","Resource":"*"},
		{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/app"}}},
		{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:us-east-1:000000000000:secret:app-??????"},
		{"Effect":"Allow","Action":["lambda:CreateFunction","iam:GetRole"],"Resource":"*"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"codebuild.amazonaws.com"}}},
		{"Effect":"Allow","Action":"sns:TagResource","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}}`)
	if _, err := iam.NewFromConfig(admin).TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("reader"), Tags: []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(admin).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("bucket")}); err != nil {
		t.Fatal(err)
	}
	key, err := kms.NewFromConfig(admin).CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kms.NewFromConfig(admin).CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/app"), TargetKeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	secret, err := secretsmanager.NewFromConfig(admin).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("x")})
	if err != nil {
		t.Fatal(err)
	}
	topic, err := sns.NewFromConfig(admin).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("news")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := assume(t, admin, &sts.AssumeRoleInput{RoleArn: &arn})
	objects, parameters, keys := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), ssm.NewFromConfig(cfg), kms.NewFromConfig(cfg)
	parameter := func(name string) *ssm.PutParameterInput {
		return &ssm.PutParameterInput{Name: &name, Value: aws.String("v"), Type: "String"}
	}
	if _, err := ssm.NewFromConfig(admin).PutParameter(ctx, parameter("/app/x")); err != nil {
		t.Fatal(err)
	}
	tag := func(key string) error {
		_, err := sns.NewFromConfig(cfg).TagResource(ctx, &sns.TagResourceInput{ResourceArn: topic.TopicArn, Tags: snsTags(key)})
		return err
	}
	for _, test := range []struct {
		name string
		call func() error
		want string // "<nil>" if it is allowed
	}{
		{"an object below the role's tag", func() error {
			_, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a/x"), Body: strings.NewReader("x")})
			return err
		}, "<nil>"},
		{"another object", func() error {
			_, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("b/x")})
			return err
		}, "AccessDenied: " + session + "s3:GetObject on resource: arn:aws:s3:::bucket/b/x because no identity-based policy allows the s3:GetObject action"},
		{"a version of an object", func() error {
			_, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a/x"), VersionId: aws.String("null")})
			return err
		}, "AccessDenied: " + session + "s3:GetObjectVersion on resource: arn:aws:s3:::bucket/a/x because no identity-based policy allows the s3:GetObjectVersion action"},
		{"a list of a prefix", func() error {
			_, err := objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bucket"), Prefix: aws.String("a/")})
			return err
		}, "<nil>"},
		{"a list of everything", func() error {
			_, err := objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bucket")})
			return err
		}, "AccessDenied: " + session + "s3:ListBucket on resource: arn:aws:s3:::bucket because no identity-based policy allows the s3:ListBucket action"},
		{"a parameter", func() error {
			_, err := parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/x")})
			return err
		}, "<nil>"},
		{"an explicit deny", func() error { _, err := parameters.PutParameter(ctx, parameter("/app/x")); return err },
			"AccessDeniedException: " + session + "ssm:PutParameter on resource: arn:aws:ssm:us-east-1:000000000000:parameter/app/x with an explicit deny in an identity-based policy"},
		{"a key by its alias", func() error {
			_, err := keys.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String("alias/app"), Plaintext: []byte("x")})
			return err
		}, "<nil>"},
		{"a key by its id", func() error {
			_, err := keys.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("x")})
			return err
		}, "AccessDeniedException: " + session + "kms:Encrypt on resource: " + *key.KeyMetadata.Arn + " because no identity-based policy allows the kms:Encrypt action"},
		{"a secret by its name", func() error {
			_, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: secret.Name})
			return err
		}, "<nil>"},
		{"a role passed to another service", func() error {
			_, err := lambda.NewFromConfig(cfg).CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: aws.String("f"), Role: &arn, Code: &lambdatypes.FunctionCode{ZipFile: []byte("x")}})
			return err
		}, "AccessDeniedException: " + session + "iam:PassRole on resource: " + arn + " because no identity-based policy allows the iam:PassRole action"},
		{"awsQuery", func() error { _, err := iam.NewFromConfig(cfg).ListRoles(ctx, &iam.ListRolesInput{}); return err },
			"AccessDenied: " + session + "iam:ListRoles because no identity-based policy allows the iam:ListRoles action"},
		{"SNS", func() error {
			_, err := sns.NewFromConfig(cfg).Publish(ctx, &sns.PublishInput{TopicArn: topic.TopicArn, Message: aws.String("x")})
			return err
		}, "AuthorizationError: " + session + "SNS:Publish on resource: " + *topic.TopicArn + " because no identity-based policy allows the SNS:Publish action"},
		{"a tag with a key that is allowed", func() error { return tag("team") }, "<nil>"},
		{"a tag with another key", func() error { return tag("cost") },
			"AuthorizationError: " + session + "SNS:TagResource on resource: " + *topic.TopicArn + " because no identity-based policy allows the SNS:TagResource action"},
		{"what needs no permission", func() error { _, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil); return err }, "<nil>"},
	} {
		if got := refused(test.call()); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}

	// A resource's policy can allow what the role's do not, and deny what they allow.
	setPolicy := func(statement string) {
		t.Helper()
		if _, err := s3.NewFromConfig(admin).PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String("bucket"), Policy: aws.String(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)}); err != nil {
			t.Fatal(err)
		}
	}
	get := func(key string) string {
		_, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: &key})
		return refused(err)
	}
	setPolicy(`{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]}`)
	if got := get("b/x"); !strings.HasPrefix(got, "NoSuchKey") {
		t.Errorf("the bucket's policy allows it: %s", got)
	}
	setPolicy(`{"Effect":"Deny","Principal":"*","NotAction":"s3:PutBucketPolicy","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalArn":"` + arn + `x"}}}`)
	if got := get("a/x"); !strings.HasSuffix(got, "s3:GetObject on resource: arn:aws:s3:::bucket/a/x with an explicit deny in a resource-based policy") {
		t.Errorf("the bucket's policy denies it: %s", got)
	}

	// The report has what was used, what was not, and what would allow the rest.
	for _, r := range server.Access().Roles {
		if r.Principal != arn {
			continue
		}
		// Three of the statements that were used are the bucket's and the key's.
		if len(r.Used) != 11 || len(r.Unused) != 1 {
			t.Errorf("%d statements were used and %d were not", len(r.Used), len(r.Unused))
		}
		var listed []string
		for _, f := range r.Refused {
			listed = append(listed, f.Action+" "+string(f.Allow))
		}
		if len(listed) != 10 || !strings.Contains(strings.Join(listed, "\n"), `iam:PassRole {"Effect":"Allow","Action":"iam:PassRole","Resource":"`+arn+`"}`) {
			t.Errorf("refused\n%s", strings.Join(listed, "\n"))
		}
		// Without the one statement that allows a call, it is refused.
		for _, used := range r.Used {
			if !strings.Contains(string(used.Statement), "ssm:GetParameter") {
				continue
			}
			if used.Alone != used.Calls {
				t.Errorf("%d of %d calls needed %s", used.Alone, used.Calls, used.Statement)
			}
			server.Without(arn, string(used.Statement))
			_, err := parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/x")})
			if got := refused(err); !strings.Contains(got, "no identity-based policy allows the ssm:GetParameter action") {
				t.Errorf("without %s: %s", used.Statement, got)
			}
			server.Without("", "")
			if _, err := parameters.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/app/x")}); err != nil {
				t.Errorf("with all statements again: %v", err)
			}
		}
	}
}

// TestQueuesAndTables holds that a role may use the queues, tables, indexes and
// streams that its policy names, and no others.
func TestQueuesAndTables(t *testing.T) {
	t.Parallel()
	server := serve(t, clock.NewElastic(1))
	admin, ctx := clientsOf(server), t.Context()
	const (
		own      = "arn:aws:dynamodb:us-east-1:000000000000:table/own"
		ownQueue = "arn:aws:sqs:us-east-1:000000000000:own"
	)
	arn := makeRole(t, admin, "worker", trusted, `
		{"Effect":"Allow","Action":["sqs:SendMessage","sqs:GetQueueUrl","sqs:StartMessageMoveTask","sqs:CancelMessageMoveTask"],"Resource":"`+ownQueue+`"},
		{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:BatchGetItem","dynamodb:Query","dynamodb:Scan"],"Resource":"`+own+`"},
		{"Effect":"Allow","Action":"dynamodb:PutItem","Resource":"`+own+`","Condition":{"StringEquals":{"dynamodb:EnclosingOperation":"TransactWriteItems"}}},
		{"Effect":"Allow","Action":"dynamodb:Scan","Resource":"`+own+`/index/*"},
		{"Effect":"Allow","Action":["dynamodb:GetShardIterator","dynamodb:GetRecords"],"Resource":"`+own+`/stream/*"},
		{"Effect":"Allow","Action":"lambda:CreateEventSourceMapping","Resource":"*","Condition":{"ArnLike":{"lambda:FunctionArn":"arn:aws:lambda:*:*:function:own"}}}`)
	queues, tables := sqs.NewFromConfig(admin), dynamodb.NewFromConfig(admin)
	streams, urls := map[string]*string{}, map[string]*string{}
	for _, name := range []string{"own", "other"} {
		queue, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name})
		if err != nil {
			t.Fatal(err)
		}
		urls[name] = queue.QueueUrl
		table, err := tables.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName: &name, BillingMode: dynamodbtypes.BillingModePayPerRequest,
			AttributeDefinitions: []dynamodbtypes.AttributeDefinition{
				{AttributeName: aws.String("id"), AttributeType: "S"}, {AttributeName: aws.String("at"), AttributeType: "S"},
			},
			KeySchema: []dynamodbtypes.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
			GlobalSecondaryIndexes: []dynamodbtypes.GlobalSecondaryIndex{{
				IndexName: aws.String("byTime"), KeySchema: []dynamodbtypes.KeySchemaElement{{AttributeName: aws.String("at"), KeyType: "HASH"}},
				Projection: &dynamodbtypes.Projection{ProjectionType: "ALL"},
			}},
			StreamSpecification: &dynamodbtypes.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: "KEYS_ONLY"},
		})
		if err != nil {
			t.Fatal(err)
		}
		streams[name] = table.TableDescription.LatestStreamArn
		if err := dynamodb.NewTableExistsWaiter(tables).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	// The other queue is the dead-letter queue of the own one.
	if _, err := queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: urls["own"], Attributes: map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:other","maxReceiveCount":1}`,
	}}); err != nil {
		t.Fatal(err)
	}
	cfg := assume(t, admin, &sts.AssumeRoleInput{RoleArn: &arn})
	queues, tables = sqs.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg)
	iterator := func(cfg aws.Config, name string) (*string, error) {
		c := dynamodbstreams.NewFromConfig(cfg)
		stream, err := dynamodbstreams.NewFromConfig(admin).DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: streams[name]})
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
			StreamArn: streams[name], ShardId: stream.StreamDescription.Shards[0].ShardId, ShardIteratorType: "TRIM_HORIZON",
		})
		if err != nil {
			return nil, err
		}
		return out.ShardIterator, nil
	}
	key := map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: "1"}}
	keys := dynamodbtypes.KeysAndAttributes{Keys: []map[string]dynamodbtypes.AttributeValue{key}}
	for _, test := range []struct {
		name string
		call func(name string) error
		// What is refused for the resource with the name "other".
		action, resource string
	}{
		{"a message", func(name string) error {
			_, err := queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: urls[name], MessageBody: aws.String("x")})
			return err
		}, "sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:other"},
		{"messages", func(name string) error {
			_, err := queues.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: urls[name], Entries: []sqstypes.SendMessageBatchRequestEntry{{Id: aws.String("1"), MessageBody: aws.String("x")}}})
			return err
		}, "sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:other"},
		{"a queue by its name", func(name string) error {
			_, err := queues.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
			return err
		}, "sqs:GetQueueUrl", "arn:aws:sqs:us-east-1:000000000000:other"},
		{"an item", func(name string) error {
			_, err := tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: &name, Key: key})
			return err
		}, "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:000000000000:table/other"},
		{"items of several tables", func(name string) error {
			_, err := tables.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]dynamodbtypes.KeysAndAttributes{"own": keys, name: keys}})
			return err
		}, "dynamodb:BatchGetItem", "arn:aws:dynamodb:us-east-1:000000000000:table/other"},
		{"a scan of an index", func(name string) error {
			_, err := tables.Scan(ctx, &dynamodb.ScanInput{TableName: &name, IndexName: aws.String("byTime")})
			return err
		}, "dynamodb:Scan", "arn:aws:dynamodb:us-east-1:000000000000:table/other/index/byTime"},
		{"a transaction that writes", func(name string) error {
			_, err := tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []dynamodbtypes.TransactWriteItem{{Put: &dynamodbtypes.Put{TableName: &name, Item: key}}}})
			return err
		}, "dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:000000000000:table/other"},
		{"a transaction that reads", func(name string) error {
			_, err := tables.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []dynamodbtypes.TransactGetItem{{Get: &dynamodbtypes.Get{TableName: &name, Key: key}}}})
			return err
		}, "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:000000000000:table/other"},
		{"a place in a stream", func(name string) error {
			_, err := iterator(cfg, name)
			return err
		}, "dynamodb:GetShardIterator", *streams["other"]},
		{"the records of a stream", func(name string) error {
			place, err := iterator(admin, name)
			if err != nil {
				t.Fatal(err)
			}
			// The part in clear text counts for nothing.
			_, encoded, _ := strings.Cut(*place, "|1|")
			_, err = dynamodbstreams.NewFromConfig(cfg).GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: aws.String(*streams["own"] + "|1|" + encoded)})
			return err
		}, "dynamodb:GetRecords", *streams["other"]},
	} {
		if got := refused(test.call("own")); got != "<nil>" {
			t.Errorf("%s: %s", test.name, got)
		}
		if got, want := refused(test.call("other")), test.action+" on resource: "+test.resource+" because no identity-based policy allows the "+test.action+" action"; !strings.HasSuffix(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, want)
		}
	}
	for name, test := range map[string]struct {
		call func() error
		want string
	}{
		"a query of an index, with the table's permission": {func() error {
			_, err := tables.Query(ctx, &dynamodb.QueryInput{TableName: aws.String("own"), IndexName: aws.String("byTime")})
			return err
		}, "dynamodb:Query on resource: " + own + "/index/byTime because no identity-based policy allows the dynamodb:Query action"},
		"an item outside a transaction": {func() error {
			_, err := tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("own"), Item: key})
			return err
		}, "dynamodb:PutItem on resource: " + own + " because no identity-based policy allows the dynamodb:PutItem action"},
		"a deletion in a transaction": {func() error {
			_, err := tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []dynamodbtypes.TransactWriteItem{
				{Put: &dynamodbtypes.Put{TableName: aws.String("own"), Item: key}}, {Delete: &dynamodbtypes.Delete{TableName: aws.String("own"), Key: key}},
			}})
			return err
		}, "dynamodb:DeleteItem on resource: " + own + " because no identity-based policy allows the dynamodb:DeleteItem action"},
		"a task of another queue": {func() error {
			task, err := sqs.NewFromConfig(admin).StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:other")})
			if err != nil {
				t.Fatal(err)
			}
			_, err = queues.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: task.TaskHandle})
			return err
		}, "sqs:CancelMessageMoveTask on resource: arn:aws:sqs:us-east-1:000000000000:other because no identity-based policy allows the sqs:CancelMessageMoveTask action"},
		"a mapping of another function": {func() error {
			_, err := lambda.NewFromConfig(cfg).CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("other"), EventSourceArn: aws.String(ownQueue)})
			return err
		}, "lambda:CreateEventSourceMapping because no identity-based policy allows the lambda:CreateEventSourceMapping action"},
		"a mapping of a function that does not exist": {func() error {
			_, err := lambda.NewFromConfig(cfg).CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{FunctionName: aws.String("own"), EventSourceArn: aws.String(ownQueue)})
			return err
		}, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:own"},
	} {
		if got := refused(test.call()); !strings.HasSuffix(got, test.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, test.want)
		}
	}

	// A queue's policy can allow what the role's do not, and deny what they allow.
	for effect, want := range map[string]string{"Allow": "<nil>", "Deny": "with an explicit deny in a resource-based policy"} {
		name := map[string]string{"Allow": "other", "Deny": "own"}[effect]
		if _, err := sqs.NewFromConfig(admin).SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: urls[name], Attributes: map[string]string{
			"Policy": `{"Version":"2012-10-17","Statement":{"Effect":"` + effect + `","Principal":{"AWS":"` + arn + `"},"Action":"sqs:SendMessage","Resource":"*"}}`,
		}}); err != nil {
			t.Fatal(err)
		}
		_, err := queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: urls[name], MessageBody: aws.String("x")})
		if got := refused(err); !strings.HasSuffix(got, want) {
			t.Errorf("the queue's policy says %s: %s", effect, got)
		}
	}
	if got := server.Access().ByName; len(got) > 0 {
		t.Errorf("evaluated without their resources: %v", got)
	}
}

// TestKeysOfObjects holds that who reads and writes encrypted objects needs the
// key, by way of S3 only.
func TestKeysOfObjects(t *testing.T) {
	t.Parallel()
	admin := start(t)
	ctx := t.Context()
	arn := makeRole(t, admin, "user", trusted, `{"Effect":"Allow","Action":"s3:*","Resource":"*"},
		{"Effect":"Allow","Action":["kms:GenerateDataKey","kms:Encrypt"],"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}}}`)
	key, err := kms.NewFromConfig(admin).CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := key.KeyMetadata.Arn
	store := s3.NewFromConfig(admin)
	if _, err := store.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("sealed")}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: aws.String("sealed"), ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{
		Rules: []s3types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAwsKms, KMSMasterKeyID: id}}},
	}}); err != nil {
		t.Fatal(err)
	}
	cfg := assume(t, admin, &sts.AssumeRoleInput{RoleArn: &arn})
	objects := s3.NewFromConfig(cfg)
	if _, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("sealed"), Key: aws.String("x"), Body: strings.NewReader("x")}); err != nil {
		t.Errorf("writing: %v", err)
	}
	_, err = objects.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("sealed"), Key: aws.String("x")})
	if got := refused(err); !strings.HasSuffix(got, "is not authorized to perform: kms:Decrypt on resource: "+*id+" because no identity-based policy allows the kms:Decrypt action") {
		t.Errorf("reading: %s", got)
	}
	_, err = kms.NewFromConfig(cfg).Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")})
	if got := refused(err); !strings.HasPrefix(got, "AccessDeniedException") {
		t.Errorf("without S3: %s", got)
	}
}

// TestTrust assumes roles whose trust policies name callers, and sessions whose
// policies and tags limit them.
func TestTrust(t *testing.T) {
	t.Parallel()
	s := startStepped(t)
	cfg := s.aws
	ctx := t.Context()
	tokens := sts.NewFromConfig(cfg)
	names := func(principal, condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole","Condition":` + condition + `}]}`
	}
	makeRole(t, cfg, "service", names(`{"Service":"lambda.amazonaws.com"}`, `{}`), "")
	makeRole(t, cfg, "external", names(`{"AWS":"000000000000"}`, `{"StringEquals":{"sts:ExternalId":"42"}}`), "")
	makeRole(t, cfg, "tagged", strings.Replace(names(`{"AWS":"000000000000"}`, `{}`), `"sts:AssumeRole"`, `["sts:AssumeRole","sts:TagSession"]`, 1),
		`{"Effect":"Allow","Action":["sts:AssumeRole","iam:List*"],"Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"a"}}}`)
	makeRole(t, cfg, "next", names(`{"AWS":"arn:aws:iam::000000000000:role/tagged"}`, `{}`), "")
	role := func(name string) *string { return aws.String("arn:aws:iam::000000000000:role/" + name) }
	const user = "User: arn:aws:iam::000000000000:user/rehearsal is not authorized to perform: "
	for _, test := range []struct {
		name string
		in   sts.AssumeRoleInput
		want string
	}{
		{"a service's role", sts.AssumeRoleInput{RoleArn: role("service")}, "AccessDenied: " + user + "sts:AssumeRole because no role trust policy allows the sts:AssumeRole action"},
		{"without the external id", sts.AssumeRoleInput{RoleArn: role("external")}, "AccessDenied: " + user + "sts:AssumeRole because no role trust policy allows the sts:AssumeRole action"},
		{"with the external id", sts.AssumeRoleInput{RoleArn: role("external"), ExternalId: aws.String("42")}, "<nil>"},
		{"tags that are not trusted", sts.AssumeRoleInput{RoleArn: role("external"), ExternalId: aws.String("42"), Tags: teamTag()}, "AccessDenied: " + user + "sts:TagSession because no role trust policy allows the sts:TagSession action"},
		{"a session policy that is none", sts.AssumeRoleInput{RoleArn: role("tagged"), Policy: aws.String("{}")}, "MalformedPolicyDocument: Syntax errors in policy."},
	} {
		test.in.RoleSessionName = aws.String("s1")
		_, err := tokens.AssumeRole(ctx, &test.in)
		if got := refused(err); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}

	list := func(cfg aws.Config) string {
		_, err := iam.NewFromConfig(cfg).ListRoles(ctx, &iam.ListRolesInput{})
		got, _, _ := strings.Cut(refused(err), ":")
		return got
	}
	untagged := assume(t, cfg, &sts.AssumeRoleInput{RoleArn: role("tagged")})
	tagged := assume(t, cfg, &sts.AssumeRoleInput{RoleArn: role("tagged"), Tags: teamTag()})
	limited := assume(t, cfg, &sts.AssumeRoleInput{
		RoleArn: role("tagged"), Tags: teamTag(), Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`),
	})
	got := []string{list(untagged), list(tagged), list(limited)}
	if diff := cmp.Diff([]string{"AccessDenied", "<nil>", "AccessDenied"}, got); diff != "" {
		t.Error(diff)
	}
	// A role may assume a role that trusts it, for an hour at most.
	assume(t, tagged, &sts.AssumeRoleInput{RoleArn: role("next")})
	_, err := sts.NewFromConfig(tagged).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role("next"), RoleSessionName: aws.String("s1"), DurationSeconds: aws.Int32(3601)})
	if got := refused(err); !strings.HasPrefix(got, "ValidationError: The requested DurationSeconds exceeds") {
		t.Errorf("a longer session: %s", got)
	}
	// Credentials end on AWS's clock.
	s.clock.Advance(time.Hour)
	if got := list(tagged); got != "ExpiredToken" {
		t.Errorf("after an hour: %s", got)
	}
}

func teamTag() []ststypes.Tag {
	return []ststypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}
}

// TestModes holds that -iam=report reports what it lets pass, and that -iam=off
// evaluates nothing.
func TestModes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[access.Mode]int{access.Report: 1, access.Off: 0} {
		server, err := localaws.Start(t.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: clock.System(), Log: slog.New(slog.DiscardHandler), IAM: mode})
		if err != nil {
			t.Fatal(err)
		}
		cfg := clientsOf(server)
		arn := makeRole(t, cfg, "nothing", trusted, "")
		nothing := assume(t, cfg, &sts.AssumeRoleInput{RoleArn: &arn})
		if _, err := cloudwatchlogs.NewFromConfig(nothing).DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil {
			t.Errorf("mode %d: %v", mode, err)
		}
		n := 0
		for _, r := range server.Access().Roles {
			n += len(r.Refused)
		}
		if n != want {
			t.Errorf("mode %d: %d refusals, want %d", mode, n, want)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
}

func snsTags(key string) []snstypes.Tag {
	return []snstypes.Tag{{Key: &key, Value: aws.String("x")}}
}
