package deploy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// BootstrapVersion is the parameter of Systems Manager that `cdk bootstrap` leaves. The
// qualifier in its name is the CDK's default, which an app can change. See
// https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html.
const BootstrapVersion = "/cdk-bootstrap/hnb659fds/version"

// An Environment is an account and a region into which stacks are deployed.
type Environment struct {
	Account string
	Region  string
	// Trusts is the pipeline's account, which deploys into this one. It is "" if they are the
	// same.
	Trusts string
	// Policies are the ARNs of the policies that say what CloudFormation may do there. ""
	// leaves that as it is. Before the first `cdk bootstrap`, that means everything.
	Policies string
}

// String returns the environment in the CDK CLI's notation.
func (e Environment) String() string { return "aws://" + e.Account + "/" + e.Region }

// args returns the CDK CLI's arguments that bootstrap the environment.
func (e Environment) args() []string {
	args := []string{"bootstrap", e.String()}
	policies := e.Policies
	if e.Trusts != "" {
		args = append(args, "--trust", e.Trusts)
		// The CLI demands policies if another account is trusted.
		policies = cmp.Or(policies, Administrator)
	}
	if policies != "" {
		args = append(args, "--cloudformation-execution-policies", policies)
	}
	return args
}

// Environments returns the environments of a manifest's stacks that are in the credentials'
// account, and the other accounts of its stacks. A manifest without stacks stands for the
// credentials' account and region.
func Environments(names manifest.Manifest, account, region string) (here []Environment, elsewhere []string) {
	pipeline := names.Pipeline.Account
	places := []manifest.Place{names.Pipeline.Place}
	for _, stage := range names.Stages {
		places = append(places, stage.Place)
	}
	for _, place := range places {
		switch {
		case place.Stack == "":
		case place.Account != "" && place.Account != account:
			elsewhere = append(elsewhere, place.Account)
		default:
			e := Environment{Account: account, Region: place.Region}
			if e.Region == "" {
				e.Region = region
			}
			if pipeline != "" && pipeline != account {
				e.Trusts = pipeline
			}
			here = append(here, e)
		}
	}
	if len(here) == 0 && len(elsewhere) == 0 {
		here = []Environment{{Account: account, Region: region}}
	}
	slices.SortFunc(here, func(a, b Environment) int { return strings.Compare(a.String(), b.String()) })
	slices.Sort(elsewhere)
	return slices.Compact(here), slices.Compact(elsewhere)
}

// Bootstrap prepares the credentials' account for the CDK. It runs cdk bootstrap for each
// region into which stacks are deployed.
func Bootstrap(ctx context.Context, cfg project.Config) error {
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	names, err := manifest.ReadAny(cfg)
	if err != nil && !errors.Is(err, manifest.ErrNone) {
		return err
	}
	identity, err := sts.NewFromConfig(awsConfig).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return exit.Missing("aws sts get-caller-identity", "asking AWS whose credentials these are: %w", err)
	}
	here, elsewhere := Environments(names, aws.ToString(identity.Account), awsConfig.Region)
	if len(here) == 0 {
		return exit.Missing("export credentials of account "+elsewhere[0], "the credentials are for account %s, but the stacks of this assembly belong to account %s", aws.ToString(identity.Account), strings.Join(elsewhere, ", "))
	}
	policy, err := allowStacks(ctx, cfg, awsConfig, aws.ToString(identity.Account), names)
	if err != nil {
		return err
	}
	for _, e := range here {
		if e.Policies, err = policiesAt(ctx, cfg, awsConfig, e, policy); err != nil {
			return err
		}
		fmt.Fprintf(cfg.Stdout, "bootstrap %s\n", e)
		if err := cdk.CLI(ctx, cfg, e.args()...); err != nil {
			return fmt.Errorf("bootstrapping %s: %w", e, err)
		}
	}
	if err := PutRoles(ctx, cfg, awsConfig, aws.ToString(identity.Account), names); err != nil {
		return err
	}
	for _, account := range elsewhere {
		fmt.Fprintf(cfg.Stdout, "account %s is still to be bootstrapped: run go tool mage bootstrap again with its credentials\n", account)
	}
	return nil
}

// PutRoles makes the roles of the stacks in the pipeline's account, if the credentials are for
// that account.
func PutRoles(ctx context.Context, cfg project.Config, awsConfig aws.Config, account string, names manifest.Manifest) error {
	if at := names.Pipeline.Account; at != "" && at != account || len(names.OwnRoles()) == 0 {
		return nil
	}
	var roles Roles
	if err := roles.Add(cfg); err != nil {
		return err
	}
	if err := roles.Put(ctx, awsConfig, account); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Stdout, "roles     CloudFormation deploys %s by a role of its own each\n", strings.Join(roles.Stacks(), ", "))
	for _, note := range roles.Notes() {
		fmt.Fprintf(cfg.Stdout, "note      %s\n", note)
	}
	return nil
}

