package collect

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// Production asks Lambda which version serves production. A rollback goes back
// to that version.
func Production(ctx context.Context, e Env) (evidence.Predicate, error) {
	p, err := serving(ctx, e, project.ProductionStack)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Staging asks Lambda which version serves staging.
func Staging(ctx context.Context, e Env) (evidence.Predicate, error) {
	p, err := serving(ctx, e, project.StagingStack)
	if err != nil {
		return nil, err
	}
	return readiness.Staging(p), nil
}

// serving asks which version serves a stage.
func serving(ctx context.Context, e Env, stack string) (readiness.Production, error) {
	var p readiness.Production
	account, err := callerAccount(ctx, e)
	if err != nil {
		return p, err
	}
	described, absent, err := describeStack(ctx, cloudformation.NewFromConfig(*e.AWS), stack)
	if err != nil {
		return p, err
	}
	p = readiness.Production{Account: account, Region: e.AWS.Region, Absent: absent}
	if absent == "" {
		for _, output := range described.Outputs {
			switch aws.ToString(output.OutputKey) {
			case "FunctionName":
				p.Function = aws.ToString(output.OutputValue)
			case "AliasName":
				p.Alias = aws.ToString(output.OutputValue)
			}
		}
		if p.Function == "" || p.Alias == "" {
			return p, exit.Missing("aws cloudformation describe-stacks --stack-name "+stack, "stack %s is %s and has no output FunctionName or no output AliasName", stack, described.StackStatus)
		}
		if err := servingVersion(ctx, lambda.NewFromConfig(*e.AWS), &p); err != nil {
			return p, err
		}
	}
	p.FinishedOn = e.Clock.Now()
	return p, nil
}

func servingVersion(ctx context.Context, client *lambda.Client, p *readiness.Production) error {
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
