package adopt

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/magewright/magewright/tools/project/exit"
)

// A ci is a system, other than CodePipeline, that runs the targets for each change.
type ci struct {
	file     string
	template *template.Template
}

// cis are the systems that init supports, by name.
var cis = map[string]ci{
	"github":    {".github/workflows/magewright.yml", github},
	"gitlab":    {".gitlab-ci.yml", gitlab},
	"codebuild": {buildspecFile, nil},
}

// ci returns the file with which a system runs the targets. It returns no file if it exists
// already.
func (r *Repository) ci(name string) (file, error) {
	if name == "" {
		return file{}, nil
	}
	c, known := cis[name]
	if !known {
		return file{}, exit.Misused("init", "-ci=%s: init knows %s", name, strings.Join(slices.Sorted(maps.Keys(cis)), ", "))
	}
	there, err := r.read(c.file)
	if err != nil {
		return file{}, fmt.Errorf("reading %s: %w", c.file, err)
	}
	if name == "gitlab" && there != nil && !strings.Contains(string(there), ".magewright/") {
		// Their file stays as it is.
		c.file = ".gitlab/magewright.yml"
		if there, err = r.read(c.file); err != nil {
			return file{}, fmt.Errorf("reading %s: %w", c.file, err)
		}
	}
	if there != nil {
		return file{}, nil
	}
	if c.template == nil {
		data, err := r.buildspec()
		return file{c.file, "what a build runs: set MAGE_TARGETS, such as lint test sec, in the project", data, false}, err
	}
	targets := []string{"lint", "test", "sec"}
	if len(r.CDK) > 0 {
		targets = append(targets, "synth")
	}
	var sums []string
	for _, m := range r.Modules {
		sums = append(sums, path.Join(m.Dir, "go.sum"))
	}
	run := r.run("TARGET")
	if len(r.renamed()) == 0 {
		run = r.Mage.Command + ` "$TARGET"`
	}
	var text bytes.Buffer
	err = c.template.Execute(&text, struct {
		Mage, Run string
		Named     func(string) string
		Branch    string
		Targets   []string
		Sums      []string
		Version   string // of go.mod
		CDK       bool
	}{r.Mage.Command, run, r.target, r.branch, targets, append(sums, pinDir+"/go.sum"), path.Join(r.Modules[0].Dir, "go.mod"), len(r.CDK) > 0})
	if err != nil {
		return file{}, fmt.Errorf("writing %s: %w", c.file, err)
	}
	what := "runs " + strings.Join(targets, ", ") + " for each change"
	if len(r.CDK) > 0 {
		what += "; set the variables that it names for the comment on a request"
	}
	if c.file == ".gitlab/magewright.yml" {
		what += "; include it in .gitlab-ci.yml: include: {local: " + c.file + "}"
	}
	return file{c.file, what, text.Bytes(), false}, nil
}

// The delimiters of both templates differ from those of expressions in the files.
var github = template.Must(template.New("github").Delims("<<", ">>").Parse(`# What Magewright runs for each change: the targets that a developer runs, too.
# Actions are pinned by the commits of their releases, because a tag can be moved.
name: Magewright

on:
  push:
    branches: [<<.Branch>>]
  pull_request:

permissions:
  contents: read

concurrency:
  group: magewright-${{ github.ref }}
  cancel-in-progress: ${{ github.event_name == 'pull_request' }}

jobs:
  verify:
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    permissions:
      contents: read
      security-events: write # for the SARIF files
    strategy:
      fail-fast: false
      matrix:
        target: [<<range $i, $t := .Targets>><<if $i>>, <<end>><<$t>><<end>>]
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 0 # the release before is looked for in the history
          persist-credentials: false
      - uses: actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5 # v5.5.0
        with:
          go-version-file: <<.Version>>
          cache-dependency-path: |
<<- range .Sums>>
            <<.>>
<<- end>>
<<- if .CDK>>
      - uses: actions/setup-node@49933ea5288caeca8642d1e84afbd3f7d6820020 # v4.4.0
        with:
          node-version: 24
<<- end>>
      - run: <<.Run>>
        env:
          TARGET: ${{ matrix.target }}
      - uses: github/codeql-action/upload-sarif@dd903d2e4f5405488e5ef1422510ee31c8b32357 # v3.36.2
        if: ${{ !cancelled() && matrix.target == 'sec' && hashFiles('.magewright/*.sarif') != '' }}
        with:
          sarif_file: .magewright
      - uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
        if: ${{ !cancelled() }}
        with:
          name: ${{ matrix.target }}
          path: |
            .magewright/junit.xml
            .magewright/*.sarif
            .magewright/*.intoto.json
          include-hidden-files: true
          if-no-files-found: ignore
<<- if .CDK>>

  # One comment on the pull request, which is updated: what changes, the plan and the
  # verdict. The variable MAGEWRIGHT_ROLE names a role that may read the stages' stacks and
  # trusts this repository by OIDC; without it what is deployed stays unknown.
  comment:
    if: ${{ github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == github.repository }}
    needs: verify
    runs-on: ubuntu-24.04
    timeout-minutes: 30
    permissions:
      contents: read
      id-token: write # for the role
      pull-requests: write # for the comment
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5 # v5.5.0
        with:
          go-version-file: <<.Version>>
      - uses: actions/setup-node@49933ea5288caeca8642d1e84afbd3f7d6820020 # v4.4.0
        with:
          node-version: 24
      - uses: aws-actions/configure-aws-credentials@b47578312673ae6fa5b5096b330d9fbac3d116df # v4.2.1
        if: ${{ vars.MAGEWRIGHT_ROLE != '' }}
        with:
          role-to-assume: ${{ vars.MAGEWRIGHT_ROLE }}
          aws-region: ${{ vars.AWS_REGION || 'us-east-1' }}
      - run: <<.Mage>> <<call .Named "synth">>
      - run: <<.Mage>> <<call .Named "comment">>
        env:
          GITHUB_TOKEN: ${{ github.token }}
          MAGEWRIGHT_BASE: ${{ github.event.pull_request.base.sha }}

  # Follows what CodePipeline makes of the commit, so that the commit shows it: red if the
  # release was stopped, green once it is delivered. It waits for the approval, too. The
  # role may read the pipeline. The job is skipped without MAGEWRIGHT_ROLE.
  delivery:
    if: ${{ github.event_name == 'push' && vars.MAGEWRIGHT_ROLE != '' }}
    runs-on: ubuntu-24.04
    timeout-minutes: 350
    concurrency: magewright-${{ github.sha }}
    permissions:
      contents: read
      id-token: write # for the role
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5 # v5.5.0
        with:
          go-version-file: <<.Version>>
      - uses: actions/setup-node@49933ea5288caeca8642d1e84afbd3f7d6820020 # v4.4.0
        with:
          node-version: 24
      - run: <<.Mage>> <<call .Named "synth">>
      - uses: aws-actions/configure-aws-credentials@b47578312673ae6fa5b5096b330d9fbac3d116df # v4.2.1
        with:
          role-to-assume: ${{ vars.MAGEWRIGHT_ROLE }}
          role-duration-seconds: 21600
          aws-region: ${{ vars.AWS_REGION || 'us-east-1' }}
      - run: <<.Mage>> <<call .Named "pipeline:status">> -follow
<<- end>>
`))

