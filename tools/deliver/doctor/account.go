package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	connectiontypes "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/project/exit"
)

// account has the checks of the credentials' account and region.
var account = []check{
	{"caller", caller},
	{"bootstrap", bootstrap},
	{"trust", trust},
	{"connection", connection},
	{"builds", builds},
	{"image", image},
	{"key", key},
	{"alarms", alarms},
	{"concurrency", concurrency},
}

func caller(ctx context.Context, p *patient) Finding {
	identity, err := sts.NewFromConfig(p.aws).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return unknown(exit.Missing("aws sts get-caller-identity", "asking AWS whose credentials these are: %w", err))
	}
	p.account = aws.ToString(identity.Account)
	at := ""
	if endpoint := aws.ToString(p.aws.BaseEndpoint); endpoint != "" {
		at = ", at " + endpoint
	}
	return ok("%s, region %s%s", aws.ToString(identity.Arn), p.aws.Region, at)
}

// bootstrap looks for what cdk bootstrap leaves, in each region into which stacks are
// deployed.
func bootstrap(ctx context.Context, p *patient) Finding {
	if p.account == "" {
		return unknown(errors.New("the account is not known"))
	}
	here, elsewhere := deploy.Environments(p.names, p.account, p.aws.Region)
	if len(here) == 0 {
		return unknown(exit.Missing("export credentials of account "+elsewhere[0], "the credentials are for account %s, but the stacks belong to account %s", p.account, strings.Join(elsewhere, ", ")))
	}
	var versions []string
	for _, e := range here {
		client := ssm.NewFromConfig(p.aws, func(o *ssm.Options) { o.Region = e.Region })
		got, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(deploy.BootstrapVersion)})
		if _, absent := errors.AsType[*ssmtypes.ParameterNotFound](err); absent {
			return missing("go tool mage bootstrap", "account %s was not bootstrapped in %s", e.Account, e.Region)
		}
		if err != nil {
			return unknown(err)
		}
		versions = append(versions, fmt.Sprintf("version %s in %s", aws.ToString(got.Parameter.Value), e.Region))
	}
	for _, place := range p.names.OwnRoles() {
		if place.Account != "" && place.Account != p.account {
			continue
		}
		has, err := deploy.HasRole(ctx, p.aws, place)
		if err != nil {
			return unknown(err)
		}
		if !has {
			return missing("go tool mage bootstrap", "stack %s has no role of its own by which CloudFormation deploys it: another Magewright, or cdk bootstrap alone, has bootstrapped account %s", place.Stack, p.account)
		}
	}
	return ok("%s", strings.Join(versions, ", "))
}

// trust checks whether the pipeline's account may deploy to this account.
func trust(ctx context.Context, p *patient) Finding {
	here, _ := deploy.Environments(p.names, p.account, p.aws.Region)
	i := slices.IndexFunc(here, func(e deploy.Environment) bool { return e.Trusts != "" })
	if i < 0 {
		return ok("the pipeline deploys to its own account")
	}
	e := here[i]
	role := fmt.Sprintf("cdk-hnb659fds-deploy-role-%s-%s", e.Account, e.Region)
	got, err := iam.NewFromConfig(p.aws).GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
	if err != nil {
		return unknown(fmt.Errorf("reading which accounts role %s trusts: %w", role, err))
	}
	document, err := url.QueryUnescape(aws.ToString(got.Role.AssumeRolePolicyDocument))
	if err != nil {
		return unknown(fmt.Errorf("reading which accounts role %s trusts: %w", role, err))
	}
	if !strings.Contains(document, e.Trusts) {
		return missing("go tool mage bootstrap", "role %s does not trust account %s, which has the pipeline", role, e.Trusts)
	}
	return ok("role %s trusts account %s", role, e.Trusts)
}

