// Package stack finds the deployed stages: the credentials for them, the outputs of their
// CloudFormation stacks, and the versions that serve them.
package stack

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// Outputs has the outputs of a stage's stack that are about one function.
type Outputs struct {
	Stack                 string // the stack's name
	Region                string // "" if it is that of the credentials
	LogicalID             string // the function's logical id in the stack's template
	FunctionURL           string // can be the URL of an API in front of the function; "" if there is neither
	FunctionName          string
	AliasName             string // "" if the function serves without an alias
	EvidenceBucket        string // "" unless the stage is a release ledger
	DeploymentApplication string
	DeploymentGroup       string
	NotificationTopic     string
	All                   map[string]string // every output of the stack, by its key
}

// Address says where the stage answers: its URL, or otherwise the function and its alias.
func (o Outputs) Address() string {
	if o.FunctionURL != "" {
		return o.FunctionURL
	}
	if o.AliasName == "" {
		return o.FunctionName
	}
	return o.FunctionName + ":" + o.AliasName
}

// hashed matches the hash that the CDK appends to a logical id.
var hashed = regexp.MustCompile(`[0-9A-F]{8}$`)

// Is reports whether a name means the function. It can be the function's own name, its
// logical id with or without the CDK's hash, or its construct's path.
func (o Outputs) Is(name string) bool {
	plain := strings.ReplaceAll(name, "/", "")
	return name == o.FunctionName || plain != "" && (plain == o.LogicalID || plain == hashed.ReplaceAllString(o.LogicalID, ""))
}

// Qualifier returns the alias with which the function is invoked, or nil if it has none.
func (o Outputs) Qualifier() *string {
	if o.AliasName == "" {
		return nil
	}
	return &o.AliasName
}

// Shifts reports whether CodeDeploy shifts the traffic of the stage. Otherwise CloudFormation
// gives all of it to a new version at once.
func (o Outputs) Shifts() bool {
	return o.AliasName != "" && o.DeploymentApplication != "" && o.DeploymentGroup != ""
}

// KeepsRecords reports whether the stage is a release ledger, which accepts the records of
// deployments and the evidence of releases.
func (o Outputs) KeepsRecords() bool { return o.EvidenceBucket != "" && o.FunctionURL != "" }

// Connect returns the configuration for AWS: the environment's credentials, its region and,
// if AWS_ENDPOINT_URL is set, its endpoint. It fails at once if there are no credentials or
// no region.
func Connect(ctx context.Context) (aws.Config, error) {
	const next = `eval "$(aws configure export-credentials --format env)"; or, for an AWS on this machine, go tool mage local in another shell and then eval "$(go tool mage local -env)"`
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if profile, missing := errors.AsType[config.SharedConfigProfileNotExistError](err); missing {
		return aws.Config{}, exit.Missing("aws configure list-profiles, and choose one, or unset AWS_PROFILE", "AWS_PROFILE=%s names no profile in ~/.aws", profile.Profile)
	}
	if err != nil {
		return aws.Config{}, exit.Missing(next, "reading the AWS configuration: %w", err)
	}
	if endpoint := aws.ToString(cfg.BaseEndpoint); endpoint != "" && !strings.HasPrefix(endpoint, "http://") && !strings.HasPrefix(endpoint, "https://") {
		return aws.Config{}, exit.Missing("export AWS_ENDPOINT_URL=http://"+endpoint, "AWS_ENDPOINT_URL=%s is no URL: it begins with neither http:// nor https://", endpoint)
	}
	// Instance metadata is asked last, and may not answer at all.
	quick, cancel := context.WithTimeout(ctx, 900*time.Millisecond)
	defer cancel()
	credentials, err := cfg.Credentials.Retrieve(quick)
	if err != nil {
		return aws.Config{}, exit.Missing(next, "there are no AWS credentials in the environment or in ~/.aws")
	}
	if cfg.Region == "" {
		return aws.Config{}, exit.Missing("export AWS_REGION=us-east-1", "no AWS region is chosen")
	}
	cfg.APIOptions = append(cfg.APIOptions, explained(aws.ToString(cfg.BaseEndpoint), cfg.Region, credentials.AccessKeyID))
	return cfg, nil
}

