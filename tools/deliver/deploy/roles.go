package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// Roles are the roles by which CloudFormation deploys the stacks of a pipeline's account, with
// what each needs, by the stack's name. In this way a template of one stage can't change
// another stage. The zero value is ready to use.
type Roles struct {
	needs   map[string]*Needs
	regions map[string]string // "" stands for the credentials' region
	// together has the stacks that belong to the same stages as a stack, with itself.
	together map[string][]string
	staged   map[string]bool // stacks of stages
	pipeline string
	notes    []string
}

// Add adds the stacks of an assembly. An assembly that is older than manifests has none.
func (r *Roles) Add(cfg project.Config) error {
	names, err := manifest.ReadAny(cfg)
	if errors.Is(err, manifest.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.needs == nil {
		r.needs, r.regions, r.together, r.staged = map[string]*Needs{}, map[string]string{}, map[string][]string{}, map[string]bool{}
	}
	r.pipeline = names.Pipeline.Stack
	r.together[r.pipeline] = []string{r.pipeline}
	for _, stage := range names.Stages {
		for _, name := range stage.Stacks() {
			r.staged[name] = true
			for _, other := range stage.Stacks() {
				if !slices.Contains(r.together[name], other) {
					r.together[name] = append(r.together[name], other)
				}
			}
		}
	}
	for _, place := range names.OwnRoles() {
		n := r.needs[place.Stack]
		if n == nil {
			n = &Needs{own: true, stacks: []string{place.Stack}}
			r.needs[place.Stack] = n
		}
		r.regions[place.Stack] = place.Region
		n.others = slices.DeleteFunc(names.Stacks(), func(name string) bool { return name == place.Stack })
		if failed := n.addTemplate(place.Stack, place.TemplateFile(cfg)); failed != nil {
			err = errors.Join(err, exit.Missing("go tool mage synth", "finding out which permissions CloudFormation needs for stack %s: %w", place.Stack, failed))
		}
	}
	return err
}

// addTemplate adds a template of a stack, with those of the stacks that are nested in it.
func (n *Needs) addTemplate(stack, file string) error {
	data, err := os.ReadFile(file) // #nosec G304 -- of the assembly
	if err != nil {
		return err
	}
	if err := n.read(data, stack); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	var template struct{ Resources map[string]resource }
	if err := json.Unmarshal(data, &template); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	for _, id := range slices.Sorted(maps.Keys(template.Resources)) {
		r := template.Resources[id]
		if r.Type != "AWS::CloudFormation::Stack" {
			continue
		}
		// The CDK writes there which file of the assembly it is.
		asset, _ := r.Metadata["aws:asset:path"].(string)
		if asset == "" || !filepath.IsLocal(asset) {
			return fmt.Errorf("%s: it is not known which template the nested stack %s has", filepath.Base(file), id)
		}
		if err := n.addTemplate(stack, filepath.Join(filepath.Dir(file), filepath.FromSlash(asset))); err != nil {
			return err
		}
	}
	return nil
}

// Anything lets each of the roles do anything. It is for a rehearsal of stacks for which it is
// not known what they need.
func (r *Roles) Anything() {
	for _, n := range r.needs {
		n.anything = true
	}
}

// Stacks returns the names of the stacks, sorted.
func (r *Roles) Stacks() []string { return slices.Sorted(maps.Keys(r.needs)) }

// Notes returns lines about what somebody should know of the roles: the resources for which a
// role gets no permission, the services that CloudFormation may use on all resources of the
// account, and stacks that names can't keep apart.
func (r *Roles) Notes() []string {
	var all []string
	for _, name := range r.Stacks() {
		for _, why := range slices.Sorted(maps.Keys(r.needs[name].refused)) {
			all = append(all, "stack "+name+": "+why+"; if it needs that, attach a policy that you choose to role "+agreed.DeploymentRole(name))
		}
		if services := r.needs[name].unlimited(); len(services) > 0 {
			all = append(all, "for stack "+name+", CloudFormation may use all resources of the account of "+strings.Join(services, ", "))
		}
	}
	all = append(all, r.notes...)
	names := r.Stacks()
	for i, a := range names {
		for _, b := range names[i+1:] {
			if strings.HasPrefix(strings.ToLower(b), strings.ToLower(a)+"-") {
				all = append(all, fmt.Sprintf("the names of stack %s begin with that of %s: roles that it makes may use what belongs to %[2]s", b, a))
			}
			if beginning(a) == beginning(b) && (r.needs[a].shortened() || r.needs[b].shortened()) {
				all = append(all, fmt.Sprintf("CloudFormation shortens names of stacks %s and %s, which then begin alike: the role of one can change such a resource of the other. Names of 24 characters are not shortened", a, b))
			}
		}
	}
	return all
}

// shortened reports whether CloudFormation shortens names of the stack.
func (n *Needs) shortened() bool {
	is := func(name string) bool {
		return slices.ContainsFunc(n.stacks, func(stack string) bool {
			short := beginning(stack)
			return short != stack+"-*" && strings.HasSuffix(strings.ToLower(name), strings.ToLower(short))
		})
	}
	for name := range n.made {
		if is(name) {
			return true
		}
	}
	for _, u := range n.uses {
		for arn := range u.arns {
			if is(arn) {
				return true
			}
		}
	}
	return false
}

// inline is the name of the policies that this package writes into roles.
const inline = "magewright"

// Put makes the roles, or changes what they may do, and leaves the parameters by which the CDK
// CLI knows that they are there. The account was bootstrapped before.
func (r *Roles) Put(ctx context.Context, awsConfig aws.Config, account string) error {
	identities := iam.NewFromConfig(awsConfig)
	regions := map[string]bool{}
	if err := r.putBoundary(ctx, awsConfig, account); err != nil {
		return exit.Missing("go tool mage doctor", "making the permissions boundary of the stages' roles: %w", err)
	}
	for _, name := range r.Stacks() {
		in := stack.In(awsConfig, manifest.Place{Region: r.regions[name]})
		document, err := r.needs[name].Policy(account)
		if err == nil {
			err = putRole(ctx, identities, agreed.DeploymentRole(name), name, document)
		}
		if err == nil {
			err = claim(ctx, in, name)
		}
		if err != nil {
			return exit.Missing("go tool mage doctor", "making the role by which CloudFormation deploys stack %s: %w", name, err)
		}
		// What may deploy by the roles comes last.
		if !regions[in.Region] {
			if err := letDeploy(ctx, identities, account, in.Region); err != nil {
				return err
			}
		}
		regions[in.Region] = true
		if err := putVersion(ctx, in, name); err != nil {
			return exit.Missing("go tool mage doctor", "noting that stack %s has a role: %w", name, err)
		}
	}
	return nil
}

// trust lets CloudFormation assume a role.
const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudformation.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func putRole(ctx context.Context, client *iam.Client, role, stackName, document string) error {
	got, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
	if _, absent := errors.AsType[*types.NoSuchEntityException](err); absent {
		_, err = client.CreateRole(ctx, &iam.CreateRoleInput{
			RoleName: &role, Path: aws.String(agreed.DeploymentRoles), AssumeRolePolicyDocument: aws.String(trust),
			Description: aws.String("CloudFormation deploys stack " + stackName + " by this role, which mage bootstrap has made"),
		})
	} else if err == nil && aws.ToString(got.Role.Path) != agreed.DeploymentRoles {
		// A template of another stack can have made it.
		err = exit.Missing("aws iam delete-role --role-name "+role, "there is a role %s, which mage bootstrap has not made", aws.ToString(got.Role.Arn))
	}
	if err != nil {
		return err
	}
	return putInline(ctx, client, role, document)
}

// putInline writes a policy into a role unless it is there.
func putInline(ctx context.Context, client *iam.Client, role, document string) error {
	has, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: aws.String(inline)})
	if _, absent := errors.AsType[*types.NoSuchEntityException](err); err != nil && !absent {
		return err
	}
	if err == nil {
		if text, err := url.QueryUnescape(aws.ToString(has.PolicyDocument)); err == nil && text == document {
			return nil
		}
	}
	_, err = client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String(inline), PolicyDocument: &document})
	return err
}

