package buildspec

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const full = `version: 0.2
run-as: builder
env:
  shell: bash
  variables: {GREETING: hello, COUNT: 3, EMPTY: , FLAG: yes}
  parameter-store: {TOKEN: /ci/token}
  secrets-manager:
    KEY: "prod/key:password:AWSCURRENT"
    ARN: arn:aws:secretsmanager:us-east-1:000000000000:secret:k-AbCdEf:user::v1
  exported-variables: [GREETING, AWS_REGION]
  git-credential-helper: yes
proxy: {upload-artifacts: no, logs: yes}
batch: {fast-fail: false, build-list: []}
phases:
  install:
    runtime-versions: {golang: 1.26, nodejs: 20.x}
  pre_build:
    run-as: other
    on-failure: ABORT
    commands: &same [echo one]
  build:
    on-failure: RETRY-2-timed out-.*
    commands: ['echo "a: b"', 42]
    finally: *same
  post_build: {commands: [echo done], on-failure: CONTINUE}
reports:
  unit: {files: ["**/*.xml"], base-directory: out, discard-paths: yes, file-format: JunitXml}
  cover: {files: [c.xml], file-format: COBERTURAXML}
artifacts:
  files: ['**/*']
  name: app-$(date +%Y)
  base-directory: 'build*'
  discard-paths: no
  exclude-paths: [tmp/**/*]
  enable-symlinks: yes
  s3-prefix: p
  secondary-artifacts:
    Assembly: {files: [cdk.out/**/*]}
cache:
  key: k
  fallback-keys: [a, b]
  action: restore
  paths: [/root/.cache/**/*]
`

