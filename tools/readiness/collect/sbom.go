package collect

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/readiness"
)

// sbomFile is the bill of materials in the evidence directory.
const sbomFile = "sbom.cdx.json"

// SBOM writes the bill of materials of the shipped program, and reads it back.
// The same package always gives the same bytes.
func SBOM(ctx context.Context, e Env) (evidence.Predicate, error) {
	document, err := sbom(ctx, e)
	if err != nil {
		return nil, err
	}
	path, err := e.Project.Path(sbomFile)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Clean(path), document, 0o600); err != nil {
		return nil, fmt.Errorf("writing the bill of materials: %w", err)
	}
	digest, err := evidence.FileDigest(path)
	if err != nil {
		return nil, err
	}
	return readiness.SBOM{
		Made: evidence.Made{
			FinishedOn: e.Clock.Now(), Dirty: e.Project.Dirty,
			Tools:   map[string]string{"cyclonedx-go": toolVersion("github.com/CycloneDX/cyclonedx-go")},
			Reports: map[string]string{sbomFile: digest},
		},
		Document: json.RawMessage(document),
	}, nil
}

// sbom returns the bill of materials of the shipped program.
func sbom(ctx context.Context, e Env) ([]byte, error) {
	s, err := shipped(ctx, e)
	if err != nil {
		return nil, err
	}
	made, err := gitcmd.In(e.Project.Dir, "TZ=UTC").Output(ctx, "show", "--no-patch",
		"--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%cd", e.Project.Commit)
	if err != nil {
		return nil, fmt.Errorf("reading the time of the commit: %w", err)
	}
	document, err := billOfMaterials(s, e.Project.Commit, made)
	if err != nil {
		return nil, fmt.Errorf("writing the bill of materials: %w", err)
	}
	return document, nil
}

// billOfMaterials describes a program in CycloneDX 1.6, for a commit and the
// time made. Modules use their package URLs as references.
// See https://github.com/package-url/purl-spec/blob/main/types-doc/golang-definition.md.
func billOfMaterials(s readiness.Shipped, commit, made string) ([]byte, error) {
	serial, err := serialNumber(s.Package)
	if err != nil {
		return nil, err
	}
	root, components, dependencies := programsOf(s, commit)
	modules := s.AllModules()
	for _, m := range modules {
		c := cdx.Component{
			BOMRef: purl(m.Path, m.Version), Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version,
			Scope: cdx.ScopeRequired, PackageURL: purl(m.Path, m.Version), Licenses: licenceChoices(m),
		}
		if m.Sum != "" {
			sum, err := moduleHash(m.Sum)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Path, err)
			}
			c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
		}
		components = append(components, c)
		on := needed(m.Needs, modules)
		dependencies = append(dependencies, cdx.Dependency{Ref: c.BOMRef, Dependencies: &on})
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = serial
	bom.Metadata = &cdx.Metadata{Timestamp: made, Component: &root}
	bom.Components, bom.Dependencies = &components, &dependencies
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// programsOf returns the root of a bill of materials: the program, or the release
// with a component for each of its programs.
func programsOf(s readiness.Shipped, commit string) (root cdx.Component, components []cdx.Component, dependencies []cdx.Dependency) {
	of := func(p readiness.ShippedProgram, digest string) cdx.Component {
		return cdx.Component{
			BOMRef: purl(p.Main, commit), Type: cdx.ComponentTypeApplication, Name: p.Program, Version: commit, PackageURL: purl(p.Main, commit),
			Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: digest}},
		}
	}
	if len(s.Further) == 0 {
		root = of(s.ShippedProgram, s.Package)
		direct := needed(s.MainNeeds, s.Modules)
		return root, nil, []cdx.Dependency{{Ref: root.BOMRef, Dependencies: &direct}}
	}
	root = cdx.Component{
		BOMRef: "release:" + commit, Type: cdx.ComponentTypeApplication, Name: s.Main, Version: commit,
		Properties: &[]cdx.Property{{Name: readiness.PackageProperty, Value: s.Package}},
	}
	var programs []string
	for _, p := range s.Programs() {
		c := of(p, p.SHA256)
		// Programs of one module differ by the path below it.
		if below, ok := strings.CutPrefix(p.Program, p.Main+"/"); ok {
			c.BOMRef += "#" + below
			c.PackageURL = c.BOMRef
		}
		components = append(components, c)
		programs = append(programs, c.BOMRef)
		direct := needed(p.MainNeeds, p.Modules)
		dependencies = append(dependencies, cdx.Dependency{Ref: c.BOMRef, Dependencies: &direct})
	}
	return root, components, append([]cdx.Dependency{{Ref: root.BOMRef, Dependencies: &programs}}, dependencies...)
}

// needed returns the references of modules by their paths.
func needed(paths []string, modules []readiness.ShippedModule) []string {
	var references []string
	for _, m := range modules {
		if slices.Contains(paths, m.Path) {
			references = append(references, purl(m.Path, m.Version))
		}
	}
	return references
}

// serialNumber derives a UUID version 8 (RFC 9562, 5.8) from a package's
// SHA-256, so that it is always the same for the same package.
func serialNumber(digest string) (string, error) {
	id, err := hex.DecodeString(digest)
	if err != nil || len(id) < 16 {
		return "", fmt.Errorf("%q is not a SHA-256", digest)
	}
	id = slices.Clone(id[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]), nil
}

// purl returns the package URL of a module.
func purl(path, version string) string {
	if path == readiness.StandardLibrary {
		version = strings.TrimPrefix(version, "go")
	}
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// moduleHash returns the SHA-256 in a module's sum, in hexadecimal as in
// cyclonedx-gomod. It is the hash of the list of the files' hashes.
// See https://go.dev/ref/mod#go-sum-files.
func moduleHash(sum string) (string, error) {
	encoded, ok := strings.CutPrefix(sum, "h1:")
	data, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return "", fmt.Errorf("%q is not an h1 sum", sum)
	}
	return hex.EncodeToString(data), nil
}

// licenceChoices names all licences of a module, all of which apply.
func licenceChoices(m readiness.ShippedModule) *cdx.Licenses {
	var ids []string
	for _, text := range m.Licences {
		ids = append(ids, text.Is...)
	}
	slices.Sort(ids)
	var choices cdx.Licenses
	for _, id := range slices.Compact(ids) {
		licence := &cdx.License{ID: id}
		if slices.Contains(notSPDX, id) {
			licence = &cdx.License{Name: id}
		}
		choices = append(choices, cdx.LicenseChoice{License: licence})
	}
	if len(choices) == 0 {
		return nil
	}
	return &choices
}

// notSPDX lists the identifiers of licensecheck v0.3.1 that are not on the list of
// https://spdx.org/licenses. CycloneDX accepts these only as names.
var notSPDX = []string{
	"Aladdin-9", "Anti996", "BSD-1-Clause-Clear", "BSD-3-Clause-NoTrademark", "CC-BY-NC-SA-3.0-US", "CommonsClause",
	"GPL-2.0-or-3.0", "GooglePatentClause", "GooglePatentsFile", "MIT-NoAd", "Prosperity-3.0.0",
}