var gitlab = template.Must(template.New("gitlab").Delims("<<", ">>").Parse(`# What Magewright runs for each change: the targets that a developer runs, too.
.magewright:
  image: golang:1.26
  variables:
    GIT_DEPTH: "0" # the release before is looked for in the history
    GOPATH: $CI_PROJECT_DIR/.cache/go
    GOCACHE: $CI_PROJECT_DIR/.cache/go-build
    XDG_CACHE_HOME: $CI_PROJECT_DIR/.cache
  cache:
    key:
      files:
        - <<index .Sums 0>>
        - magewright/go.sum
    paths:
      - .cache/
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == "<<.Branch>>"
<<- if .CDK>>
  before_script:
    - command -v node || (apt-get update && apt-get install -y nodejs npm)
<<- end>>

magewright:
  extends: .magewright
  stage: test
  parallel:
    matrix:
      - TARGET: [<<range $i, $t := .Targets>><<if $i>>, <<end>><<$t>><<end>>]
  script:
    - <<.Run>>
  artifacts:
    when: always
    paths:
      - .magewright/*.sarif
      - .magewright/*.intoto.json
    reports:
      junit: .magewright/junit.xml
<<- if .CDK>>

# One note on the merge request, which is updated: what changes, the plan and the verdict.
# MAGEWRIGHT_GITLAB_TOKEN is a project access token with the scope api. AWS_ROLE_ARN names a
# role that may read the stages' stacks and trusts this project by OIDC; without it what is
# deployed stays unknown.
magewright comment:
  extends: .magewright
  stage: test
  needs: [magewright]
  id_tokens:
    MAGEWRIGHT_OIDC:
      aud: sts.amazonaws.com
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
  script:
    - printf '%s' "$MAGEWRIGHT_OIDC" > "$CI_PROJECT_DIR/.cache/oidc"
    - if [ -n "$AWS_ROLE_ARN" ]; then export AWS_WEB_IDENTITY_TOKEN_FILE="$CI_PROJECT_DIR/.cache/oidc"; fi
    - <<.Mage>> <<call .Named "synth">>
    - MAGEWRIGHT_BASE="$CI_MERGE_REQUEST_DIFF_BASE_SHA" <<.Mage>> <<call .Named "comment">>

# Follows what CodePipeline makes of the commit, so that the commit shows it: red if the
# release was stopped, green once it is delivered. It waits for the approval, too. The role
# may read the pipeline.
magewright delivery:
  extends: .magewright
  stage: deploy
  timeout: 6 hours
  id_tokens:
    MAGEWRIGHT_OIDC:
      aud: sts.amazonaws.com
  rules:
    - if: $CI_COMMIT_BRANCH == "<<.Branch>>" && $AWS_ROLE_ARN
  script:
    - <<.Mage>> <<call .Named "synth">>
    - printf '%s' "$MAGEWRIGHT_OIDC" > "$CI_PROJECT_DIR/.cache/oidc"
    - export AWS_WEB_IDENTITY_TOKEN_FILE="$CI_PROJECT_DIR/.cache/oidc"
    - <<.Mage>> <<call .Named "pipeline:status">> -follow
<<- end>>
`))
