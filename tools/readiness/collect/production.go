package collect

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	stacks "github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
)

// Production asks Lambda which version of each function serves production. A rollback
// goes back to these versions.
func Production(ctx context.Context, e Env) (evidence.Predicate, error) {
	names, err := e.names(ctx)
	if err != nil {
		return nil, err
	}
	p, err := serving(ctx, e, names.Last())
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Staging asks Lambda which version of each function serves the first stage.
func Staging(ctx context.Context, e Env) (evidence.Predicate, error) {
	names, err := e.names(ctx)
	if err != nil {
		return nil, err
	}
	if len(names.Stages) < 2 {
		return nil, exit.Missing("define the stack a second time in the CDK app, for a stage before it", "%s is the only stage, so there is none in which a release is tried", names.Last().Name)
	}
	p, err := serving(ctx, e, names.First())
	if err != nil {
		return nil, err
	}
	return readiness.Staging(p), nil
}

// serving asks what serves a stage.
func serving(ctx context.Context, e Env, stage manifest.Stage) (readiness.Production, error) {
	var p readiness.Production
	account, err := callerAccount(ctx, e)
	if err != nil {
		return p, err
	}
	if err := stacks.CheckAccount(ctx, *e.AWS, stage.Place); err != nil {
		return p, err
	}
	there := stacks.In(*e.AWS, stage.Place)
	client := cloudformation.NewFromConfig(there)
	described, absent, err := describeStack(ctx, client, stage.Stack)
	if err != nil {
		return p, err
	}
	p = readiness.Production{Account: account, Region: there.Region, Absent: absent}
	if absent == "" {
		all, err := functionsOf(ctx, client, stage, described)
		if err != nil {
			return p, err
		}
		for i := range all {
			if err := servingVersion(ctx, lambda.NewFromConfig(there), &all[i]); err != nil {
				return p, err
			}
		}
		p.Serving, p.Others = all[0], all[1:]
	}
	p.FinishedOn = e.Clock.Now()
	return p, nil
}

// functionsOf returns the functions that a deployed stage delivers, with their aliases. There
// is at least one. The stack's outputs have their names, or otherwise the stack's resources.
func functionsOf(ctx context.Context, client *cloudformation.Client, stage manifest.Stage, described types.Stack) ([]readiness.Serving, error) {
	next := "aws cloudformation describe-stacks --stack-name " + stage.Stack
	outputs := map[string]string{}
	for _, output := range described.Outputs {
		outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}
	var all []readiness.Serving
	for _, f := range stage.Functions {
		s := readiness.Serving{LogicalID: f.Function, Function: outputs[f.Outputs["FunctionName"]], Alias: cmp.Or(outputs[f.Outputs["AliasName"]], f.Alias)}
		if s.Function == "" && f.Function != "" {
			resource, err := client.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{StackName: &stage.Stack, LogicalResourceId: &f.Function})
			if err != nil {
				return nil, exit.Missing(next, "asking what function %s of stack %s is called: %w", f.Function, stage.Stack, err)
			}
			s.Function = aws.ToString(resource.StackResourceDetail.PhysicalResourceId)
		}
		if s.Function == "" {
			return nil, exit.Missing(next, "stack %s is %s and does not name its function: it has no output FunctionName, and the manifest has no logical id", stage.Stack, described.StackStatus)
		}
		if s.Alias == "" {
			return nil, exit.Missing("give the function an alias in the CDK app, with a CodeDeploy deployment group that shifts it", "function %s of stack %s has no alias, so it is unknown which version serves", s.Function, stage.Stack)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, exit.Missing(next, "the manifest names no function of stack %s", stage.Stack)
	}
	return all, nil
}

func servingVersion(ctx context.Context, client *lambda.Client, p *readiness.Serving) error {
	alias, err := client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &p.Function, Name: &p.Alias})
	if err != nil {
		return exit.Missing("aws lambda get-alias --function-name "+p.Function+" --name "+p.Alias, "reading alias %s of %s: %w", p.Alias, p.Function, err)
	}
	p.Version = aws.ToString(alias.FunctionVersion)
	if alias.RoutingConfig != nil {
		p.Weights = alias.RoutingConfig.AdditionalVersionWeights
	}
	version, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &p.Function, Qualifier: &p.Version})
	if err != nil {
		return exit.Missing("aws lambda get-function-configuration --function-name "+p.Function+" --qualifier "+p.Version, "reading version %s of %s: %w", p.Version, p.Function, err)
	}
	p.CodeSHA256, p.State = aws.ToString(version.CodeSha256), string(version.State)
	pages := lambda.NewListVersionsByFunctionPaginator(client, &lambda.ListVersionsByFunctionInput{FunctionName: &p.Function})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return exit.Missing("aws lambda list-versions-by-function --function-name "+p.Function, "listing the versions of %s: %w", p.Function, err)
		}
		for _, v := range page.Versions {
			if number := aws.ToString(v.Version); number != "$LATEST" {
				p.Retained = append(p.Retained, readiness.RetainedVersion{Version: number, CodeSHA256: aws.ToString(v.CodeSha256)})
			}
		}
	}
	return nil
}
