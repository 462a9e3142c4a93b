package doctor

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// A template is the part of a CloudFormation template that the checks read.
type template struct {
	Resources map[string]struct {
		Type       string
		Properties json.RawMessage
	}
}

// template reads the template of a stack in the last assembly.
func (p *patient) template(place manifest.Place) (t template, err error) {
	data, err := os.ReadFile(place.TemplateFile(p.cfg))
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	if err != nil {
		return t, exit.Missing("go tool mage synth", "reading the template of %s: %w", place.Stack, err)
	}
	return t, nil
}

// A pipeline is what the template of the pipeline's stack says about its builds.
type pipeline struct {
	projects map[string]environment // by logical id
	groups   [][]string             // the projects whose builds start at the same time
	// connected says that the pipeline reads its source through a connection.
	connected bool
}

// An environment is the environment of a build. See
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-codebuild-project-environment.html.
type environment struct{ Type, ComputeType, Image string }

// kind returns the name that Service Quotas has for an environment, such as ARM/Large.
func (e environment) kind() string {
	system := map[string]string{"ARM_CONTAINER": "ARM", "LINUX_CONTAINER": "Linux", "LINUX_GPU_CONTAINER": "Linux GPU", "WINDOWS_SERVER_2019_CONTAINER": "Windows Server 2019"}[e.Type]
	size := map[string]string{"SMALL": "Small", "MEDIUM": "Medium", "LARGE": "Large", "XLARGE": "XLarge", "2XLARGE": "2XLarge"}[strings.TrimPrefix(e.ComputeType, "BUILD_GENERAL1_")]
	return cmp.Or(system, e.Type) + "/" + cmp.Or(size, e.ComputeType)
}

// pipeline reads the template of the pipeline's stack.
func (p *patient) pipeline() (pipeline, error) {
	if p.names.Pipeline.Stack == "" {
		return pipeline{}, exit.Missing("go tool mage synth", "there is no cloud assembly that names a pipeline")
	}
	t, err := p.template(p.names.Pipeline.Place)
	if err != nil {
		return pipeline{}, err
	}
	return readPipeline(t)
}

func readPipeline(t template) (pipeline, error) {
	found := pipeline{projects: map[string]environment{}}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		switch r.Type {
		case "AWS::CodeBuild::Project":
			var project struct{ Environment environment }
			if err := json.Unmarshal(r.Properties, &project); err != nil {
				return found, fmt.Errorf("reading the project %s: %w", id, err)
			}
			found.projects[id] = project.Environment
		case "AWS::CodePipeline::Pipeline":
			var declared struct {
				Stages []struct {
					Actions []struct {
						RunOrder      int
						ActionTypeId  struct{ Provider string }
						Configuration struct{ ProjectName struct{ Ref string } }
					}
				}
			}
			if err := json.Unmarshal(r.Properties, &declared); err != nil {
				return found, fmt.Errorf("reading the pipeline %s: %w", id, err)
			}
			for _, stage := range declared.Stages {
				byOrder := map[int][]string{}
				for _, a := range stage.Actions {
					found.connected = found.connected || a.ActionTypeId.Provider == "CodeStarSourceConnection"
					if a.ActionTypeId.Provider == "CodeBuild" {
						byOrder[a.RunOrder] = append(byOrder[a.RunOrder], a.Configuration.ProjectName.Ref)
					}
				}
				for _, order := range slices.Sorted(maps.Keys(byOrder)) {
					found.groups = append(found.groups, byOrder[order])
				}
			}
		}
	}
	return found, nil
}

// A need says how many builds of a kind start at the same time.
type need struct {
	kind  string
	count int
}

// atOnce returns, for each kind, the largest number of builds that start at the same time.
func (p pipeline) atOnce() []need {
	most := map[string]int{}
	for _, group := range p.groups {
		counts := map[string]int{}
		for _, project := range group {
			counts[p.projects[project].kind()]++
		}
		for kind, n := range counts {
			most[kind] = max(most[kind], n)
		}
	}
	var needs []need
	for _, kind := range slices.Sorted(maps.Keys(most)) {
		needs = append(needs, need{kind, most[kind]})
	}
	return needs
}

// runtimes are the newest Go and Node versions of an image.
type runtimes struct{ Golang, Nodejs string }

// images are the newest runtimes of CodeBuild's images, as their Dockerfiles name them
// (2026-04-09). Other images are not known. See
// https://github.com/aws/aws-codebuild-docker-images.
var images = map[string]runtimes{
	"aws/codebuild/amazonlinux-aarch64-standard:3.0": {"1.26", "24"},
}

// runtimes returns the versions that the buildspec asks for.
func (p *patient) runtimes() (runtimes, error) {
	file := filepath.Join(p.cfg.Dir, "buildspec.yml")
	if p.cfg.Adopted() {
		file = filepath.Join(p.cfg.Dir, project.Pin, "buildspec.yml")
	}
	data, err := os.ReadFile(file) // #nosec G304 -- of the project
	if err != nil {
		return runtimes{}, fmt.Errorf("reading what the builds ask for: %w", err)
	}
	var spec struct {
		Phases struct {
			Install struct {
				Versions struct {
					Golang string `yaml:"golang"`
					Nodejs string `yaml:"nodejs"`
				} `yaml:"runtime-versions"`
			} `yaml:"install"`
		} `yaml:"phases"`
	}
	if err := yaml.Unmarshal(data, &spec); err != nil {
		return runtimes{}, fmt.Errorf("reading what the builds ask for: %s: %w", file, err)
	}
	return runtimes{spec.Phases.Install.Versions.Golang, spec.Phases.Install.Versions.Nodejs}, nil
}

// runs compares the versions in the buildspec with what go.mod needs and with what the image
// has.
func (p pipeline) runs(asked runtimes, golang string) Finding {
	if golang != "" && version.Compare("go"+asked.Golang, version.Lang("go"+golang)) < 0 {
		return missing("write golang: "+strings.TrimPrefix(version.Lang("go"+golang), "go")+" into the buildspec's runtime-versions", "the buildspec asks for Go %s, but go.mod asks for %s", asked.Golang, golang)
	}
	if n, err := strconv.Atoi(asked.Nodejs); err != nil || n < cdk.MinNode {
		return missing("write nodejs: 24 into the buildspec's runtime-versions", "the buildspec asks for Node %q, but the CDK needs %d", asked.Nodejs, cdk.MinNode)
	}
	var names, strangers []string
	for _, e := range p.projects {
		has, known := images[e.Image]
		switch {
		case !known:
			strangers = append(strangers, e.Image)
		case version.Compare("go"+has.Golang, "go"+asked.Golang) < 0 || major(has.Nodejs) < major(asked.Nodejs):
			return missing("aws codebuild list-curated-environment-images, for a newer image", "%s has Go %s and Node %s, but the buildspec asks for %s and %s", e.Image, has.Golang, has.Nodejs, asked.Golang, asked.Nodejs)
		default:
			names = append(names, e.Image)
		}
	}
	slices.Sort(names)
	slices.Sort(strangers)
	if len(strangers) > 0 {
		return unknown(errors.New("it is unknown which Go and Node are in " + strings.Join(slices.Compact(strangers), ", ")))
	}
	return ok("Go %s and Node %s are in %s", asked.Golang, asked.Nodejs, strings.Join(slices.Compact(names), ", "))
}

func major(node string) int {
	n, err := strconv.Atoi(node)
	if err != nil {
		return 0
	}
	return n
}
