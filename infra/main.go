// Command infra is the CDK app. It synthesizes the service for staging and for production,
// and the pipeline that delivers it, into the directory that CDK_OUTDIR names.
//
// Its settings are CDK context; see package settings. If a stack breaks a rule of the AWS
// Solutions pack, that becomes an error in the cloud assembly, and `mage synth` fails because
// of it.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/magewright/magewright/infra/pipeline"
	"github.com/magewright/magewright/infra/service"
	"github.com/magewright/magewright/infra/settings"
)

func main() {
	err := synthesize()
	jsii.Close()
	if err != nil {
		fmt.Fprintf(os.Stderr, "infra: %v\n", err)
		os.Exit(1)
	}
}

// synthesize writes the cloud assembly. The CDK panics if a construct can't be made. Only its
// message helps, so the goroutines are left out.
func synthesize() (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("synthesizing: %v", cause)
		}
	}()
	app := awscdk.NewApp(nil)
	if err := stacks(app); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

func stacks(app awscdk.App) error {
	s, err := settings.FromContext(app.Node())
	if err != nil {
		return err
	}
	staging, production := service.NewStack(app, s.Staging, s), service.NewStack(app, s.Production, s)
	if _, err := pipeline.NewStack(app, s, staging, production); err != nil {
		return err
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Verbose: jsii.Bool(true)}), nil)
	return nil
}
