package codebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/principal"
)

func testLog(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func phases(b *cbtypes.Build) string {
	var names []string
	for _, p := range b.Phases {
		name := string(p.PhaseType) + " " + string(p.PhaseStatus)
		for _, c := range p.Contexts {
			name += " " + *c.StatusCode + "/" + *c.Message
		}
		names = append(names, strings.TrimSpace(name))
	}
	return strings.Join(names, "\n")
}

func TestAPipelinesBuild(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := newService(t, w)
	dir, commits := repository(t)
	ref, err := json.Marshal(cloneRef{CloneURL: "file:///etc", CommitID: commits[2], BranchName: "main", FullRepositoryID: "o/r", ConnectionARN: "arn:connection"})
	if err != nil {
		t.Fatal(err)
	}
	w.clones["arn:connection|o/r"] = "file://" + dir
	w.objects["bucket/source"] = zipOf(t, map[string]string{cloneRefFile: string(ref)})
	w.objects["bucket/assembly"] = zipOf(t, map[string]string{"manifest.json": "{}", "asset/a.txt": "a"})
	create(t, s, pipelineProject("app", `version: 0.2
env: {exported-variables: [COMMIT, URL]}
phases:
  build:
    commands:
      - export COMMIT=$(git rev-parse HEAD) URL=http://x
      - test "$COMMIT" = "$CODEBUILD_RESOLVED_SOURCE_VERSION"
      - test $(git rev-list --count HEAD) = 3
      - test -f "$CODEBUILD_SRC_DIR_Assembly/asset/a.txt"
      - echo "$CODEBUILD_INITIATOR $CODEBUILD_BUILD_NUMBER $CODEBUILD_SOURCE_REPO_URL $TARGETS"
      - mkdir out; cp file out/
artifacts: {files: ['**/*'], base-directory: out}
`))
	out, err := s.StartPipelineBuild(t.Context(), PipelineBuild{
		PipelineName: "line", ExecutionID: "e1", ActionName: "Test",
		Inputs:        []ArtifactLocation{{"Assembly", "bucket", "assembly"}, {"Source", "bucket", "source"}},
		Primary:       "Source",
		Outputs:       []ArtifactLocation{{"Out", "bucket", "out/1"}},
		SourceVersion: commits[2],
		Start: &awscodebuild.StartBuildInput{ProjectName: aws.String("app"), EnvironmentVariablesOverride: []cbtypes.EnvironmentVariable{
			{Name: aws.String("TARGETS"), Value: aws.String("lint test")},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.WaitBuild(t.Context(), *out.Build.Arn)
	if err != nil {
		t.Fatal(err)
	}
	log := logOf(t, s, b)
	if b.BuildStatus != cbtypes.StatusTypeSucceeded || !b.BuildComplete || b.EndTime == nil {
		t.Fatalf("%s\n%s\n%s", b.BuildStatus, phases(b), log)
	}
	want := "SUBMITTED SUCCEEDED\nQUEUED SUCCEEDED\nPROVISIONING SUCCEEDED\nDOWNLOAD_SOURCE SUCCEEDED\nINSTALL SUCCEEDED\nPRE_BUILD SUCCEEDED\nBUILD SUCCEEDED\nPOST_BUILD SUCCEEDED\nUPLOAD_ARTIFACTS SUCCEEDED\nFINALIZING SUCCEEDED\nCOMPLETED"
	if diff := cmp.Diff(want, phases(b)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(log, "codepipeline/line 1 file://"+dir+" lint test") {
		t.Errorf("log:\n%s", log)
	}
	if *b.ResolvedSourceVersion != commits[2] || *b.Initiator != "codepipeline/line" {
		t.Errorf("resolved %s initiator %s", *b.ResolvedSourceVersion, *b.Initiator)
	}
	if e := b.ExportedEnvironmentVariables; len(e) != 2 || *e[0].Name != "COMMIT" || *e[0].Value != commits[2] || *e[1].Value != "http://x" {
		t.Errorf("exported %v", e)
	}
	if diff := cmp.Diff(map[string]string{"file": "three"}, unzip(t, w.objects["bucket/out/1"])); diff != "" {
		t.Error(diff)
	}
	if w.metadata["bucket/out/1"]["codebuild-buildarn"] != *b.Arn || *b.Artifacts.Location != "arn:aws:s3:::bucket/out/1" || b.Artifacts.Sha256sum == nil {
		t.Errorf("artifact %+v %v", b.Artifacts, w.metadata)
	}
	if got := w.readers["bucket/source"]; !strings.HasPrefix(got, "arn:aws:sts::000000000000:assumed-role/build/AWSCodeBuild-") {
		t.Errorf("the source was read by %q", got)
	}
	stream := "/aws/codebuild/app|" + strings.TrimPrefix(*b.Id, "app:")
	if got := strings.Join(w.log[stream], ""); got != log+"\n" {
		t.Errorf("CloudWatch Logs and Follow differ:\n%s", cmp.Diff(log+"\n", got))
	}
	if len(w.events) != 2 || !strings.Contains(w.events[0], `"build-status":"IN_PROGRESS"`) || !strings.Contains(w.events[1], `"build-status":"SUCCEEDED"`) ||
		!strings.HasPrefix(w.events[1], "aws.codebuild|CodeBuild Build State Change|") {
		t.Errorf("events %v", w.events)
	}
	if left, err := os.ReadDir(filepath.Join(s.account.Dir, "codebuild", "app")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAPipelineWithSeveralOutputs(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := newService(t, w)
	w.objects["b/in"] = zipOf(t, map[string]string{"buildspec.yml": `version: 0.2
phases: {build: {commands: [echo 1 >x, echo 2 >y]}}
artifacts: {files: [x], secondary-artifacts: {X: {files: [x]}, Y: {files: [y]}}}
`})
	create(t, s, pipelineProject("app", ""))
	out, err := s.StartPipelineBuild(t.Context(), PipelineBuild{
		Inputs: []ArtifactLocation{{"In", "b", "in"}}, Outputs: []ArtifactLocation{{"Y", "b", "y"}, {"X", "b", "x"}}, SourceVersion: "v1", Start: start("app"),
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.WaitBuild(t.Context(), *out.Build.Id)
	if err != nil || b.BuildStatus != cbtypes.StatusTypeSucceeded {
		t.Fatalf("%v %s", err, phases(b))
	}
	if x, y := unzip(t, w.objects["b/x"]), unzip(t, w.objects["b/y"]); x["x"] != "1\n" || y["y"] != "2\n" || len(x) != 1 || len(y) != 1 {
		t.Errorf("x %v y %v", x, y)
	}
	if len(b.SecondaryArtifacts) != 2 || *b.SecondaryArtifacts[0].ArtifactIdentifier != "Y" || *b.ResolvedSourceVersion != "v1" {
		t.Errorf("%+v", b.SecondaryArtifacts)
	}
}

// The CDK's pipelines module writes such a buildspec for two outputs.
func TestAPipelineWithOnlySecondaryArtifacts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := newService(t, w)
	w.objects["b/in"] = zipOf(t, map[string]string{"buildspec.yml": `version: 0.2
phases: {build: {commands: [mkdir -p one two/sub, echo 1 >one/a, echo 2 >two/sub/b]}}
artifacts:
  secondary-artifacts:
    One: {base-directory: one, files: '**/*'}
    Two: {base-directory: two, files: ['**/*'], discard-paths: yes}
`})
	create(t, s, pipelineProject("app", ""))
	out, err := s.StartPipelineBuild(t.Context(), PipelineBuild{
		Inputs: []ArtifactLocation{{"In", "b", "in"}}, Outputs: []ArtifactLocation{{"One", "b", "one"}, {"Two", "b", "two"}}, SourceVersion: "v1", Start: start("app"),
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.WaitBuild(t.Context(), *out.Build.Id)
	if err != nil || b.BuildStatus != cbtypes.StatusTypeSucceeded {
		t.Fatalf("%v %s", err, phases(b))
	}
	if diff := cmp.Diff([]map[string]string{{"a": "1\n"}, {"b": "2\n"}}, []map[string]string{unzip(t, w.objects["b/one"]), unzip(t, w.objects["b/two"])}); diff != "" {
		t.Error(diff)
	}
}

func TestTheShellOfABuild(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spec, image string
		status      cbtypes.StatusType
		want        []string
	}{
		"sh": {
			"version: 0.2\nphases: {build: {commands: [cd /, 'A=1', 'echo \"$0 in $PWD has $A\"', 'if false; then source x; fi']}}",
			"aws/codebuild/standard:7.0", cbtypes.StatusTypeSucceeded,
			[]string{"\n/bin/sh in / has 1\n", "Warning: buildspec.yml:2:70: phases.build.commands: source needs bash, and commands run with sh"},
		},
		"a shell for each command": {
			"version: 0.1\nphases: {build: {commands: [cd /, 'A=1', 'echo \"has $A.\"; test \"$PWD\" = \"$CODEBUILD_SRC_DIR\"']}}",
			"aws/codebuild/standard:7.0", cbtypes.StatusTypeSucceeded, []string{"\nhas .\n"},
		},
		"sh that is bash": {
			"version: 0.2\nphases: {build: {commands: ['[[ a == a ]]', shopt -o posix]}}",
			"aws/codebuild/amazonlinux2-x86_64-standard:5.0", cbtypes.StatusTypeSucceeded,
			[]string{"\nposix          \ton\n", "phases.build.commands: [[ needs bash"},
		},
		"bash": {
			"version: 0.2\nenv: {shell: bash}\nphases: {build: {commands: ['[[ a == a ]]', 'shopt -o posix || exit 7']}}",
			"aws/codebuild/amazonlinux2-x86_64-standard:5.0", cbtypes.StatusTypeFailed, []string{"Reason: exit status 7"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, newWorld())
			p := project("app", test.spec)
			p.Environment.Image = aws.String(test.image)
			create(t, s, p)
			b := runBuild(t, s, start("app"))
			log := logOf(t, s, b)
			if b.BuildStatus != test.status {
				t.Errorf("%s\n%s", phases(b), log)
			}
			for _, want := range test.want {
				if !strings.Contains(log, want) {
					t.Errorf("no %q in\n%s", want, log)
				}
			}
		})
	}
}

func TestABuildsEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_PROFILE": "real", "AWS_ACCESS_KEY_ID": "AKIAREAL", "CODEBUILD_BUILD_ID": "outer", "GIT_DIR": "/nowhere", "MAGEFILE_CACHE": "x",
		"CDK_DEFAULT_ACCOUNT": "1", "GOFLAGS": "-mod=mod", "HTTPS_PROXY": "http://proxy", "NO_PROXY": "",
	} {
		t.Setenv(name, value)
	}
	w := newWorld()
	s := newService(t, w)
	p := project("env", `version: 0.2
env:
  variables: {A: spec, B: spec, C: spec}
  parameter-store: {P: /ci/p}
  secrets-manager: {S: 'db:user', N: 'db:port'}
phases: {build: {commands: [env | sort, 'test "$P" = value-of-/ci/p', 'test "$S$N" = admin-user5432', 'test "$Q" = value-of-/ci/q']}}
`)
	p.Environment.EnvironmentVariables = []cbtypes.EnvironmentVariable{
		{Name: aws.String("B"), Value: aws.String("project")}, {Name: aws.String("C"), Value: aws.String("project")},
		{Name: aws.String("AWS_ENDPOINT_URL_S3"), Value: aws.String("https://s3.amazonaws.com")},
		{Name: aws.String("Q"), Value: aws.String("/ci/q"), Type: cbtypes.EnvironmentVariableTypeParameterStore},
	}
	create(t, s, p)
	in := start("env")
	in.EnvironmentVariablesOverride = []cbtypes.EnvironmentVariable{{Name: aws.String("C"), Value: aws.String("$A"), Type: cbtypes.EnvironmentVariableTypePlaintext}}
	ctx := principal.NewContext(t.Context(), principal.Principal{ARN: "arn:aws:iam::000000000000:user/ada"})
	out, err := s.StartBuild(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.WaitBuild(t.Context(), *out.Build.Id)
	if err != nil {
		t.Fatal(err)
	}
	log := logOf(t, s, b)
	if b.BuildStatus != cbtypes.StatusTypeSucceeded {
		t.Fatalf("%s\n%s", phases(b), log)
	}
	for _, want := range []string{
		"A=spec", "B=project", "C=$A", "P=***", "Q=***", "S=***", "GOFLAGS=-mod=mod", "NO_PROXY=127.0.0.1,localhost,::1",
		"AWS_ENDPOINT_URL=http://127.0.0.1:4566", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=***", "AWS_SECRET_ACCESS_KEY=***", "AWS_CONFIG_FILE=/dev/null",
		"CODEBUILD_BUILD_ID=" + *b.Id, "CODEBUILD_BUILD_ARN=" + *b.Arn, "CODEBUILD_INITIATOR=ada", "CODEBUILD_BUILD_SUCCEEDING=1",
		"CODEBUILD_START_TIME=1795467600000", "CODEBUILD_LOG_PATH=" + strings.TrimPrefix(*b.Id, "env:"),
	} {
		if !strings.Contains(log, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	for _, no := range []string{"AWS_PROFILE=", "AKIAREAL", "GIT_DIR=", "MAGEFILE_CACHE=", "CDK_DEFAULT_ACCOUNT=", "\nAWS_ENDPOINT_URL_S3=", "secret-key", "admin-user\n"} {
		if strings.Contains(log, no) {
			t.Errorf("the build has %s", no)
		}
	}
	if !strings.Contains(log, "Warning: AWS_ENDPOINT_URL_S3 is not set") || t.Failed() {
		t.Errorf("log:\n%s", log)
	}
}

func TestBuildsThatFail(t *testing.T) {
	t.Parallel()
	const good = "version: 0.2\nphases: {build: {commands: [echo]}}\n"
	dir, _ := repository(t)
	for name, test := range map[string]struct {
		change func(*awscodebuild.CreateProjectInput)
		want   string
	}{
		"command": {func(p *awscodebuild.CreateProjectInput) {
			p.Source.Buildspec = aws.String("version: 0.2\nphases: {build: {commands: [exit 3]}}")
		}, "BUILD FAILED COMMAND_EXECUTION_ERROR/Error while executing command: exit 3. Reason: exit status 3"},
		"buildspec": {func(p *awscodebuild.CreateProjectInput) {
			p.Source.Buildspec = aws.String("version: 0.2\nfases: {}")
		}, `DOWNLOAD_SOURCE FAILED YAML_FILE_ERROR/buildspec.yml:2:1: unknown key "fases" in the buildspec; did you mean "phases"?`},
		"role": {func(p *awscodebuild.CreateProjectInput) {
			p.ServiceRole = aws.String("arn:aws:iam::000000000000:role/other")
		}, "PROVISIONING FAILED ACCESS_DENIED/assuming the service role arn:aws:iam::000000000000:role/other: AccessDenied"},
		"object": {func(p *awscodebuild.CreateProjectInput) {
			p.Source = &cbtypes.ProjectSource{Type: cbtypes.SourceTypeS3, Location: aws.String("b/none.zip")}
		}, "DOWNLOAD_SOURCE FAILED CLIENT_ERROR/downloading the source: reading s3://b/none.zip: NoSuchKey"},
		"no file": {func(p *awscodebuild.CreateProjectInput) {
			p.Source = &cbtypes.ProjectSource{Type: cbtypes.SourceTypeGithub, Location: aws.String("file://" + dir)}
		}, "DOWNLOAD_SOURCE FAILED YAML_FILE_ERROR/YAML file does not exist: openat buildspec.yml: no such file"},
		"outside": {func(p *awscodebuild.CreateProjectInput) {
			p.Source = &cbtypes.ProjectSource{Type: cbtypes.SourceTypeGithub, Location: aws.String("file://" + dir), Buildspec: aws.String("../../x.yml")}
		}, "DOWNLOAD_SOURCE FAILED YAML_FILE_ERROR/YAML file does not exist: openat ../../x.yml: path escapes"},
		"version": {func(p *awscodebuild.CreateProjectInput) {
			p.Source = &cbtypes.ProjectSource{Type: cbtypes.SourceTypeGithub, Location: aws.String("file://" + dir), Buildspec: aws.String(good)}
			p.SourceVersion = aws.String("no-such-branch")
		}, `DOWNLOAD_SOURCE FAILED CLIENT_ERROR/downloading the source: finding "no-such-branch" in file://`},
		"parameter": {func(p *awscodebuild.CreateProjectInput) {
			p.Environment.EnvironmentVariables = []cbtypes.EnvironmentVariable{{Name: aws.String("X"), Value: aws.String("none"), Type: cbtypes.EnvironmentVariableTypeParameterStore}}
		}, "DOWNLOAD_SOURCE FAILED CLIENT_ERROR/reading the value of X: reading parameter none: Parameter does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, newWorld())
			p := project("app", good)
			test.change(p)
			create(t, s, p)
			b := runBuild(t, s, start("app"))
			if b.BuildStatus != cbtypes.StatusTypeFailed || !strings.Contains(phases(b), test.want) {
				t.Errorf("%s\n%s\nwant %s", b.BuildStatus, phases(b), test.want)
			}
			if !strings.HasSuffix(phases(b), "FINALIZING SUCCEEDED\nCOMPLETED") {
				t.Errorf("it isn't complete:\n%s", phases(b))
			}
		})
	}
}

func TestAGitSource(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := newService(t, w)
	dir, commits := repository(t)
	w.clones["arn:connection|owner/name"] = "file://" + dir
	p := project("app", "version: 0.2\nphases: {build: {commands: [cat file, echo, git status --porcelain --branch]}}\n")
	p.Source.Type, p.Source.Location = cbtypes.SourceTypeGithub, aws.String("https://github.com/owner/name.git")
	p.Source.Auth = &cbtypes.SourceAuth{Type: cbtypes.SourceAuthTypeCodeconnections, Resource: aws.String("arn:connection")}
	create(t, s, p)
	for version, want := range map[string]string{"": commits[1], "main": commits[1], commits[0]: commits[0], commits[2]: commits[2]} {
		in := start("app")
		in.SourceVersion = aws.String(version)
		b := runBuild(t, s, in)
		if b.BuildStatus != cbtypes.StatusTypeSucceeded || aws.ToString(b.ResolvedSourceVersion) != want || !strings.Contains(logOf(t, s, b), "## HEAD (no branch)") {
			t.Errorf("version %q: %s %s, want %s\n%s", version, b.BuildStatus, aws.ToString(b.ResolvedSourceVersion), want, phases(b))
		}
	}
}

func TestS3SourcesAndArtifacts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := newService(t, w)
	w.objects["in/src.zip"] = zipOf(t, map[string]string{"ci/spec.yml": "version: 0.2\nphases: {build: {commands: [mkdir d; cp a.txt d/b.txt]}}\nartifacts: {files: [d/*], name: n-$CODEBUILD_BUILD_NUMBER}\n", "a.txt": "hello"})
	p := project("app", "ci/spec.yml")
	p.Source.Type, p.Source.Location = cbtypes.SourceTypeS3, aws.String("in/src.zip")
	p.Artifacts = &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeS3, Location: aws.String("out"), Path: aws.String("p"), NamespaceType: cbtypes.ArtifactNamespaceBuildId, Packaging: cbtypes.ArtifactPackagingZip, Name: aws.String("x.zip")}
	create(t, s, p)
	b := runBuild(t, s, start("app"))
	key := "out/p/" + strings.TrimPrefix(*b.Id, "app:") + "/x.zip"
	if diff := cmp.Diff(map[string]string{"d/b.txt": "hello"}, unzip(t, w.objects[key])); diff != "" || *b.Artifacts.Location != "arn:aws:s3:::"+key {
		t.Errorf("%s\n%s", diff, phases(b))
	}
	in := start("app")
	in.ArtifactsOverride = &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeS3, Location: aws.String("out"), OverrideArtifactName: aws.Bool(true)}
	if b = runBuild(t, s, in); string(w.objects["out/n-2/d/b.txt"]) != "hello" {
		t.Errorf("%s\n%v", phases(b), w.objects)
	}
}

const junit = `<testsuites><testsuite name="s"><testcase classname="c" name="TestA" time="0.5"/><testcase name="TestB"><failure message="no"/></testcase></testsuite></testsuites>`

func TestReports(t *testing.T) {
	t.Parallel()
	s := newService(t, newWorld())
	create(t, s, project("app", "version: 0.2\nphases: {build: {commands: [\"echo '"+strings.ReplaceAll(junit, `"`, `\"`)+"' >r.xml\"]}}\nreports: {unit: {files: [r.xml]}}\n"))
	b := runBuild(t, s, start("app"))
	if len(b.ReportArns) != 1 || !strings.HasPrefix(b.ReportArns[0], "arn:aws:codebuild:us-east-1:000000000000:report/app-unit:") {
		t.Fatalf("reports %v\n%s", b.ReportArns, logOf(t, s, b))
	}
	got, err := s.BatchGetReports(t.Context(), &awscodebuild.BatchGetReportsInput{ReportArns: append(b.ReportArns, "other")})
	if err != nil || len(got.Reports) != 1 || got.ReportsNotFound[0] != "other" {
		t.Fatalf("%+v %v", got, err)
	}
	r := got.Reports[0]
	if r.Status != cbtypes.ReportStatusTypeFailed || *r.TestSummary.Total != 2 || r.TestSummary.StatusCounts["FAILED"] != 1 || *r.ExecutionId != *b.Arn {
		t.Errorf("%+v %+v", r, r.TestSummary)
	}
	cases, err := s.DescribeTestCases(t.Context(), &awscodebuild.DescribeTestCasesInput{ReportArn: r.Arn, Filter: &cbtypes.TestCaseFilter{Status: aws.String("FAILED")}})
	if err != nil || len(cases.TestCases) != 1 || *cases.TestCases[0].Name != "TestB" || *cases.TestCases[0].Message != "no" {
		t.Errorf("%+v %v", cases, err)
	}
	group := &awscodebuild.ListReportsForReportGroupInput{ReportGroupArn: r.ReportGroupArn}
	if list, err := s.ListReportsForReportGroup(t.Context(), group); err != nil || !slices.Equal(list.Reports, b.ReportArns) {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := s.DeleteReportGroup(t.Context(), &awscodebuild.DeleteReportGroupInput{Arn: r.ReportGroupArn}); err == nil {
		t.Error("a group with reports was deleted")
	}
	if _, err := s.DeleteReportGroup(t.Context(), &awscodebuild.DeleteReportGroupInput{Arn: r.ReportGroupArn, DeleteReports: true}); err != nil {
		t.Error(err)
	}
	if _, err := s.ListReportsForReportGroup(t.Context(), group); code(err) != "ResourceNotFoundException" {
		t.Errorf("after its deletion: %v", err)
	}
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestStopTimeoutQueueAndClose(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s := newService(t, w, func(d *Deps) { d.Concurrency = 1 })
	limits := clock.NewManual(time.Unix(0, 0))
	s.limits = limits
	create(t, s, project("app", "version: 0.2\nphases: {build: {commands: [echo ready, sleep 1000]}, post_build: {commands: [echo post]}}\n"))
	begin := func() *cbtypes.Build {
		out, err := s.StartBuild(t.Context(), start("app"))
		if err != nil {
			t.Fatal(err)
		}
		return out.Build
	}
	ready := func(b *cbtypes.Build) {
		for from := 0; ; {
			lines, next, done, err := s.Follow(t.Context(), *b.Id, from)
			if err != nil || done {
				t.Fatalf("it ended: %v", err)
			}
			if slices.Contains(lines, "ready") {
				return
			}
			from = next
		}
	}
	end := func(b *cbtypes.Build) *cbtypes.Build {
		b, err := s.WaitBuild(t.Context(), *b.Id)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := begin()
	ready(first)
	queued := begin()
	if _, err := s.StopBuild(t.Context(), &awscodebuild.StopBuildInput{Id: queued.Id}); err != nil {
		t.Fatal(err)
	}
	if b := end(queued); b.BuildStatus != cbtypes.StatusTypeStopped || !strings.Contains(phases(b), "QUEUED STOPPED\nFINALIZING") {
		t.Errorf("queued and stopped:\n%s", phases(b))
	}
	if _, err := s.StopBuild(t.Context(), &awscodebuild.StopBuildInput{Id: first.Id}); err != nil {
		t.Fatal(err)
	}
	if b := end(first); b.BuildStatus != cbtypes.StatusTypeStopped || !strings.Contains(phases(b), "\nBUILD STOPPED\nFINALIZING") {
		t.Errorf("stopped:\n%s", phases(b))
	}
	slow := begin()
	ready(slow)
	limits.Advance(defaultTimeout * time.Minute)
	if b := end(slow); b.BuildStatus != cbtypes.StatusTypeTimedOut || !strings.Contains(phases(b), "\nBUILD TIMED_OUT BUILD_TIMED_OUT/Build has timed out.\n") {
		t.Errorf("timed out:\n%s", phases(b))
	}
	last := begin()
	ready(last)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if b := end(last); b.BuildStatus != cbtypes.StatusTypeStopped {
		t.Errorf("closed: %s", b.BuildStatus)
	}
	if _, err := s.StartBuild(t.Context(), start("app")); err == nil {
		t.Error("a closed service started a build")
	}
	ids, err := s.ListBuildsForProject(t.Context(), &awscodebuild.ListBuildsForProjectInput{ProjectName: aws.String("app")})
	if err != nil || !slices.Equal(ids.Ids, []string{*last.Id, *slow.Id, *queued.Id, *first.Id}) {
		t.Errorf("%v %v", ids, err)
	}
	waited, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := s.Follow(waited, "nothing", 0); code(err) != "ResourceNotFoundException" {
		t.Errorf("Follow of nothing: %v", err)
	}
}

func TestProjects(t *testing.T) {
	t.Parallel()
	s := newService(t, newWorld())
	const spec = "version: 0.2\nphases: {build: {commands: [echo]}}\n"
	create(t, s, project("app", spec))
	if _, err := s.CreateProject(t.Context(), project("app", spec)); code(err) != "ResourceAlreadyExistsException" {
		t.Errorf("created twice: %v", err)
	}
	for name, change := range map[string]func(*awscodebuild.CreateProjectInput){
		"Invalid project name":        func(p *awscodebuild.CreateProjectInput) { p.Name = aws.String("a b") },
		"Project source is required":  func(p *awscodebuild.CreateProjectInput) { p.Source = nil },
		"Service role is required":    func(p *awscodebuild.CreateProjectInput) { p.ServiceRole = nil },
		"requires a type":             func(p *awscodebuild.CreateProjectInput) { p.Environment.Image = nil },
		"must be inline":              func(p *awscodebuild.CreateProjectInput) { p.Source.Buildspec = nil },
		"vpcConfig is not supported":  func(p *awscodebuild.CreateProjectInput) { p.VpcConfig = &cbtypes.VpcConfig{VpcId: aws.String("v")} },
		"badgeEnabled":                func(p *awscodebuild.CreateProjectInput) { p.BadgeEnabled = aws.Bool(true) },
		"WINDOWS_CONTAINER is not":    func(p *awscodebuild.CreateProjectInput) { p.Environment.Type = cbtypes.EnvironmentTypeWindowsContainer },
		"Invalid timeout: 1 minutes":  func(p *awscodebuild.CreateProjectInput) { p.TimeoutInMinutes = aws.Int32(1) },
		"both or neither":             func(p *awscodebuild.CreateProjectInput) { p.Source.Type = cbtypes.SourceTypeCodepipeline },
		"CODECOMMIT is not supported": func(p *awscodebuild.CreateProjectInput) { p.Source.Type = cbtypes.SourceTypeCodecommit },
		"clones only from file:///path": func(p *awscodebuild.CreateProjectInput) {
			p.Source.Type, p.Source.Location = cbtypes.SourceTypeGithub, aws.String("https://github.com/a/b")
		},
		"require a location": func(p *awscodebuild.CreateProjectInput) { p.Artifacts.Type = cbtypes.ArtifactsTypeS3 },
	} {
		p := project("other", spec)
		change(p)
		if _, err := s.CreateProject(t.Context(), p); code(err) != "InvalidInputException" || !strings.Contains(err.Error(), name) {
			t.Errorf("want %s: %v", name, err)
		}
	}
	out, err := s.UpdateProject(t.Context(), &awscodebuild.UpdateProjectInput{Name: aws.String("app"), TimeoutInMinutes: aws.Int32(7), ConcurrentBuildLimit: aws.Int32(1)})
	if err != nil || *out.Project.TimeoutInMinutes != 7 || *out.Project.Source.Buildspec != spec {
		t.Errorf("%+v %v", out, err)
	}
	got, err := s.BatchGetProjects(t.Context(), &awscodebuild.BatchGetProjectsInput{Names: []string{"app", "none"}})
	if err != nil || len(got.Projects) != 1 || !slices.Equal(got.ProjectsNotFound, []string{"none"}) {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := s.StartBuild(t.Context(), start("none")); code(err) != "ResourceNotFoundException" {
		t.Errorf("a build of nothing: %v", err)
	}
	if list, err := s.ListProjects(t.Context(), &awscodebuild.ListProjectsInput{}); err != nil || !slices.Equal(list.Projects, []string{"app"}) {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := s.DeleteProject(t.Context(), &awscodebuild.DeleteProjectInput{Name: aws.String("app")}); err != nil {
		t.Error(err)
	}
}

func TestTheSameTokenIsTheSameBuild(t *testing.T) {
	t.Parallel()
	s := newService(t, newWorld())
	create(t, s, project("app", "version: 0.2\nphases: {build: {commands: [echo]}}\n"))
	in := start("app")
	in.IdempotencyToken = aws.String("token")
	first := runBuild(t, s, in)
	if again := runBuild(t, s, in); *again.Id != *first.Id {
		t.Errorf("%s and %s", *first.Id, *again.Id)
	}
	out, err := s.RetryBuild(t.Context(), &awscodebuild.RetryBuildInput{Id: first.Id})
	if err != nil || *out.Build.Id == *first.Id || *out.Build.BuildNumber != 2 {
		t.Errorf("%+v %v", out, err)
	}
}

func TestExtractStaysInside(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]map[string]string{
		"parent":   {"../evil": "x"},
		"absolute": {"/evil": "x"},
		"deep":     {"a/../../evil": "x"},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "x.zip")
		if err := os.WriteFile(file, zipOf(t, bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := extract(file, filepath.Join(dir, "to")); err == nil || !strings.Contains(err.Error(), "outside") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFollowKeepsTheEnd(t *testing.T) {
	t.Parallel()
	s := newService(t, newWorld())
	b := &build{log: newBuildLog(s, &build{project: cbtypes.Project{Name: aws.String("p")}, uuid: "u"})}
	b.log.logs = nil
	s.builds["p:u"] = b
	line := strings.Repeat("x", 1023)
	for range 2000 {
		if _, err := io.WriteString(b.log, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	b.cancel = func(error) {}
	lines, next, done, err := s.Follow(t.Context(), "p:u", 10)
	if err != nil || done || next != 2000 || len(lines) != followed/1024 {
		t.Errorf("%d lines, next %d, done %v, %v", len(lines), next, done, err)
	}
	b.log.close()
	if lines, next, done, err := s.Follow(t.Context(), "p:u", next); len(lines) != 0 || next != 2000 || !done || err != nil {
		t.Errorf("%d lines, next %d, done %v, %v", len(lines), next, done, err)
	}
}

func TestRemoveAllRemovesWhatIsReadOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "build")
	inner := filepath.Join(dir, "mod", "pkg")
	if err := errors.Join(os.MkdirAll(inner, 0o755), os.WriteFile(filepath.Join(inner, "f"), nil, 0o400), os.Chmod(inner, 0o500)); err != nil {
		t.Fatal(err)
	}
	if err := removeAll(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if err := removeAll(dir); err != nil {
		t.Errorf("what isn't there: %v", err)
	}
}
