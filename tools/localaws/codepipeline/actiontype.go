package codepipeline

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// An actionType is a kind of action that this CodePipeline can run. The
// artifact counts and the configuration follow AWS's action reference.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference.html.
type actionType struct {
	category types.ActionCategory
	provider string
	inputs   bounds
	outputs  bounds
	required []string // required configuration keys
	optional []string
	revision types.SourceRevisionType // type of a source's revision, which StartPipelineExecution may override
	run      func(*Service, context.Context, *job) outcome
	// check verifies what the other rules can't express.
	check func(*types.ActionDeclaration) error
}

type bounds struct{ least, most int }

var actionTypes = []actionType{
	{
		category: types.ActionCategorySource, provider: providerConnection, outputs: bounds{1, 1},
		required: []string{"ConnectionArn", "FullRepositoryId", "BranchName"},
		optional: []string{"OutputArtifactFormat", "DetectChanges"},
		revision: types.SourceRevisionTypeCommitId,
		run:      (*Service).cloneSource,
		check:    checkConnectionSource,
	},
	{
		category: types.ActionCategorySource, provider: "S3", outputs: bounds{1, 1},
		required: []string{"S3Bucket", "S3ObjectKey"},
		optional: []string{"PollForSourceChanges", "AllowOverrideForS3ObjectKey"},
		revision: types.SourceRevisionTypeS3ObjectVersionId,
		run:      (*Service).fetchObject,
	},
	{
		category: types.ActionCategoryBuild, provider: "CodeBuild", inputs: bounds{1, 5}, outputs: bounds{0, 5},
		required: []string{"ProjectName"},
		optional: []string{"PrimarySource", "BatchEnabled", "CombineArtifacts", "EnvironmentVariables"},
		run:      (*Service).build,
		check:    checkBuild,
	},
	{
		category: types.ActionCategoryTest, provider: "CodeBuild", inputs: bounds{1, 5}, outputs: bounds{0, 5},
		required: []string{"ProjectName"},
		optional: []string{"PrimarySource", "BatchEnabled", "CombineArtifacts", "EnvironmentVariables"},
		run:      (*Service).build,
		check:    checkBuild,
	},
	{
		category: types.ActionCategoryDeploy, provider: "CloudFormation", inputs: bounds{0, 10}, outputs: bounds{0, 1},
		required: []string{"ActionMode", "StackName"},
		optional: []string{"Capabilities", "ChangeSetName", "OutputFileName", "ParameterOverrides", "RoleArn", "TemplateConfiguration", "TemplatePath"},
		run:      (*Service).deployStack,
		check:    checkStackAction,
	},
	{
		category: types.ActionCategoryDeploy, provider: "CodeDeploy", inputs: bounds{1, 1},
		required: []string{"ApplicationName", "DeploymentGroupName"},
		run:      (*Service).deploy,
	},
	{
		category: types.ActionCategoryDeploy, provider: "S3", inputs: bounds{1, 1},
		required: []string{"BucketName", "Extract"},
		optional: []string{"CacheControl", "CannedACL", "KMSEncryptionKeyARN", "ObjectKey"},
		run:      (*Service).publish,
		check:    checkPublish,
	},
	{
		category: types.ActionCategoryCompute, provider: "Commands", inputs: bounds{1, 10}, outputs: bounds{0, 1},
		run:   (*Service).runCommands,
		check: checkCommands,
	},
	{
		category: types.ActionCategoryInvoke, provider: "Lambda", inputs: bounds{0, 5}, outputs: bounds{0, 5},
		required: []string{"FunctionName"},
		optional: []string{"UserParameters"},
		run:      (*Service).invoke,
		check:    checkInvoke,
	},
	{
		category: types.ActionCategoryApproval, provider: "Manual",
		optional: []string{"NotificationArn", "CustomData", "ExternalEntityLink"},
		run:      (*Service).approve,
	},
}

