package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	iampolicy "github.com/magewright/magewright/tools/localaws/iam/policy"
)

// A policy is the resource-based policy of a function, version or alias.
// See https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html.
type policy struct {
	statements []statement
	revision   string

	parsed atomic.Pointer[iampolicy.Policy]
}

type statement struct {
	Sid       string
	Effect    string
	Principal any // "*" or {"Service": ...} or {"AWS": ...}
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// maxPolicy is the size limit of a policy in bytes.
const maxPolicy = 20 << 10

var accountID = regexp.MustCompile(`^\d{12}$`)

// checkQualifier reports whether a function has the version or alias that a
// qualifier names.
func (s *Service) checkQualifier(f *function, qualifier string) error {
	switch {
	case f.aliases[qualifier] != nil || f.version(qualifier) != nil:
		return nil
	case versionNumber.MatchString(qualifier):
		return notFound("Function not found: %s", s.arn(f.name, qualifier))
	}
	return noAlias(s.arn(f.name, qualifier))
}

// AddPermission allows a principal to use a function, or one version or alias.
// See https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html.
func (s *Service) AddPermission(_ context.Context, in *awslambda.AddPermissionInput) (*awslambda.AddPermissionOutput, error) {
	ref, err := s.parse(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if ref.qualifier == latest {
		return nil, invalid("We currently do not support adding policies for $LATEST.")
	}
	switch {
	case in.StatementId == nil:
		return nil, missing("statementId")
	case in.Action == nil:
		return nil, missing("action")
	case in.Principal == nil:
		return nil, missing("principal")
	case *in.Action != "*" && !strings.HasPrefix(*in.Action, "lambda:"):
		return nil, validation(`Value '%s' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])`, *in.Action)
	case in.FunctionUrlAuthType != "" && *in.Action != "lambda:InvokeFunctionUrl":
		return nil, invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	}
	added := statement{
		Sid:       *in.StatementId,
		Effect:    "Allow",
		Principal: s.grantee(*in.Principal),
		Action:    *in.Action,
		Resource:  s.arn(ref.name, ref.qualifier),
		Condition: conditions(in),
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	if err := s.checkQualifier(f, ref.qualifier); err != nil {
		return nil, err
	}
	next := policy{revision: uuid.NewString()}
	if p := f.policies[ref.qualifier]; p != nil {
		if err := checkRevision(in.RevisionId, p.revision); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(p.statements, func(st statement) bool { return st.Sid == added.Sid }) {
			return nil, conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", added.Sid)
		}
		next.statements = append(next.statements, p.statements...)
	}
	next.statements = append(next.statements, added)
	text, err := next.document()
	if err != nil {
		return nil, err
	}
	if len(text) > maxPolicy {
		return nil, &lambdatypes.PolicyLengthExceededException{
			Message: aws.String(fmt.Sprintf("The final policy size (%d) is bigger than the limit (%d).", len(text), maxPolicy)), Type: user,
		}
	}
	out, err := json.Marshal(added)
	if err != nil {
		return nil, fmt.Errorf("writing the statement: %w", err)
	}
	f.policies[ref.qualifier] = &next
	return &awslambda.AddPermissionOutput{Statement: aws.String(string(out))}, nil
}

func (s *Service) grantee(name string) any {
	switch {
	case name == "*":
		return name
	case accountID.MatchString(name):
		return map[string]string{"AWS": "arn:aws:iam::" + name + ":root"}
	case strings.HasPrefix(name, "arn:"):
		return map[string]string{"AWS": name}
	}
	return map[string]string{"Service": name}
}

func conditions(in *awslambda.AddPermissionInput) map[string]map[string]string {
	c := map[string]map[string]string{}
	set := func(operator, key string, value *string) {
		if value == nil || *value == "" {
			return
		}
		if c[operator] == nil {
			c[operator] = map[string]string{}
		}
		c[operator][key] = *value
	}
	if in.FunctionUrlAuthType != "" {
		set("StringEquals", "lambda:FunctionUrlAuthType", aws.String(string(in.FunctionUrlAuthType)))
	}
	if in.InvokedViaFunctionUrl != nil {
		set("Bool", "lambda:InvokedViaFunctionUrl", aws.String(fmt.Sprint(*in.InvokedViaFunctionUrl)))
	}
	set("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	set("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	set("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	set("ArnLike", "AWS:SourceArn", in.SourceArn)
	return c
}

func (p *policy) document() (string, error) {
	text, err := json.Marshal(struct {
		Version   string
		Id        string
		Statement []statement
	}{"2012-10-17", "default", p.statements})
	if err != nil {
		return "", fmt.Errorf("writing the policy: %w", err)
	}
	return string(text), nil
}

// GetPolicy returns a resource-based policy.
// See https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html.
func (s *Service) GetPolicy(_ context.Context, in *awslambda.GetPolicyInput) (*awslambda.GetPolicyOutput, error) {
	ref, err := s.parse(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	p := f.policies[ref.qualifier]
	if p == nil {
		return nil, notFound("The resource you requested does not exist.")
	}
	text, err := p.document()
	if err != nil {
		return nil, err
	}
	return &awslambda.GetPolicyOutput{Policy: aws.String(text), RevisionId: aws.String(p.revision)}, nil
}

// RemovePermission removes a statement from a resource-based policy.
// See https://docs.aws.amazon.com/lambda/latest/api/API_RemovePermission.html.
func (s *Service) RemovePermission(_ context.Context, in *awslambda.RemovePermissionInput) (*awslambda.RemovePermissionOutput, error) {
	ref, err := s.parse(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.StatementId == nil {
		return nil, missing("statementId")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	p := f.policies[ref.qualifier]
	if p == nil {
		return nil, notFound("No policy is associated with the given resource.")
	}
	if err := checkRevision(in.RevisionId, p.revision); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(p.statements, func(st statement) bool { return st.Sid == *in.StatementId })
	if i < 0 {
		return nil, notFound("Statement %s is not found in resource policy.", *in.StatementId)
	}
	if len(p.statements) == 1 {
		delete(f.policies, ref.qualifier)
		return &awslambda.RemovePermissionOutput{}, nil
	}
	left := slices.Concat(p.statements[:i], p.statements[i+1:])
	f.policies[ref.qualifier] = &policy{statements: left, revision: uuid.NewString()}
	return &awslambda.RemovePermissionOutput{}, nil
}

// public reports whether anyone may call a function URL with AuthType NONE. The
// policy must allow the URL and the function.
// See https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html.
func (p *policy) public(arn string) bool {
	if p == nil {
		return false
	}
	ps := iampolicy.Policies{Resource: p.evaluated()}
	for _, action := range []string{"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"} {
		r := &iampolicy.Request{Action: action, Resource: arn, Context: iampolicy.Context{}}
		r.Context.Set("lambda:FunctionUrlAuthType", string(lambdatypes.FunctionUrlAuthTypeNone))
		r.Context.Set("lambda:InvokedViaFunctionUrl", "true")
		if ps.Evaluate(r).Result != iampolicy.Allowed {
			return false
		}
	}
	return true
}

// Permits reports whether the resource-based policy of the function, version or
// alias with an ARN lets a service invoke it on behalf of a resource of this account.
func (s *Service) Permits(function, service, source string) bool {
	ref, err := s.parse(&function, nil)
	if err != nil {
		return false
	}
	s.mu.RLock()
	f := s.functions[ref.name]
	var p *policy
	if f != nil {
		p = f.policies[ref.qualifier]
	}
	s.mu.RUnlock()
	if p == nil {
		return false
	}
	policies := iampolicy.Policies{Resource: p.evaluated()}
	return policies.Evaluate(&iampolicy.Request{
		Principal: iampolicy.Principal{Service: service},
		Action:    "lambda:InvokeFunction", Resource: s.arn(ref.name, ref.qualifier), Account: s.account.ID,
		Context: iampolicy.Context{"aws:sourcearn": {source}, "aws:sourceaccount": {s.account.ID}},
	}).Result == iampolicy.Allowed
}

// evaluated returns the policy in the form that can be evaluated. A policy that
// can't be read allows nothing.
func (p *policy) evaluated() *iampolicy.Policy {
	if known := p.parsed.Load(); known != nil {
		return known
	}
	parsed := &iampolicy.Policy{}
	if text, err := p.document(); err == nil {
		if read, err := iampolicy.Parse(text, iampolicy.Resource); err == nil {
			parsed = read
		}
	}
	p.parsed.Store(parsed)
	return parsed
}
