package synth

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
)

// TestAssignRoles holds which stacks get a role of their own, and that a role which the CDK
// app has chosen stays.
func TestAssignRoles(t *testing.T) {
	t.Parallel()
	cfg := project.Config{Assembly: t.TempDir()}
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(cfg.Assembly, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(manifest.File, `{"schemaVersion":1,"name":"shop","repository":"example/shop","pipeline":{"stack":"p","template":"pipeline/p.template.json","account":"111111111111"},"stages":[
		{"name":"staging","stack":"s","template":"s.template.json","account":"111111111111","functions":[],"evidence":{"stack":"e"}},
		{"name":"gamma","stack":"g","template":"g.template.json","functions":[]},
		{"name":"beta","stack":"b","template":"b.template.json","account":"222222222222","functions":[]},
		{"name":"production","stack":"t","template":"t.template.json","functions":[]}]}`)
	const standard = `"cloudFormationExecutionRoleArn":"arn:${AWS::Partition}:iam::111111111111:role/cdk-acme-cfn-exec-role-111111111111-us-east-1","requiresBootstrapStackVersion":6,"bootstrapStackVersionSsmParameter":"/cdk-bootstrap/acme/version"`
	of := func(properties string) string {
		return `{"type":"aws:cloudformation:stack","properties":{` + properties + `}}`
	}
	write("manifest.json", `{"artifacts":{"S1":`+of(`"stackName":"s","tags":{"team":"shop"},`+standard)+`,"e":`+of(standard)+`,"g":`+of(`"x":1`)+`,"b":`+of(standard)+`,"t":`+of(`"cloudFormationExecutionRoleArn":"arn:aws:iam::1:role/theirs"`)+`}}`)
	write("pipeline/manifest.json", `{"artifacts":{"p":`+of(standard)+`}}`)
	for _, stack := range []string{"s", "e", "g", "t"} {
		write(stack+".template.json", `{"Resources":{"R":{"Type":"AWS::IAM::Role"},"Q":{"Type":"AWS::SQS::Queue"},"B":{"Type":"AWS::IAM::Role","Properties":{"PermissionsBoundary":"theirs","MaxSessionDuration":3600}}}}`)
	}
	for range 2 {
		if err := assignRoles(cfg); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{
		"S1": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-magewright/stage-cfn-exec-role-s /cdk-bootstrap/s/version 6 map[magewright:stack:s team:shop]",
		"e":  "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-magewright/stage-cfn-exec-role-e /cdk-bootstrap/e/version 6 map[magewright:stack:e]",
		"g":  "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-magewright/stage-cfn-exec-role-g /cdk-bootstrap/g/version 1 map[magewright:stack:g]",
		"b":  "arn:${AWS::Partition}:iam::111111111111:role/cdk-acme-cfn-exec-role-111111111111-us-east-1 /cdk-bootstrap/acme/version 6 map[]",
		"t":  "arn:aws:iam::1:role/theirs  0 map[]",
		"p":  "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-magewright/stage-cfn-exec-role-p /cdk-bootstrap/p/version 6 map[magewright:stack:p]",
	} {
		dir := ""
		if id == "p" {
			dir = "pipeline"
		}
		data, err := os.ReadFile(filepath.Join(cfg.Assembly, dir, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Artifacts map[string]struct {
				Properties struct {
					CloudFormationExecutionRoleArn, BootstrapStackVersionSsmParameter string
					RequiresBootstrapStackVersion                                     int
					Tags                                                              map[string]string
				}
			}
		}
		if err := json.Unmarshal(data, &list); err != nil {
			t.Fatal(err)
		}
		p := list.Artifacts[id].Properties
		if got := fmt.Sprintf("%s %s %d %v", p.CloudFormationExecutionRoleArn, p.BootstrapStackVersionSsmParameter, p.RequiresBootstrapStackVersion, p.Tags); got != want {
			t.Errorf("%s is deployed by\n%s\nwant\n%s", id, got, want)
		}
	}
	data, err := os.ReadFile(filepath.Join(cfg.Assembly, "s.template.json"))
	var template struct {
		Resources map[string]struct{ Properties any }
	}
	if err == nil {
		err = json.Unmarshal(data, &template)
	}
	if got := fmt.Sprint(template.Resources, err); got != "map[B:{map[MaxSessionDuration:3600 PermissionsBoundary:theirs]} Q:{<nil>} R:{map[PermissionsBoundary:map[Fn::Sub:arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/cdk-magewright/boundary-p]]}] <nil>" {
		t.Errorf("the roles of s are %s", got)
	}
	write("manifest.json", `{"artifacts":{}}`)
	if err := assignRoles(cfg); err == nil || !strings.Contains(err.Error(), "CloudFormation deploys s: ") {
		t.Errorf("a stack that is not listed gives %v", err)
	}
}
