package deploy

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// assembly makes an assembly of example/shop, with more keys of the manifest.
func assembly(t *testing.T, more string) project.Config {
	t.Helper()
	return written(t, `{"commit":"`+commit+`","schemaVersion":1,"name":"shop","repository":"example/shop",`+more+`
		"pipeline":{"stack":"shop-pipeline","template":"p.json"},
		"stages":[{"name":"test","stack":"shop-test","template":"t.json","evidence":{"stack":"shop-evidence"}},
			{"name":"live","stack":"shop-live","template":"l.json","account":"999988887777"}]}`)
}

func written(t *testing.T, text string) project.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, manifest.File), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: dir, Commit: commit, Stdout: io.Discard, Stderr: io.Discard}
}

// older is an assembly as they were before manifests.
func older(t *testing.T) project.Config { return written(t, `{"commit":"`+commit+`"}`) }

// create makes a stack, of a repository or, for "", without a tag.
func create(t *testing.T, awsConfig aws.Config, name, repository string) {
	t.Helper()
	var tags []types.Tag
	if repository != "" {
		tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("x")}, {Key: aws.String(manifest.RepositoryTag), Value: &repository}}
	}
	localawstest.CreateStack(t, awsConfig, name, `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}`, tags...)
}

func TestOwner(t *testing.T) {
	awsConfig := localawstest.Start(t)
	client := cloudformation.NewFromConfig(awsConfig)
	for name, repository := range map[string]string{
		"ours": "example/shop", "cased": "Example/Shop", "theirs": "example/bank", "untagged": "",
	} {
		create(t, awsConfig, name, repository)
	}
	// A change set that nobody has executed makes a stack that was never created.
	template := `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}`
	if _, err := client.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: aws.String("reviewed"), ChangeSetName: aws.String("c"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: &template,
	}); err != nil {
		t.Fatal(err)
	}
	const retag = "aws cloudformation update-stack --stack-name theirs --use-previous-template --capabilities CAPABILITY_NAMED_IAM --tags Key=magewright:repository,Value=example/shop"
	before := assembly(t, `"untagged":true,`)
	for _, tt := range []struct {
		name   string
		cfg    project.Config
		stacks []string
		says   []string
		status int
	}{
		{"new", assembly(t, ""), []string{"absent"}, nil, 0},
		{"under review", assembly(t, ""), []string{"reviewed"}, nil, 0},
		{"of the repository", assembly(t, ""), []string{"ours", "cased"}, nil, 0},
		{"of another", assembly(t, ""), []string{"ours", "theirs"}, []string{"stack theirs belongs to repository example/bank", "but the assembly belongs to example/shop", retag}, exit.Gate},
		{"of nobody", assembly(t, ""), []string{"untagged"}, []string{"stack untagged exists already, and no tag magewright:repository says that it belongs to example/shop", "Value=example/shop"}, exit.Gate},
		{"of before there were tags", before, []string{"untagged"}, nil, 0},
		{"of another, and ours may have no tags", before, []string{"theirs"}, []string{"belongs to repository example/bank"}, exit.Gate},
		{"new, by an older assembly", older(t), []string{"absent", "untagged"}, nil, 0},
		{"tagged, by an older assembly", older(t), []string{"ours"}, []string{"the assembly does not say which repository it belongs to", "next: go tool mage synth"}, exit.Environment},
	} {
		err := checkOwner(t.Context(), tt.cfg, awsConfig, tt.stacks)
		if exit.Status(err) != tt.status {
			t.Errorf("%s: error is %v, want exit code %d", tt.name, err, tt.status)
			continue
		}
		for _, want := range tt.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %v, without %q", tt.name, err, want)
			}
		}
	}
}

// TestWhatWasNotLookedAtIsSaid holds that a stack in an account which these
// credentials don't reach is not silently taken for ours.
func TestWhatWasNotLookedAtIsSaid(t *testing.T) {
	awsConfig := localawstest.Start(t)
	var said bytes.Buffer
	cfg := assembly(t, "")
	cfg.Stdout = &said
	if err := checkOwner(t.Context(), cfg, awsConfig, []string{"shop-live"}); err != nil {
		t.Fatal(err)
	}
	if want := "the owner of stack shop-live was not checked: it is in account 999988887777, and these credentials are for another"; !strings.Contains(said.String(), want) {
		t.Errorf("it said %q, want %q", said.String(), want)
	}
}

// TestRunTouchesNoStackOfAnother holds that the targets look at the owner before
// the CDK CLI is started.
func TestRunTouchesNoStackOfAnother(t *testing.T) {
	server := localawstest.StartServer(t)
	client := cloudformation.NewFromConfig(server.Client())
	for _, stack := range []string{"shop-evidence", "shop-pipeline"} {
		create(t, server.Client(), stack, "example/bank")
	}
	for name, value := range server.Environment() {
		t.Setenv(name, value)
	}
	for stage, want := range map[string]string{
		"": "stack shop-evidence belongs to repository example/bank", "test": "stack shop-evidence belongs", Pipeline: "stack shop-pipeline belongs",
		"production": `there is no stage "production": the stages are ["test" "live"]`,
		"live":       "stage live is the one that users have: only promote deploys it, if the evidence allows the release\n  next: go tool mage promote",
	} {
		if err := Stage(stage)(t.Context(), assembly(t, "")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("stage %q: error is %v, want %q", stage, err, want)
		}
	}
	if err := Stage("")(t.Context(), older(t)); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "an older Magewright synthesized ") || !strings.HasSuffix(err.Error(), "next: go tool mage synth") {
		t.Errorf("an older assembly gives %v", err)
	}
	listed, err := client.ListStacks(t.Context(), &cloudformation.ListStacksInput{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range listed.StackSummaries {
		names = append(names, *s.StackName)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"shop-evidence", "shop-pipeline"}) {
		t.Errorf("the stacks are %v: something was deployed", names)
	}
}
