package adopt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/magewright/magewright/tools/readiness"
)

// The files that are needed to deliver a CDK app. All of them are in one directory.
const (
	settingsFile  = pinDir + "/cdk.json"
	probesFile    = pinDir + "/probes.yml"
	buildspecFile = pinDir + "/buildspec.yml"
	policyFile    = pinDir + "/" + readiness.PolicyFile
)

// notSettings reports whether an entry of the directory is not one of those files.
func notSettings(entry fs.DirEntry) bool {
	name := pinDir + "/" + entry.Name()
	return name != settingsFile && name != probesFile && name != buildspecFile && name != pinDir+"/policy"
}

// delivery returns the files that are needed to deliver the CDK app, without those that exist
// already.
func (r *Repository) delivery() ([]file, error) {
	settings, what, err := r.settings()
	if err != nil {
		return nil, err
	}
	buildspec, err := r.buildspec()
	if err != nil {
		return nil, err
	}
	all := []file{
		{settingsFile, what, settings, false},
		{probesFile, "what a stage must answer; adapt it", []byte(r.probes()), false},
		{buildspecFile, "what each build of the pipeline runs", buildspec, false},
		{policyFile, "what a release needs; mage readiness -missing lists the rest", []byte(readiness.StartingPolicy), false},
	}
	if repository := r.repositoryName(); repository != "" {
		all = append(all, file{"magewright.yml", "to whom the stacks belong: the remote says it, but the path of the module does not", []byte("repository: " + repository + "\n"), false})
	}
	var missing []file
	for _, f := range all {
		there, err := r.read(f.name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", f.name, err)
		}
		if there == nil {
			missing = append(missing, f)
		}
	}
	return missing, nil
}

// A cdkContext is the initial content of magewright/cdk.json.
type cdkContext struct {
	CDKApp       string            `json:"cdkApp"`
	Branch       string            `json:"branch"`
	Architecture string            `json:"architecture,omitempty"`
	Functions    map[string]string `json:"functions,omitempty"`
}

// settings returns the text of magewright/cdk.json, and a remark about it.
func (r *Repository) settings() (data []byte, what string, err error) {
	app := r.CDK[0]
	c := cdkContext{CDKApp: app.Dir, Branch: r.branch}
	what = "the CDK app is " + app.Dir
	if len(r.CDK) > 1 {
		what += ", of " + fmt.Sprint(len(r.CDK))
	}
	assets, arm, err := r.assets(app)
	if err != nil {
		return nil, "", err
	}
	if arm {
		c.Architecture = "arm64"
	}
	if app.Build == "" {
		var unknown []string
		c.Functions, unknown = r.built(assets)
		for _, from := range slices.Sorted(maps.Keys(c.Functions)) {
			what += fmt.Sprintf("; %s is built to %s", from, c.Functions[from])
		}
		for _, asset := range unknown {
			what += fmt.Sprintf("; add to \"functions\" what is built to %s%s", asset, r.example(asset))
		}
	}
	data, err = json.MarshalIndent(struct {
		App     string     `json:"app"`
		Context cdkContext `json:"context"`
	}{"go run " + pipeline, c}, "", "  ")
	return append(data, '\n'), what, err
}

// example returns an example of how to configure a function that is built to an asset; "" if
// there is no function. An asset whose name matches no function is a directory for several
// functions.
func (r *Repository) example(asset string) string {
	if len(r.Functions) == 0 {
		return ""
	}
	f := r.Functions[0]
	if !strings.HasSuffix(asset, ".zip") {
		asset = path.Join(asset, path.Base(f))
	}
	return fmt.Sprintf(`, such as "functions": {%q: %q}`, f, asset)
}

// products returns the files to which functions are built, relative to the root of the
// repository.
func (r *Repository) products() ([]string, error) {
	app := r.CDK[0]
	assets, _, err := r.assets(app)
	if err != nil || app.Build != "" {
		return nil, err
	}
	var all []string
	functions, _ := r.built(assets)
	for _, from := range slices.Sorted(maps.Keys(functions)) {
		to := functions[from]
		if !strings.HasSuffix(to, ".zip") {
			to = path.Join(to, "bootstrap")
		}
		all = append(all, to)
	}
	return all, nil
}

