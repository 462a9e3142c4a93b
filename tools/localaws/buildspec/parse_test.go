package buildspec

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		"nothing":            {"", "b.yml:1:1: the buildspec is empty"},
		"only a comment":     {"# no\n", "b.yml:1:1: the buildspec is empty"},
		"null":               {"---\n", "b.yml:1:1: the buildspec is empty"},
		"syntax":             {"version: 0.2\nphases: [", "b.yml:2:1: did not find expected node content"},
		"a tab":              {head + "phases:\n\tbuild: {commands: [a]}", "cannot start any token: indent with blanks instead of tabs"},
		"an at sign":         {head + "phases:\n  build:\n    commands:\n      - @echo", "put quotes around a text that starts with @, % or `"},
		"a list":             {"- a", "b.yml:1:1: the buildspec must be a mapping, not a list"},
		"two documents":      {head + "phases: {build: {commands: [a]}}\n---\nversion: 0.2\n", "b.yml:3:1: a second document"},
		"no version":         {"phases: {build: {commands: [a]}}", "b.yml:1:1: the buildspec has no version"},
		"empty version":      {"version:\nphases: {build: {commands: [a]}}", "b.yml:1:1: the buildspec has no version"},
		"misspelt version":   {"versio: 0.2\nphases: {build: {commands: [a]}}", `b.yml:1:1: unknown key "versio" in the buildspec; did you mean "version"?`},
		"unknown version":    {"version: 3\nphases: {build: {commands: [a]}}", `b.yml:1:10: version "3" is not supported: want 0.2 or 0.1`},
		"no phases":          {head, "b.yml:1:1: the buildspec has no phases"},
		"empty phases":       {head + "phases:\nbuild: {commands: [a]}", "b.yml:1:1: the buildspec has no phases"},
		"no phase":           {head + "phases: {}", "b.yml:2:9: phases declares no phase"},
		"only a batch":       {head + "batch: {build-list: []}", "b.yml:1:1: the buildspec has no phases, only a batch: this host runs one build of a file"},
		"misspelt phases":    {head + "phase: {}\nartifacts: {files: [a]}", `b.yml:2:1: unknown key "phase" in the buildspec; did you mean "phases"?`},
		"unknown phase":      {head + "phases:\n  prebuild: {commands: [a]}", `b.yml:3:3: unknown phase "prebuild": CodeBuild knows install, pre_build, build, post_build; did you mean "pre_build"?`},
		"artifacts too deep": {head + "phases:\n  build: {commands: [a]}\n  artifacts: {files: [a]}", `b.yml:4:3: unknown phase "artifacts"`},
		"command mapping":    {head + "phases:\n  build:\n    commands:\n      - echo a: b", `b.yml:5:9: an entry of phases.build.commands is a mapping, not text: put quotes around`},
		"command list":       {head + "phases: {build: {commands: [[a]]}}", "an entry of phases.build.commands must be text, not a list"},
		"commands mapping":   {head + "phases: {build: {commands: {a: b}}}", "phases.build.commands must be a list, not a mapping"},
		"phase text":         {head + "phases: {build: make}", `phases.build must be a mapping, not "make"`},
		"shell":              {head + "env: {shell: zsh}\nphases: {build: {commands: [a]}}", `b.yml:2:14: env.shell must be one of bash, /bin/sh, powershell.exe, cmd.exe, not "zsh"`},
		"variable name":      {head + "env: {variables: {A=B: 1}}\nphases: {build: {commands: [a]}}", `env.variables has "A=B", which is not a valid variable name`},
		"variable list":      {head + "env: {variables: {A: [1]}}\nphases: {build: {commands: [a]}}", `env.variables.A must be text, not a list`},
		"no parameter":       {head + "env: {parameter-store: {A: }}\nphases: {build: {commands: [a]}}", `env.parameter-store.A is empty`},
		"declared twice":     {head + "env: {variables: {A: 1}, parameter-store: {A: b}}\nphases: {build: {commands: [a]}}", "env declares A twice"},
		"secret":             {head + "env: {secrets-manager: {A: 'a:b:c:d'}}\nphases: {build: {commands: [a]}}", "names both a version stage and a version id"},
		"flag":               {head + "phases: {build: {commands: [a]}}\nartifacts: {files: [a], discard-paths: maybe}", `artifacts.discard-paths must be yes or no, not "maybe"`},
		"glob":               {head + "phases: {build: {commands: [a]}}\nartifacts: {files: '['}", `artifacts.files: the pattern "[" is invalid`},
		"report format":      {head + "phases: {build: {commands: [a]}}\nreports: {r: {files: [a], file-format: JUNIT}}", `reports.r.file-format: unknown format "JUNIT"`},
		"cache action":       {head + "phases: {build: {commands: [a]}}\ncache: {paths: [a], action: restor}", `did you mean "restore"?`},
		"on-failure":         {head + "phases: {build: {commands: [a], on-failure: ABRT}}", `phases.build.on-failure: "ABRT" is not one of ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex and RETRY-count-regex; did you mean "ABORT"?`},
		"too many retries":   {head + "phases: {build: {commands: [a], on-failure: RETRY-101}}", "requests 101 retries; AWS accepts 0 to 100"},
		"retry regex":        {head + "phases: {build: {commands: [a], on-failure: 'RETRY-('}}", "an invalid regular expression"},
		"unknown runtime":    {head + "phases: {install: {runtime-versions: {golan: 1.26}}}", `b.yml:2:39: unknown runtime "golan": CodeBuild knows android, docker, dotnet, golang, java, nodejs, php, python, ruby; did you mean "golang"?`},
		"two faults":         {head + "phases: {bild: {}}\nenv: {shell: a}", `b.yml:3:14: env.shell must be one of`},
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

