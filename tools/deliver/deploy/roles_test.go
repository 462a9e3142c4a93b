package deploy

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/manifest"
)

const (
	lambdaTrusts  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	accountTrusts = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}]}`
	everything    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	keyPolicy     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"}]}`
)

// stageTemplate is what each stage's stack contains, with more resources.
func stageTemplate(more ...string) string {
	return `{"Resources":{` + strings.Join(append([]string{
		`"Topic":{"Type":"AWS::SNS::Topic"}`,
		`"TopicPolicy":{"Type":"AWS::SNS::TopicPolicy","Properties":{"Topics":[{"Ref":"Topic"}],"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":{"Ref":"Topic"}}]}}}`,
		`"Key":{"Type":"AWS::KMS::Key","DeletionPolicy":"Retain","Properties":{"KeyPolicy":` + keyPolicy + `}}`,
		`"Bucket":{"Type":"AWS::S3::Bucket"}`,
		`"BucketPolicy":{"Type":"AWS::S3::BucketPolicy","Properties":{"Bucket":{"Ref":"Bucket"},"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":{"Fn::GetAtt":["Bucket","Arn"]},"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}}}`,
		`"Role":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":` + lambdaTrusts + `}}`,
		`"Rights":{"Type":"AWS::IAM::Policy","Properties":{"PolicyName":"rights","Roles":[{"Ref":"Role"}],"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:Publish","Resource":{"Ref":"Topic"}}]}}}`,
	}, more...), ",") + `}}`
}

// functionOf makes a template's assembly name functions, without deploying any.
const functionOf = `"Function":{"Type":"AWS::Lambda::Function","Properties":{}},"Allowed":{"Type":"AWS::Lambda::Permission","Properties":{"FunctionName":{"Ref":"Function"}}}`

// bootstrappedAs leaves what cdk bootstrap leaves, as far as the roles need it, and makes the
// roles of the three stacks.
func bootstrappedAs(t *testing.T, awsConfig aws.Config) {
	t.Helper()
	bootstrappedFor(t, awsConfig, stageTemplate(functionOf))
}

// bootstrappedFor is as bootstrappedAs for stages with a template. It returns the notes.
func bootstrappedFor(t *testing.T, awsConfig aws.Config, template string) []string {
	t.Helper()
	localawstest.Role(t, awsConfig, "cdk-hnb659fds-deploy-role-"+accountID+"-us-east-1", "cloudformation.amazonaws.com")
	if _, err := ssm.NewFromConfig(awsConfig).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(BootstrapVersion), Value: aws.String("30"), Type: ssmtypes.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
	var roles Roles
	if err := roles.Add(assembled(t, map[string]string{"magewright-staging.template.json": template, "magewright-production.template.json": template, "magewright-pipeline.template.json": stageTemplate(functionOf)})); err != nil {
		t.Fatal(err)
	}
	for range 2 { // mage bootstrap can be run again
		if err := roles.Put(t.Context(), awsConfig, accountID); err != nil {
			t.Fatal(err)
		}
	}
	return roles.Notes()
}

func roleOf(stack string) *string {
	return aws.String("arn:aws:iam::" + accountID + ":role" + agreed.DeploymentRoles + agreed.DeploymentRole(stack))
}

