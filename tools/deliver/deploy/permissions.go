package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// Administrator is the policy that cdk bootstrap gives to CloudFormation unless told
// otherwise.
const Administrator = "arn:aws:iam::aws:policy/AdministratorAccess"

// Anything is a policy with which CloudFormation may do anything.
const Anything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// generated is the prefix of the names of the policies that say what CloudFormation may do.
const generated = "magewright-deployments-"

// prefixes are the prefixes of the IAM actions for the services in resource types. A service
// that is not here has its own name in lower case as the prefix. See
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
var prefixes = map[string][]string{
	"ApiGatewayV2":           {"apigateway"},
	"ApplicationAutoScaling": {"application-autoscaling"},
	"CertificateManager":     {"acm"},
	"CodeConnections":        {"codeconnections", "codestar-connections"},
	"CodeStarConnections":    {"codeconnections", "codestar-connections"},
	"Cognito":                {"cognito-idp", "cognito-identity"},
	"DocDB":                  {"rds"},
	"EFS":                    {"elasticfilesystem"},
	"ElasticLoadBalancingV2": {"elasticloadbalancing"},
	"EventSchemas":           {"schemas"},
	"KinesisFirehose":        {"firehose"},
	"MSK":                    {"kafka"},
	"Neptune":                {"rds"},
	"OpenSearchService":      {"es"},
	"StepFunctions":          {"states"},
}

// manageRoles are the actions with which CloudFormation manages roles. managePolicies are
// those for managed policies and instance profiles.
var (
	manageRoles = []string{
		"iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
		"iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:ListRoleTags",
		"iam:PassRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
	}
	// giveRights are those of manageRoles with which a role can get rights.
	giveRights     = []string{"iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"}
	managePolicies = map[string][]string{
		"policy": {"iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:GetPolicy", "iam:GetPolicyVersion",
			"iam:ListEntitiesForPolicy", "iam:ListPolicyTags", "iam:ListPolicyVersions", "iam:SetDefaultPolicyVersion", "iam:TagPolicy", "iam:UntagPolicy"},
		"instance-profile": {"iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:DeleteInstanceProfile", "iam:GetInstanceProfile",
			"iam:RemoveRoleFromInstanceProfile", "iam:TagInstanceProfile", "iam:UntagInstanceProfile"},
	}
	// identities are the IAM resource types whose names must begin with the stack's name.
	identities = map[string]string{"Role": "role", "Policy": "role", "RolePolicy": "role", "ManagedPolicy": "policy", "InstanceProfile": "instance-profile"}
	// mostOf is how many characters an identity's name can have.
	mostOf = map[string]int{"role": 64, "policy": 128, "instance-profile": 128}
)

// identity matches what IAM accepts as the name of a role, a policy or an instance profile.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.
var identity = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)

// bootstrapped matches the names of the roles that cdk bootstrap makes. See
// https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html.
var bootstrapped = regexp.MustCompile(`^cdk-[^-]+-(cfn-exec|deploy|file-publishing|image-publishing|lookup)-role-`)

// An allowance is a statement of the policy.
type allowance struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition conditions `json:",omitempty"`
}

// The conditions of a statement, by operator and key.
type conditions map[string]map[string][]string

// A resource is one of a template.
type resource struct {
	Type       string
	Properties map[string]any
	Metadata   map[string]any
}

// Needs are the permissions that CloudFormation needs to deploy stacks. The zero value is
// ready to use.
type Needs struct {
	stacks   []string
	services set  // prefixes of the IAM actions
	kinds    set  // kinds of identities, as in ARNs
	names    set  // names that the templates give to identities, as KIND/NAME
	invokes  bool // there are custom resources, which are functions
	nested   bool // there are nested stacks

	// These are for the role of a single stack, which own says that it is.
	own, anything bool
	uses          map[string]*use // what the stack contains, by the prefix of the service's actions
	made          set             // patterns of names that CloudFormation makes for identities, as KIND/NAME
	others        []string        // the stacks beside it
	// bounds are the permissions boundaries of the roles in the templates, and unbound the roles
	// without one. If it is bounded, CloudFormation can make no role without one of the bounds.
	bounds, unbound set
	bounded         bool
	// refused are the resources for which it gets no permission.
	refused set
}

type set map[string]bool

func (s *set) add(name string) {
	if *s == nil {
		*s = set{}
	}
	(*s)[name] = true
}

