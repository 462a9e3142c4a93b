package annotate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/assembly/annotate"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// shop makes a repository with the assembly of a CDK app that knows nothing of
// Magewright, and changes its files: a text for each, "" for none.
func shop(t *testing.T, files map[string]string) (cfg project.Config, out *bytes.Buffer) {
	t.Helper()
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	template := read("stage.template.json")
	all := map[string]string{
		"go.mod":                               "module github.com/example/shop\n\ngo 1.26\n",
		"main.go":                              "package main\n\nfunc main() {}\n",
		"cdk.out/manifest.json":                read("manifest.json"),
		"cdk.out/ShopStaging.template.json":    strings.ReplaceAll(template, "STACK", "ShopStaging"),
		"cdk.out/ShopProd.template.json":       strings.ReplaceAll(template, "STACK", "ShopProd"),
		"cdk.out/ShopData.template.json":       `{"Resources":{"Table":{"Type":"AWS::DynamoDB::Table"}}}`,
		"cdk.out/ShopPipeline.template.json":   `{"Resources":{"Pipeline":{"Type":"AWS::CodePipeline::Pipeline"}}}`,
		"cdk.out/Prod/manifest.json":           "",
		"cdk.out/Prod/ShopStack.template.json": "",
	}
	for name, text := range files {
		all[name] = text
	}
	out = &bytes.Buffer{}
	dir := t.TempDir()
	cfg = project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out"), Stdout: out, Stderr: out}
	for name, text := range all {
		if text == "" {
			continue
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return cfg, out
}

// TestWithoutAFile holds that an app whose stacks are called after their stages
// needs no file, and that synth's record, tags of its own and a second run survive.
func TestWithoutAFile(t *testing.T) {
	t.Parallel()
	cfg, out := shop(t, map[string]string{"cdk.out/magewright.json": `{"commit":"abc","dirty":false,"package":"def","replaced":["111122223333"]}`})
	if err := annotate.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	const want = `annotate: Shop of example/shop, from the templates
  stage staging: stack ShopStaging
    function Api/Handler, alias live, deployment group Api/Group, URL Api/Url, api HttpApi
    function Worker, alias live, queue Orders, schedule Nightly
  stage prod: stack ShopProd, after an approval
    function Api/Handler, alias live, deployment group Api/Group, URL Api/Url, api HttpApi
    function Worker, alias live, queue Orders, schedule Nightly
  pipeline: stack ShopPipeline
  note: stack ShopData belongs to no stage, so no target deploys it and readiness does not judge it
  note: ShopStaging: function Worker has no CodeDeploy deployment group, so a new version gets all traffic at once
  note: ShopStaging: function Worker is invoked by Nightly without its alias live, so CodeDeploy shifts none of these events
  note: ShopProd: function Worker has no CodeDeploy deployment group, so a new version gets all traffic at once
  note: ShopProd: function Worker is invoked by Nightly without its alias live, so CodeDeploy shifts none of these events
`
	if out.String() != want {
		t.Errorf("it says\n%s\nwant\n%s", out, want)
	}
	m, err := manifest.Read(cfg)
	if err != nil {
		t.Fatal(err)
	}
	api, worker := m.Last().Functions[0], m.Last().Functions[1]
	if api.Function != "ApiHandler5E7490E8" || api.Alias != "live" || api.Application != "ApiApplication77AA" || api.DeploymentGroup != "ApiGroup88BB" || api.URL != "ApiUrl99CC" {
		t.Errorf("the first function is %+v", api)
	}
	if api.Outputs["FunctionName"] != "ApiName" || api.Outputs["FunctionUrl"] != "ApiUrlOutput" || api.Outputs["ApiUrl"] != "HttpApiUrl" {
		t.Errorf("its outputs are %v", api.Outputs)
	}
	if want := []manifest.Source{{Kind: "queue", Resource: "Orders44FF"}, {Kind: "schedule", Resource: "Nightly66"}}; !slices.Equal(worker.Sources, want) {
		t.Errorf("the second function's sources are %v", worker.Sources)
	}
	if m.Last().Account != "111122223333" || m.Last().Region != "eu-central-1" || m.First().Account != "" {
		t.Errorf("the stages are in %+v and %+v", m.First().Place, m.Last().Place)
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(cfg.Assembly, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if written := read(manifest.File); !strings.Contains(written, `"commit": "abc"`) || !strings.Contains(written, `"package": "def"`) || !strings.Contains(written, `"111122223333"`) {
		t.Errorf("what synth has recorded is not kept: %s", written)
	}
	var list struct {
		Artifacts map[string]struct {
			Properties struct{ Tags map[string]string }
		}
	}
	before := read("manifest.json")
	if err := json.Unmarshal([]byte(before), &list); err != nil {
		t.Fatal(err)
	}
	staging, data := list.Artifacts["ShopStaging"].Properties.Tags, list.Artifacts["ShopData"].Properties.Tags
	if staging[manifest.RepositoryTag] != "example/shop" || staging["team"] != "shop" || len(data) > 0 {
		t.Errorf("the tags are %v and %v", staging, data)
	}
	written := read(manifest.File)
	if err := annotate.Run(t.Context(), cfg); err != nil || read(manifest.File) != written || read("manifest.json") != before {
		t.Errorf("a second run gives another assembly, or %v", err)
	}
}

// TestWithAFile holds what a file can say: what is not found, and what is to be
// otherwise.
func TestWithAFile(t *testing.T) {
	t.Parallel()
	const file = `name: orders
repository: acme/orders
untagged: true
stages:
  - name: try
    stack: ShopProd
    approval: true
    evidence: {stack: ShopData, bucket: Evidence, key: Key}
  - name: users
    stack: ShopStaging
    approval: false
    functions:
      - Worker
functions:
  - function: Api/Handler
    alias: Api/Alias
    deploymentGroup: ApiGroup88BB
    url: /Api/Url
  - function: ShopProd/Worker
    sources: [Nightly]
`
	data := `{"Resources":{"Evidence":{"Type":"AWS::S3::Bucket"},"Key":{"Type":"AWS::KMS::Key"}},"Outputs":{"Kept":{"Value":{"Ref":"Evidence"}}}}`
	for name, text := range map[string]string{
		"magewright.yml": file,
		// The same as JSON, with tabs.
		"magewright.json": "{\n\t\"name\": \"orders\", \"repository\": \"acme/orders\", \"untagged\": true,\n\t\"stages\": [" +
			`{"name": "try", "stack": "ShopProd", "approval": true, "evidence": {"stack": "ShopData", "bucket": "Evidence", "key": "Key"}},` +
			`{"name": "users", "stack": "ShopStaging", "approval": false, "functions": ["Worker"]}],` +
			"\n\t\"functions\": [" + `{"function": "Api/Handler"}, {"function": "Worker", "sources": ["Nightly66"]}]}`,
	} {
		cfg, _ := shop(t, map[string]string{name: text, "cdk.out/ShopData.template.json": data})
		f, err := annotate.Find(t.Context(), cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Name != "orders" || f.Repository != "acme/orders" || !f.Untagged || f.Annotated != name {
			t.Errorf("%s: %+v", name, f.Manifest)
		}
		first, last := f.First(), f.Last()
		if first.Name != "try" || first.Stack != "ShopProd" || !first.Approval || last.Approval || len(last.Functions) != 1 || last.Functions[0].Function != "Worker22DD" {
			t.Errorf("%s: the stages are %+v", name, f.Stages)
		}
		if e := first.Evidence; e == nil || *e != (manifest.Evidence{Stack: "ShopData", Bucket: "Evidence", Key: "Key", Output: "Kept"}) {
			t.Errorf("%s: evidence is in %+v", name, e)
		}
		if want := []manifest.Source{{Kind: "schedule", Resource: "Nightly66"}}; len(first.Functions) != 2 || !slices.Equal(first.Functions[1].Sources, want) {
			t.Errorf("%s: the first stage's functions are %+v", name, first.Functions)
		}
	}
}

// TestManyStages holds that a file can name stages in between, and what is said of them.
func TestManyStages(t *testing.T) {
	t.Parallel()
	cfg, out := shop(t, map[string]string{"magewright.yml": `stages:
  - {name: beta, stack: ShopStaging, functions: [Worker]}
  - {name: gamma, copyOf: ShopStaging, stack: ShopGamma, wave: pilots, approval: true, functions: [Worker]}
  - {name: prod, stack: ShopProd, functions: [Worker]}
`})
	if err := annotate.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if want := "stage gamma: stack ShopGamma, a copy of ShopStaging, in wave pilots, after an approval\n"; !strings.Contains(out.String(), want) {
		t.Errorf("it does not say %q:\n%s", want, out)
	}
	m, err := manifest.Read(cfg)
	if err != nil {
		t.Fatal(err)
	}
	between := m.Between()
	if len(between) != 1 || between[0].Wave != "pilots" || !between[0].Approval || between[0].Deploys() != "go tool mage deploy-stage -stage=gamma" ||
		m.First().Deploys() != "go tool mage deploy-staging" || m.Last().Deploys() != "go tool mage promote" {
		t.Errorf("the stages are %+v", m.Stages)
	}
}

// TestOrderOfNames holds that the words beta and gamma are in their order.
func TestOrderOfNames(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	list := strings.NewReplacer("ShopStaging", "ShopGamma", "ShopData", "ShopBeta").Replace(read("manifest.json"))
	template := read("stage.template.json")
	cfg, _ := shop(t, map[string]string{
		"cdk.out/manifest.json":           list,
		"cdk.out/ShopGamma.template.json": strings.ReplaceAll(template, "STACK", "ShopGamma"),
		"cdk.out/ShopBeta.template.json":  strings.ReplaceAll(template, "STACK", "ShopBeta"),
	})
	f, err := annotate.Find(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range f.Stages {
		got = append(got, s.Name)
	}
	if want := []string{"beta", "gamma", "prod"}; !slices.Equal(got, want) {
		t.Errorf("the stages are %v, want %v", got, want)
	}
}

// TestWhatIsWrong holds that each mistake is named with its line and with what may
// have been meant.
func TestWhatIsWrong(t *testing.T) {
	t.Parallel()
	stages := "stages:\n  - {name: staging, stack: ShopStaging}\n  - {name: prod, stack: ShopProd}\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		says  []string
	}{
		{"a stack", map[string]string{"magewright.yml": "stages:\n  - name: prod\n    stack: ShopProt\n"}, []string{`magewright.yml:3: the assembly has no stack "ShopProt"; did you mean "ShopProd"?`}},
		{"a stack that is like none", map[string]string{"magewright.yml": "stages:\n  - name: prod\n    stack: Q\n"}, []string{`magewright.yml:3: the assembly has no stack "Q": the stacks are ShopData, ShopPipeline, ShopProd, ShopStaging`}},
		{"a function", map[string]string{"magewright.yml": stages + "functions:\n  - Api/Handle\n"}, []string{
			`magewright.yml:5: stack ShopStaging has no "Api/Handle"; did you mean "Api/Handler"?`,
			`magewright.yml:5: stack ShopProd has no "Api/Handle"; did you mean "Api/Handler"?`,
		}},
		{"another type", map[string]string{"magewright.yml": stages + "functions:\n  - Api/Alias\n"}, []string{`magewright.yml:5: stack ShopStaging: Api/Alias has the type AWS::Lambda::Alias, but it must be AWS::Lambda::Function`}},
		{"an alias", map[string]string{"magewright.yml": stages + "functions:\n  - function: Worker\n    alias: life\n"}, []string{`magewright.yml:6: stack ShopStaging: function Worker has no alias "life"; did you mean "live"?`}},
		{"an alias of another function", map[string]string{"magewright.yml": stages + "functions:\n  - function: Worker\n    alias: Api/Alias\n"}, []string{`magewright.yml:6: stack ShopStaging: function Worker has no alias "Api/Alias": its aliases are live`}},
		{"a group of another alias", map[string]string{"magewright.yml": stages + "functions:\n  - function: Worker\n    deploymentGroup: Api/Group\n"}, []string{`magewright.yml:6: stack ShopStaging: deployment group Api/Group does not shift alias WorkerAlias33EE`}},
		{"a URL of another function", map[string]string{"magewright.yml": stages + "functions:\n  - function: Worker\n    url: Api/Url\n"}, []string{`magewright.yml:6: stack ShopStaging: Api/Url is not a URL of function Worker`}},
		{"a source of another function", map[string]string{"magewright.yml": stages + "functions:\n  - function: Api/Handler\n    sources: [Orders, Order]\n"}, []string{
			`magewright.yml:6: stack ShopStaging: nothing there makes Orders (AWS::SQS::Queue) invoke function Api/Handler`,
			`magewright.yml:6: stack ShopStaging has no "Order"`,
		}},
		{"a key", map[string]string{"magewright.yml": stages + "function:\n  - Worker\nrepo: a/b\n"}, []string{
			`magewright.yml:4: the file has no key "function"; did you mean "functions"?`,
			`magewright.yml:6: the file has no key "repo": the keys are functions, name, pipeline, repository, stages, untagged`,
		}},
		{"a key twice", map[string]string{"magewright.yml": "name: a\nname: b\n"}, []string{`magewright.yml:2: the file has the key "name" a second time, after line 1`}},
		{"a stage twice", map[string]string{"magewright.yml": "stages:\n  - {name: a, stack: ShopProd}\n  - {name: a, stack: ShopProd}\n"}, []string{`magewright.yml:3: "a" occurs a second time, after line 2`, `magewright.yml:3: "ShopProd" occurs a second time, after line 2`}},
		{"a stage without a stack", map[string]string{"magewright.yml": "stages:\n  - name: a\n"}, []string{"magewright.yml:2: a stage has no stack"}},
		{"no list", map[string]string{"magewright.yml": "stages: a\nuntagged: maybe\nname: [a]\nfunctions: [[]]\n"}, []string{
			"magewright.yml:1: stages is not a list", `magewright.yml:2: this must be true or false, not "maybe"`, "magewright.yml:3: this must be a word", "magewright.yml:4: a function is not a mapping",
		}},
		{"no YAML", map[string]string{"magewright.yml": "a: [\n"}, []string{"magewright.yml: yaml: line 1"}},
		{"a stage without functions", map[string]string{"magewright.yml": "stages:\n  - {name: a, stack: ShopData}\n"}, []string{"magewright.yml:2: stack ShopData has no function that CodeDeploy shifts or that runs a program"}},
		{"no pipeline", map[string]string{"magewright.yml": "pipeline: ShopData\n"}, []string{"magewright.yml:1: stack ShopData has no AWS::CodePipeline::Pipeline"}},
		{"evidence without an output", map[string]string{"magewright.yml": "stages:\n  - name: a\n    stack: ShopProd\n    evidence:\n      stack: ShopData\n      bucket: Evidence\n      key: Table\n", "cdk.out/ShopData.template.json": `{"Resources":{"Table":{"Type":"AWS::DynamoDB::Table"},"Evidence":{"Type":"AWS::S3::Bucket"}}}`}, []string{
			"magewright.yml:6: stack ShopData has no output with the name of bucket Evidence", "magewright.yml:7: stack ShopData: Table has the type AWS::DynamoDB::Table, but it must be AWS::KMS::Key",
		}},
		{"two files", map[string]string{"magewright.yml": "{}", "magewright.json": "{}"}, []string{"there are both magewright.yml and magewright.json", "next: git rm magewright.json"}},
		{"both the app and a file", map[string]string{"magewright.yml": "{}", "cdk.out/magewright.json": `{"schemaVersion":1}`}, []string{"the CDK app writes magewright.json itself", "next: git rm magewright.yml"}},
		{"no assembly", map[string]string{"cdk.out/manifest.json": ""}, []string{"there is no cloud assembly in ", "next: cdk synth --output cdk.out"}},
		{"a template elsewhere", map[string]string{"cdk.out/manifest.json": `{"artifacts":{"a":{"type":"aws:cloudformation:stack","properties":{"templateFile":"../a"}}}}`}, []string{`"../a" is not a file of the assembly`}},
		{"nothing to deliver", map[string]string{"cdk.out/manifest.json": `{"artifacts":{}}`}, []string{"none of its 0 stacks has a function", "magewright annotate -draft"}},
		{"names that say no stage", map[string]string{"cdk.out/manifest.json": `{"artifacts":{"A":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json"}},"B":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json"}}}}`}, []string{"the name of stack A does not say to which stage it belongs"}},
		{"names of two services", map[string]string{"cdk.out/manifest.json": `{"artifacts":{"a-dev":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json"}},"b-prod":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json"}}}}`}, []string{"stacks a-dev and b-prod both have functions"}},
		{"names of one rank", map[string]string{"cdk.out/manifest.json": `{"artifacts":{"a-qa":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json"}},"a-uat":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json"}}}}`}, []string{"a-qa and a-uat do not say which comes first"}},
		{"two stacks of a name", map[string]string{"cdk.out/manifest.json": `{"artifacts":{"a":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json","stackName":"x"}},"b":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json","stackName":"x"}}}}`}, []string{"two stacks of the assembly have the name x"}},
	} {
		cfg, _ := shop(t, tt.files)
		err := annotate.Run(t.Context(), cfg)
		for _, says := range tt.says {
			if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "\n  next: ") {
				t.Errorf("%s: error is %v\nwant %s", tt.name, err, says)
			}
		}
		if want := "Run wrote nothing"; err != nil {
			if _, statErr := os.Stat(filepath.Join(cfg.Assembly, manifest.File)); statErr == nil && tt.files["cdk.out/"+manifest.File] == "" {
				t.Errorf("%s: not so: %s", tt.name, want)
			}
		}
		if err != nil && exit.Status(err) == exit.Usage {
			t.Errorf("%s: its exit code is that of a command line", tt.name)
		}
	}
}

// TestOtherAssemblies holds what is read of assemblies of other shapes.
func TestOtherAssemblies(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile("testdata/stage.template.json")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("one stage of no name", func(t *testing.T) {
		t.Parallel()
		cfg, _ := shop(t, map[string]string{
			"cdk.out/manifest.json":          `{"artifacts":{"HelloStack":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json"}}}}`,
			"cdk.out/ShopProd.template.json": strings.Replace(string(template), `"Orders44FF": {`, `"Named": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "named"}}, "Orders44FF": {`, 1),
		})
		if err := annotate.Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		m, err := manifest.ReadAny(cfg)
		if err != nil || len(m.Stages) != 1 || m.Last().Name != "production" || m.Last().Approval || m.Pipeline.Stack != "" || m.NeedsPipeline() == nil {
			t.Errorf("it is %+v, %v", m, err)
		}
		if _, err := manifest.Read(cfg); err == nil {
			t.Error("one stage is taken for a delivery")
		}
	})
	t.Run("stages of the CDK", func(t *testing.T) {
		t.Parallel()
		cfg, _ := shop(t, map[string]string{
			"cdk.out/manifest.json":                `{"artifacts":{"assembly-Prod":{"type":"cdk:cloud-assembly","properties":{"directoryName":"Prod"}},"ShopStaging":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopStaging.template.json"}}}}`,
			"cdk.out/Prod/manifest.json":           `{"artifacts":{"ProdShop1234":{"type":"aws:cloudformation:stack","displayName":"Prod/Shop","properties":{"templateFile":"ShopStack.template.json","stackName":"Prod-Shop"}}}}`,
			"cdk.out/Prod/ShopStack.template.json": strings.ReplaceAll(string(template), "STACK", "Prod/Shop"),
			"magewright.yml":                       "functions: [Api/Handler]\n",
		})
		if err := annotate.Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		m, err := manifest.Read(cfg)
		if err != nil || m.Last().Template != "Prod/ShopStack.template.json" || m.Last().Stack != "Prod-Shop" || len(m.Last().Functions) != 1 {
			t.Errorf("it is %+v, %v", m, err)
		}
		if list, err := os.ReadFile(filepath.Join(cfg.Assembly, "Prod", "manifest.json")); err != nil || !strings.Contains(string(list), `"magewright:repository": "example/shop"`) {
			t.Errorf("the nested assembly is %s, %v", list, err)
		}
	})
	t.Run("paths in the metadata only", func(t *testing.T) {
		t.Parallel()
		var parsed map[string]any
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(template), "STACK", "ShopProd")), &parsed); err != nil {
			t.Fatal(err)
		}
		for _, r := range parsed["Resources"].(map[string]any) {
			delete(r.(map[string]any), "Metadata")
		}
		bare, err := json.Marshal(parsed)
		if err != nil {
			t.Fatal(err)
		}
		cfg, _ := shop(t, map[string]string{
			"cdk.out/manifest.json":          `{"artifacts":{"ShopProd":{"type":"aws:cloudformation:stack","displayName":"ShopProd","additionalMetadataFile":"more.json","properties":{"templateFile":"ShopProd.template.json"}}}}`,
			"cdk.out/more.json":              `{"/ShopProd/Api/Handler/Resource":[{"type":"aws:cdk:logicalId","data":"ApiHandler5E7490E8"}]}`,
			"cdk.out/ShopProd.template.json": string(bare),
			"magewright.yml":                 "functions: [Api/Handler]\n",
		})
		if f, err := annotate.Find(t.Context(), cfg); err != nil || f.Last().Functions[0].Function != "ApiHandler5E7490E8" {
			t.Errorf("it is %+v, %v", f.Manifest, err)
		}
	})
	t.Run("the tag of the app", func(t *testing.T) {
		t.Parallel()
		cfg, _ := shop(t, map[string]string{"cdk.out/manifest.json": `{"artifacts":{"ShopProd":{"type":"aws:cloudformation:stack","properties":{"tags":{"magewright:repository":"other/name"},"templateFile":"ShopProd.template.json"}}}}`})
		if f, err := annotate.Find(t.Context(), cfg); err != nil || f.Repository != "other/name" {
			t.Errorf("it is %+v, %v", f.Manifest, err)
		}
	})
}

// TestDraft holds that a draft is a file that is read, and says what is to decide.
func TestDraft(t *testing.T) {
	t.Parallel()
	cfg, out := shop(t, map[string]string{"cdk.out/ShopStaging.template.json": `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Runtime":"provided.al2023"}}}}`, "cdk.out/manifest.json": `{"artifacts":{"Shop":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopStaging.template.json"}},"ShopProd":{"type":"aws:cloudformation:stack","properties":{"templateFile":"ShopProd.template.json"}}}}`})
	if err := annotate.Draft(cfg); err != nil {
		t.Fatal(err)
	}
	const want = `# What magewright delivers. The templates say the rest: leave out what needs no correction.
# To decide: the name of stack Shop does not say to which stage it belongs.
# repository: OWNER/NAME
stages: # in the order in which a release reaches them; the last is what users have
  - name: stage1
    stack: Shop
    functions: # construct paths or logical ids
      - F
  - name: prod
    stack: ShopProd
    functions: # construct paths or logical ids
      - Api/Handler
      - Worker
`
	if out.String() != want {
		t.Errorf("the draft is\n%s\nwant\n%s", out, want)
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, "magewright.yaml"), out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := annotate.Find(t.Context(), cfg); err != nil || f.First().Name != "stage1" || len(f.Last().Functions) != 2 {
		t.Errorf("it is read as %+v, %v", f.Manifest, err)
	}
}

// FuzzFile holds that no file makes it panic, and that every mistake is told with
// the next command.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{"", "{}", "stages:\n- {name: a, stack: ShopProd}\n", "a: &a [*a]\n", "functions: &f\n- Worker\n", "stages: [{name: a, stack: ShopProd, functions: [{function: Worker, sources: [Orders]}]}]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			text = "{}"
		}
		cfg, _ := shop(t, map[string]string{"magewright.yml": text})
		if _, err := annotate.Find(t.Context(), cfg); err != nil && !strings.Contains(err.Error(), "\n  next: ") {
			t.Errorf("%q gives %v", text, err)
		}
	})
}
