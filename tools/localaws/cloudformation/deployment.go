package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/cfnschema"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// A deployment is the target state of a stack: a checked template and the
// values of its parameters. It is not modified once it exists.
type deployment struct {
	template     *template.Template
	scope        template.Scope // has no Resource and no Import
	active       map[string]template.Active
	outputs      map[string]template.Output
	nested       map[string]string   // the templates of nested stacks, by logical id
	assumed      map[string][]string // what a resource has to wait for, although the template does not say so
	parameters   []types.Parameter   // sorted by name; NoEcho values in clear text
	tags         []types.Tag
	capabilities []types.Capability
	roleARN      *string
	config       *types.DeploymentConfig
}

// A proposal is what a request asks of a deployment.
type proposal struct {
	operation     string // used in messages
	stackName     string
	stackID       string
	templateBody  *string
	templateURL   *string
	usePrevious   bool
	parameters    []types.Parameter
	tags          []types.Tag // nil keeps the previous ones
	capabilities  []types.Capability
	roleARN       *string
	config        *types.DeploymentConfig
	notifications []string
	rollback      *types.RollbackConfiguration
	resourceTypes []string
	undecided     map[string]bool // the parameters of a nested stack whose values are not known yet
	depth         int             // of a nested stack
	nesting       *nesting        // of the request; prepare sets it for the outermost stack
	previous      *deployment     // nil for a new stack
}

// prepare checks everything about a proposal that does not depend on existing
// resources. It calls other services, so the caller must not hold the service's lock.
func (s *Service) prepare(ctx context.Context, p proposal) (*deployment, error) {
	if p.nesting == nil {
		p.nesting = &nesting{}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if err := s.checkRole(ctx, p.roleARN); err != nil {
		return nil, err
	}
	text, err := s.templateText(ctx, p.templateBody, p.templateURL)
	if err != nil {
		return nil, err
	}
	d := &deployment{nested: map[string]string{}, tags: p.tags, capabilities: p.capabilities, roleARN: p.roleARN, config: p.config}
	switch {
	case p.usePrevious && text != "":
		return nil, validationErrorf("Template URL or Template Body must not be specified when Use Previous Template is true.")
	case p.usePrevious && p.previous != nil:
		if d.template = p.previous.template; d.template.Original != nil {
			d.template = d.template.Original
		}
	case text == "":
		return nil, validationErrorf("Either Template URL or Template Body must be specified.")
	default:
		if d.template, err = template.Parse(text); err != nil {
			return nil, asValidation(err)
		}
	}
	if p.previous != nil {
		if d.tags == nil {
			d.tags = p.previous.tags
		}
		if d.roleARN == nil {
			d.roleARN = p.previous.roleARN
		}
	}
	if err := checkTags(d.tags); err != nil {
		return nil, err
	}
	references := s.newReferences(ctx)
	d.scope = template.Scope{
		Template: d.template, Pseudo: s.pseudoParameters(p.stackName, p.stackID), Reference: references.value, Addresses: s.deps.Addresses,
		Include: func(location string) (string, error) { return s.include(ctx, location) },
	}
	if err := s.bindParameters(ctx, d, p); err != nil {
		return nil, asValidation(err)
	}
	err = d.expand(p)
	if err == nil {
		err = d.settle()
	}
	if undecided(err) {
		return d, s.checkUndecided(d)
	}
	if err != nil {
		return nil, asValidation(err)
	}
	if err := d.checkCapabilities(p.capabilities); err != nil {
		return nil, err
	}
	if err := s.checkTypes(d); err != nil {
		return nil, err
	}
	if err := s.foresee(ctx, d, p); err != nil {
		return nil, asValidation(err)
	}
	if err := references.found(); err != nil {
		return nil, asValidation(err)
	}
	return d, nil
}

// expand applies the template's transform. Only those who have not reviewed the
// result in a change set need to acknowledge it.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html.
func (d *deployment) expand(p proposal) error {
	if len(d.template.Transforms) > 0 && p.operation != "CreateChangeSet" && !slices.Contains(p.capabilities, types.CapabilityCapabilityAutoExpand) {
		return insufficientCapabilities(types.CapabilityCapabilityAutoExpand)
	}
	expanded, err := d.template.Expand(&d.scope)
	if err != nil {
		return err
	}
	d.template, d.scope.Template = expanded, expanded
	return nil
}

func insufficientCapabilities(missing types.Capability) error {
	return &types.InsufficientCapabilitiesException{Message: aws.String("Requires capabilities : [" + string(missing) + "]")}
}

// check refuses parameters that would otherwise be ignored silently.
func (p proposal) check() error {
	switch {
	case len(p.notifications) > 0:
		return unsupported(p.operation, "NotificationARNs")
	case p.rollback != nil && (len(p.rollback.RollbackTriggers) > 0 || aws.ToInt32(p.rollback.MonitoringTimeInMinutes) > 0):
		return unsupported(p.operation, "RollbackConfiguration")
	case len(p.resourceTypes) > 0:
		return unsupported(p.operation, "ResourceTypes")
	case p.config != nil && p.config.Mode != "" && p.config.Mode != types.DeploymentConfigModeStandard:
		return unsupported(p.operation, "DeploymentConfig mode "+string(p.config.Mode))
	}
	return nil
}

func checkTags(tags []types.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		key := aws.ToString(t.Key)
		if key == "" || seen[key] {
			return validationErrorf("Tag keys must be present and unique: '%s'", key)
		}
		seen[key] = true
	}
	return nil
}

