package cloudformation

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
)

const nestedURL = "https://s3.us-east-1.amazonaws.com/templates/"

// upload makes a template available to nested stacks.
func (b *bench) upload(key, body string) { b.deps.Objects.(objects)["templates|"+key] = body }

// child returns the present nested stack of a resource.
func (b *bench) child(parent, logicalID string) types.Stack {
	b.t.Helper()
	out, err := b.DescribeStackResource(context.Background(), &awscfn.DescribeStackResourceInput{StackName: &parent, LogicalResourceId: &logicalID})
	if err != nil {
		b.t.Fatalf("describing %s: %v", logicalID, err)
	}
	return b.settled(*out.StackResourceDetail.PhysicalResourceId)
}

// history returns the statuses of a stack and its resources, oldest first.
func (b *bench) history(stack string) []string {
	b.t.Helper()
	out, err := b.DescribeStackEvents(context.Background(), &awscfn.DescribeStackEventsInput{StackName: &stack})
	if err != nil {
		b.t.Fatalf("events of %s: %v", stack, err)
	}
	var all []string
	for _, e := range slices.Backward(out.StackEvents) {
		name := *e.LogicalResourceId
		if *e.PhysicalResourceId == *e.StackId {
			name = "stack"
		}
		all = append(all, name+" "+string(e.ResourceStatus))
	}
	return all
}

const nestedParent = `
Parameters: {V: {Type: String, Default: one}, Break: {Type: String, Default: x}}
Resources:
  First: {Type: Test::Thing, Properties: {Value: !Ref V}}
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: https://s3.us-east-1.amazonaws.com/templates/child
      Parameters: {Name: !GetAtt First.Arn, List: [a, b]}
  Last: {Type: Test::Thing, Properties: {Value: !GetAtt Child.Outputs.Stone, Any: !Ref Break}}
Outputs: {Out: {Value: !GetAtt Child.Outputs.Stone}}
`

const nestedChild = `
Parameters: {Name: {Type: String}, List: {Type: CommaDelimitedList}, Mode: {Type: String, Default: m}}
Conditions: {Known: !Equals [!Ref Mode, m], Late: !Equals [!Ref Name, 'arn:First-1']}
Resources:
  Stone: {Type: Test::Stone, Properties: {Value: !Join ["-", !Ref List]}}
  Thing: {Type: Test::Thing, Condition: Late, Properties: {Value: !Ref Name}}
Outputs: {Stone: {Value: !Sub "${Stone}"}}
`