// ErrNotDeployed says that a stage has no stack.
var ErrNotDeployed = errors.New("the stage is not deployed")

// ErrOtherAccount says that a stack belongs to an account other than that of the
// credentials. Whether it is deployed there is unknown.
var ErrOtherAccount = errors.New("the credentials are for another account")

// CheckAccount returns an error that is ErrOtherAccount if the credentials are for an
// account other than the one that the manifest gives for a stack. A stack of the same name
// in the wrong account must never be taken for it.
func CheckAccount(ctx context.Context, cfg aws.Config, at manifest.Place) error {
	if at.Account == "" {
		return nil
	}
	identity, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return exit.Missing("aws sts get-caller-identity", "asking AWS whose credentials these are: %w", err)
	}
	if account := aws.ToString(identity.Account); account != at.Account {
		return exit.Missing("export credentials of account "+at.Account, "stack %s belongs to account %s, but %w: %s", at.Stack, at.Account, ErrOtherAccount, account)
	}
	return nil
}

// In returns the configuration for the region that a stack is in.
func In(cfg aws.Config, at manifest.Place) aws.Config {
	cfg = cfg.Copy()
	if at.Region != "" {
		cfg.Region = at.Region
	}
	return cfg
}

// Describe returns the outputs of a stage's stack, with the keys that the manifest has for
// its function. The error can be ErrNotDeployed. It is for code that handles only one
// function.
func Describe(ctx context.Context, cfg aws.Config, stage manifest.Stage) (Outputs, error) {
	if len(stage.Functions) != 1 {
		return Outputs{}, exit.Missing("give each function a stack of its own", "stage %s delivers %d functions, but this handles only one", stage.Name, len(stage.Functions))
	}
	return Main(ctx, cfg, stage)
}

// Main returns what [DescribeAll] returns for the first function, which is one that callers
// can reach if there is one.
func Main(ctx context.Context, cfg aws.Config, stage manifest.Stage) (Outputs, error) {
	all, err := DescribeAll(ctx, cfg, stage)
	if err != nil {
		return Outputs{}, err
	}
	return all[0], nil
}

// DescribeAll returns the outputs of a stage's stack for each of its functions, those
// with a URL first. An error can be ErrNotDeployed or ErrOtherAccount.
func DescribeAll(ctx context.Context, cfg aws.Config, stage manifest.Stage) ([]Outputs, error) {
	cfg = In(cfg, stage.Place)
	client := cloudformation.NewFromConfig(cfg)
	described, err := describe(ctx, cfg, stage.Place, stage.Deploys())
	if err != nil {
		return nil, err
	}
	var all []Outputs
	for _, function := range stage.Functions {
		outputs := outputsOf(described, function.Outputs)
		outputs.Stack, outputs.Region, outputs.LogicalID = stage.Stack, stage.Region, function.Function
		if err := outputs.find(ctx, cfg, client, function); err != nil {
			return nil, err
		}
		// A stack that is under review, or was never completed, has no outputs.
		if outputs.FunctionName == "" || outputs.AliasName == "" && function.Alias != "" {
			return nil, exit.Missing(stage.Deploys(), "stack %s has no outputs with its function and alias: %w", stage.Stack, ErrNotDeployed)
		}
		all = append(all, outputs)
	}
	if len(all) == 0 {
		return nil, exit.Missing("go tool mage synth", "the manifest names no function of stage %s", stage.Name)
	}
	slices.SortStableFunc(all, func(a, b Outputs) int {
		switch {
		case a.FunctionURL != "" && b.FunctionURL == "":
			return -1
		case a.FunctionURL == "" && b.FunctionURL != "":
			return 1
		}
		return 0
	})
	return all, nil
}

// Output returns an output of a stack. An error can be ErrNotDeployed or ErrOtherAccount.
func Output(ctx context.Context, cfg aws.Config, at manifest.Place, key string) (string, error) {
	const deploy = "go tool mage pipeline:deploy"
	described, err := describe(ctx, cfg, at, deploy)
	if err != nil {
		return "", err
	}
	for _, s := range described {
		for _, output := range s.Outputs {
			if aws.ToString(output.OutputKey) == key {
				return aws.ToString(output.OutputValue), nil
			}
		}
	}
	return "", exit.Missing(deploy, "stack %s has no output %s: %w", at.Stack, key, ErrNotDeployed)
}

