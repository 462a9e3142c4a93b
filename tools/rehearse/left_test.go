package rehearse

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project/manifest"
)

// TestWhatIsNotRehearsedIsSaid holds that a step which a delivery lacks is named, with
// what to do about it, and that nothing is said of one that has all.
func TestWhatIsNotRehearsedIsSaid(t *testing.T) {
	t.Parallel()
	plain := manifest.Function{Function: "Hello"}
	whole := manifest.Function{Function: "Hello", Alias: "live", Application: "App", DeploymentGroup: "Group"}
	for _, tt := range []struct {
		first, last manifest.Function
		annotated   string
		want        []string
	}{
		{plain, plain, "the templates", []string{"drill", "canary", "plan", "ledger"}},
		{whole, plain, "the templates", []string{"canary", "plan", "ledger"}},
		{whole, plain, "kept", []string{"canary", "plan"}},
		{whole, manifest.Function{Function: "Hello", Alias: "live"}, "", []string{"canary"}},
		{whole, whole, "", nil},
		{whole, whole, "replaced", []string{"accounts"}},
	} {
		names := manifest.Manifest{Annotated: tt.annotated, Stages: []manifest.Stage{
			{Name: "dev", Functions: []manifest.Function{tt.first}}, {Name: "prod", Functions: []manifest.Function{tt.last}},
		}}
		if tt.annotated == "kept" {
			names.Pipeline.Evidence = &manifest.Evidence{Stack: "shop-pipeline"}
		}
		if tt.annotated == "replaced" {
			names.Annotated, names.Replaced = "", []string{"111122223333"}
		}
		var out bytes.Buffer
		steps := notRehearsed(names)
		describeLeft(&out, steps)
		var got []string
		for _, s := range steps {
			got = append(got, s.Name)
			if !strings.Contains(out.String(), "NOT REHEARSED  "+s.Name+": ") || s.Why == "" || !strings.Contains(out.String(), "next: "+s.Next) {
				t.Errorf("%s is said as\n%s", s.Name, &out)
			}
		}
		if strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%+v, %+v: %v, want %v", tt.first, tt.last, got, tt.want)
		}
	}
	if got := notRehearsed(manifest.Old()); len(got) > 0 {
		t.Errorf("of the old names: %v", got)
	}
}

// What the embedded AWS only records is a step, too: one for each type.
func TestRecordedResourcesAreNotRehearsed(t *testing.T) {
	t.Parallel()
	client := cloudformation.NewFromConfig(localawstest.Start(t))
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("shop"), TemplateBody: aws.String(`
Resources:
  Net: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  One: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Net, CidrBlock: 10.0.0.0/24}}
  Two: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Net, CidrBlock: 10.0.1.0/24}}
  Topic: {Type: AWS::SNS::Topic}
`)}); err != nil {
		t.Fatal(err)
	}
	waiter := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) { o.MinDelay, o.MaxDelay = 1, 1 })
	if err := waiter.Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("shop")}, 60e9); err != nil {
		t.Fatal(err)
	}
	steps, err := notRun(t.Context(), client, []string{"shop", "none"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	describeLeft(&out, steps)
	for _, want := range []string{
		"NOT REHEARSED  AWS::EC2::Subnet: the embedded AWS records AWS::EC2::Subnet and does not run it: shop/One shop/Two\n",
		"NOT REHEARSED  AWS::EC2::VPC: the embedded AWS records AWS::EC2::VPC and does not run it: shop/Net\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s lacks %s", out.String(), want)
		}
	}
	if len(steps) != 2 {
		t.Errorf("%d steps", len(steps))
	}
}

// A service that another endpoint had is not rehearsed.
func TestForwardedServicesAreNotRehearsed(t *testing.T) {
	t.Parallel()
	steps := notOurs(map[string]string{"sqs": "http://127.0.0.1:2", "dynamodb": "http://127.0.0.1:1"})
	if len(steps) != 2 || steps[0].Name != "dynamodb" || !strings.Contains(steps[0].Why, "http://127.0.0.1:1, which is not the embedded AWS") {
		t.Errorf("%v", steps)
	}
	if len(notOurs(nil)) != 0 {
		t.Error("nothing was forwarded")
	}
}
