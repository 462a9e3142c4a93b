package synth

import (
	"testing"

	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
)

func TestInputs(t *testing.T) {
	t.Setenv("CDK_CONTEXT_JSON", "")
	inputstest.Run(t, read, map[string]string{
		"go.mod": "module example\n\ngo 1.26\n", "app/main.go": "package main\n", "infra/cdk.json": `{"context":{"branch":"main"}}`, "infra/page.html": "",
		".gitignore": "ignored\n", "ignored": "",
	},
		inputstest.File("app/main.go", "package app\n", "file app/main.go"),
		inputstest.File("infra/page.html", "other", "file infra/page.html"),
		inputstest.File("infra/new.html", "", "file infra/new.html"),
		inputstest.File("ignored", "other", "file ignored"),
		inputstest.File("infra/cdk.json", `{"context":{"branch":"next"}}`, "context branch", "file infra/cdk.json"),
		inputstest.File("cdk.out/x", "not read"),
		inputstest.Environment("CDK_CONTEXT_JSON", `{"branch":"main"}`),
		inputstest.Environment("CDK_CONTEXT_JSON", `{"stage":"x"}`, "context stage"),
		inputstest.Environment("CDK_DEFAULT_REGION", "us-east-1", "env CDK_DEFAULT_REGION"),
		inputstest.Environment("AWS_REGION", "us-east-1", "env AWS_REGION"),
		inputstest.Environment("AWS_SESSION_TOKEN", "who asks"),
		inputstest.Environment("SETTING", "x", "env SETTING"),
		inputstest.Executable("app/main.go", "file app/main.go"),
		inputstest.Toolchain,
		inputstest.Committed("commit"),
		inputstest.Change{Name: "files that differ from the commit", Make: func(r *inputstest.Repository) { r.Config.Dirty = true }, Want: []string{"commit"}},
		inputstest.Change{Name: "a tag", Make: func(r *inputstest.Repository) { r.Git("tag", "v1.0.0") }, Want: []string{"commit"}},
	)
}

// An adopted CDK app may ask for the account, which is that of the build.
func TestAdoptedInputs(t *testing.T) {
	inputstest.Run(t, read, map[string]string{"go.mod": "module example\n\ngo 1.26\n", "magewright/go.mod": "module pin\n\ngo 1.26\n", "magewright/cdk.json": `{"context":{"cdkApp":"deploy"}}`},
		inputstest.Environment("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:us-east-1:111122223333:build/shop:1", "account"),
		inputstest.Environment("CDK_DEFAULT_ACCOUNT", "111122223333", "account", "env CDK_DEFAULT_ACCOUNT"),
	)
}