func (s *Service) pseudoParameters(name, id string) map[string]any {
	return map[string]any{
		"AWS::AccountId":        s.account.ID,
		"AWS::NotificationARNs": []any{},
		"AWS::Partition":        account.Partition,
		"AWS::Region":           s.account.Region,
		"AWS::StackId":          id,
		"AWS::StackName":        name,
		"AWS::URLSuffix":        "amazonaws.com",
	}
}

// settle evaluates what depends on the parameters alone.
func (d *deployment) settle() error {
	if _, err := d.scope.Conditions(); err != nil {
		return err
	}
	if err := d.scope.CheckRules(); err != nil {
		return err
	}
	var err error
	if d.active, err = d.scope.Active(); err != nil {
		return err
	}
	if d.outputs, err = d.scope.ActiveOutputs(d.active); err != nil {
		return err
	}
	needs := map[string][]string{}
	for name, a := range d.active {
		needs[name] = a.Needs
	}
	return template.Circular(needs)
}

// checkTypes refuses resource types, properties and attributes that are not
// supported. It names them all.
func (s *Service) checkTypes(d *deployment) error {
	var unknown, resources, refused []string
	for _, name := range slices.Sorted(maps.Keys(d.active)) {
		a := d.active[name]
		typ, ok := s.deps.Types.Find(a.Type)
		if !ok {
			unknown = append(unknown, a.Type)
			resources = append(resources, name)
			continue
		}
		refused = append(refused, typ.Wrong(name, a.Properties)...)
		if typ.Recorded {
			continue
		}
		// A recorded resource neither waits for signals nor has data.
		if a.CreationPolicy != nil {
			refused = append(refused, "resource "+name+": the embedded AWS does not support CreationPolicy of "+a.Type)
		}
		if a.Snapshot {
			refused = append(refused, "resource "+name+": the embedded AWS does not support DeletionPolicy or UpdateReplacePolicy Snapshot of "+a.Type)
		}
	}
	refused = append(refused, s.attributes(d)...)
	if len(unknown) > 0 {
		slices.Sort(unknown)
		refused = append([]string{fmt.Sprintf("Template format error: Unrecognized resource types: [%s]; the embedded AWS does not support the type of resource %s",
			strings.Join(slices.Compact(unknown), ", "), strings.Join(resources, ", "))}, refused...)
	}
	if len(refused) > 0 {
		return validationErrorf("%s", strings.Join(refused, "; "))
	}
	return nil
}