// read adds what a template contains. If it is not "", stack is the stack that has a role of
// its own.
func (n *Needs) read(data []byte, stack string) error {
	var template struct{ Resources map[string]resource }
	if err := json.Unmarshal(data, &template); err != nil {
		return err
	}
	// A role of its own is made all the same. It can be given other policies besides.
	refuse := func(format string, args ...any) error {
		err := fmt.Errorf(format, args...)
		if stack == "" {
			return err
		}
		n.refused.add(err.Error())
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(template.Resources)) {
		r := template.Resources[id]
		parts := strings.Split(r.Type, "::")
		switch {
		// CloudFormation itself provides these, and needs no permission for them.
		case r.Type == "AWS::CloudFormation::WaitCondition", r.Type == "AWS::CloudFormation::WaitConditionHandle":
		case parts[0] == "Custom", r.Type == "AWS::CloudFormation::CustomResource":
			n.invokes = true
		case r.Type == "AWS::CloudFormation::Stack":
			n.nested = true
		case len(parts) < 3, parts[0] != "AWS", parts[1] == "CloudFormation":
			if err := refuse("resource %s has the type %s, and Magewright does not know which permissions CloudFormation needs for it", id, r.Type); err != nil {
				return err
			}
		case parts[1] == "CDK":
		case parts[1] == "IAM":
			kind := identities[parts[2]]
			if kind == "" {
				if err := refuse("resource %s has the type %s: CloudFormation gets no permission to create those", id, r.Type); err != nil {
					return err
				}
				continue
			}
			n.kinds.add(kind)
			if stack != "" && parts[2] == "Role" {
				if bound := boundOf(r.Properties["PermissionsBoundary"]); bound != "" {
					n.bounds.add(bound)
				} else {
					n.unbound.add(id)
				}
			}
			if stack != "" && r.Properties[parts[2]+"Name"] == nil {
				n.made.add(kind + "/" + made(stack, id, mostOf[kind]))
			}
			for _, name := range []string{"RoleName", "ManagedPolicyName", "InstanceProfileName"} {
				text, ok := r.Properties[name].(string)
				switch {
				case !ok, parts[2] == "RolePolicy":
				case !identity.MatchString(text), bootstrapped.MatchString(text):
					// With a pattern it would match other roles, and the roles of the
					// bootstrap may deploy.
					if err := refuse("resource %s has the %s %q: CloudFormation gets no permission to change anything with this name", id, name, text); err != nil {
						return err
					}
				default:
					n.names.add(kind + "/" + text)
				}
			}
		default:
			of := prefixes[parts[1]]
			if of == nil {
				of = []string{strings.ToLower(parts[1])}
			}
			for _, prefix := range of {
				n.services.add(prefix)
				if stack != "" {
					n.limited(prefix, stack, id, r.Type, template.Resources)
				}
			}
		}
	}
	return nil
}

// Add adds the stacks of an assembly.
func (n *Needs) Add(cfg project.Config) error {
	names, err := manifest.ReadAny(cfg)
	if err != nil && !errors.Is(err, manifest.ErrNone) {
		return err
	}
	n.stacks = append(n.stacks, names.Stacks()...)
	err = filepath.WalkDir(cfg.Assembly, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".template.json") {
			return err
		}
		data, err := os.ReadFile(file) // #nosec G122 G304 -- of the assembly
		if err == nil {
			err = n.read(data, "")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		return nil
	})
	if err != nil {
		return exit.Missing("cdk bootstrap, with the --cloudformation-execution-policies that you choose", "finding out which permissions CloudFormation needs: %w", err)
	}
	return nil
}

// Policy returns the policy that lets CloudFormation deploy these stacks in an account, and
// little else: the services that the templates contain, and identities whose names begin with
// those of the stacks. If there are no stacks, it may only read what cdk bootstrap made.
func (n *Needs) Policy(account string) (string, error) {
	if n.anything {
		return Anything, nil
	}
	slices.Sort(n.stacks)
	n.stacks = slices.Compact(n.stacks)
	statements := []allowance{
		{Sid: "Assets", Effect: "Allow", Action: []string{"s3:GetObject*", "s3:GetBucket*", "s3:List*"}, Resource: []string{"arn:aws:s3:::cdk-*-assets-" + account + "-*"}},
		{Sid: "Bootstrap", Effect: "Allow", Action: []string{"ssm:GetParameter", "ssm:GetParameters"}, Resource: []string{"arn:aws:ssm:*:" + account + ":parameter/cdk-bootstrap/*"}},
	}
	add := func(sid string, actions, resources []string) {
		if len(actions) > 0 && len(resources) > 0 {
			statements = append(statements, allowance{Sid: sid, Effect: "Allow", Action: actions, Resource: resources})
		}
	}
	var services []string
	for _, prefix := range slices.Sorted(maps.Keys(n.services)) {
		services = append(services, prefix+":*")
	}
	if n.own {
		statements = append(statements, n.limitedStatements(account)...)
	} else {
		add("Services", services, []string{"*"})
	}
	named := func(kind string) []string {
		var all []string
		for _, stack := range n.stacks {
			if n.own {
				all = append(all, "arn:aws:iam::"+account+":"+kind+"/"+stack+"-*")
			} else {
				all = append(all, "arn:aws:iam::"+account+":"+kind+"/"+beginning(stack))
			}
		}
		// What CloudFormation shortens comes first, and is often the same.
		for _, name := range append(slices.Sorted(maps.Keys(n.made)), slices.Sorted(maps.Keys(n.names))...) {
			if strings.HasPrefix(name, kind+"/") {
				all = append(all, "arn:aws:iam::"+account+":"+name)
			}
		}
		return slices.Compact(all)
	}
	if n.kinds["role"] {
		if n.bounded {
			bounds := slices.Sorted(maps.Keys(n.bounds))
			for i := range bounds {
				bounds[i] = strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::AccountId}", account).Replace(bounds[i])
			}
			add("Roles", slices.DeleteFunc(slices.Clone(manageRoles), func(action string) bool {
				return slices.Contains(giveRights, action) || action == "iam:DeleteRolePermissionsBoundary"
			}), named("role"))
			statements = append(statements, allowance{Sid: "BoundedRoles", Effect: "Allow", Action: giveRights, Resource: named("role"), Condition: conditions{"StringEquals": {"iam:PermissionsBoundary": bounds}}})
		} else {
			add("Roles", manageRoles, named("role"))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(managePolicies)) {
		if n.kinds[kind] {
			add(map[string]string{"policy": "Policies", "instance-profile": "Profiles"}[kind], managePolicies[kind], named(kind))
		}
	}
	ours := func(format string) []string {
		var all []string
		for _, stack := range n.stacks {
			if n.own {
				all = append(all, fmt.Sprintf(format, account, stack+"-*"))
			} else {
				all = append(all, fmt.Sprintf(format, account, beginning(stack)))
			}
		}
		return all
	}
	if n.invokes {
		add("CustomResources", []string{"lambda:InvokeFunction"}, ours("arn:aws:lambda:*:%s:function:%s"))
	}
	if n.nested {
		add("NestedStacks", []string{"cloudformation:*"}, ours("arn:aws:cloudformation:*:%s:stack/%s"))
	}
	if n.own {
		statements = n.apart(statements)
	}
	data, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		return "", fmt.Errorf("writing what CloudFormation may do: %w", err)
	}
	// A managed policy can have fewer characters than the inline policies of a role. See
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.
	most := 6144
	if n.own {
		most = 10240
	}
	if len(data) > most {
		return "", exit.Missing("cdk bootstrap, with the --cloudformation-execution-policies that you choose", "the policy for CloudFormation has %d characters, and IAM allows %d", len(data), most)
	}
	return string(data), nil
}

