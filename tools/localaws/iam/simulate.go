package iam

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// A simulation is a set of requests that are only evaluated.
type simulation struct {
	policies  policy.Policies
	kinds     map[*policy.Policy]types.PolicySourceType
	principal policy.Principal
	owner     string // account of the resources; empty for the principal's
	actions   []string
	resources []string
	context   policy.Context
}

// rolePolicies returns the policies of a role and its permissions boundary.
// unknown has the ARNs of attached policies whose documents are not known. The
// caller holds the service's lock.
func (s *Service) rolePolicies(r *role) (identity []*policy.Policy, boundary *policy.Policy, unknown []string) {
	for _, name := range slices.Sorted(maps.Keys(r.inline)) {
		identity = append(identity, r.inline[name].parsed)
	}
	for _, arn := range r.attached {
		if p := s.document(arn); p != nil {
			identity = append(identity, p)
		} else {
			unknown = append(unknown, arn)
		}
	}
	if b := r.PermissionsBoundary; b != nil {
		if boundary = s.document(*b.PermissionsBoundaryArn); boundary == nil {
			// A boundary that is not known allows nothing.
			boundary = &policy.Policy{Name: *b.PermissionsBoundaryArn}
			unknown = append(unknown, boundary.Name)
		}
	}
	return identity, boundary, unknown
}

// document returns a managed policy's default version, or nil if it is not
// known. The caller holds the service's lock.
func (s *Service) document(arn string) *policy.Policy {
	if p, ok := awsPolicies()[arn]; ok {
		return p.parse()
	}
	if p := s.policies[arn]; p != nil {
		if v, err := p.version(p.DefaultVersionId); err == nil {
			return v.parsed
		}
	}
	return nil
}

