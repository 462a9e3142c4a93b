package cloudformation

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
)

// A request that is sent again, because its answer was lost, has no further effect and
// gets the same answer. Its token can't begin anything else.
func TestTheSameRequestAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, name := t.Context(), aws.String("one")
	body := func(value string) *string {
		return aws.String(`Resources: {A: {Type: "Test::Thing", Properties: {Value: ` + value + `}}}`)
	}
	create := &awscfn.CreateStackInput{StackName: name, TemplateBody: body("a"), ClientRequestToken: aws.String("c")}
	first, err := b.CreateStack(ctx, create)
	if err != nil {
		t.Fatal(err)
	}
	b.settled("one")
	again, err := b.CreateStack(ctx, create)
	if err != nil || *again.StackId != *first.StackId || *again.OperationId != *first.OperationId {
		t.Errorf("CreateStack again: %v %v", again, err)
	}
	create.ClientRequestToken = aws.String("other")
	var exists *types.AlreadyExistsException
	if _, err := b.CreateStack(ctx, create); !errors.As(err, &exists) {
		t.Errorf("another CreateStack: %v", err)
	}
	update := &awscfn.UpdateStackInput{StackName: name, TemplateBody: body("b"), ClientRequestToken: aws.String("u")}
	changed, err := b.UpdateStack(ctx, update)
	if err != nil {
		t.Fatal(err)
	}
	// It does not matter whether the update is in progress.
	if same, err := b.UpdateStack(ctx, update); err != nil || *same.OperationId != *changed.OperationId {
		t.Errorf("UpdateStack again: %v %v", same, err)
	}
	b.settled("one")
	if same, err := b.UpdateStack(ctx, update); err != nil || *same.OperationId != *changed.OperationId {
		t.Errorf("UpdateStack after it has ended: %v %v", same, err)
	}
	update.ClientRequestToken = aws.String("c")
	var taken *types.TokenAlreadyExistsException
	if _, err := b.UpdateStack(ctx, update); !errors.As(err, &taken) {
		t.Errorf("UpdateStack with the token of CreateStack: %v", err)
	}

	change := &awscfn.CreateChangeSetInput{StackName: name, ChangeSetName: aws.String("set"), TemplateBody: body("c"), ClientToken: aws.String("s")}
	set := b.changeSetFor(change).ChangeSetId
	if same, err := b.CreateChangeSet(ctx, change); err != nil || *same.Id != *set {
		t.Errorf("CreateChangeSet again: %v %v", same, err)
	}
	change.ClientToken = nil
	if _, err := b.CreateChangeSet(ctx, change); !errors.As(err, &exists) {
		t.Errorf("another CreateChangeSet: %v", err)
	}
	execute := &awscfn.ExecuteChangeSetInput{ChangeSetName: set, ClientRequestToken: aws.String("e")}
	for range 2 {
		if _, err := b.ExecuteChangeSet(ctx, execute); err != nil {
			t.Error(err)
		}
	}
	b.settled("one")
	if got := strings.Join(b.world.contents(), " "); got != "A=c" {
		t.Errorf("there are %s", got)
	}
	remove := &awscfn.DeleteStackInput{StackName: name, ClientRequestToken: aws.String("d")}
	for range 2 {
		if _, err := b.DeleteStack(ctx, remove); err != nil {
			t.Error(err)
		}
	}
}

// A console sends the field of a value that is kept as an empty text.
func TestPreviousValueBesideAnEmptyOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, name := t.Context(), aws.String("one")
	body := aws.String(`
Parameters: {P: {Type: String}, Q: {Type: String, Default: q}}
Resources: {A: {Type: "Test::Thing", Properties: {Value: !Sub "${P}${Q}"}}}
`)
	if _, err := b.CreateStack(ctx, &awscfn.CreateStackInput{StackName: name, TemplateBody: body, Parameters: []types.Parameter{{ParameterKey: aws.String("P"), ParameterValue: aws.String("p")}}}); err != nil {
		t.Fatal(err)
	}
	b.settled("one")
	update := func(value string) error {
		_, err := b.UpdateStack(ctx, &awscfn.UpdateStackInput{StackName: name, UsePreviousTemplate: aws.Bool(true), Parameters: []types.Parameter{
			{ParameterKey: aws.String("P"), UsePreviousValue: aws.Bool(true), ParameterValue: aws.String(value)}, {ParameterKey: aws.String("Q"), ParameterValue: aws.String("r")},
		}})
		return err
	}
	if err := update("x"); err == nil || !strings.Contains(message(err), "Cannot specify usePreviousValue as true and non empty value") {
		t.Errorf("with a value: %v", err)
	}
	if err := update(""); err != nil {
		t.Fatal(err)
	}
	b.settled("one")
	if got := strings.Join(b.world.contents(), " "); got != "A=pr" {
		t.Errorf("there are %s", got)
	}
}

// A meanwhile does something before it answers.
type meanwhile struct {
	parameters
	do func()
}

func (m meanwhile) GetParameter(ctx context.Context, in *awsssm.GetParameterInput) (*awsssm.GetParameterOutput, error) {
	m.do()
	return m.parameters.GetParameter(ctx, in)
}

// A client may send its request again before there is an answer to the first. Both get the
// same answer.
func TestTheSameRequestMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, name := t.Context(), aws.String("one")
	body := func(value string) *string {
		return aws.String(`
Parameters: {P: {Type: "AWS::SSM::Parameter::Value<String>", Default: /version}}
Resources: {A: {Type: "Test::Thing", Properties: {Value: !Sub "` + value + `${P}"}}}
`)
	}
	twice := func(send func() string) {
		t.Helper()
		var first string
		plain := b.deps.Parameters.(parameters)
		b.deps.Parameters = meanwhile{plain, func() {
			b.deps.Parameters = plain
			first = send()
		}}
		second := send()
		if first == "" || first != second {
			t.Errorf("the answers are %q and %q", first, second)
		}
		b.settled("one")
	}
	twice(func() string {
		out, err := b.CreateStack(ctx, &awscfn.CreateStackInput{StackName: name, TemplateBody: body("a"), ClientRequestToken: aws.String("c")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.OperationId
	})
	twice(func() string {
		out, err := b.UpdateStack(ctx, &awscfn.UpdateStackInput{StackName: name, TemplateBody: body("b"), ClientRequestToken: aws.String("u")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.OperationId
	})
	twice(func() string {
		out, err := b.CreateChangeSet(ctx, &awscfn.CreateChangeSetInput{StackName: name, ChangeSetName: aws.String("set"), TemplateBody: body("c"), ClientToken: aws.String("s")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.Id
	})
	if got := strings.Join(b.world.contents(), " "); got != "A=b33" {
		t.Errorf("there are %s", got)
	}
}