// connection checks whether the pipeline may read the source. A person has to complete a
// connection in the console.
func connection(ctx context.Context, p *patient) Finding {
	if pipeline, err := p.pipeline(); err == nil && !pipeline.connected {
		return ok("the pipeline's source needs none")
	}
	settings, err := cdk.Context(p.cfg)
	if err != nil {
		return unknown(err)
	}
	arn, _ := settings["connectionArn"].(string)
	if arn == "" {
		if arn, err = output(ctx, p.aws, p.names.Pipeline.Stack, "ConnectionArn"); err != nil {
			return unknown(exit.Missing("go tool mage synth pipeline:deploy, which makes a connection", "there is no connectionArn in the CDK context, and %w", err))
		}
	}
	got, err := codeconnections.NewFromConfig(p.aws).GetConnection(ctx, &codeconnections.GetConnectionInput{ConnectionArn: &arn})
	if err != nil {
		return unknown(fmt.Errorf("reading connection %s: %w", arn, err))
	}
	if status := got.Connection.ConnectionStatus; status != connectiontypes.ConnectionStatusAvailable {
		return missing("complete it in the console: Developer Tools, Settings, Connections", "connection %s is %s: a push does not start the pipeline", arn, status)
	}
	return ok("%s is available", arn)
}

// output returns an output of a stack.
func output(ctx context.Context, cfg aws.Config, stack, key string) (string, error) {
	if stack == "" {
		return "", errors.New("there is no cloud assembly that names a pipeline")
	}
	described, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return "", err
	}
	for _, s := range described.Stacks {
		for _, o := range s.Outputs {
			if aws.ToString(o.OutputKey) == key {
				return aws.ToString(o.OutputValue), nil
			}
		}
	}
	return "", fmt.Errorf("stack %s has no output %s", stack, key)
}

// builds compares how many builds the pipeline starts at once with how many the account may
// run at once. CodeBuild refuses the builds beyond a small quota.
func builds(ctx context.Context, p *patient) Finding {
	pipeline, err := p.pipeline()
	if err != nil {
		return unknown(err)
	}
	var says []string
	for _, need := range pipeline.atOnce() {
		quota, err := p.quota(ctx, "codebuild", "Concurrently running builds for "+need.kind+" environment")
		if err != nil {
			return unknown(exit.Missing("aws service-quotas list-service-quotas --service-code codebuild, with credentials of the account itself",
				"the pipeline starts %d builds of %s at once; reading how many the account may run: %w", need.count, need.kind, err))
		}
		if quota < float64(need.count) {
			return missing(fmt.Sprintf("aws service-quotas list-service-quotas --service-code codebuild --query \"Quotas[?contains(QuotaName,'%s')].QuotaCode\", then aws service-quotas request-service-quota-increase --service-code codebuild --quota-code CODE --desired-value %d; until then, \"verifyBuilds\": %.0f in the CDK context", need.kind, need.count, max(quota, 1)),
				"the pipeline starts %d builds of %s at once, but the account may only run %.0f: the others fail", need.count, need.kind, quota)
		}
		says = append(says, fmt.Sprintf("%d builds of %s at once, and the account may run %.0f", need.count, need.kind, quota))
	}
	if len(says) == 0 {
		return ok("the pipeline has no builds")
	}
	return ok("%s", strings.Join(says, ", "))
}

// quota returns the account's value of a quota, by its name.
func (p *patient) quota(ctx context.Context, service, name string) (float64, error) {
	pages := servicequotas.NewListServiceQuotasPaginator(servicequotas.NewFromConfig(p.aws), &servicequotas.ListServiceQuotasInput{ServiceCode: &service})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, q := range page.Quotas {
			if strings.EqualFold(aws.ToString(q.QuotaName), name) {
				return aws.ToFloat64(q.Value), nil
			}
		}
	}
	return 0, fmt.Errorf("there is no quota %q of %s", name, service)
}

// image compares the Go and Node versions of the builds' image with what the repository asks
// for.
func image(_ context.Context, p *patient) Finding {
	pipeline, err := p.pipeline()
	if err != nil {
		return unknown(err)
	}
	asked, err := p.runtimes()
	if err != nil {
		return unknown(err)
	}
	return pipeline.runs(asked, wantedGo(p.cfg.Dir))
}

