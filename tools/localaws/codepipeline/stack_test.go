package codepipeline

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// What a deploy action lacks is said when the pipeline is declared.
func TestDeployActions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		provider, configuration, want string
	}{
		{"CloudFormation", "StackName=s ActionMode=CREATE_UPDATE RoleArn=r TemplatePath=In::t.yml", ""},
		{"CloudFormation", "StackName=s ActionMode=CREATE RoleArn=r TemplatePath=In::t.yml", "The ActionMode 'CREATE' of action 'A' must be one of CHANGE_SET_EXECUTE, CHANGE_SET_REPLACE, CREATE_UPDATE, DELETE_ONLY, REPLACE_ON_FAILURE"},
		{"CloudFormation", "StackName=s ActionMode=CREATE_UPDATE RoleArn=r", "missing required configuration 'TemplatePath'"},
		{"CloudFormation", "StackName=s ActionMode=CHANGE_SET_EXECUTE", "missing required configuration 'ChangeSetName'"},
		{"CloudFormation", "StackName=s ActionMode=DELETE_ONLY", "missing required configuration 'RoleArn'"},
		{"CloudFormation", "StackName=s ActionMode=CREATE_UPDATE RoleArn=r TemplatePath=t.yml", "TemplatePath 't.yml' of action 'A' must be ARTIFACT::FILE"},
		{"CloudFormation", "StackName=s ActionMode=CREATE_UPDATE RoleArn=r TemplatePath=In::t.yml TemplateConfiguration=Out::c.json", "TemplateConfiguration 'Out::c.json' of action 'A' must be ARTIFACT::FILE"},
		{"CloudFormation", "StackName=s ActionMode=CREATE_UPDATE RoleArn=r TemplatePath=In::t.yml OutputFileName=o.json", "needs both an output artifact and OutputFileName, or neither"},
		{"CloudFormation", "StackName=s ActionMode=CREATE_UPDATE RoleArn=r TemplatePath=In::t.yml Colour=red", "contains unknown configuration 'Colour'"},
		{"S3", "BucketName=b Extract=true", ""},
		{"S3", "BucketName=b Extract=yes", "Extract of action 'A' must be true or false"},
		{"S3", "BucketName=b Extract=false", "missing required configuration 'ObjectKey'"},
		{"S3", "BucketName=b Extract=true CannedACL=public-read", "does not support CannedACL public-read of action 'A': use a bucket policy"},
		{"S3", "Extract=true", "missing required configuration 'BucketName'"},
	} {
		a := &types.ActionDeclaration{
			Name: aws.String("A"), InputArtifacts: []types.InputArtifact{{Name: aws.String("In")}}, Configuration: map[string]string{},
			ActionTypeId: &types.ActionTypeId{Category: types.ActionCategoryDeploy, Owner: types.ActionOwnerAws, Provider: &test.provider, Version: aws.String("1")},
		}
		for pair := range strings.FieldsSeq(test.configuration) {
			key, value, _ := strings.Cut(pair, "=")
			a.Configuration[key] = value
		}
		kind := typeOf(a)
		err := checkConfiguration(kind, a)
		if err == nil {
			err = kind.check(a)
		}
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want %q", test.provider, test.configuration, err, test.want)
		}
	}
}
