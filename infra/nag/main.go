// Command nag applies the AWS Solutions pack of cdk-nag to templates that exist already.
// So a program other than the release's own CDK app can ask it about the release.
//
// Its arguments are a directory with a file NAME.template.json for each stack, and the
// directory to which the report on each stack is written.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/cloudformationinclude"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

func main() {
	err := look(os.Args[1:])
	jsii.Close()
	if err != nil {
		fmt.Fprintf(os.Stderr, "nag: %v\n", err)
		os.Exit(1)
	}
}

// look writes the reports. The CDK panics where it can't read a template.
func look(args []string) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("reading the templates: %v", cause)
		}
	}()
	if len(args) != 2 {
		return fmt.Errorf("want two directories, not %q", args)
	}
	files, err := filepath.Glob(filepath.Join(args[0], "*"+suffix))
	if err != nil {
		return err
	}
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(args[1])})
	for _, file := range files {
		stack := awscdk.NewStack(app, jsii.String(strings.TrimSuffix(filepath.Base(file), suffix)), &awscdk.StackProps{
			// It adds nothing to the template.
			Synthesizer: awscdk.NewLegacyStackSynthesizer(),
		})
		cloudformationinclude.NewCfnInclude(stack, jsii.String("Template"), &cloudformationinclude.CfnIncludeProps{
			TemplateFile: jsii.String(file), AllowCyclicalReferences: jsii.Bool(true),
		})
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Verbose: jsii.Bool(true)}), nil)
	app.Synth(nil)
	return nil
}

const suffix = ".template.json"