// build returns the configuration of a build that deploys a stack, with the rights for this
// that infra/delivery gives it. TestAttackByStagingsRole holds that it gives no others.
func build(t *testing.T, awsConfig aws.Config, stack string) aws.Config {
	t.Helper()
	identities, name := iam.NewFromConfig(awsConfig), "build-of-"+stack
	role, err := identities.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(accountTrusts)})
	if err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:cloudformation:*:*:stack/" + stack + "/*"
	document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"cloudformation:CreateChangeSet","Resource":%q,"Condition":{"ArnEquals":{"cloudformation:RoleArn":%q}}},
		{"Effect":"Allow","Action":["cloudformation:Describe*","cloudformation:ExecuteChangeSet"],"Resource":%q},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":%q,"Condition":{"StringEquals":{"iam:PassedToService":"cloudformation.amazonaws.com"}}}]}`, arn, *roleOf(stack), arn, *roleOf(stack))
	if _, err := identities.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("deploy"), PolicyDocument: &document}); err != nil {
		t.Fatal(err)
	}
	return assumed(t, awsConfig, role.Role.Arn)
}

// as returns the configuration of CloudFormation when it works by the role of a stack.
func as(t *testing.T, awsConfig aws.Config, stack string) aws.Config {
	t.Helper()
	if _, err := iam.NewFromConfig(awsConfig).UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String(agreed.DeploymentRole(stack)), PolicyDocument: aws.String(accountTrusts)}); err != nil {
		t.Fatal(err)
	}
	return assumed(t, awsConfig, roleOf(stack))
}

func assumed(t *testing.T, awsConfig aws.Config, role *string) aws.Config {
	t.Helper()
	out, err := sts.NewFromConfig(awsConfig).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("build")})
	if err != nil {
		t.Fatal(err)
	}
	awsConfig = awsConfig.Copy()
	awsConfig.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return awsConfig
}

// put deploys a template to a stack by a role, as the CDK CLI does, and returns how that ended
// and what CloudFormation said about it.
func put(t *testing.T, awsConfig aws.Config, stack string, role *string, template string) (status types.StackStatus, said string) {
	t.Helper()
	client, change := cloudformation.NewFromConfig(awsConfig), aws.String("change")
	kind := types.ChangeSetTypeUpdate
	if _, missing := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &stack}); missing != nil {
		kind = types.ChangeSetTypeCreate
	}
	if _, err := client.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: &stack, ChangeSetName: change, ChangeSetType: kind, RoleARN: role, TemplateBody: &template,
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}, Tags: []types.Tag{{Key: aws.String(agreed.StackTag), Value: &stack}},
	}); err != nil {
		return "", err.Error()
	}
	err := cloudformation.NewChangeSetCreateCompleteWaiter(client, func(o *cloudformation.ChangeSetCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	}).Wait(t.Context(), &cloudformation.DescribeChangeSetInput{StackName: &stack, ChangeSetName: change}, time.Minute)
	if err == nil {
		_, err = client.ExecuteChangeSet(t.Context(), &cloudformation.ExecuteChangeSetInput{StackName: &stack, ChangeSetName: change})
	}
	if err != nil {
		return "", err.Error()
	}
	return settled(t, client, stack)
}

// settled waits until nothing is in progress any more.
func settled(t *testing.T, client *cloudformation.Client, stack string) (types.StackStatus, string) {
	t.Helper()
	in := &cloudformation.DescribeStacksInput{StackName: &stack}
	for range 10 {
		described, err := client.DescribeStacks(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		status := described.Stacks[0].StackStatus
		const soon, late = time.Millisecond, 10 * time.Millisecond
		// Each returns an error if it ends otherwise, which the status says too.
		switch {
		case !strings.HasSuffix(string(status), "IN_PROGRESS"):
			events, err := client.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &stack})
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, e := range events.StackEvents {
				said = append(said, aws.ToString(e.ResourceStatusReason))
			}
			return status, strings.Join(said, "\n")
		case strings.HasPrefix(string(status), "UPDATE"):
			_ = cloudformation.NewStackUpdateCompleteWaiter(client, func(o *cloudformation.StackUpdateCompleteWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).Wait(t.Context(), in, time.Minute)
		default:
			_ = cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) { o.MinDelay, o.MaxDelay = soon, late }).Wait(t.Context(), in, time.Minute)
		}
	}
	t.Fatalf("stack %s does not settle", stack)
	return "", ""
}

// physical returns the id of a resource of a stack.
func physical(t *testing.T, awsConfig aws.Config, stack, id string) string {
	t.Helper()
	out, err := cloudformation.NewFromConfig(awsConfig).DescribeStackResource(t.Context(), &cloudformation.DescribeStackResourceInput{StackName: &stack, LogicalResourceId: &id})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.StackResourceDetail.PhysicalResourceId)
}

// TestAttackByStagingsTemplate lets the candidate's code on staging, by the rights of the
// build Deploy, have CloudFormation deploy templates of staging's stack that reach for
// production and the pipeline.
func TestAttackByStagingsTemplate(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	bootstrappedAs(t, awsConfig)
	deploys := build(t, awsConfig, "magewright-staging")
	for stack, by := range map[string]aws.Config{"magewright-staging": deploys, "magewright-production": build(t, awsConfig, "magewright-production"), "magewright-pipeline": build(t, awsConfig, "magewright-pipeline")} {
		if status, said := put(t, by, stack, roleOf(stack), stageTemplate()); status != types.StackStatusCreateComplete {
			t.Fatalf("the honest template of %s ends as %s: %s", stack, status, said)
		}
	}
	topic, bucket, key := physical(t, awsConfig, "magewright-production", "Topic"), physical(t, awsConfig, "magewright-production", "Bucket"), physical(t, awsConfig, "magewright-production", "Key")
	promote := physical(t, awsConfig, "magewright-pipeline", "Role")
	// state is what an attack must not change.
	state := func() string {
		t.Helper()
		attributes, err := sns.NewFromConfig(awsConfig).GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: &topic})
		if err != nil {
			t.Fatal(err)
		}
		ofBucket, err := s3.NewFromConfig(awsConfig, func(o *s3.Options) { o.UsePathStyle = true }).GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		ofKey, err := kms.NewFromConfig(awsConfig).GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: &key})
		if err != nil {
			t.Fatal(err)
		}
		rights, err := iam.NewFromConfig(awsConfig).ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &promote})
		if err != nil {
			t.Fatal(err)
		}
		all, err := iam.NewFromConfig(awsConfig).ListRoles(t.Context(), &iam.ListRolesInput{})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(attributes.Attributes["Policy"], aws.ToString(ofBucket.Policy), aws.ToString(ofKey.Policy), rights.PolicyNames, len(all.Roles))
	}
	before := state()
	for _, tt := range []struct{ name, resource, says string }{
		{"a policy of PromoteRole", `{"Type":"AWS::IAM::Policy","Properties":{"PolicyName":"p","Roles":["` + promote + `"],"PolicyDocument":` + everything + `}}`, "iam:PutRolePolicy on resource: arn:aws:iam::000000000000:role/" + promote},
		{"a role with production's name", `{"Type":"AWS::IAM::Role","Properties":{"RoleName":"magewright-production-Door","AssumeRolePolicyDocument":` + lambdaTrusts + `}}`, "iam:CreateRole on resource: arn:aws:iam::000000000000:role/magewright-production-Door"},
		{"production's bucket policy", `{"Type":"AWS::S3::BucketPolicy","Properties":{"Bucket":"` + bucket + `","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::` + bucket + `/*"}]}}}`, "s3:PutBucketPolicy on resource: "},
		{"production's topic policy", `{"Type":"AWS::SNS::TopicPolicy","Properties":{"Topics":["` + topic + `"],"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sns:Publish","Resource":"` + topic + `"}]}}}`, "on resource: " + topic},
		{"a permission of production's function", `{"Type":"AWS::Lambda::Permission","Properties":{"FunctionName":"magewright-production-Function","Action":"lambda:InvokeFunction","Principal":"*"}}`, "lambda:AddPermission on resource: arn:aws:lambda:us-east-1:000000000000:function:magewright-production-Function"},
		{"rights of its own role", `{"Type":"AWS::IAM::Policy","Properties":{"PolicyName":"p","Roles":["` + agreed.DeploymentRole("magewright-staging") + `"],"PolicyDocument":` + everything + `}}`, "iam:PutRolePolicy on resource: "},
		{"another service", `{"Type":"AWS::SQS::Queue"}`, "sqs:"},
	} {
		status, said := put(t, deploys, "magewright-staging", roleOf("magewright-staging"), stageTemplate(`"Attack":`+tt.resource))
		if status != types.StackStatusUpdateRollbackComplete || !strings.Contains(said, "is not authorized to perform: ") || !strings.Contains(said, tt.says) {
			t.Errorf("%s: %s, and CloudFormation says\n%s\nwant %s", tt.name, status, said, tt.says)
		}
	}
	if status, said := put(t, deploys, "magewright-staging", roleOf("magewright-staging"), stageTemplate(`"More":{"Type":"AWS::SNS::Topic"}`)); status != types.StackStatusUpdateComplete {
		t.Errorf("the honest template ends as %s after that: %s", status, said)
	}
	// No resource type writes the policy of a key that it has not made, but a key can be
	// imported into a stack, with this call.
	name := "magewright-staging"
	_, err := kms.NewFromConfig(as(t, awsConfig, name)).PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: aws.String(strings.ReplaceAll(keyPolicy, "root", "user/eve"))})
	if err == nil || !strings.Contains(err.Error(), "is not authorized to perform: kms:PutKeyPolicy on resource: ") {
		t.Errorf("production's key: %v", err)
	}
	if after := state(); after != before {
		t.Errorf("it was\n%s\nand now\n%s", before, after)
	}
}

// TestAttackByAnotherRole lets a build have CloudFormation work by another stack's role, or by
// the one by which the stack was deployed before it had a role of its own.
func TestAttackByAnotherRole(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	bootstrappedAs(t, awsConfig)
	shared := localawstest.Role(t, awsConfig, "cdk-hnb659fds-cfn-exec-role-000000000000-us-east-1", "cloudformation.amazonaws.com")
	stacks := []string{"magewright-staging", "magewright-production", "magewright-pipeline"}
	for _, stack := range stacks {
		if status, said := put(t, awsConfig, stack, shared, stageTemplate()); status != types.StackStatusCreateComplete {
			t.Fatalf("%s: %s: %s", stack, status, said)
		}
	}
	for _, own := range stacks {
		deploys := build(t, awsConfig, own)
		const refused = "build is not authorized to perform: cloudformation:CreateChangeSet on resource: arn:aws:cloudformation:us-east-1:000000000000:stack/"
		for _, role := range []*string{nil, shared} {
			if _, said := put(t, deploys, own, role, stageTemplate(`"More":{"Type":"AWS::SNS::Topic"}`)); !strings.Contains(said, refused+own+"/") {
				t.Errorf("%s by the role %s: %s", own, aws.ToString(role), said)
			}
		}
		for _, other := range stacks {
			if other == own {
				continue
			}
			if _, said := put(t, deploys, own, roleOf(other), stageTemplate(`"More":{"Type":"AWS::SNS::Topic"}`)); !strings.Contains(said, refused+own+"/") {
				t.Errorf("%s by the role of %s: %s", own, other, said)
			}
			client := cloudformation.NewFromConfig(deploys)
			for _, role := range []string{own, other} {
				_, err := client.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{StackName: &other, ChangeSetName: aws.String("theirs"), RoleARN: roleOf(role), TemplateBody: aws.String(stageTemplate(`"More":{"Type":"AWS::SNS::Topic"}`))})
				if err == nil || !strings.Contains(err.Error(), refused+other+"/") {
					t.Errorf("the build of %s updates %s by the role of %s: %v", own, other, role, err)
				}
			}
		}
	}
}

// bounded is a template whose roles have the boundary, as synth writes it.
func bounded(template string) string {
	return strings.ReplaceAll(template, `"AssumeRolePolicyDocument"`, `"PermissionsBoundary":{"Fn::Sub":"arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/cdk-magewright/boundary-magewright-pipeline"},"AssumeRolePolicyDocument"`)
}

// TestAttackByARoleOfStaging has CloudFormation make a role of staging that may do anything,
// and uses it as a function of staging would.
func TestAttackByARoleOfStaging(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	if notes := bootstrappedFor(t, awsConfig, bounded(stageTemplate(functionOf))); len(notes) > 0 {
		t.Errorf("the notes are %s", notes)
	}
	const staging, production, pipeline = "magewright-staging", "magewright-production", "magewright-pipeline"
	deploys := build(t, awsConfig, staging)
	for stack, by := range map[string]aws.Config{staging: deploys, production: build(t, awsConfig, production), pipeline: build(t, awsConfig, pipeline)} {
		if status, said := put(t, by, stack, roleOf(stack), bounded(stageTemplate())); status != types.StackStatusCreateComplete && stack != pipeline {
			t.Fatalf("the honest template of %s ends as %s: %s", stack, status, said)
		}
	}
	door := `"Door":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":` + accountTrusts + `,"Policies":[{"PolicyName":"all","PolicyDocument":` + everything + `}]}}`
	for name, template := range map[string]string{
		"a role without the boundary":       strings.Replace(bounded(stageTemplate(`"Mark":""`)), `"Mark":""`, door, 1),
		"rights for one that loses it":      bounded(stageTemplate()),
		"a role with a boundary of its own": strings.Replace(bounded(stageTemplate(`"Mark":""`)), `"Mark":""`, strings.Replace(door, `"Policies"`, `"PermissionsBoundary":"`+Administrator+`","Policies"`, 1), 1),
	} {
		says := "is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::000000000000:role/magewright-staging-Door-"
		if strings.HasPrefix(name, "rights") {
			template = stageTemplate()
			says = "is not authorized to perform: iam:DeleteRolePermissionsBoundary on resource: "
		}
		if status, said := put(t, deploys, staging, roleOf(staging), template); status != types.StackStatusUpdateRollbackComplete || !strings.Contains(said, says) {
			t.Errorf("%s: %s, and CloudFormation says\n%s\nwant %s", name, status, said, says)
		}
	}
	if status, said := put(t, deploys, staging, roleOf(staging), bounded(stageTemplate(door))); status != types.StackStatusUpdateComplete {
		t.Fatalf("a role with the boundary: %s: %s", status, said)
	}
	arn := "arn:aws:iam::" + accountID + ":role/" + physical(t, awsConfig, staging, "Door")
	function := assumed(t, awsConfig, &arn)
	evidence, err := kms.NewFromConfig(awsConfig).CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecEccNistP256, KeyUsage: kmstypes.KeyUsageTypeSignVerify})
	if err != nil {
		t.Fatal(err)
	}
	topic, bucket, key := physical(t, awsConfig, production, "Topic"), physical(t, awsConfig, production, "Bucket"), physical(t, awsConfig, production, "Key")
	identities, theirs := iam.NewFromConfig(function), "magewright-production-Role"
	for says, call := range map[string]func() error{
		"iam:PutRolePolicy": func() error {
			_, err := identities.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &theirs, PolicyName: aws.String("p"), PolicyDocument: aws.String(everything)})
			return err
		},
		"iam:CreateRole": func() error {
			_, err := identities.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("door"), AssumeRolePolicyDocument: aws.String(accountTrusts)})
			return err
		},
		"sts:AssumeRole": func() error {
			_, err := sts.NewFromConfig(function).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/cdk-hnb659fds-deploy-role-000000000000-us-east-1"), RoleSessionName: aws.String("function")})
			return err
		},
		"kms:Sign": func() error {
			_, err := kms.NewFromConfig(function).Sign(t.Context(), &kms.SignInput{KeyId: evidence.KeyMetadata.KeyId, Message: []byte("GO"), SigningAlgorithm: kmstypes.SigningAlgorithmSpecEcdsaSha256})
			return err
		},
		"kms:PutKeyPolicy": func() error {
			_, err := kms.NewFromConfig(function).PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: aws.String(keyPolicy)})
			return err
		},
		"s3:DeleteBucketPolicy": func() error {
			_, err := s3.NewFromConfig(function, func(o *s3.Options) { o.UsePathStyle = true }).DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: &bucket})
			return err
		},
		"SNS:SetTopicAttributes": func() error {
			_, err := sns.NewFromConfig(function).SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: &topic, AttributeName: aws.String("DisplayName"), AttributeValue: aws.String("x")})
			return err
		},
		"cloudformation:DeleteStack": func() error {
			_, err := cloudformation.NewFromConfig(function).DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String(production)})
			return err
		},
		"ssm:PutParameter": func() error {
			_, err := ssm.NewFromConfig(function).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String(BootstrapVersion), Value: aws.String("1"), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)})
			return err
		},
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "is not authorized to perform: "+says) || !strings.Contains(err.Error(), "explicit deny in a permissions boundary") {
			t.Errorf("%s: %v", says, err)
		}
	}
	own := physical(t, awsConfig, staging, "Topic")
	if _, err := sns.NewFromConfig(function).Publish(t.Context(), &sns.PublishInput{TopicArn: &own, Message: aws.String("x")}); err != nil {
		t.Errorf("its own topic: %v", err)
	}
}

// TestBoundaryLeavesTheStagesTheirOwn holds that the boundary does not refuse to a stage what
// another stage only names too, or what has the same name there.
func TestBoundaryLeavesTheStagesTheirOwn(t *testing.T) {
	t.Parallel()
	template := `{"Resources":{"Q":{"Type":"AWS::SQS::Queue"},"S":{"Type":"AWS::SecretsManager::Secret"},"N":{"Type":"AWS::SNS::Subscription","Properties":{"TopicArn":"arn:aws:sns:eu-west-1:1:news"}}}}`
	var roles Roles
	if err := roles.Add(assembled(t, map[string]string{"magewright-staging.template.json": template, "magewright-production.template.json": template, "magewright-pipeline.template.json": `{"Resources":{}}`})); err != nil {
		t.Fatal(err)
	}
	document, err := roles.boundary(accountID)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{":sqs:*:000000000000:magewright-staging-*": 1, ":sqs:*:000000000000:magewright-production-*": 1, ":secret:": 0, ":news": 0} {
		if got := strings.Count(document, text); got != want {
			t.Errorf("%s is there %d times, want %d: %s", text, got, want, document)
		}
	}
}

// TestBoundaryOfADeployedStack holds that a stack which was deployed before its roles had a
// boundary can still be rolled back, and that a note says what to do.
func TestBoundaryOfADeployedStack(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	template := bounded(stageTemplate())
	if status, said := put(t, awsConfig, "magewright-production", localawstest.Role(t, awsConfig, "shared", "cloudformation.amazonaws.com"), stageTemplate()); status != types.StackStatusCreateComplete {
		t.Fatalf("%s: %s", status, said)
	}
	if notes := strings.Join(bootstrappedFor(t, awsConfig, template), "\n"); notes != "stack magewright-production was deployed before its roles had a permissions boundary: run go tool mage bootstrap again once the next release is deployed to it" {
		t.Errorf("the notes are %s", notes)
	}
	deploys := build(t, awsConfig, "magewright-production")
	for _, each := range []string{template, stageTemplate(), template} {
		if status, said := put(t, deploys, "magewright-production", roleOf("magewright-production"), each); status != types.StackStatusUpdateComplete {
			t.Fatalf("%s: %s", status, said)
		}
	}
	var roles Roles
	if err := roles.Add(assembled(t, map[string]string{"magewright-staging.template.json": template, "magewright-production.template.json": template, "magewright-pipeline.template.json": stageTemplate()})); err != nil {
		t.Fatal(err)
	}
	if err := roles.Put(t.Context(), awsConfig, accountID); err != nil {
		t.Fatal(err)
	}
	if notes := roles.Notes(); len(notes) > 0 {
		t.Errorf("the notes are then %s", notes)
	}
	if status, said := put(t, deploys, "magewright-production", roleOf("magewright-production"), stageTemplate()); status != types.StackStatusUpdateRollbackComplete {
		t.Errorf("without the boundary: %s: %s", status, said)
	}
}

// TestClaim holds that mage bootstrap tags the keys of a stack that was deployed before it had
// a role of its own, so that its role can use them, and no other.
func TestClaim(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	localawstest.CreateStack(t, awsConfig, "magewright-production", `{"Resources":{"Key":{"Type":"AWS::KMS::Key","Properties":{"KeyPolicy":`+keyPolicy+`}}}}`)
	bootstrappedAs(t, awsConfig)
	key := physical(t, awsConfig, "magewright-production", "Key")
	tags, err := kms.NewFromConfig(awsConfig).ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: &key})
	if err != nil || fmt.Sprint(tagsOf(tags.Tags)) != "map[magewright:stack:magewright-production]" {
		t.Errorf("the key has the tags %v, %v", tagsOf(tags.Tags), err)
	}
	if status, said := put(t, build(t, awsConfig, "magewright-production"), "magewright-production", roleOf("magewright-production"), stageTemplate()); status != types.StackStatusUpdateComplete {
		t.Errorf("the stack's own role updates it: %s: %s", status, said)
	}
}

func tagsOf(list []kmstypes.Tag) map[string]string {
	all := map[string]string{}
	for _, tag := range list {
		all[aws.ToString(tag.TagKey)] = aws.ToString(tag.TagValue)
	}
	return all
}

// TestRoles holds what a role of its own gets.
func TestRoles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, template string
		want           map[string]string // actions and resources, by the statement's id
		notes          string
	}{
		{
			"names that CloudFormation makes", `"F":{"Type":"AWS::Lambda::Function"},"B":{"Type":"AWS::S3::Bucket"},"L":{"Type":"AWS::Logs::LogGroup"},"P":{"Type":"AWS::CodeBuild::Project"},"S":{"Type":"AWS::SSM::Parameter"}`,
			map[string]string{
				"Named":   "codebuild:* lambda:* logs:* s3:* ssm:*; codebuild:*:A:project/P-* lambda:*:A:function:magewright-staging-* logs:*:A:log-group:magewright-staging-* s3:::magewright-staging-* ssm:*:A:parameter/CFN-S-*",
				"Unnamed": "lambda:GetLayerVersion logs:DescribeLogGroups ssm:DescribeParameters; *",
			}, "",
		},
		{
			"names in the template", `"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"pay"}},"L":{"Type":"AWS::Logs::LogGroup","Properties":{"LogGroupName":{"Fn::Join":["",["/aws/lambda/",{"Ref":"F"}]]}}},
			"A":{"Type":"AWS::CloudWatch::Alarm","Properties":{"AlarmName":{"Fn::Sub":"${AWS::StackName}-errors-${AWS::Region}"}}},"S":{"Type":"AWS::SSM::Parameter","Properties":{"Name":"/shop/x"}}`,
			map[string]string{
				"Named":   "cloudwatch:* lambda:* logs:* ssm:*; cloudwatch:*:A:alarm:magewright-staging-errors-* lambda:*:A:function:pay lambda:*:A:function:pay:* logs:*:A:log-group:/aws/lambda/pay logs:*:A:log-group:/aws/lambda/pay:* ssm:*:A:parameter/shop/x",
				"Unnamed": "cloudwatch:DescribeAlarms lambda:GetLayerVersion logs:DescribeLogGroups ssm:DescribeParameters; *",
			}, "",
		},
		{
			"what belongs to others", `"S":{"Type":"AWS::SNS::Subscription","Properties":{"TopicArn":"arn:aws:sns:eu-west-1:1:news"}},"P":{"Type":"AWS::S3::BucketPolicy","Properties":{"Bucket":{"Fn::ImportValue":"x"}}}`,
			map[string]string{
				"Named":    "sns:*; sns:eu-west-1:1:news",
				"Services": "s3:*; *",
				"Unnamed":  "sns:GetSubscriptionAttributes sns:SetSubscriptionAttributes sns:Unsubscribe; *",
			}, "for stack magewright-staging, CloudFormation may use all resources of the account of s3 (AWS::S3::BucketPolicy of something outside of the stack)",
		},
		{
			"what can't be limited", `"A":{"Type":"AWS::ApiGateway::RestApi"},"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Ref":"Name"}}},"U":{"Type":"AWS::IAM::User"}`,
			map[string]string{"Services": "apigateway:* sqs:*; *"},
			"stack magewright-staging: resource U has the type AWS::IAM::User: CloudFormation gets no permission to create those; if it needs that, attach a policy that you choose to role stage-cfn-exec-role-magewright-staging\n" +
				"for stack magewright-staging, CloudFormation may use all resources of the account of apigateway (AWS::ApiGateway::RestApi), sqs (AWS::SQS::Queue with a name that only its deployment makes known)",
		},
		{
			"an event source", `"F":{"Type":"AWS::Lambda::Function"},"M":{"Type":"AWS::Lambda::EventSourceMapping","Properties":{"FunctionName":{"Ref":"F"}}}`,
			map[string]string{
				"Named":          "lambda:*; lambda:*:A:function:magewright-staging-*",
				"Unnamed":        "lambda:GetLayerVersion; *",
				"Mappings":       "lambda:*EventSourceMapping; *; ArnLike lambda:FunctionArn lambda:*:A:function:magewright-staging-*",
				"TagsOfMappings": "lambda:ListTags lambda:TagResource lambda:UntagResource; lambda:*:A:event-source-mapping:*",
			}, "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			empty := `{"Resources":{}}`
			var roles Roles
			if err := roles.Add(assembled(t, map[string]string{"magewright-staging.template.json": `{"Resources":{` + tt.template + `}}`, "magewright-production.template.json": empty, "magewright-pipeline.template.json": empty})); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(roles.Stacks(), " "); got != "magewright-pipeline magewright-production magewright-staging" {
				t.Errorf("the roles are of %s", got)
			}
			got := describedAs(t, roles.needs["magewright-staging"])
			for _, sid := range []string{"Assets", "Bootstrap"} {
				delete(got, sid)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("it gets\n%s\nwant\n%s", strings.ReplaceAll(fmt.Sprint(got), " ", "\n"), strings.ReplaceAll(fmt.Sprint(tt.want), " ", "\n"))
			}
			if notes := strings.Join(roles.Notes(), "\n"); notes != tt.notes {
				t.Errorf("the notes are\n%s\nwant\n%s", notes, tt.notes)
			}
		})
	}
}

// describedAs returns the statements of a policy as texts, by their ids.
func describedAs(t *testing.T, needs *Needs) map[string]string {
	t.Helper()
	all := map[string]string{}
	for id, s := range statementsOf(t, needs) {
		text := strings.Join(s.Action, " ") + "; " + strings.Join(s.Resource, " ")
		for operator, keys := range s.Condition {
			for key, values := range keys {
				text += "; " + operator + " " + key + " " + strings.Join(values, " ")
			}
		}
		if s.Effect != "Allow" {
			text = s.Effect + " " + text
		}
		all[id] = strings.NewReplacer("arn:aws:", "", accountID, "A").Replace(text)
	}
	return all
}

// TestNamesThatBeginAlike holds that the role of a stack can't change another stack whose name
// begins with its name, and that names which CloudFormation shortens are told.
func TestNamesThatBeginAlike(t *testing.T) {
	t.Parallel()
	of := func(stack string, others ...string) *Needs {
		n := &Needs{own: true, stacks: []string{stack}, others: others}
		if err := n.read([]byte(`{"Resources":{"Bucket":{"Type":"AWS::S3::Bucket"},"ARoleWithAnIdThatIsLong":{"Type":"AWS::IAM::Role"}}}`), stack); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := describedAs(t, of("Shop", "Shop-staging", "other"))["Others"]; got != "Deny *; iam::A:role/Shop-staging-* s3:::shop-staging-*" {
		t.Errorf("the role of Shop may not %s", got)
	}
	if got := describedAs(t, of("Shop-staging", "Shop"))["Others"]; got != "" {
		t.Errorf("the role of Shop-staging may not %s", got)
	}
	prefixed := Roles{needs: map[string]*Needs{"Shop": of("Shop"), "Shop-staging": of("Shop-staging")}}
	if notes := strings.Join(prefixed.Notes(), "\n"); notes != "the names of stack Shop-staging begin with that of Shop: roles that it makes may use what belongs to Shop" {
		t.Errorf("the notes are %s", notes)
	}
	const a, b = "a-shop-with-a-name-that-is-long-staging", "a-shop-with-a-name-that-is-long-production"
	roles := Roles{needs: map[string]*Needs{a: of(a, b), b: of(b, a)}}
	if notes := strings.Join(roles.Notes(), "\n"); !strings.Contains(notes, "shortens names of stacks "+b+" and "+a) {
		t.Errorf("the notes are %s", notes)
	}
	short := Roles{needs: map[string]*Needs{"shop-staging": of("shop-staging"), "shop-production": of("shop-production")}}
	if notes := short.Notes(); len(notes) > 0 {
		t.Errorf("the notes are %s", notes)
	}
}

// TestPutRefusesAnothersRole holds that a role which a template has made beforehand is not
// given rights.
func TestPutRefusesAnothersRole(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	name := agreed.DeploymentRole("magewright-staging")
	localawstest.Role(t, awsConfig, name, "lambda.amazonaws.com")
	roles := Roles{needs: map[string]*Needs{"magewright-staging": {own: true, stacks: []string{"magewright-staging"}}}, regions: map[string]string{}}
	err := roles.Put(t.Context(), awsConfig, accountID)
	if err == nil || !strings.Contains(err.Error(), "there is a role arn:aws:iam::000000000000:role/"+name+", which mage bootstrap has not made\n  next: aws iam delete-role --role-name "+name) {
		t.Errorf("error %v", err)
	}
	policies, err := iam.NewFromConfig(awsConfig).ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &name})
	if err != nil || len(policies.PolicyNames) > 0 {
		t.Errorf("it has got %v, %v", policies.PolicyNames, err)
	}
}

// TestDeployRoleMayPass holds that people, who deploy by the role of cdk bootstrap, may pass
// the stacks' roles.
func TestDeployRoleMayPass(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	bootstrappedAs(t, awsConfig)
	got, err := iam.NewFromConfig(awsConfig).GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String("cdk-hnb659fds-deploy-role-000000000000-us-east-1"), PolicyName: aws.String(inline)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := url.QueryUnescape(aws.ToString(got.PolicyDocument))
	if err != nil || !strings.Contains(text, `"Resource":["arn:aws:iam::000000000000:role/cdk-magewright/*"]`) {
		t.Errorf("%s, %v", text, err)
	}
	for _, place := range []manifest.Place{{Stack: "magewright-staging"}, {Stack: "other"}} {
		if has, err := HasRole(t.Context(), awsConfig, place); err != nil || has != (place.Stack == "magewright-staging") {
			t.Errorf("%s has a role: %v, %v", place.Stack, has, err)
		}
	}
}