// What CodeBuild ignores is a warning, and what it takes for a list of one or for
// nothing is no fault.
func TestParseWarns(t *testing.T) {
	t.Parallel()
	const head, build = "version: 0.2\n", "version: 0.2\nphases: {build: {commands: [make]}}\n"
	tests := map[string]struct{ in, want string }{
		"a text for a list":  {head + "phases: {build: {commands: make, finally: echo}}\nartifacts: {files: '**/*', exclude-paths: x}\ncache: {paths: /p}\nenv: {exported-variables: A}", ""},
		"nothing for a list": {head + "phases: {install: , pre_build: {commands: []}, build: {commands: , finally: , on-failure: , run-as: }}", ""},
		"nothing":            {build + "env:\nproxy:\nbatch:\nreports:\nartifacts:\ncache:\nrun-as:", ""},
		"nothing in env":     {build + "env: {shell: , variables: , parameter-store: {}, secrets-manager: , exported-variables: [], git-credential-helper: }", ""},
		"nothing in others":  {build + "artifacts: {files: , name: , base-directory: , secondary-artifacts: , discard-paths: }\ncache: {paths: [], key: }", ""},
		"lists of nothing":   {head + "phases: {pre_build: [], build: {commands: [make]}}\nenv: {variables: []}", "b.yml:2:21: phases.pre_build is an empty list in the place of a mapping: it has no effect\nb.yml:3:18: env.variables is an empty list in the place of a mapping: it has no effect"},
		"no files to report": {build + "reports: {r: {base-directory: out}, s: }", "b.yml:3:11: reports.r has no files: there is nothing to report\nb.yml:3:37: reports.s has no files: there is nothing to report"},
		"only finally":       {head + "phases: {build: {finally: [a]}}", ""},
		"only secondary":     {build + "artifacts: {secondary-artifacts: {x: {files: '**/*'}}}", ""},
		"no phases":          {head + "artifacts: {files: a}", "b.yml:1:1: the buildspec has no phases: the build runs no command"},
		"an empty entry":     {head + "phases:\n  build:\n    commands:\n      - a\n      -\n", "b.yml:6:8: an entry of phases.build.commands is empty: it is left out"},
		"an empty document":  {build + "---\n", ""},
		"unknown key":        {build + "xylophone: 1", `b.yml:3:1: unknown key "xylophone" in the buildspec is ignored`},
		"misspelt in phase":  {head + "phases:\n  build:\n    comands: [a]", `b.yml:4:5: unknown key "comands" in phases.build is ignored; did you mean "commands"?`},
		"misspelt in env":    {build + "env: {shel: a}", `b.yml:3:7: unknown key "shel" in env is ignored; did you mean "shell"?`},
		"runtimes late":      {head + "phases: {build: {runtime-versions: {golang: 1}}}", `b.yml:2:18: unknown key "runtime-versions" in phases.build is ignored`},
		"artifacts.type":     {build + "artifacts: {type: zip, files: [a]}", `b.yml:3:13: unknown key "type" in artifacts is ignored`},
		"steps":              {head + "phases: {build: {steps: [{uses: a/b@v1}]}}", "b.yml:2:18: phases.build.steps is not honoured: this host runs no GitHub Actions"},
		"twice":              {head + "phases: {build: {commands: [a], commands: [b]}}", `b.yml:2:33: phases.build has "commands" twice: the last one counts`},
		"variable name":      {build + "env: {variables: {A-B: 1}, exported-variables: [C-D]}", "b.yml:3:19: env.variables.A-B: a shell can't read a variable with this name\nb.yml:3:48: env.exported-variables has \"C-D\", which is not a variable name that a shell can set"},
		"old variables":      {build + "environment_variables: {plaintext: {A: 1}}", "b.yml:3:1: environment_variables is ignored: since version 0.2 it is env.variables"},
		"a bashism":          {head + "phases:\n  build:\n    commands:\n      - echo\n      - source x\n      - |\n        a\n        b [[\n        [[ a ]]\n", "b.yml:6:9: phases.build.commands: source needs bash, and commands run with sh, which is dash in many images: \"shell: bash\" below env selects bash\nb.yml:10:1: phases.build.commands: [[ needs bash, and commands run with sh, which is dash in many images: \"shell: bash\" below env selects bash"},
		"a bashism for bash": {head + "phases: {build: {commands: [source x]}}\nenv: {shell: bash}", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse("b.yml", []byte(test.in))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range s.Warnings {
				got = append(got, w.String())
			}
			if diff := cmp.Diff(test.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseReadsLists(t *testing.T) {
	t.Parallel()
	s, err := Parse("b.yml", []byte("version: 0.2\nphases:\n  build:\n    commands: make\n    finally:\n      - a\n      -\n"+
		"artifacts:\n  files: '**/*'\n  exclude-paths: [x, y]\n  secondary-artifacts: {One: {files: one}}\ncache: {paths: /p}\nenv: {exported-variables: A}"))
	if err != nil {
		t.Fatal(err)
	}
	got := [][]string{s.Phases[0].Commands, s.Phases[0].Finally, s.Artifacts.Files, s.Artifacts.ExcludePaths, s.Artifacts.Secondary[0].Files, s.Cache.Paths, s.Env.Exported}
	want := [][]string{{"make"}, {"a"}, {"**/*"}, {"x", "y"}, {"one"}, {"/p"}, {"A"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseReadsVersions(t *testing.T) {
	t.Parallel()
	for text, isolated := range map[string]bool{"0.2": false, `"0.2"`: false, "'0.2'": false, "0.20": false, "0.1": true, `"0.1"`: true, ".1": true} {
		s, err := Parse("b.yml", []byte("phases: {build: {commands: [a]}}\nenvironment_variables: {plaintext: {A: 1}}\nversion: "+text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		// Only 0.1 knows environment_variables.
		if s.Isolated != isolated || (len(s.Env.Variables) == 1) != isolated {
			t.Errorf("%s: isolated %v, variables %v", text, s.Isolated, s.Env.Variables)
		}
	}
}

// The text of a value is kept as it is written.
func TestParseReadsYAML(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"lines":      "",
		"CRLF":       "CRLF",
		"byte order": "BOM",
	} {
		text := "version: 0.2\n" +
			"x-common: &common\n  commands: &list [one, two]\n  on-failure: ABORT\n" +
			"env:\n  variables: &vars {DEBUG: true, PORT: 8080, VERSION: 1.10, YES: yes, OCTAL: 010, DATE: 2024-01-02, TEXT: \"a\\tb\"}\n" +
			"phases:\n  pre_build:\n    <<: *common\n    on-failure: CONTINUE\n  build:\n    commands: *list\n    finally:\n      - |\n        if true; then\n        \techo tab\n        fi\n      - >-\n        folded\n        text\n"
		switch in {
		case "CRLF":
			text = strings.ReplaceAll(text, "\n", "\r\n")
		case "BOM":
			text = "\ufeff" + text
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse("b.yml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			want := []Variable{
				{"DEBUG", "true", Plaintext}, {"PORT", "8080", Plaintext}, {"VERSION", "1.10", Plaintext}, {"YES", "yes", Plaintext},
				{"OCTAL", "010", Plaintext}, {"DATE", "2024-01-02", Plaintext}, {"TEXT", "a\tb", Plaintext},
			}
			if diff := cmp.Diff(want, s.Env.Variables); diff != "" {
				t.Error(diff)
			}
			pre, build := s.Phases[0], s.Phases[1]
			if diff := cmp.Diff([][]string{{"one", "two"}, {"one", "two"}, {"if true; then\n\techo tab\nfi\n", "folded text"}}, [][]string{pre.Commands, build.Commands, build.Finally}); diff != "" {
				t.Error(diff)
			}
			if pre.OnFailure.Action != Continue {
				t.Errorf("on-failure = %+v", pre.OnFailure)
			}
			if len(s.Warnings) != 1 || s.Warnings[0].String() != `b.yml:2:1: unknown key "x-common" in the buildspec is ignored` {
				t.Errorf("warnings = %v", s.Warnings)
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
	f.Add([]byte("version: 0.1\nphases: {build: {commands: \"x=(a) $(cat <<E\\n`[[ a ]]`\\nE\\n) ${x//a} \\\"$((1<<2))\\\"\"}}"))
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
		if len(s.Phases) == 0 && s.Artifacts == nil {
			t.Error("a buildspec with nothing to do was accepted")
		}
		for _, w := range s.Warnings {
			if w.Pos.Line < 1 || w.Pos.Column < 1 {
				t.Errorf("a warning without a place: %v", w)
			}
		}
	})
}