// asset matches the path of an asset in the source of a CDK app, in any of the CDK's
// languages: Code.fromAsset("p"), Code_FromAsset(jsii.String("p")), from_asset('p'). See
// https://docs.aws.amazon.com/cdk/v2/guide/assets.html.
var asset = regexp.MustCompile(`(?i)code[._]from_?asset\(\s*(?:jsii\.String\(\s*)?["'` + "`" + `]([^"'` + "`" + `\n$]+)["'` + "`" + `]`)

// joined matches a path that is joined to the directory of the source.
var joined = regexp.MustCompile(`(?i)code[._]from_?asset\(\s*path\.(?:join|resolve)\(\s*__dirname((?:\s*,\s*["'][^"'\n]+["'])+)\s*\)`)

// bundled matches what follows the path of an asset if the CDK app builds the asset itself.
var bundled = regexp.MustCompile(`(?is)^[^;]*bundling`)

var (
	quoted = regexp.MustCompile(`["']([^"']+)["']`)
	// armed matches the CDK's names of the architecture arm64.
	armed = regexp.MustCompile(`Architecture[._]ARM_?64`)
)

// assets returns the paths, relative to the root of the repository, of assets that the CDK
// app uses for functions but that git does not have. Something must build them. It also
// reports whether a function is for arm64.
func (r *Repository) assets(app CDK) (paths []string, arm bool, err error) {
	for _, name := range r.listed {
		if !slices.Contains([]string{".go", ".ts", ".js", ".mts", ".py", ".java", ".cs"}, path.Ext(name)) || !below(app.Dir, name) {
			continue
		}
		data, err := r.read(name)
		if err != nil {
			return nil, false, fmt.Errorf("reading %s: %w", name, err)
		}
		arm = arm || armed.Match(data)
		for _, at := range asset.FindAllSubmatchIndex(data, -1) {
			// The CDK CLI runs the app in its directory.
			p := path.Join(app.Dir, string(data[at[2]:at[3]]))
			// What is bundled is a source, not a product.
			if !slices.Contains(r.Functions, p) || !bundled.Match(data[at[1]:min(at[1]+100, len(data))]) {
				paths = append(paths, p)
			}
		}
		for _, match := range joined.FindAllSubmatch(data, -1) {
			parts := []string{path.Dir(name)}
			for _, part := range quoted.FindAllSubmatch(match[1], -1) {
				parts = append(parts, string(part[1]))
			}
			paths = append(paths, path.Join(parts...))
		}
	}
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(p string) bool {
		// A directory with files is a product only if it belongs to a function whose program
		// is built beside its source.
		return !filepath.IsLocal(filepath.FromSlash(p)) || !slices.Contains(r.Functions, p) && slices.ContainsFunc(r.listed, func(name string) bool { return below(p, name) })
	}), arm, nil
}