// typeOf returns the action type of an action, or nil.
func typeOf(a *types.ActionDeclaration) *actionType {
	id := a.ActionTypeId
	if id == nil || id.Owner != types.ActionOwnerAws || aws.ToString(id.Version) != "1" {
		return nil
	}
	for i := range actionTypes {
		if t := &actionTypes[i]; t.category == id.Category && t.provider == aws.ToString(id.Provider) {
			return t
		}
	}
	return nil
}

// CheckStep refuses a type of actions or rules that this CodePipeline can't run. The
// category of rules is Rule.
func CheckStep(category, provider string) error {
	if category == string(types.RuleCategoryRule) {
		if ruleTypeOf(&types.RuleDeclaration{RuleTypeId: &types.RuleTypeId{Category: types.RuleCategoryRule, Provider: &provider}}) == nil {
			return fmt.Errorf("the embedded AWS does not support the rule provider %s of AWS::CodePipeline::Pipeline", provider)
		}
		return nil
	}
	if typeOf(&types.ActionDeclaration{ActionTypeId: &types.ActionTypeId{
		Category: types.ActionCategory(category), Owner: types.ActionOwnerAws, Provider: &provider, Version: aws.String("1"),
	}}) == nil {
		return fmt.Errorf("the embedded AWS does not support the action provider %s of category %s of AWS::CodePipeline::Pipeline", provider, category)
	}
	return nil
}

// ListActionTypes implements the operation of that name. It lists the action
// types that this CodePipeline can run.
func (s *Service) ListActionTypes(_ context.Context, in *awscodepipeline.ListActionTypesInput) (*awscodepipeline.ListActionTypesOutput, error) {
	if in.RegionFilter != nil && *in.RegionFilter != s.account.Region {
		return nil, invalid("regionFilter: the embedded AWS serves %s only", s.account.Region)
	}
	out := &awscodepipeline.ListActionTypesOutput{ActionTypes: []types.ActionType{}}
	if in.ActionOwnerFilter != "" && in.ActionOwnerFilter != types.ActionOwnerAws {
		return out, nil
	}
	for _, t := range actionTypes {
		listed := types.ActionType{
			Id:                    &types.ActionTypeId{Category: t.category, Owner: types.ActionOwnerAws, Provider: aws.String(t.provider), Version: aws.String("1")},
			InputArtifactDetails:  t.inputs.details(),
			OutputArtifactDetails: t.outputs.details(),
		}
		for _, name := range t.required {
			listed.ActionConfigurationProperties = append(listed.ActionConfigurationProperties, types.ActionConfigurationProperty{Name: aws.String(name), Key: true, Required: true})
		}
		for _, name := range t.optional {
			listed.ActionConfigurationProperties = append(listed.ActionConfigurationProperties, types.ActionConfigurationProperty{Name: aws.String(name), Key: true})
		}
		out.ActionTypes = append(out.ActionTypes, listed)
	}
	return out, nil
}

func (b bounds) details() *types.ArtifactDetails {
	return &types.ArtifactDetails{MinimumCount: int32(b.least), MaximumCount: int32(b.most)} // #nosec G115 -- at most 5
}

func (b bounds) check(a *types.ActionDeclaration, count int, what string) error {
	switch {
	case count < b.least:
		return invalidAction("Action %s declares %d %s artifacts which is less than the minimum count (%d)", aws.ToString(a.Name), count, what, b.least)
	case count > b.most:
		return invalidAction("Action %s declares %d %s artifacts which is more than the maximum count (%d)", aws.ToString(a.Name), count, what, b.most)
	}
	return nil
}

// title formats an action type as AWS's messages do.
func title(id *types.ActionTypeId) string {
	return fmt.Sprintf("(Category: '%s', Provider: '%s', Owner: '%s', Version: '%s')",
		id.Category, aws.ToString(id.Provider), id.Owner, aws.ToString(id.Version))
}

func invalidAction(format string, args ...any) error {
	return &types.InvalidActionDeclarationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidStage(format string, args ...any) error {
	return &types.InvalidStageDeclarationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidStructure(format string, args ...any) error {
	return &types.InvalidStructureException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// is reports whether a configuration value is "true".
func is(value string) bool { return strings.EqualFold(value, "true") }