// A nested stack is created with its parent, updated, rolled back and deleted with it.
func TestNestedStacks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.upload("child", nestedChild)
	parent := b.create("p", nestedParent)
	child := b.child("p", "Child")
	if parent.StackStatus != types.StackStatusCreateComplete || child.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("%s, child %s", parent.StackStatus, child.StackStatus)
	}
	if *child.ParentId != *parent.StackId || *child.RootId != *parent.StackId || !strings.HasPrefix(*child.StackName, "p-Child-") {
		t.Errorf("child %s of %s, root %s", *child.StackName, *child.ParentId, *child.RootId)
	}
	if got, want := b.world.contents(), []string{"First=one", "Last=Stone-2", "Stone=a-b", "Thing=arn:First-1"}; !slices.Equal(got, want) && !slices.Equal(got, []string{"First=one", "Last=Stone-3", "Stone=a-b", "Thing=arn:First-1"}) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := b.UpdateTerminationProtection(t.Context(), &awscfn.UpdateTerminationProtectionInput{StackName: child.StackId, EnableTerminationProtection: aws.Bool(true)}); err == nil {
		t.Error("a nested stack was protected from deletion")
	}
	body := nestedParent
	if _, err := b.UpdateStack(t.Context(), &awscfn.UpdateStackInput{StackName: parent.StackName, TemplateBody: &body}); err == nil || message(err) != "No updates are to be performed." {
		t.Errorf("the same templates: %v", err)
	}

	// The template changes at its place. The parent then fails: what the child's
	// update replaced is still there.
	stone := child.Outputs[0].OutputValue
	b.upload("child", strings.Replace(nestedChild, `["-",`, `["+",`, 1))
	failed := false
	b.world.fail = func(verb, id string) error {
		if failed || verb+id != "updateLast" {
			return nil
		}
		failed = true
		return errors.New("Last is broken")
	}
	if got := b.update("p", strings.Replace(nestedParent, "Default: x", "Default: y", 1)); got.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Errorf("after a failed update: %s %s", got.StackStatus, aws.ToString(got.StackStatusReason))
	}
	child = b.child("p", "Child")
	if child.StackStatus != types.StackStatusUpdateRollbackComplete || *child.Outputs[0].OutputValue != *stone {
		t.Errorf("the child is %s with %s, want %s", child.StackStatus, *child.Outputs[0].OutputValue, *stone)
	}
	b.world.fail = nil
	if got := b.update("p", nestedParent); got.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("after an update: %s %s", got.StackStatus, aws.ToString(got.StackStatusReason))
	}
	child = b.child("p", "Child")
	if child.StackStatus != types.StackStatusUpdateComplete || *child.Outputs[0].OutputValue == *stone {
		t.Errorf("the child is %s with %s", child.StackStatus, *child.Outputs[0].OutputValue)
	}
	if got := b.world.contents(); len(got) != 4 || !slices.Contains(got, "Stone=a+b") {
		t.Errorf("%v", got)
	}

	// The child fails: it rolls itself back, and then its parent does.
	b.upload("child", strings.Replace(nestedChild, `["-",`, `["/",`, 1))
	b.world.fail = failOn("create Stone")
	got := b.update("p", nestedParent)
	if got.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Errorf("after the child failed: %s", got.StackStatus)
	}
	out, err := b.DescribeStackEvents(t.Context(), &awscfn.DescribeStackEventsInput{StackName: got.StackId})
	if err != nil {
		t.Fatal(err)
	}
	// That is the status at which AWS's nested stacks fail.
	want := "Embedded stack " + *child.StackId + " was not successfully updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: The following resource(s) failed to update: [Stone]."
	if !slices.ContainsFunc(out.StackEvents, func(e types.StackEvent) bool { return aws.ToString(e.ResourceStatusReason) == want }) {
		t.Errorf("no event says %q", want)
	}
	b.world.fail = nil

	if _, err := b.DeleteStack(t.Context(), &awscfn.DeleteStackInput{StackName: aws.String("p")}); err != nil {
		t.Fatal(err)
	}
	if gone := b.settled(*child.StackId); gone.StackStatus != types.StackStatusDeleteComplete {
		t.Errorf("the child is %s", gone.StackStatus)
	}
	if left := b.world.contents(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestNestedStackFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.upload("child", nestedChild)
	b.world.fail = failOn("create Stone")
	parent := b.create("p", nestedParent)
	if parent.StackStatus != types.StackStatusRollbackComplete {
		t.Errorf("the parent is %s", parent.StackStatus)
	}
	i := slices.IndexFunc(b.stacks, func(st *stack) bool { return st.parent == *parent.StackId })
	if i < 0 {
		t.Fatal("there is no child")
	}
	want := []string{
		"stack CREATE_IN_PROGRESS", "stack ROLLBACK_IN_PROGRESS", "stack ROLLBACK_COMPLETE", "stack DELETE_IN_PROGRESS", "stack DELETE_COMPLETE",
	}
	got := slices.DeleteFunc(b.history(b.stacks[i].id), func(e string) bool { return !strings.HasPrefix(e, "stack ") })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if left := b.world.contents(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// The parent fails with the reason of the child, whatever that contains. The child's other
// resource waits, because one that is cancelled halfway is listed in the reason too.
func TestNestedStackReason(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.upload("child", strings.NewReplacer("  Stone:", "  STATUS:", "${Stone}", "${STATUS}", "Condition: Late", "DependsOn: STATUS").Replace(nestedChild))
	b.world.fail = failOn("create STATUS")
	parent := b.create("p", nestedParent)
	out, err := b.DescribeStackEvents(t.Context(), &awscfn.DescribeStackEventsInput{StackName: parent.StackId})
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, e := range out.StackEvents {
		if *e.LogicalResourceId == "Child" && e.ResourceStatus == types.ResourceStatusCreateFailed {
			reasons = append(reasons, aws.ToString(e.ResourceStatusReason))
		}
	}
	if len(reasons) != 1 || !strings.HasPrefix(reasons[0], "Embedded stack arn:") || !strings.HasSuffix(reasons[0], " was not successfully created: The following resource(s) failed to create: [STATUS].") {
		t.Errorf("%q", reasons)
	}
}

// A template can't nest itself without end, even if its URL is only known during the
// deployment.
func TestNestedStackEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const self = `
Resources:
  Thing: {Type: Test::Thing, Properties: {Value: v}}
  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: !Select [0, !Split ["#", !Sub "` + nestedURL + `child#${Thing}"]]}}
`
	b.upload("child", self)
	parent := b.create("p", self)
	if parent.StackStatus != types.StackStatusRollbackComplete || len(b.stacks) != maxNesting {
		t.Errorf("the parent is %s, of %d stacks", parent.StackStatus, len(b.stacks))
	}
}

// counted counts how often objects are read.
type counted struct {
	objects
	reads atomic.Int64
}

func (c *counted) GetObject(ctx context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	c.reads.Add(1)
	return c.objects.GetObject(ctx, in)
}

// A template that nests another one twice doubles the stacks with each level. They are
// counted, so that the work has an end.
func TestNestedStacksAreCounted(t *testing.T) {
	t.Parallel()
	twice := func(url string) string {
		child := ": {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: " + url + "}}\n"
		return "Resources:\n  A" + child + "  B" + child
	}
	const unknown = `!Select [0, !Split ["#", !Sub "` + nestedURL + `c#${Thing}"]]`
	levels := map[string]string{"c12": "Resources: {Thing: {Type: Test::Thing, Properties: {Value: v}}}"}
	for i := range 12 {
		levels["c"+strconv.Itoa(i)] = twice(nestedURL + "c" + strconv.Itoa(i+1))
	}
	for name, c := range map[string]struct {
		first    string
		children map[string]string
		want     string
		reads    int64
	}{
		"itself":     {twice(nestedURL + "c"), map[string]string{"c": twice(nestedURL + "c")}, "does not nest stacks deeper than 20 levels", maxNesting},
		"each other": {twice(nestedURL + "c0"), levels, "does not nest more than 200 stacks", maxNested},
	} {
		b := newBench(t)
		for key, body := range c.children {
			b.upload(key, body)
		}
		files := &counted{objects: b.deps.Objects.(objects)}
		b.deps.Objects = files
		_, err := b.CreateStack(t.Context(), &awscfn.CreateStackInput{StackName: aws.String("p"), TemplateBody: &c.first})
		if err == nil || strings.Count(err.Error(), c.want) != 1 {
			t.Errorf("%s: %v, want %s once", name, err, c.want)
		}
		if got := files.reads.Load(); got != c.reads {
			t.Errorf("%s: %d templates were read, want %d", name, got, c.reads)
		}
	}
	// The URLs are only known during the deployment.
	b := newBench(t)
	first := "Resources:\n  Thing: {Type: Test::Thing, Properties: {Value: v}}\n" + strings.TrimPrefix(twice(unknown), "Resources:\n")
	b.upload("c", first)
	parent := b.create("p", first)
	if parent.StackStatus != types.StackStatusRollbackComplete || len(b.stacks) > 1+maxNested {
		t.Errorf("the parent is %s, of %d stacks", parent.StackStatus, len(b.stacks))
	}
}

// What is wrong with a nested template is refused before anything is created.
func TestNestedStackRefused(t *testing.T) {
	t.Parallel()
	capable := "Resources: {R: {Type: AWS::IAM::Role, Properties: {RoleName: r}}}"
	for name, c := range map[string]struct {
		parent string
		child  map[string]string
		want   string
	}{
		"missing template":    {nestedParent, nil, "resource Child: nested stack " + nestedURL + "child: S3 error: The specified key does not exist."},
		"unknown type":        {nestedParent, map[string]string{"child": strings.Replace(nestedChild, "Test::Stone", "Test::Nothing", 1)}, "Unrecognized resource types: [Test::Nothing]"},
		"unsupported":         {nestedParent, map[string]string{"child": strings.Replace(nestedChild, "{Value: !Join", "{Colour: red, Value: !Join", 1)}, "resource Stone: the embedded AWS does not support Colour of Test::Stone"},
		"missing parameter":   {strings.Replace(nestedParent, ", List: [a, b]", "", 1), map[string]string{"child": nestedChild}, "Parameters: [List] must have values"},
		"too many parameters": {strings.Replace(nestedParent, "List: [a, b]", "List: x, More: y", 1), map[string]string{"child": nestedChild}, "Parameters: [More] do not exist in the template"},
		"no such output":      {nestedParent, map[string]string{"child": strings.Replace(nestedChild, "Outputs: {Stone:", "Outputs: {Other:", 1)}, "Fn::GetAtt refers to the output Stone, which the template does not have"},
		"capability":          {"Resources: {Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: '" + nestedURL + "child'}}}", map[string]string{"child": capable}, "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		"itself":              {"Resources: {Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: '" + nestedURL + "c'}}}", map[string]string{"c": "Resources: {Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: '" + nestedURL + "c'}}}"}, "does not nest stacks deeper than 20 levels"},
		"no template":         {"Resources: {Child: {Type: AWS::CloudFormation::Stack}}", nil, "required key [TemplateURL] not found"},
	} {
		b := newBench(t)
		for key, body := range c.child {
			b.upload(key, body)
		}
		_, err := b.CreateStack(t.Context(), &awscfn.CreateStackInput{StackName: aws.String("p"), TemplateBody: &c.parent})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		b.work.Wait()
		if len(b.stacks) > 0 {
			t.Errorf("%s: there is a stack", name)
		}
	}
}