// apart adds a statement that refuses what belongs to another stack whose name begins with
// this stack's name and a hyphen.
func (n *Needs) apart(statements []allowance) []allowance {
	var theirs set
	for _, other := range n.others {
		for _, stack := range n.stacks {
			if !strings.HasPrefix(strings.ToLower(other), strings.ToLower(stack)+"-") {
				continue
			}
			for _, s := range statements {
				for _, arn := range s.Resource {
					for _, same := range []func(string) string{func(s string) string { return s }, strings.ToLower} {
						if before, is := strings.CutSuffix(arn, same(stack)+"-*"); is {
							theirs.add(before + same(beginning(other)))
						}
					}
				}
			}
		}
	}
	if len(theirs) == 0 {
		return statements
	}
	return append(statements, allowance{Sid: "Others", Effect: "Deny", Action: []string{"*"}, Resource: slices.Sorted(maps.Keys(theirs))})
}

// beginning returns a pattern for the names that CloudFormation gives to the resources of a
// stack. CloudFormation shortens the stack's name so that a role's name fits into 64
// characters.
func beginning(stack string) string {
	const kept = 24
	if len(stack) > kept {
		return stack[:kept] + "*"
	}
	return stack + "-*"
}

// PutAllowed creates the policy that says what CloudFormation may do for a delivery, or
// changes its content. It returns the policy's ARN.
func PutAllowed(ctx context.Context, awsConfig aws.Config, account, name, document string) (arn string, err error) {
	arn = "arn:aws:iam::" + account + ":policy/" + generated + name
	return arn, putPolicy(ctx, iam.NewFromConfig(awsConfig), arn, "What CloudFormation may do for the stacks of "+name+", made by mage bootstrap", document)
}

// putPolicy creates a policy, or changes its content.
func putPolicy(ctx context.Context, client *iam.Client, arn, description, document string) (err error) {
	defer func() {
		if err != nil {
			err = exit.Missing("aws iam get-policy --policy-arn "+arn, "writing what CloudFormation may do: %w", err)
		}
	}()
	got, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if _, absent := errors.AsType[*types.NoSuchEntityException](err); absent {
		_, in, _ := strings.Cut(arn, ":policy")
		_, err = client.CreatePolicy(ctx, &iam.CreatePolicyInput{
			PolicyName: aws.String(path.Base(in)), Path: aws.String(strings.TrimSuffix(in, path.Base(in))), PolicyDocument: &document, Description: &description,
		})
		return err
	}
	if err != nil {
		return err
	}
	has, err := client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: got.Policy.DefaultVersionId})
	if err != nil {
		return err
	}
	if text, err := url.QueryUnescape(aws.ToString(has.PolicyVersion.Document)); err == nil && text == document {
		return nil
	}
	// A policy can have five versions. The older ones have no use.
	versions, err := client.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &arn})
	if err != nil {
		return err
	}
	for _, v := range versions.Versions {
		if v.IsDefaultVersion {
			continue
		}
		if _, err := client.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: v.VersionId}); err != nil {
			return err
		}
	}
	_, err = client.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &arn, PolicyDocument: &document, SetAsDefault: true})
	return err
}