// allowStacks makes the policy that says what CloudFormation may do for the stacks of the
// assembly. It returns the policy's ARN, or "" if there is no assembly.
func allowStacks(ctx context.Context, cfg project.Config, awsConfig aws.Config, account string, names manifest.Manifest) (string, error) {
	if len(names.Stacks()) == 0 {
		return "", nil
	}
	var needs Needs
	if err := needs.Add(cfg); err != nil {
		if len(names.OwnRoles()) == 0 {
			return "", err
		}
		// The stacks are deployed by roles of their own, and need nothing of this one.
		fmt.Fprintf(cfg.Stdout, "note      the role that other stacks share gets no permission: %v\n", err)
		needs = Needs{}
	}
	document, err := needs.Policy(account)
	if err != nil {
		return "", err
	}
	return PutAllowed(ctx, awsConfig, account, cmp.Or(names.Name, names.Stacks()[0]), document)
}

// policiesAt returns the policies that CloudFormation gets in an environment. Other
// repositories may also deploy there, so nothing that was allowed before is taken away.
func policiesAt(ctx context.Context, cfg project.Config, awsConfig aws.Config, e Environment, policy string) (string, error) {
	client := cloudformation.NewFromConfig(awsConfig, func(o *cloudformation.Options) { o.Region = e.Region })
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("CDKToolkit")})
	if _, absent := stack.Absent(err); absent {
		if policy == "" {
			fmt.Fprintf(cfg.Stdout, "CloudFormation may do anything in %s, because there is no assembly. If you run go tool mage synth before the first bootstrap, it may only do what the stacks need\n", e)
		}
		return policy, nil
	}
	if err != nil {
		return "", exit.Missing("aws cloudformation describe-stacks --stack-name CDKToolkit", "looking for an earlier bootstrap: %w", err)
	}
	var has []string
	for _, parameter := range described.Stacks[0].Parameters {
		if aws.ToString(parameter.ParameterKey) == "CloudFormationExecutionPolicies" {
			has = strings.FieldsFunc(aws.ToString(parameter.ParameterValue), func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	narrow := len(has) > 0 && !slices.Contains(has, Administrator)
	switch {
	case policy == "", narrow && slices.Contains(has, policy):
		return "", nil
	case narrow:
		return strings.Join(append(has, policy), ","), nil
	}
	fmt.Fprintf(cfg.Stdout, "CloudFormation may still do anything in %s, because the account was bootstrapped before. If nobody else needs that, run:\n  cdk bootstrap %[1]s --cloudformation-execution-policies %s\n", e, policy)
	return "", nil
}

// notBootstrapped explains err, a failed deployment of the assembly in dir, if the reason is
// that the CDK was never bootstrapped there, or not for this stack. It returns err as it is if
// the credentials may not look.
func notBootstrapped(ctx context.Context, awsConfig aws.Config, dir string, place manifest.Place, err error) error {
	if ctx.Err() != nil {
		return err
	}
	client := ssm.NewFromConfig(stack.In(awsConfig, place))
	absent := func(parameter string) bool {
		_, lookErr := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &parameter})
		_, absent := errors.AsType[*types.ParameterNotFound](lookErr)
		return absent
	}
	properties := propertiesOf(dir, place.Stack)
	parameter := cmp.Or(properties.Parameter, BootstrapVersion)
	own := parameter == agreed.DeploymentVersion(place.Stack)
	switch {
	case own && absent(parameter) && !absent(BootstrapVersion):
		return exit.Missing("go tool mage bootstrap", "the account was bootstrapped without a role of its own for stack %s, by which CloudFormation deploys it: there is no parameter %s (%s): %w", place.Stack, parameter, stack.Where(ctx, awsConfig), err)
	case absent(parameter):
		return exit.Missing("go tool mage bootstrap", "the CDK was never bootstrapped there: there is no parameter %s (%s): %w", parameter, stack.Where(ctx, awsConfig), err)
	default:
		return err
	}
}

// anotherRole explains err, a failed deployment of a stack that has a role of its own, if the
// assembly in dir names another role. The builds of the pipeline can't pass that.
func anotherRole(names manifest.Manifest, dir, name string, err error) error {
	role := propertiesOf(dir, name).Role
	own := slices.ContainsFunc(names.OwnRoles(), func(p manifest.Place) bool { return p.Stack == name })
	if !own || strings.HasSuffix(role, ":role"+agreed.DeploymentRoles+agreed.DeploymentRole(name)) {
		return err
	}
	return exit.Failed("go tool mage synth bootstrap; if the CDK app's synthesizer names the role, remove that before",
		"the assembly has stack %s deployed by the role %s, but the pipeline's builds may deploy it only by %s, which mage bootstrap makes: %w", name, cmp.Or(role, "of the credentials"), agreed.DeploymentRole(name), err)
}

// properties are the parts of what an assembly says about a stack's deployment.
type properties struct {
	Parameter string `json:"bootstrapStackVersionSsmParameter"`
	Role      string `json:"cloudFormationExecutionRoleArn"`
	Name      string `json:"stackName"`
}

// propertiesOf returns what the assembly in dir says about a stack.
func propertiesOf(dir, name string) properties {
	var assembly struct {
		Artifacts map[string]struct {
			Type       string
			Properties properties `json:"properties"`
		} `json:"artifacts"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json")) // #nosec G304 -- a file of the assembly
	if err != nil || json.Unmarshal(data, &assembly) != nil {
		return properties{}
	}
	for id, a := range assembly.Artifacts {
		if cmp.Or(a.Properties.Name, id) == name && !strings.HasSuffix(a.Type, ":asset-manifest") {
			return a.Properties
		}
	}
	return properties{}
}