func TestParseReadsAllOfIt(t *testing.T) {
	t.Parallel()
	s, err := Parse("buildspec.yml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	wantVars := []Variable{
		{"GREETING", "hello", Plaintext}, {"COUNT", "3", Plaintext}, {"EMPTY", "", Plaintext}, {"FLAG", "yes", Plaintext},
		{"TOKEN", "/ci/token", ParameterStore},
		{"KEY", "prod/key:password:AWSCURRENT", SecretsManager},
		{"ARN", "arn:aws:secretsmanager:us-east-1:000000000000:secret:k-AbCdEf:user::v1", SecretsManager},
	}
	if !reflect.DeepEqual(s.Env.Variables, wantVars) {
		t.Errorf("variables = %v", s.Env.Variables)
	}
	var phases []string
	for _, p := range s.Phases {
		phases = append(phases, p.Name)
	}
	if got := strings.Join(phases, " "); got != "INSTALL PRE_BUILD BUILD POST_BUILD" {
		t.Errorf("phases = %s", got)
	}
	build := s.Phases[2]
	if build.OnFailure.Retries != 2 || build.OnFailure.Match.String() != "timed out-.*" {
		t.Errorf("on-failure = %+v", build.OnFailure)
	}
	if !reflect.DeepEqual(build.Commands, []string{`echo "a: b"`, "42"}) || !reflect.DeepEqual(build.Finally, []string{"echo one"}) {
		t.Errorf("build = %q finally %q", build.Commands, build.Finally)
	}
	if a, ok := s.Artifact("Assembly"); !ok || a.Files[0] != "cdk.out/**/*" {
		t.Errorf("Assembly = %+v, %v", a, ok)
	}
	if _, ok := s.Artifact("other"); ok {
		t.Error("an undeclared artifact was found")
	}
	if a := s.Artifacts; !a.EnableSymlinks || a.DiscardPaths || a.S3Prefix != "p" || a.ExcludePaths[0] != "tmp/**/*" {
		t.Errorf("artifacts = %+v", a)
	}
	if c := s.Cache; c.Key != "k" || len(c.FallbackKeys) != 2 || c.Action != "restore" {
		t.Errorf("cache = %+v", c)
	}
	if r := s.Reports[0]; r.Format != JUnit || !r.DiscardPaths || r.BaseDirectory != "out" {
		t.Errorf("report = %+v", r)
	}
	var warned []string
	for _, w := range s.Warnings {
		warned = append(warned, w.String())
	}
	want := []string{
		"buildspec.yml:2:9: run-as builder has no effect: commands run as the user who runs the build on this host",
		"buildspec.yml:10:23: env.exported-variables: AWS_REGION is not exported: variables whose names start with AWS_ never are",
		"buildspec.yml:11:26: env.git-credential-helper has no effect: git uses this host's own credentials",
		"buildspec.yml:12:1: proxy has no effect: a build on this host has no explicit proxy server",
		"buildspec.yml:13:1: batch has no effect: this host runs the file as a single build",
		"buildspec.yml:18:13: phases.pre_build.run-as other has no effect: commands run as the user who runs the build on this host",
		"buildspec.yml:28:3: reports.cover: this host does not read reports in the format COBERTURAXML, only JUNITXML",
	}
	if got := strings.Join(warned, "\n"); !strings.HasPrefix(got, strings.Join(want[:6], "\n")) || len(warned) != len(want) || !strings.Contains(got, "COBERTURAXML") {
		t.Errorf("warnings:\n%s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const head = "version: 0.2\n"
	tests := map[string]struct{ in, want string }{
		"nothing":          {"", "b.yml:1:1: the buildspec is empty"},
		"only a comment":   {"# no\n", "b.yml:1:1: the buildspec is empty"},
		"syntax":           {"version: 0.2\nphases: [", "b.yml:2:1: did not find expected node content"},
		"a list":           {"- a", "b.yml:1:1: the buildspec must be a mapping, not a list"},
		"two documents":    {head + "phases: {build: {commands: [a]}}\n---\nversion: 0.2\n", "b.yml:3:1: a second document"},
		"no version":       {"phases: {build: {commands: [a]}}", "b.yml:1:1: the buildspec has no version"},
		"old version":      {"version: 0.1\nphases: {build: {commands: [a]}}", "b.yml:1:10: version 0.1 is not supported"},
		"unknown version":  {"version: 3\nphases: {build: {commands: [a]}}", `b.yml:1:10: version "3" is not supported: want 0.2`},
		"no phases":        {head, "b.yml:1:1: the buildspec has no phases"},
		"unknown key":      {head + "phase: {}", `b.yml:2:1: unknown key "phase" in the buildspec; did you mean "phases"?`},
		"unknown in phase": {head + "phases:\n  build:\n    comands: [a]", `b.yml:4:5: unknown key "comands" in phases.build; did you mean "commands"?`},
		"unknown phase":    {head + "phases:\n  prebuild: {commands: [a]}", `b.yml:3:3: unknown key "prebuild" in phases; did you mean "pre_build"?`},
		"runtimes late":    {head + "phases: {build: {commands: [a], runtime-versions: {golang: 1}}}", `unknown key "runtime-versions" in phases.build`},
		"nothing near":     {head + "phases: {build: {commands: [a]}}\nxylophone: 1", `b.yml:3:1: unknown key "xylophone" in the buildspec`},
		"command mapping":  {head + "phases:\n  build:\n    commands:\n      - echo a: b", `b.yml:5:9: an entry of phases.build.commands is a mapping, not text: put quotes around`},
		"command list":     {head + "phases: {build: {commands: [[a]]}}", "an entry of phases.build.commands must be text, not a list"},
		"commands text":    {head + "phases: {build: {commands: make}}", `phases.build.commands must be a list, not "make"`},
		"commands empty":   {head + "phases: {build: {commands: []}}", "phases.build.commands is an empty list"},
		"no commands":      {head + "phases: {build: {finally: [a]}}", "phases.build has no commands"},
		"empty phase":      {head + "phases: {build: }", "phases.build must be a mapping, not empty"},
		"twice":            {head + "phases: {build: {commands: [a]}, build: {commands: [b]}}", `b.yml:2:34: phases has "build" twice`},
		"shell":            {head + "env: {shell: zsh}\nphases: {build: {commands: [a]}}", `b.yml:2:14: env.shell must be one of bash, /bin/sh, powershell.exe, cmd.exe, not "zsh"`},
		"variable name":    {head + "env: {variables: {A-B: 1}}\nphases: {build: {commands: [a]}}", `env.variables has "A-B", which is not a valid variable name`},
		"declared twice":   {head + "env: {variables: {A: 1}, parameter-store: {A: b}}\nphases: {build: {commands: [a]}}", "env declares A twice"},
		"secret":           {head + "env: {secrets-manager: {A: 'a:b:c:d'}}\nphases: {build: {commands: [a]}}", "names both a version stage and a version id"},
		"flag":             {head + "phases: {build: {commands: [a]}}\nartifacts: {files: [a], discard-paths: maybe}", `artifacts.discard-paths must be yes or no, not "maybe"`},
		"no files":         {head + "phases: {build: {commands: [a]}}\nartifacts: {secondary-artifacts: {x: {files: [a]}}}", "artifacts has no files"},
		"glob":             {head + "phases: {build: {commands: [a]}}\nartifacts: {files: ['[']}", `artifacts.files: the pattern "[" is invalid`},
		"report format":    {head + "phases: {build: {commands: [a]}}\nreports: {r: {files: [a], file-format: JUNIT}}", `reports.r.file-format: unknown format "JUNIT"`},
		"cache action":     {head + "phases: {build: {commands: [a]}}\ncache: {paths: [a], action: restor}", `did you mean "restore"?`},
		"on-failure":       {head + "phases: {build: {commands: [a], on-failure: ABRT}}", `phases.build.on-failure: "ABRT" is none of ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex and RETRY-count-regex; did you mean "ABORT"?`},
		"too many retries": {head + "phases: {build: {commands: [a], on-failure: RETRY-101}}", "requests 101 retries; AWS accepts 0 to 100"},
		"retry regex":      {head + "phases: {build: {commands: [a], on-failure: 'RETRY-('}}", "an invalid regular expression"},
		"two faults":       {head + "phases: {bild: {}}\nenv: {shel: a}", `b.yml:3:7: unknown key "shel" in env`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("b.yml", []byte(test.in))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestParseOnFailure(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		retries int
		match   string
	}{
		"RETRY":                       {3, ""},
		"RETRY-0":                     {0, ""},
		"RETRY-8":                     {8, ""},
		"RETRY-8-invalid+":            {8, "invalid+"},
		"RETRY-invalid+":              {3, "invalid+"},
		"RETRY-.*Error-2":             {3, ".*Error-2"},
		"Retry-3-.*connection timed-": {3, ".*connection timed-"},
	} {
		got, err := parseOnFailure(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		match := ""
		if got.Match != nil {
			match = got.Match.String()
		}
		if got.Action != Retry || got.Retries != want.retries || match != want.match {
			t.Errorf("%s = %+v", in, got)
		}
	}
}

func TestParseSecretRef(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf"
	for in, want := range map[string]SecretRef{
		"db":                   {ID: "db"},
		"db:user":              {ID: "db", JSONKey: "user"},
		"db::AWSPREVIOUS":      {ID: "db", Stage: "AWSPREVIOUS"},
		"db:user::v1":          {ID: "db", JSONKey: "user", Version: "v1"},
		arn:                    {ID: arn},
		arn + ":user:STAGE":    {ID: arn, JSONKey: "user", Stage: "STAGE"},
		"path/of/a/secret:k::": {ID: "path/of/a/secret", JSONKey: "k"},
	} {
		if got, err := ParseSecretRef(in); err != nil || got != want {
			t.Errorf("%s = %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", ":key", "a:b:c:d:e", "arn:aws:secretsmanager"} {
		if got, err := ParseSecretRef(in); err == nil {
			t.Errorf("%q = %+v", in, got)
		}
	}
}

// Every accessor works on what Parse accepts. Each error for what it refuses
// has a position in the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("version: 0.2\nphases: {build: {commands: [a]}}\n"))
	f.Add([]byte("a: &a [*a]\n<<: *a"))
	f.Add([]byte("{\"version\":\"0.2\",\"phases\":{\"build\":{\"commands\":[\"a\"]}}}"))
	seeds, err := filepath.Glob("testdata/run/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range seeds {
		data, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("b.yml", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "b.yml:") {
				t.Errorf("an error without a place: %v", err)
			}
			return
		}
		if len(s.Phases) == 0 {
			t.Error("a buildspec without a phase was accepted")
		}
		for _, p := range s.Phases {
			if len(p.Commands) == 0 && len(p.Runtimes) == 0 && p.Name != Install {
				t.Errorf("phase %s has nothing to do", p.Name)
			}
		}
		for _, w := range s.Warnings {
			if w.Pos.Line < 1 || w.Pos.Column < 1 {
				t.Errorf("a warning without a place: %v", w)
			}
		}
	})
}
