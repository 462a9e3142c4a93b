package cloudformation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// The dynamic reference services.
const (
	ssmReference    = "ssm"
	secureReference = "ssm-secure"
	secretReference = "secretsmanager"
)

// references looks up the dynamic references of one deployment. Those to the
// Parameter Store get their values as soon as they are known, so that a change
// there is a change of the stack. Those to secrets stay in the properties, which
// are shown, and get their values only when a resource type needs them.
type references struct {
	service *Service
	fetch   func(name string) (*awsssm.GetParameterOutput, error)

	mu      sync.Mutex
	values  map[string]string
	missing map[string]bool // those that a request refers to; nil once it is accepted
}

func (s *Service) newReferences(ctx context.Context) *references {
	// The operation that the request starts outlives it.
	ctx = context.WithoutCancel(ctx)
	return &references{
		service: s, values: map[string]string{}, missing: map[string]bool{},
		fetch: func(name string) (*awsssm.GetParameterOutput, error) {
			return s.deps.Parameters.GetParameter(ctx, &awsssm.GetParameterInput{Name: &name})
		},
	}
}

// parameterKey is the name of a parameter, with or without a version. Labels are
// not possible.
var parameterKey = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+(?::[0-9]+)?$`)

// versionless reports whether a text refers to the newest version of a parameter.
func versionless(text string) bool {
	return slices.ContainsFunc(template.DynamicReferences(text), func(ref template.DynamicReference) bool {
		return ref.Service == ssmReference && !strings.Contains(ref.Key, ":")
	})
}

// value returns what takes the place of a reference in a resolved template.
func (r *references) value(ref template.DynamicReference) (string, error) {
	if ref.Service == secretReference {
		_, err := parseSecret(ref)
		return ref.Text, err
	}
	if !parameterKey.MatchString(ref.Key) {
		return "", &template.Error{Text: "Incorrect format is used in the following SSM reference: [" + ref.Text + "]"}
	}
	if ref.Service == secureReference {
		return ref.Text, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if value, ok := r.values[ref.Key]; ok {
		return value, nil
	}
	out, err := r.parameter(ref.Key)
	if err != nil {
		return "", err
	}
	if out == nil {
		if r.missing == nil {
			return "", notFetched([]string{ref.Key})
		}
		// The request is refused for all that are missing, not only the first.
		r.missing[ref.Key] = true
		return ref.Text, nil
	}
	if out.Type == ssmtypes.ParameterTypeSecureString {
		name, _, _ := strings.Cut(ref.Key, ":")
		return "", &template.Error{Text: "Non-secure ssm prefix was used for secure parameter " + name}
	}
	r.values[ref.Key] = aws.ToString(out.Value)
	return r.values[ref.Key], nil
}

// parameter fetches a parameter. It is nil if there is no such parameter.
func (r *references) parameter(key string) (*ssmtypes.Parameter, error) {
	if r.service.deps.Parameters == nil {
		return nil, nil
	}
	out, err := r.fetch(key)
	if api, refused := errors.AsType[smithy.APIError](err); refused {
		return nil, notPublic(key, api)
	}
	if err != nil {
		return nil, fmt.Errorf("fetching parameter %s: %w", key, err)
	}
	return out.Parameter, nil
}

// found returns an error that names the missing parameters. From then on, a
// missing parameter is an error at once.
func (r *references) found() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	missing := slices.Sorted(maps.Keys(r.missing))
	r.missing = nil
	if len(missing) > 0 {
		return notFetched(missing)
	}
	return nil
}

func notFetched(names []string) error {
	return &template.Error{Text: "Unable to fetch parameters [" + strings.Join(names, ",") + "] from parameter store for this account."}
}

// foresee resolves everything that does not depend on resources or on other
// stacks, except those that are recorded. What is wrong with it is refused before
// anything is created.
func (s *Service) foresee(ctx context.Context, d *deployment, p proposal) error {
	f := &foreseen{service: s, deployment: d, proposal: p, scope: d.scope, results: map[string]*resource.Result{}}
	f.scope.Resource = f.value
	f.scope.Import = func(string) (any, error) { return template.Unknown{}, nil }
	var secure, refused []string
	resolved := map[string]map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(d.active)) {
		a := d.active[name]
		properties, err := resolveObject(f.scope, a.Properties)
		if err != nil {
			return err
		}
		resolved[name] = properties
		secure = append(secure, securePlaces(a.Type+"/Properties", properties)...)
		if _, err := f.scope.Resolve(a.UpdatePolicy); err != nil {
			return err
		}
		if a.Type == stackType {
			for _, reason := range s.examineNested(ctx, d, p, name, properties) {
				refused = append(refused, "resource "+name+": "+reason)
			}
		}
		if reason := s.unsignalled(d, name); reason != "" {
			refused = append(refused, "resource "+name+": "+reason)
		}
		if examine := s.typeOf(a.Type).Examine; examine != nil {
			for _, reason := range examine(f.request(name, properties)) {
				refused = append(refused, "resource "+name+": "+reason)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.outputs)) {
		value, err := f.scope.Resolve(d.outputs[name].Value)
		if err != nil {
			return err
		}
		secure = append(secure, securePlaces("Outputs/"+name+"/Value", value)...)
	}
	if err := notSecure(secure); err != nil {
		refused = append(refused, err.Error())
	}
	if len(refused) > 0 {
		return &template.Error{Text: strings.Join(refused, "; ")}
	}
	s.order(d, resolved)
	return nil
}

// unsignalled says why nobody would signal a wait condition: the only resources that know
// its handle are recorded, so that nothing of them runs.
func (s *Service) unsignalled(d *deployment, name string) string {
	if d.active[name].Type != "AWS::CloudFormation::WaitCondition" {
		return ""
	}
	var users []string
	for _, handle := range template.References(d.active[name].Properties["Handle"]) {
		for _, user := range slices.Sorted(maps.Keys(d.active)) {
			a := d.active[user]
			if user == name || !slices.ContainsFunc(template.References([]any{a.Properties, a.Metadata}), func(r template.Reference) bool { return r.Name == handle.Name }) {
				continue
			}
			if !s.typeOf(a.Type).Recorded {
				return ""
			}
			users = append(users, user)
		}
	}
	if len(users) == 0 {
		return ""
	}
	return "nobody would signal it: its handle is only given to " + strings.Join(users, ", ") + ", which the embedded AWS records and does not run. Leave it out of the template of the rehearsal with a condition"
}

// A foreseen deployment knows the ids and attributes of recorded resources before they
// are created.
type foreseen struct {
	service    *Service
	deployment *deployment
	proposal   proposal
	scope      template.Scope
	results    map[string]*resource.Result
}

// request returns the request that a resource would be made with.
func (f *foreseen) request(logicalID string, properties map[string]any) *resource.Request {
	return &resource.Request{
		StackID: f.proposal.stackID, StackName: f.proposal.stackName, LogicalID: logicalID,
		Type: f.deployment.active[logicalID].Type, Properties: properties,
	}
}

// value returns what Ref or Fn::GetAtt yields, as far as that is known.
func (f *foreseen) value(logicalID, attribute string) (any, error) {
	a := f.deployment.active[logicalID]
	typ, _ := f.service.deps.Types.Find(a.Type)
	unknown := template.Unknown{Type: a.Type, Attribute: attribute}
	if typ.Foresee == nil {
		return unknown, nil
	}
	result, done := f.results[logicalID]
	if !done {
		properties, err := resolveObject(f.scope, a.Properties)
		if err != nil {
			return nil, err
		}
		result = typ.Foresee(f.request(logicalID, properties))
		f.results[logicalID] = result
	}
	if result == nil {
		return unknown, nil
	}
	if attribute == "" {
		return result.PhysicalID, nil
	}
	if value, ok := result.Attributes[attribute]; ok {
		return value, nil
	}
	return unknown, nil
}

// securePlaces returns where a value refers to secure strings. AWS allows it in
// a few properties only, and the embedded AWS has no type with one of them.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html.
func securePlaces(path string, v any) []string {
	var places []string
	switch v := v.(type) {
	case []any:
		// AWS names the list, not its members.
		for _, e := range v {
			if len(securePlaces(path, e)) > 0 {
				places = append(places, path)
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			places = append(places, securePlaces(path+"/"+key, v[key])...)
		}
	case string:
		for _, ref := range template.DynamicReferences(v) {
			if ref.Service == secureReference {
				places = append(places, path)
			}
		}
	}
	return places
}

func notSecure(places []string) error {
	if len(places) == 0 {
		return nil
	}
	return &template.Error{Text: "SSM Secure reference is not supported in: [" + strings.Join(places, ",") + "]"}
}

// A secretKey says which value of which secret a reference is to.
type secretKey struct{ id, jsonKey, stage, version string }

// secretARN is the ARN of a secret, which contains colons.
var secretARN = regexp.MustCompile(`^arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:[^:]+`)

// parseSecret reads secret-id[:SecretString[:json-key[:version-stage[:version-id]]]].
func parseSecret(ref template.DynamicReference) (secretKey, error) {
	id := secretARN.FindString(ref.Key)
	if id == "" {
		id, _, _ = strings.Cut(ref.Key, ":")
	}
	parts := strings.Split(strings.TrimPrefix(ref.Key[len(id):], ":"), ":")
	if id == "" || len(parts) > 4 || parts[0] != "" && parts[0] != "SecretString" {
		return secretKey{}, &template.Error{Text: "Template error: a reference to a secret has the form {{resolve:secretsmanager:secret-id:SecretString:json-key:version-stage:version-id}}, not " + ref.Text}
	}
	parts = append(parts, "", "", "")
	return secretKey{id: id, jsonKey: parts[1], stage: parts[2], version: parts[3]}, nil
}

// secrets fetches the secrets that properties refer to, by reference.
func (s *Service) secrets(ctx context.Context, v any) (map[string]string, error) {
	values := map[string]string{}
	var failed error
	eachText(v, func(text string) {
		for _, ref := range template.DynamicReferences(text) {
			if _, known := values[ref.Text]; known || failed != nil || ref.Service != secretReference {
				continue
			}
			values[ref.Text], failed = s.secret(ctx, ref)
		}
	})
	if failed != nil || len(values) == 0 {
		return nil, failed
	}
	return values, nil
}

// eachText calls visit for each text in a value.
func eachText(v any, visit func(string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			eachText(e, visit)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			eachText(v[key], visit)
		}
	case string:
		visit(v)
	}
}

// secret fetches one value of a secret. The errors have AWS's texts, which
// become the reason of the resource's failure.
func (s *Service) secret(ctx context.Context, ref template.DynamicReference) (string, error) {
	key, err := parseSecret(ref)
	if err != nil {
		return "", err
	}
	if s.deps.Secrets == nil {
		return "", &template.Error{Text: "this endpoint has no Secrets Manager to read " + ref.Text + " from"}
	}
	out, err := s.deps.Secrets.GetSecretValue(ctx, &awssecretsmanager.GetSecretValueInput{
		SecretId: &key.id, VersionStage: optional(key.stage), VersionId: optional(key.version),
	})
	if api, refused := errors.AsType[smithy.APIError](err); refused {
		return "", &template.Error{Text: fmt.Sprintf("%s (Service: AWSSecretsManager; Status Code: 400; Error Code: %s; Request ID: %s; Proxy: null)",
			api.ErrorMessage(), api.ErrorCode(), uuid.NewString())}
	}
	if err != nil {
		return "", fmt.Errorf("fetching secret %s: %w", key.id, err)
	}
	text := aws.ToString(out.SecretString)
	if key.jsonKey == "" {
		return text, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return "", &template.Error{Text: "Could not parse SecretString JSON"}
	}
	member, ok := members[key.jsonKey]
	if !ok {
		return "", &template.Error{Text: "Could not find a value associated with JSONKey in SecretString"}
	}
	var value string
	if err := json.Unmarshal(member, &value); err != nil {
		// It is a number, an object or the like.
		return string(member), nil
	}
	return value, nil
}
