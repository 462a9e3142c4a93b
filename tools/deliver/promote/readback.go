package promote

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// readBack reads what AWS has after a deployment, and compares it with the assembly's
// templates and with the function's package.
func readBack(ctx context.Context, cfg project.Config, awsConfig aws.Config, production manifest.Stage, served stack.Served, pkg string) (*evidence.ReadBack, error) {
	client := cloudformation.NewFromConfig(stack.In(awsConfig, production.Place))
	r := &evidence.ReadBack{Templates: map[string]string{}, Package: served.Package}
	for _, name := range production.Stacks() {
		file := name + ".template.json"
		if name == production.Stack {
			file = production.Template
		}
		written, err := os.ReadFile(filepath.Join(cfg.Assembly, file)) // #nosec G304 -- a file of the assembly
		if err != nil {
			return nil, fmt.Errorf("reading the cloud assembly: %w", err)
		}
		got, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &name})
		if err != nil {
			return nil, fmt.Errorf("reading back the template of stack %s: %w", name, err)
		}
		want, err := canonical(written)
		if err != nil {
			return nil, fmt.Errorf("reading the cloud assembly: %s: %w", file, err)
		}
		is, err := canonical([]byte(aws.ToString(got.TemplateBody)))
		if err != nil {
			return nil, fmt.Errorf("reading back the template of stack %s: %w", name, err)
		}
		r.Templates[name] = evidence.Digest(is)
		if !bytes.Equal(is, want) {
			r.Differs = append(r.Differs, fmt.Sprintf("the template of stack %s differs from the assembly's %s", name, file))
		}
	}
	if err := served.Is(pkg); err != nil {
		r.Differs = append(r.Differs, err.Error())
	}
	return r, nil
}

// canonical returns a template as JSON with sorted keys and without white space. Numbers stay
// as they are written. The commit that synth writes into the metadata is left out, because
// CloudFormation does not update a stack if only the metadata of its template changes. See
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/metadata-section-structure.html.
func canonical(text []byte) ([]byte, error) {
	var v any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	if template, ok := v.(map[string]any); ok {
		if metadata, ok := template["Metadata"].(map[string]any); ok {
			delete(metadata, manifest.MetadataKey)
			if len(metadata) == 0 {
				delete(template, "Metadata")
			}
		}
	}
	return json.Marshal(v)
}

// compare stops a deployment if its new version is not made of the function's own
// package. The package of another function of the release does not count: the evidence
// says nothing about what it does here. It looks once, as soon as the version is known.
func (w *watch) compare(ctx context.Context) error {
	if w.compared || w.stopped || w.f.pkg == "" || w.record.New == "" {
		return nil
	}
	got, err := w.f.functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &w.f.outputs.FunctionName, Qualifier: &w.record.New})
	if err != nil {
		return fmt.Errorf("reading version %s of %s: %w", w.record.New, w.f.outputs.FunctionName, err)
	}
	digest, err := base64.StdEncoding.DecodeString(aws.ToString(got.CodeSha256))
	if err == nil && hex.EncodeToString(digest) == w.f.pkg {
		w.compared = true
		return nil
	}
	return w.stop(ctx, fmt.Sprintf("version %s is made from a package with CodeSha256 %s, but the evidence for %s is about SHA-256 %.12s", w.record.New, aws.ToString(got.CodeSha256), w.f.outputs.FunctionName, w.f.pkg))
}
