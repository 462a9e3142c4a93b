package readiness

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// bom holds those parts of a CycloneDX document that the check reads.
// See https://cyclonedx.org/docs/1.6/json/.
type bom struct {
	BOMFormat   string `json:"bomFormat"`
	SpecVersion string `json:"specVersion"`
	Metadata    struct {
		Component bomComponent `json:"component"`
	} `json:"metadata"`
	Components []bomComponent `json:"components"`
}

type bomComponent struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	Hashes  []struct {
		Alg     string `json:"alg"`
		Content string `json:"content"`
	} `json:"hashes"`
	Properties []struct{ Name, Value string } `json:"properties"`
}

// PackageProperty is the property of a bill of materials that names the digest of a
// release's packages, where there are several.
const PackageProperty = "magewright:package"

// digest returns the digest of the release's package or packages.
func (c bomComponent) digest() string {
	for _, p := range c.Properties {
		if p.Name == PackageProperty {
			return p.Value
		}
	}
	return c.sha256()
}

// application is CycloneDX's type of a program.
const application = "application"

// otherPrograms compares the programs that are listed with those that ship.
func (b bom) otherPrograms(programs []ShippedProgram) (findings []string) {
	listed := map[string]string{}
	for _, c := range b.Components {
		if c.Type == application {
			listed[c.Name] = c.sha256()
		}
	}
	for _, p := range programs {
		switch digest, ok := listed[p.Program]; {
		case !ok:
			findings = append(findings, p.Program+" ships, but is not listed")
		case digest != p.SHA256:
			findings = append(findings, fmt.Sprintf("%s is listed with SHA-256 %.12s, not %.12s", p.Program, digest, p.SHA256))
		}
		delete(listed, p.Program)
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		findings = append(findings, name+" is listed, but does not ship")
	}
	return findings
}

// sbom checks that there is a bill of materials for this program.
func sbom() Check {
	return Check{
		ID: "sbom", Item: Security,
		Title: "The bill of materials lists what the shipped program is made of",
		Doc: `.magewright/sbom.cdx.json is CycloneDX 1.6 and names the deployment package by its
SHA-256; where there are several packages, it has a component with the SHA-256 for
each. It has a component with a version for each module in the programs' build
information and for the standard library, and no others. Source:
https://cyclonedx.org/docs/1.6/json/.`,
		Inputs: []evidence.Predicate{Shipped{}, SBOM{}},
		Next:   "go tool mage synth readiness",
		Decide: func(in Inputs) Result {
			shipped := read(in, &Shipped{})
			var b bom
			if err := json.Unmarshal(read(in, &SBOM{}).Document, &b); err != nil {
				return Undecided("the bill of materials can't be read: %v", err)
			}
			undecided := shipped.untold(in.Candidate.Package)
			if b.BOMFormat != "CycloneDX" || b.SpecVersion != "1.6" {
				undecided = append(undecided, fmt.Sprintf("it is %s %s, not CycloneDX 1.6", b.BOMFormat, b.SpecVersion))
			}
			modules, programs := shipped.AllModules(), shipped.Programs()
			findings := b.differences(modules)
			if digest := b.Metadata.Component.digest(); digest != in.Candidate.Package {
				findings = append(findings, fmt.Sprintf("it describes a package with SHA-256 %.12s, not %.12s", digest, in.Candidate.Package))
			}
			counted := fmt.Sprintf("%s, %s in the program", count(len(b.Components), "component"), count(len(modules), "module"))
			if len(programs) > 1 {
				findings = append(findings, b.otherPrograms(programs)...)
				counted = fmt.Sprintf("%s, %s in %s", count(len(b.Components), "component"), count(len(modules), "module"), count(len(programs), "program"))
			}
			return concluded(counted, findings, undecided, "Which functions of a module the program calls; code that was copied in; the operating system below the function."+shipped.left())
		},
	}
}

func (c bomComponent) sha256() string {
	for _, h := range c.Hashes {
		if h.Alg == "SHA-256" {
			return h.Content
		}
	}
	return ""
}

// differences compares the components with the modules by path and version.
func (b bom) differences(modules []ShippedModule) (findings []string) {
	missing := map[string]bool{}
	for _, m := range modules {
		missing[m.Path+" "+m.Version] = true
	}
	listed := map[string]bool{}
	for _, c := range b.Components {
		name := c.Name + " " + c.Version
		switch {
		case c.Type == application: // see otherPrograms
			continue
		case listed[name]:
			findings = append(findings, name+" is listed twice")
		case !missing[name]:
			findings = append(findings, name+" is listed, but not in the program")
		case !strings.HasPrefix(c.PURL, "pkg:golang/"+c.Name+"@"):
			findings = append(findings, fmt.Sprintf("%s has the package URL %q", name, c.PURL))
		}
		listed[name] = true
		delete(missing, name)
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		findings = append(findings, name+" is in the program, but not listed")
	}
	return findings
}