// key looks for the keys that sign evidence and records, and checks whether they are pinned.
func key(ctx context.Context, p *patient) Finding {
	var found []string
	for _, of := range []struct {
		alias  string
		signer func(context.Context, aws.Config) (kmssign.Signer, error)
	}{{kmssign.Alias, kmssign.New}, {kmssign.RecordAlias, kmssign.NewRecord}} {
		signer, err := of.signer(ctx, p.aws)
		if known, ok := errors.AsType[*exit.Error](err); ok && known.Code == exit.Environment && strings.Contains(known.Err.Error(), "has no key") {
			return missing(known.Next, "%v", known.Err)
		}
		if err != nil {
			return unknown(err)
		}
		pinned, err := cdk.PinnedKeys(p.cfg)
		if err != nil {
			f := unknown(err)
			f.State = Missing
			return f
		}
		is := func(k evidence.TrustedKey) bool { return k.ID() == signer.Key.ID() }
		if !slices.ContainsFunc(pinned, is) {
			return missing("go tool mage evidence:key", "%s is key %.12s, but the CDK context pins other keys: nobody accepts what it signs", of.alias, signer.Key.ID())
		}
		if of.alias == kmssign.RecordAlias && slices.ContainsFunc(pinned.Deciding(), is) {
			return missing("go tool mage evidence:key", "%s is key %.12s, and the CDK context lets it sign evidence too: it lacks %q before the key", of.alias, signer.Key.ID(), evidence.RecordMark)
		}
		found = append(found, fmt.Sprintf("%s is key %.12s", of.alias, signer.Key.ID()))
	}
	return ok("%s, as the CDK context pins them", strings.Join(found, ", "))
}

// alarmQuota is the number of alarms that an account may have in a region unless it asked for
// more. See
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html.
const alarmQuota = 5000

// alarms counts the alarms in the region and those that the stages will add.
func alarms(ctx context.Context, p *patient) Finding {
	has := 0
	pages := cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(p.aws), &cloudwatch.DescribeAlarmsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return unknown(err)
		}
		has += len(page.MetricAlarms) + len(page.CompositeAlarms)
	}
	adds := 0
	for _, stage := range p.names.Stages {
		template, err := p.template(stage.Place)
		if err != nil {
			return unknown(err)
		}
		for _, r := range template.Resources {
			if r.Type == "AWS::CloudWatch::Alarm" || r.Type == "AWS::CloudWatch::CompositeAlarm" {
				adds++
			}
		}
	}
	if has+adds > alarmQuota {
		return missing("aws service-quotas list-service-quotas --service-code monitoring", "there are %d alarms and the stages have %d, but a region may have %d unless the account asked for more", has, adds, alarmQuota)
	}
	return ok("there are %d alarms and the stages have %d; a region may have %d", has, adds, alarmQuota)
}

// unreserved is how much concurrency Lambda keeps for functions without a reservation. See
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html.
const unreserved = 100

// concurrency compares how much the stages' functions reserve with how much the account has.
func concurrency(ctx context.Context, p *patient) Finding {
	reserved := 0
	for _, stage := range p.names.Stages {
		template, err := p.template(stage.Place)
		if err != nil {
			return unknown(err)
		}
		for id, r := range template.Resources {
			if r.Type != "AWS::Lambda::Function" {
				continue
			}
			var function struct{ ReservedConcurrentExecutions int }
			if err := json.Unmarshal(r.Properties, &function); err != nil {
				return unknown(fmt.Errorf("reading how much function %s of stack %s reserves: %w", id, stage.Stack, err))
			}
			reserved += function.ReservedConcurrentExecutions
		}
	}
	if reserved == 0 {
		return ok("no function of the stages reserves concurrency")
	}
	got, err := lambda.NewFromConfig(p.aws).GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return unknown(fmt.Errorf("the stages reserve %d; reading how much the account has: %w", reserved, err))
	}
	if has := int(got.AccountLimit.ConcurrentExecutions); has < reserved+unreserved {
		return missing("aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000", "the stages reserve %d, but the account has only %d, of which %d are kept for other functions", reserved, has, unreserved)
	}
	return ok("the stages reserve %d of %d", reserved, got.AccountLimit.ConcurrentExecutions)
}