// SimulateCustomPolicy evaluates policies that are given with the request. The
// results do not say at which line of a policy a statement is.
func (s *Service) SimulateCustomPolicy(_ context.Context, in *awsiam.SimulateCustomPolicyInput) (*awsiam.SimulateCustomPolicyOutput, error) {
	sim, err := s.simulation(in.ActionNames, in.ResourceArns, in.ContextEntries, in.ResourceHandlingOption)
	if err != nil {
		return nil, err
	}
	if err := sim.add(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy, in.ResourceOwner, in.CallerArn); err != nil {
		return nil, err
	}
	results, next, err := page(sim.run(), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.SimulateCustomPolicyOutput{EvaluationResults: results, IsTruncated: next != nil, Marker: next}, nil
}

// SimulatePrincipalPolicy evaluates the policies of a role, and those that are
// given with the request. The results do not say at which line of a policy a
// statement is.
func (s *Service) SimulatePrincipalPolicy(_ context.Context, in *awsiam.SimulatePrincipalPolicyInput) (*awsiam.SimulatePrincipalPolicyOutput, error) {
	sim, err := s.simulation(in.ActionNames, in.ResourceArns, in.ContextEntries, in.ResourceHandlingOption)
	if err != nil {
		return nil, err
	}
	r, err := s.sourceRole(in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	identity, boundary, unknown := s.rolePolicies(r)
	s.mu.Unlock()
	if len(unknown) > 0 {
		return nil, invalidInput("the embedded AWS does not know the documents of " + strings.Join(unknown, ", "))
	}
	for _, p := range identity {
		sim.kinds[p] = types.PolicySourceTypeRole
	}
	sim.principal = policy.Principal{
		ARN: s.account.GlobalARN("sts", "assumed-role/"+*r.RoleName+"/simulation"), Role: *r.Arn, Account: s.account.ID,
	}
	sim.policies.Identity, sim.policies.Boundary = identity, boundary
	if err := sim.add(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy, in.ResourceOwner, in.CallerArn); err != nil {
		return nil, err
	}
	results, next, err := page(sim.run(), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awsiam.SimulatePrincipalPolicyOutput{EvaluationResults: results, IsTruncated: next != nil, Marker: next}, nil
}

// sourceRole returns the role that a simulation is about.
func (s *Service) sourceRole(arn *string) (*role, error) {
	prefix := s.account.GlobalARN("iam", "role/")
	name := strings.TrimPrefix(aws.ToString(arn), prefix)
	if name == aws.ToString(arn) {
		return nil, invalidInput("the embedded AWS simulates only the policies of roles, not of " + aws.ToString(arn))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.roles[nameOf(*arn)]
	if r == nil || *r.Arn != *arn {
		return nil, noSuchEntity("The role with name %s cannot be found.", name)
	}
	return r, nil
}

// nameOf returns the name in an entity's ARN, without its path.
func nameOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

func invalidInput(message string) error {
	return &types.InvalidInputException{Message: aws.String(message)}
}

// simulation reads the parameters that all simulations have.
func (s *Service) simulation(actions, resources []string, entries []types.ContextEntry, handling *string) (*simulation, error) {
	if len(actions) == 0 {
		return nil, invalid("1 validation error detected: Value at 'actionNames' failed to satisfy constraint: Member must not be null")
	}
	for _, a := range actions {
		if service, name, ok := strings.Cut(a, ":"); !ok || service == "" || name == "" || strings.ContainsAny(a, "*?") {
			return nil, invalidInput("Invalid Action: " + a)
		}
	}
	if handling != nil {
		return nil, invalidInput("the embedded AWS does not support ResourceHandlingOption: there are no EC2 instances")
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	sim := &simulation{
		actions: actions, resources: resources, context: policy.Context{}, kinds: map[*policy.Policy]types.PolicySourceType{},
		principal: policy.Principal{ARN: s.account.GlobalARN("iam", "user/simulation"), Account: s.account.ID},
	}
	for _, e := range entries {
		sim.context.Set(aws.ToString(e.ContextKeyName), e.ContextKeyValues...)
	}
	return sim, nil
}

// add adds the policies of the request.
func (sim *simulation) add(documents, boundaries []string, resource, owner, caller *string) error {
	for i, text := range documents {
		p, err := parseInput(text, fmt.Sprintf("PolicyInputList.%d", i+1), policy.Identity)
		if err != nil {
			return err
		}
		sim.kinds[p] = types.PolicySourceTypeNone
		sim.policies.Identity = append(sim.policies.Identity, p)
	}
	for i, text := range boundaries {
		if i > 0 {
			return invalidInput("There can be only one permissions boundary.")
		}
		p, err := parseInput(text, "PermissionsBoundaryPolicyInputList.1", policy.Identity)
		if err != nil {
			return err
		}
		sim.policies.Boundary = p
	}
	if caller != nil {
		if !strings.Contains(*caller, ":user/") {
			return invalidInput("Invalid CallerArn: it must be the ARN of a user: " + *caller)
		}
		sim.principal = policy.Principal{ARN: *caller, Account: accountOf(*caller)}
	}
	if resource != nil {
		if caller == nil {
			return invalidInput("CallerArn is required with ResourcePolicy.")
		}
		p, err := parseInput(*resource, "ResourcePolicy", policy.Resource)
		if err != nil {
			return err
		}
		sim.policies.Resource = p
		sim.kinds[p] = types.PolicySourceTypeResource
	}
	if owner != nil {
		sim.owner = accountOf(*owner)
	}
	return nil
}

func parseInput(text, name string, kind policy.Kind) (*policy.Policy, error) {
	p, err := policy.Parse(text, kind)
	if err != nil {
		return nil, invalidInput(name + ": " + err.Error())
	}
	p.Name = name
	return p, nil
}

// accountOf returns the account in an ARN.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return arn
	}
	return parts[4]
}

// run evaluates each action on each resource.
func (sim *simulation) run() []types.EvaluationResult {
	missing := sim.missing()
	var results []types.EvaluationResult
	for _, action := range sim.actions {
		for _, resource := range sim.resources {
			d := sim.policies.Evaluate(&policy.Request{
				Principal: sim.principal, Action: action, Resource: resource, Account: sim.owner, Context: sim.context,
			})
			result := types.EvaluationResult{
				EvalActionName: aws.String(action), EvalResourceName: aws.String(resource), EvalDecision: decisions[d.Result],
				MatchedStatements: []types.Statement{}, MissingContextValues: missing,
			}
			for _, m := range d.Statements {
				result.MatchedStatements = append(result.MatchedStatements, types.Statement{
					SourcePolicyId: aws.String(m.Policy.Name), SourcePolicyType: sim.kinds[m.Policy],
				})
			}
			if sim.policies.Boundary != nil {
				result.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{
					AllowedByPermissionsBoundary: sim.withinBoundary(action, resource),
				}
			}
			results = append(results, result)
		}
	}
	return results
}

var decisions = map[policy.Result]types.PolicyEvaluationDecisionType{
	policy.Allowed:      types.PolicyEvaluationDecisionTypeAllowed,
	policy.ExplicitDeny: types.PolicyEvaluationDecisionTypeExplicitDeny,
	policy.ImplicitDeny: types.PolicyEvaluationDecisionTypeImplicitDeny,
}

// withinBoundary reports whether the boundary alone would allow a request.
func (sim *simulation) withinBoundary(action, resource string) bool {
	alone := policy.Policies{Identity: []*policy.Policy{sim.policies.Boundary}}
	d := alone.Evaluate(&policy.Request{Principal: sim.principal, Action: action, Resource: resource, Context: sim.context})
	return d.Result == policy.Allowed
}

// missing returns the context keys that the policies need and the request does
// not give.
func (sim *simulation) missing() []string {
	all := slices.Concat(sim.policies.Identity, sim.policies.Session)
	for _, p := range []*policy.Policy{sim.policies.Boundary, sim.policies.Resource} {
		if p != nil {
			all = append(all, p)
		}
	}
	missing := []string{}
	for _, key := range keysOf(all) {
		if len(sim.context[key]) == 0 {
			missing = append(missing, key)
		}
	}
	return missing
}

// keysOf returns the context keys that policies need, sorted.
func keysOf(policies []*policy.Policy) []string {
	keys := map[string]bool{}
	for _, p := range policies {
		for _, key := range p.Keys() {
			keys[key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// GetContextKeysForCustomPolicy returns the context keys that policies need.
func (s *Service) GetContextKeysForCustomPolicy(_ context.Context, in *awsiam.GetContextKeysForCustomPolicyInput) (*awsiam.GetContextKeysForCustomPolicyOutput, error) {
	var policies []*policy.Policy
	for i, text := range in.PolicyInputList {
		p, err := parseInput(text, fmt.Sprintf("PolicyInputList.%d", i+1), policy.Identity)
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	return &awsiam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: keysOf(policies)}, nil
}
