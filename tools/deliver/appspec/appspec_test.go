package appspec_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/deliver/appspec"
)

func TestRead(t *testing.T) {
	t.Parallel()
	move := appspec.Move{Function: "f", Alias: "live", From: "1", To: "2"}
	content := func(s string) *types.RevisionLocation {
		return &types.RevisionLocation{AppSpecContent: &types.AppSpecContent{Content: &s}}
	}
	for _, tt := range []struct {
		name string
		in   *types.RevisionLocation
		want appspec.Move
		ok   bool
	}{
		{"what is written is read", move.Revision(), move, true},
		{"YAML, numbers not quoted", content("version: 0.0\nResources:\n- x:\n    Type: AWS::Lambda::Function\n    Properties: {Name: f, Alias: live, CurrentVersion: 1, TargetVersion: 2}\n"), move, true},
		{"in S3", &types.RevisionLocation{S3Location: &types.S3Location{Key: aws.String("k")}}, appspec.Move{}, false},
		{"no YAML", content("{"), appspec.Move{}, false},
		{"none", nil, appspec.Move{}, false},
	} {
		if got, ok := appspec.Read(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v, %v", tt.name, got, ok)
		}
	}
}