// below reports whether a file is in a directory, or is the directory itself.
func below(dir, name string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// built determines which functions are built to which assets. A single function is built to a
// single asset. Otherwise a function is built to an asset in its own directory, to an asset
// of its name, or to an asset in a directory of its name. It also returns the assets without
// a function.
func (r *Repository) built(assets []string) (functions map[string]string, unknown []string) {
	functions = map[string]string{}
	for _, a := range assets {
		f := r.builtTo(a, len(assets) == 1)
		if f == "" || functions[f] != "" {
			unknown = append(unknown, a)
			continue
		}
		functions[f] = a
	}
	return functions, unknown
}

// builtTo returns the function that is built to an asset; "" if that is not clear.
func (r *Repository) builtTo(asset string, only bool) string {
	name := strings.TrimSuffix(path.Base(asset), ".zip")
	for _, matches := range []func(f string) bool{
		func(string) bool { return only && len(r.Functions) == 1 },
		func(f string) bool { return f != "." && below(f, asset) },
		func(f string) bool { return path.Base(f) == name },
		func(f string) bool {
			return f != "." && slices.Contains(strings.Split(path.Dir(asset), "/"), path.Base(f))
		},
	} {
		found := slices.DeleteFunc(slices.Clone(r.Functions), func(f string) bool { return !matches(f) })
		if len(found) == 1 {
			return found[0]
		}
	}
	return ""
}

// remotePath matches the path of a remote: behind the host of a URL, or behind the colon of
// an address in scp's form.
var remotePath = regexp.MustCompile(`^(?:[a-z+]+://[^/]+/|[^/:]+:/?)([^:]+?)(?:\.git)?/?$`)

// repositoryName returns the path of the remote, such as OWNER/NAME or, in GitLab,
// GROUP/SUBGROUP/NAME. It is "" if the path of the first module has the same path, or if
// there is no remote.
func (r *Repository) repositoryName() string {
	match := remotePath.FindStringSubmatch(r.Remote)
	if match == nil || strings.HasPrefix(r.Remote, "file:") || !strings.Contains(match[1], "/") {
		return ""
	}
	parts := strings.Split(r.Modules[0].Path, "/")
	if len(parts) >= 3 && strings.EqualFold(parts[1]+"/"+parts[2], match[1]) {
		return ""
	}
	return match[1]
}

// probes returns a first step for the smoke test, which depends on the events that the
// functions take.
func (r *Repository) probes() string {
	const head = `# What a stage must answer, step by step, after each deployment. infra/docs/smoke.md
# of Magewright explains the keys.
`
	switch {
	// If there are several functions, the one that can be reached is called.
	case slices.ContainsFunc([]string{"LambdaFunctionURLRequest", "APIGatewayV2HTTPRequest", "APIGatewayProxyRequest", "ALBTargetGroupRequest"}, func(name string) bool { return r.events[name] }):
		return head + "- {name: it answers, method: GET, path: \"\", status: 200}\n"
	case r.events["SQSEvent"]:
		return head + "- {name: it takes an empty batch, invoke: {Records: []}, probe: true}\n"
	default:
		return head + "- {name: it takes an event, invoke: {}, probe: true}\n"
	}
}

var buildspecText = template.Must(template.New("buildspec").Parse(`# The one buildspec of every build of the pipeline. The action names the targets in
# MAGE_TARGETS, and a shell runs the same.
version: 0.2

env:
  shell: bash
  variables:
    GOFLAGS: -trimpath -buildvcs=false
    CGO_ENABLED: "0"
  exported-variables:
    - VERDICT
    - WAIVERS
    - EVIDENCE_DIGEST
    - REPORT_URL

phases:
  install:
    runtime-versions:
      golang: 1.26
      nodejs: 24
  build:
    commands:
      - {{.Run}}
  post_build:
    commands:
      # What targets leave for later actions of the pipeline, as NAME=value.
      - if [ -f .magewright/exports.env ]; then set -a; . .magewright/exports.env; set +a; fi

reports:
  tests:
    files:
      - junit.xml
    base-directory: .magewright
    file-format: JUNITXML

# What an action leaves for later ones is its evidence; synth, which has two output
# artifacts, leaves the cloud assembly beside it.
artifacts:
  base-directory: .magewright
  files:
    - "**/*"
  exclude-paths:
    - bin/**/*
    - build/**/*
    - cdk-home/**/*
    - inputs/**/*
    - exports.env
  secondary-artifacts:
    Assembly:
      base-directory: cdk.out
      files:
        - "**/*"
    SynthEvidence:
      base-directory: .magewright
      files:
        - "**/*"
      exclude-paths:
        - bin/**/*
        - build/**/*
        - cdk-home/**/*
        - inputs/**/*
        - exports.env

# Only lint and test have a cache. CodeBuild never changes what it has saved under a
# key, so the key names the dependencies, and the week.
cache:
  key: go-$(date +%G-%V)-$(codebuild-hash-files{{range .Sums}} {{.}}{{end}})
  fallback-keys:
    - go-$(date +%G-%V)-
  paths:
    - /root/.cache/go-build/**/*
    - /root/.cache/golangci-lint/**/*
    - /go/pkg/mod/**/*
    - /root/.npm/**/*
`))

// buildspec returns the text of the buildspec.
func (r *Repository) buildspec() ([]byte, error) {
	var sums []string
	for _, m := range r.Modules {
		sums = append(sums, path.Join(m.Dir, "go.sum"))
	}
	var text bytes.Buffer
	err := buildspecText.Execute(&text, struct {
		Run  string
		Sums []string
	}{r.run("MAGE_TARGETS"), append(sums, pinDir+"/go.sum")})
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", buildspecFile, err)
	}
	return text.Bytes(), nil
}