// letDeploy lets the role of cdk bootstrap that deploys pass the roles. People deploy by it,
// and in the pipeline's account no build can assume it.
func letDeploy(ctx context.Context, client *iam.Client, account, region string) error {
	role := fmt.Sprintf("cdk-hnb659fds-deploy-role-%s-%s", account, region)
	data, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []allowance{
		{
			Sid: "Roles", Effect: "Allow", Action: []string{"iam:PassRole"}, Resource: []string{"arn:aws:iam::" + account + ":role" + agreed.DeploymentRoles + "*"},
			Condition: conditions{"StringEquals": {"iam:PassedToService": {"cloudformation.amazonaws.com"}}},
		},
		{Sid: "Versions", Effect: "Allow", Action: []string{"ssm:GetParameter", "ssm:GetParameters"}, Resource: []string{"arn:aws:ssm:*:" + account + ":parameter/cdk-bootstrap/*/version"}},
	}})
	if err == nil {
		err = putInline(ctx, client, role, string(data))
	}
	if err != nil {
		return exit.Missing("aws iam get-role --role-name "+role, "letting the role of cdk bootstrap deploy by the stacks' own roles: %w", err)
	}
	return nil
}

// claim tags the keys of a stack that is deployed already. Its role can use only keys with the
// tag, and the role of another stack no key with it.
func claim(ctx context.Context, awsConfig aws.Config, name string) error {
	keys, err := resourcesOf(ctx, awsConfig, name, "AWS::KMS::Key")
	if err != nil {
		return err
	}
	client := kms.NewFromConfig(awsConfig)
	for _, id := range keys {
		_, err := client.TagResource(ctx, &kms.TagResourceInput{KeyId: &id, Tags: []kmstypes.Tag{{TagKey: aws.String(agreed.StackTag), TagValue: &name}}})
		_, gone := errors.AsType[*kmstypes.NotFoundException](err)
		_, pending := errors.AsType[*kmstypes.KMSInvalidStateException](err)
		if err != nil && !gone && !pending {
			return fmt.Errorf("tagging its key %s: %w", id, err)
		}
	}
	return nil
}

