package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/manifest"
)

// synthesized checks that the assembly is for this commit and this package.
func synthesized() Check {
	return Check{
		ID: "synthesized", Item: Infrastructure,
		Title: "All stacks are synthesized from this commit, around this package",
		Doc: `The cloud assembly contains every stack that its manifest names, and promote deploys by
the same names. Its release file names the candidate's commit and package. The zip
file that each delivered function is made from has the package's SHA-256; where there
are several functions, the digest of the list of their zip files is the package's, and
every stage has the same zip files. The check hashes the files' own bytes, because the
CDK's asset hash is not the hash of the zip. Functions that the manifest does not name,
such as the CDK's own helpers, are counted.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Never:  true, // it decides about the digest of what is deployed
		Next:   "go tool mage synth",
		Decide: func(in Inputs) Result {
			a := read(in, &Assembly{})
			var findings, undecided []string
			resources, others := 0, 0
			if a.Unwritten != "" {
				return Undecided("promote needs a manifest of the names that are delivered: %s", a.Unwritten)
			}
			if len(a.Manifest.Stages) == 0 {
				return Undecided("the evidence does not name the stages")
			}
			for _, name := range a.Manifest.Stacks() {
				stack, ok := a.Stacks[name]
				if !ok {
					findings = append(findings, "the assembly has no stack "+name)
					continue
				}
				t, err := parseTemplate(stack.Template)
				if err != nil {
					findings = append(findings, fmt.Sprintf("%s: %v", name, err))
					continue
				}
				resources += len(t.Resources)
				stage := a.stageOf(name)
				for _, id := range t.ofType("AWS::Lambda::Function") {
					switch {
					case !a.delivers(stage, id):
						others++
					case !a.looked(name, id):
						undecided = append(undecided, fmt.Sprintf("the package of %s %s was not examined", name, id))
					}
				}
			}
			if a.Commit != in.Candidate.Commit {
				findings = append(findings, fmt.Sprintf("the assembly is for commit %.12s, not for %.12s", a.Commit, in.Candidate.Commit))
			}
			if a.Package != in.Candidate.Package {
				findings = append(findings, fmt.Sprintf("the assembly names package %.12s, not %.12s", a.Package, in.Candidate.Package))
			}
			packages := a.Packages(a.Manifest.Last())
			if len(undecided) == 0 {
				findings = append(findings, a.otherPackages(in.Candidate.Package)...)
			}
			if len(packages) == 0 {
				undecided = append(undecided, "no function of the assembly was examined")
			}
			return concluded(fmt.Sprintf("%s, %s, %s", count(len(a.Stacks), "stack"), count(resources, "resource"), count(len(packages), "package")), findings, undecided, strings.TrimSpace(a.left()+helpers(others)))
		},
	}
}

// stageOf returns the stage to which a stack belongs, or a stage without functions.
func (a *Assembly) stageOf(stack string) manifest.Stage {
	for _, stage := range a.Manifest.Stages {
		if stage.Stack == stack {
			return stage
		}
	}
	return manifest.Stage{}
}

// otherPackages returns the functions that are made from anything but the package with a
// digest.
func (a *Assembly) otherPackages(digest string) (findings []string) {
	last := a.Packages(a.Manifest.Last())
	for _, stage := range a.Manifest.Stages {
		packages := a.Packages(stage)
		if len(packages) <= 1 && len(last) <= 1 {
			for _, f := range packages {
				if f.SHA256 != digest {
					findings = append(findings, fmt.Sprintf("%s %s: %s has SHA-256 %.12s, but the package has %.12s", f.Stack, f.LogicalID, f.File, f.SHA256, digest))
				}
			}
			continue
		}
		if !slices.Equal(digests(packages), digests(last)) {
			findings = append(findings, fmt.Sprintf("%s is made from different zip files than %s: %s, not %s", stage.Stack, a.last(), strings.Join(digests(packages), ", "), strings.Join(digests(last), ", ")))
		}
	}
	if got := a.PackageDigest(a.Manifest.Last()); len(last) > 1 && got != digest {
		findings = append(findings, fmt.Sprintf("%s: its %d zip files have the digest %.12s, but the package has %.12s", a.last(), len(last), got, digest))
	}
	return findings
}

// digests returns the digests of packages, sorted.
func digests(packages []FunctionPackage) []string {
	all := make([]string, len(packages))
	for i, p := range packages {
		all[i] = p.SHA256
	}
	slices.Sort(all)
	return all
}

// left names the stacks of the assembly that no target deploys.
func (a *Assembly) left() string {
	named := a.Manifest.Stacks()
	var left []string
	for name := range a.Stacks {
		if !slices.Contains(named, name) {
			left = append(left, name)
		}
	}
	if slices.Sort(left); len(left) == 0 {
		return ""
	}
	return "Stacks that belong to no stage, so no target deploys them: " + strings.Join(left, ", ") + "."
}

// looked reports whether the package of a function was hashed.
func (a *Assembly) looked(stack, id string) bool {
	for _, f := range a.Functions {
		if f.Stack == stack && f.LogicalID == id {
			return true
		}
	}
	return false
}
