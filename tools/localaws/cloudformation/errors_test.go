package cloudformation

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	id := *b.create("one", chain).StackId
	b.create("retyped", `Resources: {A: {Type: "Test::Thing"}}`)
	named := `Resources: {R: {Type: "AWS::IAM::Role", Properties: {RoleName: r}}}`
	create := func(body string, change ...func(*awscfn.CreateStackInput)) func() error {
		return func() error {
			in := &awscfn.CreateStackInput{StackName: aws.String("new"), TemplateBody: &body}
			for _, f := range change {
				f(in)
			}
			_, err := b.CreateStack(ctx, in)
			return err
		}
	}
	update := func(stack, body string) func() error {
		return func() error {
			_, err := b.UpdateStack(ctx, &awscfn.UpdateStackInput{StackName: &stack, TemplateBody: &body})
			return err
		}
	}
	changeSet := func(in awscfn.CreateChangeSetInput) func() error {
		return func() error {
			in.ChangeSetName = aws.String("c")
			if in.StackName == nil {
				in.StackName = aws.String("one")
			}
			if in.TemplateBody == nil {
				in.TemplateBody = aws.String(chain)
			}
			_, err := b.CreateChangeSet(ctx, &in)
			return err
		}
	}
	thing := func(properties string) string {
		return `Resources: {A: {Type: "Test::Thing", Properties: {` + properties + `}}}`
	}
	for _, test := range []struct {
		name string
		do   func() error
		want string // code and message
	}{
		{"missing stack", func() error {
			_, err := b.DescribeStacks(ctx, &awscfn.DescribeStacksInput{StackName: aws.String("no")})
			return err
		}, "ValidationError: Stack with id no does not exist"},
		{"events of a missing stack", func() error {
			_, err := b.DescribeStackEvents(ctx, &awscfn.DescribeStackEventsInput{StackName: aws.String("no")})
			return err
		}, "ValidationError: Stack [no] does not exist"},
		{"exists", create(chain, func(in *awscfn.CreateStackInput) { in.StackName = aws.String("one") }), "AlreadyExistsException: Stack [one] already exists"},
		{"no change", update("one", chain), "ValidationError: No updates are to be performed."},
		{"update of nothing", update("no", chain), "ValidationError: Stack [no] does not exist"},
		{"other type", update("retyped", `Resources: {A: {Type: "Test::Stone"}}`),
			"ValidationError: Update of resource type is not permitted. The new template modifies resource type of the following resources: [A]"},
		{"missing parameter", create("Parameters: {Input: {Type: String}}\n" + thing("")), "ValidationError: Parameters: [Input] must have values"},
		{"surplus parameter", create(thing(""), func(in *awscfn.CreateStackInput) {
			in.Parameters = []types.Parameter{{ParameterKey: aws.String("X"), ParameterValue: aws.String("y")}}
		}), "ValidationError: Parameters: [X] do not exist in the template"},
		{"missing SSM parameter", create("Parameters: {V: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /no/version}}\n" + thing("")),
			"ValidationError: Unable to fetch parameters [/no/version] from parameter store for this account."},
		{"failed rule", create("Rules: {R: {Assertions: [{Assert: !Equals [a, b], AssertDescription: Never.}]}}\n" + thing("")),
			"ValidationError: Template error: Rule R failed: Never."},
		{"capabilities", create(`Resources: {R: {Type: "AWS::IAM::Role"}}`), "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]"},
		{"named capabilities", create(named, func(in *awscfn.CreateStackInput) { in.Capabilities = []types.Capability{types.CapabilityCapabilityIam} }),
			"InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		{"unresolved", create(thing("Value: !Ref X")), "ValidationError: Template format error: Unresolved resource dependencies [X] in the Resources block of the template"},
		{"nothing", create("Description: x"), "ValidationError: Template format error: At least one Resources member must be defined."},
		{"no template", create("x", func(in *awscfn.CreateStackInput) { in.TemplateBody = nil }), "ValidationError: Either Template URL or Template Body must be specified."},
		{"size", create(strings.Repeat("#", 51201)), "ValidationError: 1 validation error detected: Value '...' at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200"},
		{"unknown type", create(`Resources: {Net: {Type: "AWS::EC2::VPC"}}`),
			"ValidationError: Template format error: Unrecognized resource types: [AWS::EC2::VPC]; the embedded AWS does not support the type of resource Net"},
		{"nested stack", create(`Resources: {Inner: {Type: "AWS::CloudFormation::Stack"}}`),
			"ValidationError: resource Inner: Properties validation failed for resource Inner with message: [#: required key [TemplateURL] not found]"},
		{"unknown property", create(thing("Colour: red")), "ValidationError: resource A: the embedded AWS does not support Colour of Test::Thing"},
		{"cycle", create(`Resources: {A: {Type: "Test::Thing", DependsOn: B}, B: {Type: "Test::Thing", DependsOn: A}}`),
			"ValidationError: Circular dependency between resources: [A, B]"},
		{"bad name", create(chain, func(in *awscfn.CreateStackInput) { in.StackName = aws.String("a_b") }),
			"ValidationError: 1 validation error detected: Value 'a_b' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"},
		{"notifications", create(chain, func(in *awscfn.CreateStackInput) { in.NotificationARNs = []string{"arn"} }),
			"ValidationError: CreateStack: the embedded AWS does not support NotificationARNs"},
		{"timeout", create(chain, func(in *awscfn.CreateStackInput) { in.TimeoutInMinutes = aws.Int32(1) }),
			"ValidationError: CreateStack: the embedded AWS does not support TimeoutInMinutes"},
		{"express", create(chain, func(in *awscfn.CreateStackInput) {
			in.DeploymentConfig = &types.DeploymentConfig{Mode: types.DeploymentConfigModeExpress}
		}), "ValidationError: CreateStack: the embedded AWS does not support DeploymentConfig mode EXPRESS"},
		{"change set of nothing", changeSet(awscfn.CreateChangeSetInput{StackName: aws.String("no")}), "ValidationError: Stack [no] does not exist"},
		{"change set to create again", changeSet(awscfn.CreateChangeSetInput{ChangeSetType: types.ChangeSetTypeCreate}),
			"ValidationError: Stack [one] already exists and cannot be created again with the changeSet [c]."},
		{"import", changeSet(awscfn.CreateChangeSetInput{ChangeSetType: types.ChangeSetTypeImport}), "ValidationError: CreateChangeSet: the embedded AWS does not support importing resources"},
		{"missing change set", func() error {
			_, err := b.ExecuteChangeSet(ctx, &awscfn.ExecuteChangeSetInput{StackName: &id, ChangeSetName: aws.String("no")})
			return err
		}, "ChangeSetNotFound: ChangeSet [no] does not exist"},
		{"validate", func() error {
			_, err := b.ValidateTemplate(ctx, &awscfn.ValidateTemplateInput{TemplateBody: aws.String("{")})
			return err
		}, "ValidationError: Template format error: JSON not well-formed. (line 1, column 2)"},
	} {
		err := test.do()
		api, ok := errors.AsType[smithy.APIError](err)
		if !ok {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := api.ErrorCode() + ": " + api.ErrorMessage(); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
		if api.ErrorFault() != smithy.FaultClient {
			t.Errorf("%s: a fault of %v", test.name, api.ErrorFault())
		}
	}
	if st := b.existing("new"); st != nil {
		t.Error("a refused request left a stack")
	}
}

func TestMissingAttributeFailsItsUser(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create("one", `Resources: {A: {Type: "Test::Thing"}, B: {Type: "Test::Thing", Properties: {Value: !GetAtt A.Colour}}}`)
	if want := "B  CREATE_FAILED: Template error: resource A does not support attribute type Colour in Fn::GetAtt"; !strings.Contains(b.events("one", 0), want) {
		t.Error(b.events("one", 0))
	}
}

func TestTemplateURL(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.deps.Objects.(objects)["assets|a/b.json"] = `{"Description": "stored", "Resources": {"A": {"Type": "AWS::IAM::Role"}}}`
	for url, want := range map[string]string{
		"https://s3.us-east-1.amazonaws.com/assets/a/b.json":  "",
		"https://s3.amazonaws.com/assets/a/b.json":            "",
		"https://assets.s3.us-east-1.amazonaws.com/a/b.json":  "",
		"https://assets.s3.amazonaws.com/a/b.json":            "",
		"http://127.0.0.1:4566/assets/a/b.json":               "",
		"http://localhost:4566/assets/a/b.json":               "",
		"https://s3.us-east-1.amazonaws.com/assets/none.json": "S3 error: The specified key does not exist.",
		"https://example.com/assets/a/b.json":                 "TemplateURL must be a supported URL.",
		"file:///assets/a/b.json":                             "TemplateURL must be a supported URL.",
		"https://s3.us-east-1.amazonaws.com/assets":           "TemplateURL must be a supported URL.",
	} {
		out, err := b.GetTemplateSummary(t.Context(), &awscfn.GetTemplateSummaryInput{TemplateURL: &url})
		if want != "" {
			if err == nil || message(err) != want {
				t.Errorf("%s: %v", url, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if *out.Description != "stored" || out.Capabilities[0] != types.CapabilityCapabilityIam || out.ResourceTypes[0] != "AWS::IAM::Role" {
			t.Errorf("%s: %+v", url, out)
		}
	}
}