// A file that a template includes is a part of it.
func TestInclude(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	maps.Copy(b.deps.Objects.(objects), objects{
		"files|top.yml":    "Mappings: {M: {us-east-1: {V: mapped}}}\nResources:\n  More: {Type: Test::Thing, Properties: {Value: {'Fn::FindInMap': [M, {Ref: 'AWS::Region'}, V]}}}\n",
		"files|value.json": `{"Value": {"Ref": "V"}, "Refs": []}`,
	})
	create := func(name, body string) (types.StackStatus, error) {
		out, err := b.CreateStack(t.Context(), &awscfn.CreateStackInput{StackName: &name, TemplateBody: &body, Capabilities: []types.Capability{types.CapabilityCapabilityAutoExpand}})
		if err != nil {
			return "", err
		}
		return b.settled(*out.StackId).StackStatus, nil
	}
	body := `
Transform: {Name: AWS::Include, Parameters: {Location: !Sub "s3://${Files}/top.yml"}}
Parameters: {V: {Type: String, Default: v}, Files: {Type: String, Default: files}}
Resources:
  One: {Type: Test::Thing, Properties: {Any: a, Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://files/value.json}}}}
  Two: {Type: Test::Thing, Properties: !Transform {Name: AWS::Include, Parameters: {Location: s3://files/value.json}}}
`
	if status, err := create("i", body); err != nil || status != types.StackStatusCreateComplete {
		t.Fatalf("%s %v", status, err)
	}
	if got, want := b.world.contents(), []string{"More=mapped", "One=v", "Two=v"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	maps.Copy(b.deps.Objects.(objects), objects{
		"files|short": "Value: !Ref V", "files|nested": "Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://a/b}}", "files|broken": "{",
	})
	for change, want := range map[string]string{
		"value.json>short":                     "s3://files/short has short forms of functions",
		"value.json>nested":                    "s3://files/nested includes another file",
		"value.json>broken":                    "The specified S3 object's content should be valid Yaml/JSON",
		"value.json>none":                      "The specified key does not exist.",
		"s3://files/value.json>./value.json":   "The location parameter is not a valid S3 uri: ./value.json",
		"Any: a,>Value: a,":                    "the key Value is both in the template and in what it includes",
		"Location: s3://files/value.json>X: y": "must resolve to a string",
		"{Any: a, Fn::Transform: {Name: AWS::Include>{Any: a, Fn::Transform: {Name: Mine": "the embedded AWS does not support transforms and macros: Fn::Transform",
	} {
		old, text, _ := strings.Cut(change, ">")
		if _, err := create("refused", strings.Replace(body, old, text, 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", change, err, want)
		}
	}
}
