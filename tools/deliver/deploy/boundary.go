package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// boundary returns the permissions boundary of the roles that the stages' stacks make: what
// they may not do, whatever their policies say. Otherwise a stage could make a role that may
// do more than the stage, and a function that works by it.
//
// The boundary is one for all stages, because the template of a stage can be that of another.
// A role is recognized by its name, which CloudFormation can't make for another stack.
func (r *Roles) boundary(account string) (string, error) {
	statements := []any{
		allowance{Sid: "Otherwise", Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}},
		// Roles, and who may assume them, are CloudFormation's business.
		allowance{Sid: "Identities", Effect: "Deny", Resource: []string{"*"}, Action: []string{
			"iam:Add*", "iam:Attach*", "iam:Create*", "iam:Deactivate*", "iam:Delete*", "iam:Detach*", "iam:Enable*", "iam:Put*", "iam:Remove*", "iam:Reset*", "iam:Set*", "iam:Tag*", "iam:Untag*", "iam:Update*", "iam:Upload*",
		}},
		allowance{Sid: "Bootstrap", Effect: "Deny", Action: []string{"iam:PassRole", "sts:AssumeRole"}, Resource: []string{"arn:aws:iam::*:role/cdk-*"}},
		allowance{Sid: "Assets", Effect: "Deny", Action: []string{"s3:Delete*", "s3:Put*", "ssm:Delete*", "ssm:Put*"}, Resource: []string{
			"arn:aws:s3:::cdk-*-assets-" + account + "-*", "arn:aws:ssm:*:" + account + ":parameter/cdk-bootstrap/*",
		}},
		// The keys that sign evidence and records have no tag of a stack.
		allowance{
			Sid: "Keys", Effect: "Deny", Resource: []string{"*"}, Condition: conditions{"Null": {"aws:ResourceTag/" + agreed.StackTag: {"true"}}},
			Action: []string{"kms:CreateAlias", "kms:CreateGrant", "kms:DeleteAlias", "kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:Sign", "kms:TagResource", "kms:UpdateAlias"},
		},
	}
	for i, name := range r.Stacks() {
		theirs := r.rolesOf(account, r.together[name]...)
		n := r.needs[name]
		own := r.rolesOf(account, name)
		own = append(own, "arn:aws:cloudformation:*:"+account+":stack/"+name+"/*")
		for _, prefix := range slices.Sorted(maps.Keys(n.uses)) {
			for _, arn := range slices.Sorted(maps.Keys(n.uses[prefix].arns)) {
				if !r.shared(name, prefix, arn) {
					own = append(own, "arn:aws:"+strings.Replace(arn, "ACCOUNT", account, 1))
				}
			}
		}
		others := conditions{"ArnNotLike": {"aws:PrincipalArn": theirs}}
		statements = append(statements, allowance{Sid: fmt.Sprintf("Stack%d", i), Effect: "Deny", Action: []string{"*"}, Resource: own, Condition: others})
		if use := n.uses["kms"]; use != nil && use.tagged {
			tagged := conditions{"ArnNotLike": {"aws:PrincipalArn": theirs}, "StringEquals": {"aws:ResourceTag/" + agreed.StackTag: {name}}}
			statements = append(statements, allowance{Sid: fmt.Sprintf("Keys%d", i), Effect: "Deny", Action: []string{"kms:*"}, Resource: []string{"*"}, Condition: tagged})
		}
	}
	data, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		return "", fmt.Errorf("writing the permissions boundary: %w", err)
	}
	// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.
	if most := 6144; len(data) > most {
		return "", fmt.Errorf("the permissions boundary has %d characters, and IAM allows %d", len(data), most)
	}
	return string(data), nil
}

// shared reports whether a pattern for what a stack has of a service is also one of a stack of
// another stage. CloudFormation names some resources by their logical ids, without the stack.
func (r *Roles) shared(name, prefix, arn string) bool {
	for other, n := range r.needs {
		if u := n.uses[prefix]; u != nil && u.arns[arn] && !slices.Contains(r.together[name], other) {
			return true
		}
	}
	return false
}

// putBoundary makes the permissions boundary, or changes it, and decides which stacks' roles
// must have one.
func (r *Roles) putBoundary(ctx context.Context, awsConfig aws.Config, account string) error {
	if r.pipeline == "" {
		return nil
	}
	r.notes = nil
	document, err := r.boundary(account)
	if err != nil {
		r.notes = append(r.notes, "the roles of the stages get no boundary: "+err.Error())
		return nil
	}
	name := agreed.Boundary(r.pipeline)
	arn := "arn:aws:iam::" + account + ":policy" + agreed.DeploymentRoles + name
	if err := putPolicy(ctx, iam.NewFromConfig(awsConfig), arn, "What no role may do that a stage of "+r.pipeline+" makes, made by mage bootstrap", document); err != nil {
		return err
	}
	for _, stackName := range r.Stacks() {
		n := r.needs[stackName]
		if n.bounded = false; !r.staged[stackName] || n.anything || len(n.bounds) == 0 && len(n.unbound) == 0 {
			continue
		}
		if len(n.unbound) > 0 {
			r.notes = append(r.notes, fmt.Sprintf("roles of stack %s have no permissions boundary (%s): they can get any rights", stackName, strings.Join(slices.Sorted(maps.Keys(n.unbound)), ", ")))
			continue
		}
		in := stack.In(awsConfig, manifest.Place{Region: r.regions[stackName]})
		if n.bounded, err = deployedBounded(ctx, in, stackName); err != nil {
			return err
		}
		if !n.bounded {
			r.notes = append(r.notes, fmt.Sprintf("stack %s was deployed before its roles had a permissions boundary: run go tool mage bootstrap again once the next release is deployed to it", stackName))
		}
	}
	return nil
}

// boundOf returns the permissions boundary that a template gives to a role, with placeholders
// for the partition and the account, or "".
func boundOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		text, _ := v["Fn::Sub"].(string)
		return text
	default:
		return ""
	}
}

// deployedBounded reports whether a stack is not deployed yet, or all of its roles have a
// permissions boundary. Without one, a change that fails would be rolled back to roles that
// CloudFormation may not make.
func deployedBounded(ctx context.Context, awsConfig aws.Config, name string) (bool, error) {
	identities := iam.NewFromConfig(awsConfig)
	roles, err := resourcesOf(ctx, awsConfig, name, "AWS::IAM::Role")
	if err != nil {
		return false, err
	}
	for _, role := range roles {
		got, err := identities.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
		if _, gone := errors.AsType[*types.NoSuchEntityException](err); gone {
			continue
		}
		if err != nil {
			return false, err
		}
		if got.Role.PermissionsBoundary == nil {
			return false, nil
		}
	}
	return true, nil
}

// rolesOf returns patterns for the roles that some stacks make.
func (r *Roles) rolesOf(account string, stacks ...string) []string {
	var all []string
	for _, name := range stacks {
		n := r.needs[name]
		if n == nil {
			continue
		}
		all = append(all, "arn:aws:iam::"+account+":role/"+name+"-*")
		for _, role := range append(slices.Sorted(maps.Keys(n.made)), slices.Sorted(maps.Keys(n.names))...) {
			if strings.HasPrefix(role, "role/") && role != "role/"+name+"-*" {
				all = append(all, "arn:aws:iam::"+account+":"+role)
			}
		}
	}
	return all
}