// Absent reports whether an error of DescribeStacks says that the stack does not exist, and
// returns the message.
func Absent(err error) (message string, absent bool) {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != "ValidationError" || !strings.Contains(api.ErrorMessage(), "does not exist") {
		return "", false
	}
	return api.ErrorMessage(), true
}

// describe describes a stack. The command is the one that deploys it.
func describe(ctx context.Context, cfg aws.Config, at manifest.Place, command string) ([]types.Stack, error) {
	if err := CheckAccount(ctx, cfg, at); err != nil {
		return nil, err
	}
	cfg = In(cfg, at)
	described, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &at.Stack})
	if _, absent := Absent(err); absent {
		return nil, exit.Missing(command, "stack %s: %w (%s)", at.Stack, ErrNotDeployed, Where(ctx, cfg))
	}
	if err != nil {
		return nil, exit.Missing("aws sts get-caller-identity", "describing stack %s: %w", at.Stack, err)
	}
	return described.Stacks, nil
}

// find looks up the values for which the stack has no output and the manifest has a logical
// id.
func (o *Outputs) find(ctx context.Context, cfg aws.Config, client *cloudformation.Client, f manifest.Function) error {
	if f.Outputs["AliasName"] == "" {
		o.AliasName = f.Alias
	}
	for _, physical := range []struct {
		of  string // name of the output
		id  string
		get *string
	}{
		{"FunctionName", f.Function, &o.FunctionName},
		{"DeploymentApplication", f.Application, &o.DeploymentApplication},
		{"DeploymentGroup", f.DeploymentGroup, &o.DeploymentGroup},
	} {
		if physical.id == "" || f.Outputs[physical.of] != "" {
			continue
		}
		found, err := client.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{StackName: &o.Stack, LogicalResourceId: &physical.id})
		if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ValidationError" {
			continue // the resource does not exist yet
		}
		if err != nil {
			return exit.Missing("aws cloudformation describe-stack-resources --stack-name "+o.Stack, "looking for %s of stack %s: %w", physical.id, o.Stack, err)
		}
		if found.StackResourceDetail.ResourceStatus != types.ResourceStatusDeleteComplete {
			*physical.get = aws.ToString(found.StackResourceDetail.PhysicalResourceId)
		}
	}
	if f.URL == "" || f.Outputs["FunctionUrl"] != "" || o.FunctionName == "" {
		return nil
	}
	url, err := lambda.NewFromConfig(cfg).GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: &o.FunctionName, Qualifier: o.Qualifier()})
	if err != nil {
		return exit.Missing("aws lambda get-function-url-config --function-name "+o.FunctionName, "looking for the URL of %s: %w", o.FunctionName, err)
	}
	o.FunctionURL = aws.ToString(url.FunctionUrl)
	return nil
}

// outputsOf reads the outputs. The keys are the outputs' keys by the names that are the same
// for every function.
func outputsOf(stacks []types.Stack, keys map[string]string) Outputs {
	o := Outputs{All: map[string]string{}}
	api := ""
	into := map[string]*string{
		keys["ApiUrl"]:                &api,
		keys["FunctionUrl"]:           &o.FunctionURL,
		keys["FunctionName"]:          &o.FunctionName,
		keys["AliasName"]:             &o.AliasName,
		keys["DeploymentApplication"]: &o.DeploymentApplication,
		keys["DeploymentGroup"]:       &o.DeploymentGroup,
		keys["NotificationTopic"]:     &o.NotificationTopic,
		// Only a release ledger has it.
		"EvidenceBucket": &o.EvidenceBucket,
	}
	for _, s := range stacks {
		for _, output := range s.Outputs {
			o.All[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
			if field, ok := into[aws.ToString(output.OutputKey)]; ok {
				*field = aws.ToString(output.OutputValue)
			}
		}
	}
	if o.FunctionURL == "" {
		o.FunctionURL = api
	}
	return o
}