// resourcesOf returns the physical ids of a deployed stack's resources of a type.
func resourcesOf(ctx context.Context, awsConfig aws.Config, name, kind string) ([]string, error) {
	var all []string
	pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(awsConfig), &cloudformation.ListStackResourcesInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if _, absent := stack.Absent(err); absent {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, r := range page.StackResourceSummaries {
			if id := aws.ToString(r.PhysicalResourceId); aws.ToString(r.ResourceType) == kind && id != "" {
				all = append(all, id)
			}
		}
	}
	return all, nil
}

// putVersion leaves the parameter for a stack. It has the version of the bootstrap there.
func putVersion(ctx context.Context, awsConfig aws.Config, name string) error {
	client := ssm.NewFromConfig(awsConfig)
	got, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(BootstrapVersion)})
	if err != nil {
		return err
	}
	_, err = client.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(agreed.DeploymentVersion(name)), Value: got.Parameter.Value, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
		Description: aws.String("The CDK CLI deploys stack " + name + " only if there is this parameter, which mage bootstrap has left together with the stack's role"),
	})
	return err
}

// HasRole reports whether mage bootstrap has made a role for a stack, where it is deployed.
func HasRole(ctx context.Context, awsConfig aws.Config, place manifest.Place) (bool, error) {
	_, err := ssm.NewFromConfig(stack.In(awsConfig, place)).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(agreed.DeploymentVersion(place.Stack))})
	if _, absent := errors.AsType[*ssmtypes.ParameterNotFound](err); absent {
		return false, nil
	}
	return err == nil, err
}
