package annotate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/assembly/annotate"
	"github.com/magewright/magewright/tools/project/manifest"
)

// hello is the list of an assembly with one stack.
const hello = `{"artifacts":{
	"Hello.assets":{"type":"cdk:asset-manifest","properties":{"file":"Hello.assets.json"}},
	"Hello":{"type":"aws:cloudformation:stack","environment":"aws://111122223333/eu-central-1","dependencies":["Hello.assets"],"displayName":"Hello",
		"properties":{"templateFile":"Hello.template.json","stackTemplateAssetObjectUrl":"s3://bucket/key","tags":{"team":"shop"}}}}}`

// with returns a template with a function and further resources and outputs.
func with(resources, outputs string) string {
	return `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Runtime":"provided.al2023"}}` + resources + `},"Outputs":{` + outputs + `}}`
}

// TestATrialOfTheOnlyStack holds that releases of an app with one stack are tried in a
// copy of it, and that a second run finds the same.
func TestATrialOfTheOnlyStack(t *testing.T) {
	t.Parallel()
	cfg, out := shop(t, map[string]string{"cdk.out/manifest.json": hello, "cdk.out/Hello.template.json": with("", "")})
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(cfg.Assembly, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if err := annotate.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	const want = `annotate: Hello of example/shop, from the templates
  stage staging: stack Hello-staging, a copy of Hello
    function F
  stage production: stack Hello, after an approval
    function F
  note: the app has one stack, so releases are tried in a copy of it, Hello-staging; make sure that a trial may use what the functions reach outside of the stack
  note: Hello-staging: function F has no alias, so it can't return to an earlier version
  note: Hello: function F has no alias, so it can't return to an earlier version
`
	if out.String() != want {
		t.Errorf("it says\n%s\nwant\n%s", out, want)
	}
	m, err := manifest.Read(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if first, last := m.First(), m.Last(); first.Stack != "Hello-staging" || first.Template != last.Template || first.Account != "111122223333" || first.Approval || !last.Approval {
		t.Errorf("the stages are %+v", m.Stages)
	}
	type artifact struct {
		Type, Environment, DisplayName string
		Dependencies                   []string
		Properties                     struct {
			File, TemplateFile, StackName, StackTemplateAssetObjectURL string
			Tags                                                       map[string]string
		}
	}
	var list struct{ Artifacts map[string]artifact }
	if err := json.Unmarshal([]byte(read("manifest.json")), &list); err != nil {
		t.Fatal(err)
	}
	copied := list.Artifacts["Hello-staging"]
	if copied.Type != "aws:cloudformation:stack" || copied.Environment != "aws://111122223333/eu-central-1" || copied.DisplayName != "Hello-staging" || len(copied.Dependencies) != 1 || copied.Dependencies[0] != "Hello-staging.assets" ||
		copied.Properties.StackName != "Hello-staging" || copied.Properties.TemplateFile != "Hello.template.json" || copied.Properties.StackTemplateAssetObjectURL != "s3://bucket/key" {
		t.Errorf("the copy is %+v", copied)
	}
	if assets := list.Artifacts["Hello-staging.assets"]; assets.Type != "cdk:asset-manifest" || assets.Properties.File != "Hello.assets.json" {
		t.Errorf("the list of its assets is %+v", assets)
	}
	if tags := copied.Properties.Tags; tags["magewright:copy-of"] != "Hello" || tags["magewright:repository"] != "example/shop" || tags["team"] != "shop" {
		t.Errorf("its tags are %v", tags)
	}
	if tags := list.Artifacts["Hello"].Properties.Tags; tags["magewright:copy-of"] != "" || tags["magewright:repository"] != "example/shop" {
		t.Errorf("the tags of the other are %v", tags)
	}
	before := read("manifest.json") + read(manifest.File)
	if err := annotate.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if read("manifest.json")+read(manifest.File) != before {
		t.Error("a second run writes something else")
	}
}

// TestWhatCantBeCopied holds that no copy is made that would collide with the stack or
// work on its data, and that each reason is told.
func TestWhatCantBeCopied(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ resources, outputs, says string }{
		"a fixed name":     {`,"T":{"Type":"AWS::DynamoDB::Table","Properties":{"TableName":"orders"}}`, "", "T has a fixed TableName"},
		"of the account":   {`,"B":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":{"Fn::Sub":"b-${AWS::AccountId}"}}}`, "", "B has a fixed BucketName"},
		"of the stack":     {`,"T":{"Type":"AWS::DynamoDB::Table","Properties":{"TableName":{"Fn::Sub":"${AWS::StackName}-orders"}}}`, "", ""},
		"of a resource":    {`,"L":{"Type":"AWS::Logs::LogGroup","Properties":{"LogGroupName":{"Fn::Join":["",["/aws/lambda/",{"Ref":"F"}]]}}}`, "", ""},
		"imported":         {`,"P":{"Type":"AWS::IAM::Policy","Properties":{"Resource":[{"Fn::Join":["",[{"Fn::ImportValue":"Data:Table"}]]}]}}`, "", "P uses what another stack exports"},
		"a queue's":        {`,"M":{"Type":"AWS::Lambda::EventSourceMapping","Properties":{"FunctionName":{"Ref":"F"},"EventSourceArn":"arn:aws:sqs:eu-central-1:111122223333:orders"}}`, "", "M has a EventSourceArn outside of the stack, which the copy would share"},
		"of a parameter":   {`,"M":{"Type":"AWS::Lambda::EventSourceMapping","Properties":{"EventSourceArn":{"Ref":"QueueArn"}}}`, "", "M has a EventSourceArn outside"},
		"of its own queue": {`,"Q":{"Type":"AWS::SQS::Queue"},"M":{"Type":"AWS::Lambda::EventSourceMapping","Properties":{"EventSourceArn":{"Fn::GetAtt":["Q","Arn"]}}}`, "", ""},
		"one of two roles": {`,"R":{"Type":"AWS::IAM::Role"},"P":{"Type":"AWS::IAM::Policy","Properties":{"Roles":[{"Ref":"R"},"shared"]}}`, "", "P has a Roles outside"},
		"the default bus":  {`,"E":{"Type":"AWS::Events::Rule","Properties":{"EventBusName":"default"}}`, "", ""},
		"another bus":      {`,"E":{"Type":"AWS::Events::Rule","Properties":{"EventBusName":"shop"}}`, "", "E has a EventBusName outside"},
		"a nested stack":   {`,"N":{"Type":"AWS::CloudFormation::Stack","Properties":{}}`, "", "N is a nested stack"},
		"exported":         {"", `"O":{"Value":"a","Export":{"Name":"Hello:O"}}`, "output O is exported by a fixed name"},
		"exported as its":  {"", `"O":{"Value":"a","Export":{"Name":{"Fn::Sub":"${AWS::StackName}:O"}}}`, ""},
		"a domain":         {`,"C":{"Type":"AWS::CloudFront::Distribution","Properties":{"DistributionConfig":{"Aliases":["shop.example"]}}}`, "", "C has domain names"},
		"no domain":        {`,"C":{"Type":"AWS::CloudFront::Distribution","Properties":{"DistributionConfig":{"Aliases":[]}}}`, "", ""},
		"several, sorted":  {`,"Z":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"z"}},"A":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"a"}}`, "", "A has a fixed QueueName; Z has a fixed TopicName"},
		"name of no other": {`,"A":{"Type":"AWS::ApiGatewayV2::Api","Properties":{"Name":"shop"}}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"cdk.out/manifest.json": hello, "cdk.out/Hello.template.json": with(tt.resources, tt.outputs)}
			cfg, _ := shop(t, files)
			f, err := annotate.Find(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if says := strings.Join(f.Notes, "\n"); len(f.Stages) != 2 && tt.says == "" || tt.says != "" && (len(f.Stages) != 1 || !strings.Contains(says, "no stage before production: a copy of stack Hello can't exist beside it: "+tt.says)) {
				t.Errorf("%d stages, %s", len(f.Stages), says)
			}
			// The same, asked for.
			files["magewright.yml"] = "stages:\n- {name: trial, copyOf: Hello}\n- {name: live, stack: Hello}\n"
			cfg, _ = shop(t, files)
			f, err = annotate.Find(t.Context(), cfg)
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), "magewright.yml:2: a copy of stack Hello can't exist beside it: "+tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
			if err == nil && (f.First().Stack != "Hello-trial" || f.First().Name != "trial") {
				t.Errorf("the first stage is %+v", f.First())
			}
		})
	}
}

// TestCopiesInTheFile holds what the file may say of copies.
func TestCopiesInTheFile(t *testing.T) {
	t.Parallel()
	for file, says := range map[string]string{
		"stages:\n- {name: trial, copyOf: Hello, stack: Trial}\n- {name: live, stack: Hello}\n": "",
		"stages:\n- {name: trial, copyOf: Helo}\n- {name: live, stack: Hello}\n":                `magewright.yml:2: the assembly has no stack "Helo"; did you mean "Hello"?`,
		"stages:\n- {name: trial, copyOf: Hello, stack: Hello}\n":                               "magewright.yml:2: the assembly already has a stack Hello",
		"stages:\n- {copyOf: Hello}\n":                                                          "magewright.yml:2: a stage has no name",
		"stages:\n- {name: trial}\n":                                                            "magewright.yml:2: a stage has no stack",
	} {
		cfg, _ := shop(t, map[string]string{"cdk.out/manifest.json": hello, "cdk.out/Hello.template.json": with("", ""), "magewright.yml": file})
		f, err := annotate.Find(t.Context(), cfg)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", file, err, says)
		}
		if err == nil && f.First().Stack != "Trial" {
			t.Errorf("%s: %+v", file, f.First())
		}
	}
	// A stack of a stage that is no users' is not copied, and none is made over another.
	for list, want := range map[string]int{
		strings.ReplaceAll(hello, `"Hello":`, `"Hello-dev":`):  1,
		strings.ReplaceAll(hello, `"Hello":`, `"Hello-prod":`): 2,
		strings.Replace(hello, `"Hello":`, `"Hello-staging":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopData.template.json"}},"Hello":`, 1): 1,
	} {
		cfg, _ := shop(t, map[string]string{"cdk.out/manifest.json": list, "cdk.out/Hello.template.json": with("", "")})
		if f, err := annotate.Find(t.Context(), cfg); err != nil || len(f.Stages) != want {
			t.Errorf("%s: %+v, %v", list, f.Stages, err)
		}
	}
}
