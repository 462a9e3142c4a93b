package synth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/magewright/magewright/tools/assembly/annotate"
	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/check/reuse"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
)

// adopted is the work for a repository that adopts Magewright. Its CDK app stays as it is, in
// whatever language, and does not know about Magewright.
func adopted(name string) reuse.Work {
	return reuse.Work{Name: name, Inputs: read, Outputs: []string{reuse.Assembly + "/.", reuse.Evidence + "/" + packagesFile}, Run: synthesizeAdopted}
}

// packagesFile lists what users get, in the format of sha256sum: the deployment packages of
// the last stage.
const packagesFile = "packages.sha256"

// pipelineDir is the directory of the assembly that has the pipeline. The pipeline has a CDK
// app of its own, so that the CDK versions in the repository's app stay untouched.
const pipelineDir = "pipeline"

func synthesizeAdopted(ctx context.Context, cfg project.Config) error {
	settings, err := cdk.ReadAdopted(cfg)
	if err != nil {
		return err
	}
	if err := cdk.Install(ctx, cfg); err != nil {
		return err
	}
	if len(settings.Functions) > 0 {
		if err := build.Functions(ctx, cfg); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(cfg.Assembly); err != nil {
		return fmt.Errorf("clearing the cloud assembly: %w", err)
	}
	fmt.Fprintf(cfg.Stderr, "synthesizing the stacks of the CDK app in %s\n", settings.App)
	if err := cdk.Synthesize(ctx, cfg, filepath.Join(cfg.Dir, filepath.FromSlash(settings.App)), cfg.Assembly); err != nil {
		return err
	}
	replaced, err := cdk.OneAccount(cfg)
	if err != nil {
		return err
	}
	broken, err := cdk.Errors(cfg.Assembly)
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		return refuse(cfg, broken)
	}
	if err := cdk.Freeze(cfg.Assembly); err != nil {
		return err
	}
	if len(replaced) > 0 {
		fmt.Fprintf(cfg.Stdout, "synth: the stacks of account %s are for account %s here, as the context %s says\n", strings.Join(replaced, " and "), settings.Account, cdk.AccountKey)
		err := cdk.Record(cfg, struct {
			Replaced []string `json:"replaced"`
		}{replaced})
		if err != nil {
			return err
		}
	}
	digest, err := deliver(ctx, cfg)
	if err != nil {
		return err
	}
	if err := assignRoles(cfg); err != nil {
		return err
	}
	if err := cdk.WriteRelease(cfg, cdk.Release{Commit: cfg.Commit, Dirty: cfg.Dirty, Package: digest}); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Stdout, "synth: commit %.12s, package sha256 %.12s\n", cfg.Commit, digest)
	return nil
}

// deliver writes into the assembly what is delivered, and the pipeline that delivers it. It
// returns the digest of the packages that users get.
func deliver(ctx context.Context, cfg project.Config) (digest string, err error) {
	if err := annotate.Run(ctx, cfg); err != nil {
		return "", err
	}
	names, err := manifest.ReadAny(cfg)
	if err != nil {
		return "", err
	}
	if digest, err = packageOf(cfg, names.Last()); err != nil {
		return "", err
	}
	if err := stamp(cfg, names.Stages); err != nil {
		return "", err
	}
	switch {
	case names.Pipeline.Stack != "":
		return digest, nil // the app has its own pipeline
	case len(names.Stages) < 2:
		fmt.Fprintf(cfg.Stdout, "NOT SYNTHESIZED: the pipeline. A delivery needs two stacks: one in which releases are tried, and one that users have. The CDK app has only stack %s, and a note says why releases can't be tried in a copy of it.\n"+
			"  next: define the stack twice in the CDK app, such as %[1]s-staging and %[1]s-production, or remove what prevents a copy beside it\n", names.Last().Stack)
		return digest, nil
	}
	context, err := cdk.Context(cfg)
	if err != nil {
		return "", err
	}
	context["assembly"] = cfg.Assembly
	if len(names.Replaced) > 0 {
		place, ok := context["pipeline"].(map[string]any)
		if !ok {
			place = map[string]any{}
		}
		place["account"] = context[cdk.AccountKey]
		context["pipeline"] = place
	}
	fmt.Fprintln(cfg.Stderr, "synthesizing the pipeline")
	if err := cdk.Pipeline(ctx, cfg, context, filepath.Join(cfg.Assembly, pipelineDir)); err != nil {
		return "", err
	}
	return digest, addPipeline(cfg)
}

