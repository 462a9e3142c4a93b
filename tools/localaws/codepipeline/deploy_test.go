package codepipeline

import (
	"archive/zip"
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// source replaces the source of the pipeline by a zip of files, given as name and content.
func (r *rig) source(files ...[2]string) {
	r.t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, file := range files {
		f, err := w.Create(file[0])
		if err == nil {
			_, err = f.Write([]byte(file[1]))
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.objects.held["source/app.zip"] = b.Bytes()
}

func shifter(name string) types.ActionDeclaration {
	return types.ActionDeclaration{
		Name: aws.String(name), RunOrder: aws.Int32(1), InputArtifacts: []types.InputArtifact{{Name: aws.String("Source")}},
		Configuration: map[string]string{"ApplicationName": "app", "DeploymentGroupName": "group"},
		ActionTypeId:  &types.ActionTypeId{Category: types.ActionCategoryDeploy, Owner: types.ActionOwnerAws, Provider: aws.String("CodeDeploy"), Version: aws.String("1")},
	}
}

// CodeDeploy gets the AppSpec file in the root of the artifact, and decides about an
// artifact that has none. The action ends as the deployment does.
func TestDeployment(t *testing.T) {
	t.Parallel()
	failed := &cdtypes.DeploymentInfo{Status: cdtypes.DeploymentStatusStopped, ErrorInformation: &cdtypes.ErrorInformation{Message: aws.String("One or more alarms")}}
	succeeded := &cdtypes.DeploymentInfo{Status: cdtypes.DeploymentStatusSucceeded}
	for name, test := range map[string]struct {
		files   [][2]string
		spec    string // the content that CodeDeploy gets; empty for the whole artifact
		refuse  error
		ends    *cdtypes.DeploymentInfo // nil if it takes for ever
		summary string
		code    string
	}{
		"YAML":    {files: [][2]string{{"other/appspec.yml", "x"}, {"appspec.yml", "version: 0.0"}}, spec: "version: 0.0", ends: succeeded, summary: "Deployment Succeeded"},
		"long":    {files: [][2]string{{"appspec.yaml", "version: 0"}}, spec: "version: 0", ends: succeeded, summary: "Deployment Succeeded"},
		"JSON":    {files: [][2]string{{"appspec.json", "{}"}}, spec: "{}", ends: succeeded, summary: "Deployment Succeeded"},
		"the end": {files: [][2]string{{"appspec.yml", "a"}}, spec: "a", ends: failed, summary: "One or more alarms", code: "JobFailed"},
		"no end":  {files: [][2]string{{"appspec.yml", "a"}}, spec: "a", summary: "The deployment d-1 did not end within 120h0m0s", code: "TimedOut"},
		"no file": {files: [][2]string{{"other/appspec.yml", "x"}}, refuse: &cdtypes.InvalidRevisionException{Message: aws.String("BundleType must be either YAML or JSON")}, summary: "Creating the deployment: InvalidRevisionException: BundleType must be either YAML or JSON", code: "ConfigurationError"},
		"another": {files: [][2]string{{"appspec.yml", "a"}}, spec: "a", refuse: &cdtypes.DeploymentLimitExceededException{Message: aws.String("active")}, summary: "Creating the deployment: DeploymentLimitExceededException: active", code: "ConfigurationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.source(test.files...)
			r.deployments.refuse = test.refuse
			r.create(declare(stageOf("Deploy", shifter("Shift"))))
			id := r.begin()
			in := <-r.deployments.created
			if *in.ApplicationName != "app" || *in.DeploymentGroupName != "group" {
				t.Errorf("it deploys %+v", in)
			}
			if test.spec == "" {
				if l := in.Revision.S3Location; *l.Bucket != "artifacts" || l.BundleType != cdtypes.BundleTypeZip {
					t.Errorf("it deploys %+v", l)
				}
			} else if got := *in.Revision.AppSpecContent.Content; got != test.spec {
				t.Errorf("the AppSpec file is %q", got)
			}
			switch {
			case test.refuse != nil:
			case test.ends == nil:
				r.clock.BlockUntil(1)
				r.clock.Advance(deployTimeout)
			default:
				r.deployments.ended <- test.ends
			}
			status := types.PipelineExecutionStatusSucceeded
			if test.code != "" {
				status = types.PipelineExecutionStatusFailed
			}
			r.wants(id, status)
			x := r.state("Deploy").ActionStates[0].LatestExecution
			if *x.Summary != test.summary || test.refuse == nil && (*x.ExternalExecutionId != "d-1" || *x.ExternalExecutionUrl != "https://console.aws.amazon.com/codedeploy/home?region=us-east-1#/deployments/d-1") {
				t.Errorf("the action ended with %+v", x)
			}
			if x.ErrorDetails != nil && *x.ErrorDetails.Code != test.code {
				t.Errorf("the code is %s", *x.ErrorDetails.Code)
			}
		})
	}
}
