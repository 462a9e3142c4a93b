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
func makeRole(t *testing.T, cfg aws.Config, name, trust, statements string) string {
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
