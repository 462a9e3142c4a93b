package delivery_test

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/infra/delivery"
)

// TestRepositoriesShareNoStackName holds, for random deliveries that are called as
// alike as can be, that two of them never have a stack name in common.
func TestRepositoriesShareNoStackName(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the cases of a test
	words := []string{"a", "b", "a-b", "test", "live", "pipeline", "evidence", "1"}
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	owner := map[string]string{} // of stack names, by name of the delivery
	made := map[string]bool{}
	for range 20_000 {
		name := "a-" + pick(words)
		for range random.IntN(3) {
			name += "-" + pick(words)
		}
		stage := strings.ReplaceAll(pick(words), "-", "")
		stack := delivery.StackName(name, stage)
		if other, taken := owner[stack]; taken && other != name {
			t.Fatalf("%s is a stack of %s and of %s", stack, other, name)
		}
		owner[stack], made[name] = name, true
	}
	if len(made) < 50 || len(owner) < 200 {
		t.Errorf("%d deliveries with %d stacks were tried", len(made), len(owner))
	}
}

// TestNamesOfRepositoriesDiffer holds that repositories which say nothing of their
// names get such as differ, and such as stacks may have.
func TestNamesOfRepositoriesDiffer(t *testing.T) {
	valid := regexp.MustCompile(`^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)
	repositories := []string{
		"a/b", "b/a", "a-b/c", "a/b-c", "a.b/c", "a_b/c", "a/b.c", "a/b_c", "a/b/c", "a/9", "a/-", "a/...", "a/_b", "owner/" + strings.Repeat("long", 30), "owner/" + strings.Repeat("long", 30) + "er",
	}
	of := map[string]string{}
	for _, repository := range repositories {
		name := delivery.NameOf(repository)
		if !valid.MatchString(name) {
			t.Errorf("%s is called %q, which no stack may be", repository, name)
		}
		if other := of[name]; other != "" {
			t.Errorf("%s and %s are both called %s", repository, other, name)
		}
		of[name] = repository
	}
	if delivery.NameOf("Owner/Name") != delivery.NameOf("owner/name") {
		t.Error("a repository has two names; upper and lower case are one at the source provider")
	}
}

// TestRepositoriesShareNothingOfAnAccount holds the same of what was synthesized,
// and of all else whose name an account may have once: exports, alarms, dashboards,
// pipelines, connections.
func TestRepositoriesShareNothingOfAnAccount(t *testing.T) {
	of := map[string]string{}
	unique := map[string]string{
		"AWS::CloudWatch::Alarm": "AlarmName", "AWS::CloudWatch::Dashboard": "DashboardName", "AWS::CodePipeline::Pipeline": "Name",
		"AWS::CodeConnections::Connection": "ConnectionName", "AWS::Lambda::Function": "FunctionName", "AWS::S3::Bucket": "BucketName",
		"AWS::KMS::Alias": "AliasName", "AWS::SNS::Topic": "TopicName", "AWS::SQS::Queue": "QueueName", "AWS::Events::Rule": "Name",
		"AWS::CodeDeploy::Application": "ApplicationName", "AWS::CodeBuild::Project": "Name", "AWS::Logs::LogGroup": "LogGroupName", "AWS::IAM::Role": "RoleName",
	}
	counted := map[string]int{}
	for delivered, a := range map[string]assembly{"shop": must(t, shop), "shop-test": must(t, bank)} {
		take := func(kind string, name any) {
			encoded, err := json.Marshal(name)
			if err != nil {
				t.Fatal(err)
			}
			key := kind + " " + string(encoded)
			if other := of[key]; other != "" && other != delivered {
				t.Errorf("%s and %s share %s", delivered, other, key)
			}
			of[key] = delivered
			counted[kind]++
		}
		for stack, template := range a.templates {
			take("stack", stack)
			outputs, _ := template["Outputs"].(map[string]any)
			for _, output := range outputs {
				if name := dig(output, "Export", "Name"); name != nil {
					take("export", name)
				}
			}
			resources, _ := template["Resources"].(map[string]any)
			for _, resource := range resources {
				kind, _ := dig(resource, "Type").(string)
				if name := dig(resource, "Properties", unique[kind]); unique[kind] != "" && name != nil {
					take(kind, name)
				}
			}
		}
	}
	for kind, want := range map[string]int{"stack": 10, "export": 4, "AWS::CloudWatch::Alarm": 42, "AWS::CodePipeline::Pipeline": 2, "AWS::CodeConnections::Connection": 2} {
		if counted[kind] != want {
			t.Errorf("%d names of %s were compared, want %d", counted[kind], kind, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		says   string
		change func(*delivery.PipelineProps)
	}{
		{"", func(*delivery.PipelineProps) {}},
		{`the repository is "shop": it must be owner/name`, func(p *delivery.PipelineProps) { p.Repository = "shop" }},
		{`the delivery's name is "Shop"`, func(p *delivery.PipelineProps) { p.Name = "Shop" }},
		{"it must have two or more", func(p *delivery.PipelineProps) { p.Stages = p.Stages[:1] }},
		{`is called "pre-live"`, func(p *delivery.PipelineProps) { p.Stages[0].Name = "pre-live" }},
		{"two stacks by the name of shop-pipeline", func(p *delivery.PipelineProps) { p.Stages[0].Name = "pipeline" }},
		{"two stacks by the name of shop-live", func(p *delivery.PipelineProps) { p.Stages[0].Name = "live" }},
		{"the stack of stage first is called shop-test: it must be called shop-first", func(p *delivery.PipelineProps) { p.Stages[0].Name = "first" }},
		{"stage live names a function of stack shop-test", func(p *delivery.PipelineProps) { p.Stages[1].Functions = p.Stages[0].Functions }},
	} {
		dir := t.TempDir()
		app := awscdk.NewApp(&awscdk.AppProps{Outdir: &dir})
		stage := func(name string) delivery.Stage {
			stack := awscdk.NewStack(app, jsii.String(delivery.StackName("shop", name)), nil)
			return delivery.Stage{Name: name, Stack: stack, Actions: delivery.Promotion()}
		}
		props := &delivery.PipelineProps{Name: "shop", Repository: "example/shop", Stages: []delivery.Stage{stage("test"), stage("live")}}
		if strings.Contains(tt.says, "a function of") {
			props.Stages[0].Functions = []*delivery.Delivery{delivery.NewDelivery(props.Stages[0].Stack, "Web", &delivery.DeliveryProps{
				Function: newFunction(props.Stages[0].Stack, "Code"), Topic: awssns.NewTopic(props.Stages[0].Stack, jsii.String("Alarms"), nil),
			})}
		}
		tt.change(props)
		_, err := delivery.NewPipeline(app, props)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("error is %v, want %q", err, tt.says)
		}
	}
}