// attributes returns the references to attributes that AWS does not have, or that recorded
// resources don't have here.
func (s *Service) attributes(d *deployment) []string {
	var refused []string
	check := func(v any) {
		for _, ref := range template.References(v) {
			a, ok := d.active[ref.Name]
			// Custom resources and nested stacks have attributes that no list has.
			known, listed := cfnschema.Lookup(a.Type)
			if !ok || !listed || ref.Attribute == "" || ref.Attribute == "*" || strings.HasPrefix(a.Type, "AWS::CloudFormation::") {
				continue
			}
			typ, _ := s.deps.Types.Find(a.Type)
			exists := slices.Contains(known.Attributes, ref.Attribute)
			if exists && (!typ.Recorded || slices.Contains(typ.Attributes, ref.Attribute)) {
				continue
			}
			if exists {
				refused = append(refused, "resource "+ref.Name+": the embedded AWS does not support Fn::GetAtt "+ref.Attribute+" of "+a.Type)
			} else {
				refused = append(refused, "Template error: resource "+ref.Name+" does not support attribute type "+ref.Attribute+" in Fn::GetAtt")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.active)) {
		check([]any{d.active[name].Properties, d.active[name].UpdatePolicy})
	}
	for _, name := range slices.Sorted(maps.Keys(d.outputs)) {
		check(d.outputs[name].Value)
	}
	slices.Sort(refused)
	return slices.Compact(refused)
}

// bindParameters gives each declared parameter its value.
func (s *Service) bindParameters(ctx context.Context, d *deployment, p proposal) error {
	given := map[string]types.Parameter{}
	var surplus, missing []string
	for _, parameter := range p.parameters {
		key := aws.ToString(parameter.ParameterKey)
		given[key] = parameter
		if _, declared := d.template.Parameters[key]; !declared {
			surplus = append(surplus, key)
		}
	}
	for name := range p.undecided {
		if _, declared := d.template.Parameters[name]; !declared {
			surplus = append(surplus, name)
		}
	}
	if len(surplus) > 0 {
		slices.Sort(surplus)
		return validationErrorf("Parameters: [%s] do not exist in the template", strings.Join(surplus, ", "))
	}
	texts := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(d.template.Parameters)) {
		declared := d.template.Parameters[name]
		parameter, isGiven := given[name]
		switch {
		case isGiven && aws.ToBool(parameter.UsePreviousValue):
			if aws.ToString(parameter.ParameterValue) != "" {
				return validationErrorf("Invalid input for parameter key %s. Cannot specify usePreviousValue as true and non empty value for a parameter", name)
			}
			previous, ok := p.previous.parameter(name)
			if !ok {
				return validationErrorf("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", name)
			}
			texts[name] = previous
		case isGiven && parameter.ParameterValue != nil:
			texts[name] = *parameter.ParameterValue
		case p.undecided[name]:
		case declared.Default != nil:
			texts[name] = *declared.Default
		default:
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return validationErrorf("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	stored, err := s.storedParameters(ctx, d.template, texts)
	if err != nil {
		return err
	}
	d.scope.Parameters = map[string]any{}
	for name := range p.undecided {
		d.scope.Parameters[name] = template.Unknown{}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		parameter := types.Parameter{ParameterKey: aws.String(name), ParameterValue: aws.String(texts[name])}
		text := texts[name]
		fetched, isStored := stored[name]
		if isStored {
			text = fetched
			parameter.ResolvedValue = aws.String(fetched)
		} else if versionless(text) {
			return &template.Error{Text: "Template error: parameter " + name + " should not contain ssm versionless resolver"}
		}
		value, err := d.template.Parameters[name].Value(name, text)
		if err != nil {
			return err
		}
		if !isStored {
			if value, err = d.scope.Resolve(value); err != nil {
				return err
			}
		}
		d.scope.Parameters[name] = value
		d.parameters = append(d.parameters, parameter)
	}
	return nil
}

// parameter returns the text of a parameter. The deployment may be nil.
func (d *deployment) parameter(name string) (string, bool) {
	if d == nil {
		return "", false
	}
	for _, p := range d.parameters {
		if *p.ParameterKey == name {
			return *p.ParameterValue, true
		}
	}
	return "", false
}

// notPublic returns an error if a parameter that can't be fetched is one that AWS
// publishes. The reason says what to do.
func notPublic(name string, reason smithy.APIError) error {
	if reason == nil || !strings.HasPrefix(name, "/aws/service/") {
		return nil
	}
	return &template.Error{Text: "Unable to fetch parameters [" + name + "]: " + reason.ErrorMessage()}
}

// storedParameters fetches the values of the SSM parameters.
func (s *Service) storedParameters(ctx context.Context, t *template.Template, texts map[string]string) (map[string]string, error) {
	values := map[string]string{}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if !t.Parameters[name].SSM() {
			continue
		}
		if s.deps.Parameters == nil {
			missing = append(missing, texts[name])
			continue
		}
		out, err := s.deps.Parameters.GetParameter(ctx, &awsssm.GetParameterInput{Name: aws.String(texts[name])})
		if api, refused := errors.AsType[smithy.APIError](err); refused || err == nil && out.Parameter == nil {
			if err := notPublic(texts[name], api); err != nil {
				return nil, err
			}
			missing = append(missing, texts[name])
			continue
		}
		if err != nil {
			return nil, err
		}
		values[name] = aws.ToString(out.Parameter.Value)
	}
	if len(missing) > 0 {
		return nil, validationErrorf("Unable to fetch parameters [%s] from parameter store for this account.", strings.Join(missing, ","))
	}
	return values, nil
}

// namedIAM lists the IAM types and the property that gives each a custom name.
// Custom names require a separate capability.
var namedIAM = map[string]string{
	"AWS::IAM::AccessKey":           "",
	"AWS::IAM::Group":               "GroupName",
	"AWS::IAM::InstanceProfile":     "InstanceProfileName",
	"AWS::IAM::ManagedPolicy":       "ManagedPolicyName",
	"AWS::IAM::Policy":              "",
	"AWS::IAM::Role":                "RoleName",
	"AWS::IAM::User":                "UserName",
	"AWS::IAM::UserToGroupAddition": "",
}

// requiredCapabilities returns the capability that a template requires, and the
// resource types that require it.
func requiredCapabilities(t *template.Template) (required []types.Capability, because []string) {
	var capability types.Capability
	for _, r := range t.Resources {
		name, iam := namedIAM[r.Type]
		if !iam {
			continue
		}
		because = append(because, r.Type)
		if capability == "" {
			capability = types.CapabilityCapabilityIam
		}
		if _, named := r.Properties[name]; named && name != "" {
			capability = types.CapabilityCapabilityNamedIam
		}
	}
	slices.Sort(because)
	if capability != "" {
		required = []types.Capability{capability}
	}
	return required, slices.Compact(because)
}

func (d *deployment) checkCapabilities(acknowledged []types.Capability) error {
	required, _ := requiredCapabilities(d.template)
	for _, c := range required {
		if slices.Contains(acknowledged, c) ||
			c == types.CapabilityCapabilityIam && slices.Contains(acknowledged, types.CapabilityCapabilityNamedIam) {
			continue
		}
		return insufficientCapabilities(c)
	}
	return nil
}

// mask hides the values of NoEcho parameters in text that is shown, both plain
// and encoded as JSON.
func (d *deployment) mask(text string) string {
	for _, p := range d.parameters {
		if d.template.Parameters[*p.ParameterKey].NoEcho && *p.ParameterValue != "" {
			text = strings.ReplaceAll(text, *p.ParameterValue, masked)
			text = strings.ReplaceAll(text, strings.Trim(jsonText(*p.ParameterValue), `"`), masked)
		}
	}
	return text
}

// masked is shown instead of a NoEcho parameter's value.
const masked = "****"

// shownParameters returns the parameters as operations describe them.
func (d *deployment) shownParameters() []types.Parameter {
	shown := slices.Clone(d.parameters)
	for i, p := range shown {
		if d.template.Parameters[*p.ParameterKey].NoEcho {
			shown[i].ParameterValue = aws.String(masked)
			shown[i].ResolvedValue = nil
		}
	}
	return shown
}

func tagMap(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}