// packageOf lists the packages of a stage's functions, and returns their digest.
func packageOf(cfg project.Config, stage manifest.Stage) (string, error) {
	if _, err := cdk.Delivered(cfg, stage); err != nil {
		return "", err // its functions are not made from packages
	}
	all, err := cdk.FunctionPackages(cfg.Assembly, stage.Template)
	if err != nil {
		return "", err
	}
	var list strings.Builder
	for _, p := range all {
		_, _ = fmt.Fprintf(&list, "%s  %s\n", p.SHA256, p.File) // never fails
	}
	file, err := cfg.Path(packagesFile)
	if err == nil {
		err = os.WriteFile(file, []byte(list.String()), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("listing the packages: %w", err)
	}
	return cdk.PackageDigest(all), nil
}

// stamp writes the commit into the metadata of the stages' templates, so that it is known
// from what a stage was deployed. The functions don't know it, and their descriptions belong
// to the repository. CloudFormation ignores a template's metadata. See
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/metadata-section-structure.html.
func stamp(cfg project.Config, stages []manifest.Stage) error {
	if cfg.Dirty {
		return nil // the files are not those of the commit
	}
	for _, stage := range stages {
		err := editTemplate(cfg, stage.Template, func(template map[string]any) {
			metadata, ok := template["Metadata"].(map[string]any)
			if !ok {
				metadata = map[string]any{}
				template["Metadata"] = metadata
			}
			metadata[manifest.MetadataKey] = manifest.Metadata{Commit: cfg.Commit}
		})
		if err != nil {
			return fmt.Errorf("writing the commit into %s: %w", stage.Template, err)
		}
	}
	return nil
}

// editTemplate changes a template of the assembly.
func editTemplate(cfg project.Config, name string, change func(map[string]any)) error {
	data, err := os.ReadFile(filepath.Join(cfg.Assembly, filepath.FromSlash(name))) // #nosec G304 -- a file of the assembly
	if err != nil {
		return err
	}
	var template map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&template); err != nil {
		return err
	}
	change(template)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ") // in the CDK's own format
	if err := encoder.Encode(template); err != nil {
		return err
	}
	return cdk.WriteTemplate(cfg.Assembly, name, text.Bytes())
}

// addPipeline writes into the manifest where the pipeline is, according to the pipeline's own
// manifest.
func addPipeline(cfg project.Config) error {
	own := cfg
	own.Assembly = filepath.Join(cfg.Assembly, pipelineDir)
	read, err := manifest.Read(own)
	if err != nil {
		return err
	}
	place := read.Pipeline
	place.Template = path.Join(pipelineDir, place.Template)
	return cdk.Record(cfg, struct {
		Pipeline manifest.Pipeline `json:"pipeline"`
	}{place})
}

// written returns the files that synthesis itself writes into the repository. They are not
// among its inputs.
func written(cfg project.Config) ([]string, error) {
	if !cfg.Adopted() {
		return nil, nil
	}
	settings, err := cdk.ReadAdopted(cfg)
	if err != nil {
		return nil, err
	}
	// The directory into which the CDK CLI synthesizes without Magewright.
	all := []string{filepath.Join(cfg.Dir, filepath.FromSlash(settings.App), "cdk.out")}
	for _, to := range settings.Functions {
		all = append(all, filepath.Join(cfg.Dir, filepath.FromSlash(to)))
	}
	return all, nil
}

// modules returns the directories of the modules that synthesis compiles, apart from the root
// module.
func modules(ctx context.Context, cfg project.Config) ([]string, error) {
	if !cfg.Adopted() {
		return nil, nil
	}
	found, err := cfg.Modules(ctx)
	return append(found.Dirs(), filepath.Join(cfg.Dir, project.Pin)), err
}
