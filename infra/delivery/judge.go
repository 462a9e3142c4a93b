package delivery

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodebuild"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/tools/project/agreed"
)

// NoJudge is the value of the parameter before any release was promoted.
const NoJudge = "none"

// DefaultJudge runs Magewright in the version that the checkout pins, in a repository that
// `init` has set up. The flags are the same as in the file for Mage, so that nothing is
// compiled twice.
const DefaultJudge = "cd magewright && GOWORK=off GOFLAGS=-trimpath go tool magewright"

// JudgeParameter returns the name of the SSM parameter that pins the commit whose code
// judges the releases of a pipeline. The pipeline is named by its stack. promote writes
// the parameter.
func JudgeParameter(pipeline string) string { return agreed.JudgeParameter(pipeline) }

// newJudgeParameter defines the parameter. CloudFormation does not change its value later,
// because the value in the template stays the same.
func newJudgeParameter(stack awscdk.Stack) awsssm.StringParameter {
	return awsssm.NewStringParameter(stack, jsii.String("JudgeParameter"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(JudgeParameter(*stack.StackName())),
		Description:   jsii.String("The release whose code judges the next one; only its promotion writes it"),
		StringValue:   jsii.String(NoJudge),
	})
}

// judgeScript checks out the code that judges, in a directory beside the candidate, and runs
// it. It runs nothing of the candidate: no magefile, no buildspec, no hook, and no toolchain
// that the candidate's go.mod names. Its git commands show commits as they are; see
// tools/internal/gitcmd.
const judgeScript = `(
set -euo pipefail
fail() { echo "$*" >&2; exit 3; }
git() {
  env GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1 GIT_NO_REPLACE_OBJECTS=1 GIT_GRAFT_FILE=/dev/null/none \
    GIT_CONFIG_COUNT=4 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' GIT_CONFIG_KEY_1=core.hooksPath GIT_CONFIG_VALUE_1=/dev/null \
    GIT_CONFIG_KEY_2=core.commitGraph GIT_CONFIG_VALUE_2=false GIT_CONFIG_KEY_3=core.fsmonitor GIT_CONFIG_VALUE_3=false \
    git -C "$CODEBUILD_SRC_DIR" "$@"
}
code=$MAGEWRIGHT_JUDGE
if [ "$code" = none ]; then code=$CODEBUILD_RESOLVED_SOURCE_VERSION; fi
[[ "$code" =~ ^[0-9a-f]{40}$ ]] || fail "the parameter $MAGEWRIGHT_JUDGE_PARAMETER says $code, which is not a commit"
git merge-base --is-ancestor "$code" "$CODEBUILD_RESOLVED_SOURCE_VERSION" ||
  fail "release $code, whose code would judge, is not in the history of $CODEBUILD_RESOLVED_SOURCE_VERSION"
git worktree add --quiet --detach "$CODEBUILD_SRC_DIR-judge" "$code"
export MAGEWRIGHT_CANDIDATE=$CODEBUILD_SRC_DIR
cd "$CODEBUILD_SRC_DIR-judge"
echo "judged by the code of ${code:0:12}"
JUDGE judge $MAGE_TARGETS
)`

// judgeCommands returns the commands with which a build judges.
func judgeCommands(program string) []string {
	return []string{strings.Replace(judgeScript, "JUDGE judge", program+" judge", 1)}
}

// collectCommands are the commands that follow. They copy the results to the place where
// artifacts are collected. Nothing judges any more at this point.
var collectCommands = []string{
	// The variables for later actions, as NAME=value.
	`if [ -f "$CODEBUILD_SRC_DIR-judge/.magewright/exports.env" ]; then set -a; . "$CODEBUILD_SRC_DIR-judge/.magewright/exports.env"; set +a; fi`,
	// The candidate may have a directory with this name. It is not evidence, even if nothing
	// has judged.
	`rm -rf "$CODEBUILD_SRC_DIR/.magewright"`,
	`if [ -d "$CODEBUILD_SRC_DIR-judge/.magewright" ]; then cp -R "$CODEBUILD_SRC_DIR-judge/.magewright" "$CODEBUILD_SRC_DIR/.magewright"; fi`,
}

// judgeSpec returns the buildspec of the builds that judge and promote. It is part of the
// deployed pipeline, because a buildspec in the commit would be under the author's control.
func judgeSpec(stack awscdk.Stack, props PipelineProps) awscodebuild.BuildSpec {
	return awscodebuild.BuildSpec_FromObjectToYaml(&map[string]any{
		"version": "0.2",
		"env": map[string]any{
			"shell": "bash",
			"variables": map[string]any{
				"GOFLAGS": "-trimpath -buildvcs=false", "CGO_ENABLED": "0",
				"MAGEWRIGHT_JUDGE_PARAMETER": JudgeParameter(*stack.StackName()),
			},
			"parameter-store":    map[string]any{"MAGEWRIGHT_JUDGE": JudgeParameter(*stack.StackName())},
			"exported-variables": []string{"VERDICT", "WAIVERS", "EVIDENCE_DIGEST", "REPORT_URL"},
		},
		"phases": map[string]any{
			"install":    map[string]any{"runtime-versions": map[string]any{"golang": "1.26", "nodejs": "24"}},
			"build":      map[string]any{"commands": judgeCommands(props.Judge)},
			"post_build": map[string]any{"commands": collectCommands},
		},
		"artifacts": map[string]any{
			"base-directory": ".magewright",
			"files":          []string{"**/*"},
			"exclude-paths":  []string{"bin/**/*", "build/**/*", "cdk-home/**/*", "inputs/**/*", "exports.env"},
		},
	})
}
