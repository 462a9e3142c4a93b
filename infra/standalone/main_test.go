package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/infra/delivery"
)

// TestProperties holds what the pipeline of another CDK app is made of, by whether
// CodeDeploy shifts the traffic of its stages, and what its builds are given.
func TestProperties(t *testing.T) {
	t.Parallel()
	const plain, shifted = `{"function":"F","outputs":{}}`, `{"function":"F","alias":"live","deploymentGroup":"G","outputs":{"NotificationTopic":"T"}}`
	stage := func(name, function string) string {
		return `{"name":"` + name + `","stack":"Shop-` + name + `","template":"t.json","functions":[` + function + `]}`
	}
	for name, tt := range map[string]struct {
		stages        []string
		name          string // of the delivery
		context       map[string]any
		targets       string // of the first stage
		says, saysNot []string
		want          string // the pipeline's name
		fails         string
		asked         string // what is run before a person is asked
	}{
		"plain": {
			stages: []string{stage("dev", plain), stage("prod", plain)}, name: "Shop", want: "shop", targets: "deploy-staging smoke",
			says: []string{"NOT REHEARSED: drill", "No canary: all traffic of prod", "NOT REHEARSED: plan"}, asked: "readiness",
		},
		"shifted": {
			stages: []string{stage("dev", shifted), stage("prod", shifted)}, name: "Acme Shop", want: "acme-shop", targets: "deploy-staging smoke drill",
			saysNot: []string{"NOT REHEARSED", "No canary"}, asked: "plan -send readiness",
		},
		"one of them": {stages: []string{stage("dev", plain), stage("prod", shifted)}, name: "9", want: delivery.NameOf("acme/shop"), targets: "deploy-staging smoke", saysNot: []string{"No canary"}},
		"settings": {
			stages: []string{stage("dev", plain), stage("prod", plain)}, name: "Shop", want: "shop", targets: "deploy-staging smoke",
			context: map[string]any{"branch": "trunk", "connectionArn": "arn", "verifyBuilds": 2, "pipeline": map[string]any{"account": "111122223333"}},
		},
		"no function":   {stages: []string{stage("dev", ""), stage("prod", plain)}, fails: "stage dev delivers no function"},
		"one stage":     {stages: []string{stage("a", plain)}, fails: "the assembly has one stage"},
		"no settings":   {stages: []string{stage("dev", plain), stage("prod", plain)}, context: map[string]any{"branch": 7}, fails: "reading CDK context"},
		"no assembly":   {context: map[string]any{"assembly": ""}, fails: "names no assembly"},
		"not annotated": {context: map[string]any{"assembly": "/nowhere"}, fails: "reading the names in the assembly"},
	} {
		dir := t.TempDir()
		manifest := `{"schemaVersion":1,"name":"` + tt.name + `","repository":"acme/shop","stages":[` + strings.Join(tt.stages, ",") + `]}`
		for file, text := range map[string]string{delivery.ManifestFile: manifest, "t.json": `{"Resources":{}}`} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		context := map[string]any{"assembly": dir, "architecture": "x86_64"}
		for key, value := range tt.context {
			context[key] = value
		}
		props, err := properties(context)
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: error %v, want %q", name, err, tt.fails)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var targets []string
		for _, action := range props.Stages[0].Actions {
			targets = append(targets, action.Targets)
		}
		if props.Name != tt.want || strings.Join(targets, " ") != tt.targets || props.Repository != "acme/shop" || strings.Contains(props.Context, "assembly") || !strings.Contains(props.Context, `"architecture":"x86_64"`) {
			t.Errorf("%s: %s runs %v with %s", name, props.Name, targets, props.Context)
		}
		asks := props.Stages[1].Approval.Text
		if got := props.Stages[1].Approval.Actions[0].Targets; tt.asked != "" && got != tt.asked {
			t.Errorf("%s: %s is run before the approval", name, got)
		}
		for _, said := range tt.says {
			if !strings.Contains(asks, said) {
				t.Errorf("%s: the approval does not say %q: %s", name, said, asks)
			}
		}
		for _, said := range tt.saysNot {
			if strings.Contains(asks, said) {
				t.Errorf("%s: the approval says %q: %s", name, said, asks)
			}
		}
		if tt.context != nil && (props.Branch != "trunk" || props.ConnectionARN != "arn" || props.VerifyBuilds != 2 || props.Env == nil || *props.Env.Account != "111122223333" || props.Env.Region != nil) {
			t.Errorf("%s: %+v", name, props)
		}
	}
}

// TestManyStages holds what becomes of the stages between the first and the last: the
// approvals and waves that the manifest has, and the stage that an approver is told of.
func TestManyStages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stage := func(name, more string) string {
		return `{"name":"` + name + `","stack":"Shop-` + name + `","template":"t.json"` + more + `,"functions":[{"function":"F","outputs":{}}]}`
	}
	manifest := `{"schemaVersion":1,"name":"Shop","repository":"acme/shop","stages":[` + strings.Join([]string{
		stage("alpha", `,"approval":true`), stage("beta", ""), stage("eu", `,"approval":true,"wave":"pilots"`), stage("us", `,"wave":"pilots"`), stage("prod", ""),
	}, ",") + `]}`
	for file, text := range map[string]string{delivery.ManifestFile: manifest, "t.json": `{"Resources":{}}`} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	props, err := properties(map[string]any{"assembly": dir})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range props.Stages {
		line := s.Name + " " + s.Wave
		if s.Approval != nil {
			asked, _, _ := strings.Cut(s.Approval.Text, ". NOT REHEARSED")
			line += " " + asked
		}
		if s.ReturnOnFailure {
			line += " RETURN"
		}
		got = append(got, line)
	}
	want := []string{
		"alpha  Commit #{SourceVariables.CommitId} has passed its checks. Approving tries it on alpha. RETURN",
		"beta  RETURN",
		"eu pilots Commit #{SourceVariables.CommitId} answers on beta. Approving takes it to pilots. RETURN",
		"us pilots RETURN",
	}
	if len(got) != 5 || strings.Join(got[:4], "\n") != strings.Join(want, "\n") || !strings.HasPrefix(got[4], "prod  Commit #{SourceVariables.CommitId} answers on us: ") || strings.HasSuffix(got[4], "RETURN") {
		t.Errorf("the stages are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
