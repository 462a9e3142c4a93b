// Package ssm is the embedded AWS's Systems Manager Parameter Store.
package ssm

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/paging"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// Limits from https://docs.aws.amazon.com/general/latest/gr/ssm.html.
const (
	maxName     = 1011
	maxLevels   = 15
	maxVersions = 100
	maxStandard = 4 << 10 // bytes of a value
	maxAdvanced = 8 << 10
)

// Service is the Parameter Store of one account and region.
type Service struct {
	account account.Account
	secret  cipher.AEAD // encrypts a SecureString that is returned without decryption

	mu         sync.Mutex
	parameters map[string]*parameter
}

type parameter struct {
	name     string
	kind     types.ParameterType
	tags     map[string]string
	versions []version // sorted by number; never empty
}

type version struct {
	number      int64
	value       string
	description *string
	pattern     *string
	keyID       *string
	tier        types.ParameterTier
	modified    time.Time
	by          string
	labels      []string
}

// New returns an empty store.
func New(a account.Account) *Service {
	key := make([]byte, 32)
	// This never fails.
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("ssm: AES with a key of 32 bytes: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("ssm: GCM with AES: " + err.Error())
	}
	return &Service{account: a, secret: aead, parameters: map[string]*parameter{}}
}

var validName = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

// arn returns a parameter's ARN. It has exactly one slash before the name, and no
// account if the parameter is AWS's.
func (s *Service) arn(name string) string {
	if strings.HasPrefix(name, publicPath) {
		return "arn:" + account.Partition + ":ssm:" + s.account.Region + "::parameter" + name
	}
	return s.account.ARN("ssm", "parameter/"+strings.TrimPrefix(name, "/"))
}

// name returns the parameter name in a name or ARN.
func (s *Service) name(id string) string {
	resource, ok := strings.CutPrefix(id, s.account.ARN("ssm", "parameter"))
	if !ok {
		return id
	}
	if bare := strings.TrimPrefix(resource, "/"); !strings.Contains(bare, "/") {
		if _, ok := s.parameters[bare]; ok {
			return bare
		}
	}
	return resource
}

// PutParameter creates a parameter. With Overwrite, it adds a version to an
// existing one.
func (s *Service) PutParameter(ctx context.Context, in *awsssm.PutParameterInput) (*awsssm.PutParameterOutput, error) {
	name, value := aws.ToString(in.Name), aws.ToString(in.Value)
	lower := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case !validName.MatchString(name) || len(name) > maxName || strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return nil, invalid("Parameter name: can't be %q: only a mix of letters, numbers and .-_/ is allowed, and a hierarchy begins with a slash", name)
	case strings.HasPrefix(lower, "aws/"):
		return nil, &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "No access to reserved parameter name: " + name + "."}
	case strings.HasPrefix(lower, "aws") && !strings.Contains(lower, "/"), strings.HasPrefix(lower, "ssm") && !strings.Contains(lower, "/"):
		return nil, invalid("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).")
	case strings.HasPrefix(lower, "aws"), strings.HasPrefix(lower, "ssm"):
		return nil, invalid("Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	case strings.Count(strings.TrimPrefix(name, "/"), "/") >= maxLevels:
		return nil, &types.HierarchyLevelLimitExceededException{Message: aws.String("Hierarchy level is over the limit. It should be at max 15 levels.")}
	case value == "":
		return nil, invalid("Value of %s must have at least one character", name)
	case in.Policies != nil && *in.Policies != "" && *in.Policies != "[]":
		return nil, invalid("Policies are not supported by the embedded Parameter Store")
	case in.DataType != nil && *in.DataType != "text":
		return nil, invalid("The data type %s is not supported by the embedded Parameter Store", *in.DataType)
	case aws.ToBool(in.Overwrite) && len(in.Tags) > 0:
		return nil, invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	}
	tier := types.ParameterTierStandard
	limit := maxStandard
	if in.Tier == types.ParameterTierAdvanced || in.Tier == types.ParameterTierIntelligentTiering && len(value) > maxStandard {
		tier, limit = types.ParameterTierAdvanced, maxAdvanced
	}
	if len(value) > limit {
		if tier == types.ParameterTierStandard {
			return nil, invalid("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html")
		}
		return nil, invalid("Advanced tier parameters support a maximum parameter value of %d characters.", limit)
	}
	if in.AllowedPattern != nil {
		pattern, err := regexp.Compile(*in.AllowedPattern)
		if err != nil {
			return nil, &types.InvalidAllowedPatternException{Message: aws.String(err.Error())}
		}
		if !pattern.MatchString(value) {
			return nil, &types.ParameterPatternMismatchException{Message: aws.String("Parameter value, cannot be validated against allowedPattern: " + *in.AllowedPattern)}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, exists := s.parameters[name]
	switch {
	case exists && !aws.ToBool(in.Overwrite):
		return nil, &types.ParameterAlreadyExists{Message: aws.String("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")}
	case exists && in.Type != "" && in.Type != p.kind:
		return nil, &types.HierarchyTypeMismatchException{Message: aws.String(fmt.Sprintf("a parameter's type can't be changed: %s is a %s", name, p.kind))}
	case !exists && !slices.Contains(in.Type.Values(), in.Type):
		return nil, invalid("A parameter type is required when you create a parameter: String, StringList or SecureString")
	}
	if !exists {
		p = &parameter{name: name, kind: in.Type, tags: map[string]string{}}
		s.parameters[name] = p
	}
	number := int64(1)
	if n := len(p.versions); n > 0 {
		number = p.versions[n-1].number + 1
	}
	v := version{
		number: number, value: value, description: in.Description, pattern: in.AllowedPattern, tier: tier,
		modified: s.account.Clock.Now().UTC(), by: principal.FromContext(ctx).ARN,
	}
	if p.kind == types.ParameterTypeSecureString {
		v.keyID = in.KeyId
		if v.keyID == nil {
			v.keyID = aws.String("alias/aws/ssm")
		}
	}
	p.versions = append(p.versions, v)
	if len(p.versions) > maxVersions {
		if oldest := p.versions[0]; len(oldest.labels) > 0 {
			p.versions = p.versions[:len(p.versions)-1]
			return nil, &types.ParameterMaxVersionLimitExceeded{Message: aws.String(fmt.Sprintf(
				"You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.", name, oldest.number))}
		}
		p.versions = slices.Clone(p.versions[1:])
	}
	for _, t := range in.Tags {
		p.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return &awsssm.PutParameterOutput{Version: number, Tier: tier}, nil
}

// lookup finds a version of a parameter by name, name:version or ARN. s is locked.
func (s *Service) lookup(id string) (*parameter, version, *string, error) {
	base, selector := id, ""
	if i := strings.LastIndex(id, ":"); i >= 0 && (!strings.HasPrefix(id, "arn:") || strings.Count(id, ":") > 5) {
		base, selector = id[:i], id[i:]
	}
	name := s.name(base)
	p, ok := s.parameters[name]
	if strings.HasPrefix(name, publicPath) {
		var err error
		if p, err = s.public(name); err != nil {
			return nil, version{}, nil, err
		}
		ok = true
	}
	if !ok {
		return nil, version{}, nil, &types.ParameterNotFound{Message: aws.String("Parameter " + base + " not found.")}
	}
	if selector == "" {
		return p, p.versions[len(p.versions)-1], nil, nil
	}
	number, err := strconv.ParseInt(selector[1:], 10, 64)
	if err != nil {
		for _, v := range p.versions {
			if slices.Contains(v.labels, selector[1:]) {
				return p, v, &selector, nil
			}
		}
		return nil, version{}, nil, &types.ParameterVersionNotFound{Message: aws.String(fmt.Sprintf("Systems Manager could not find version %s of %s.", selector[1:], base))}
	}
	for _, v := range p.versions {
		if v.number == number {
			return p, v, &selector, nil
		}
	}
	return nil, version{}, nil, &types.ParameterVersionNotFound{Message: aws.String(fmt.Sprintf("Systems Manager could not find version %d of %s.", number, base))}
}

func (s *Service) show(p *parameter, v version, decrypt bool) types.Parameter {
	data := "text"
	if strings.HasPrefix(p.name, publicPath) {
		data = "aws:ec2:image"
	}
	return types.Parameter{
		Name: aws.String(p.name), ARN: aws.String(s.arn(p.name)), Type: p.kind, DataType: &data,
		Value: aws.String(s.visible(p, v, decrypt)), Version: v.number, LastModifiedDate: aws.Time(v.modified),
	}
}

// visible returns a value in the form that the caller may see. A SecureString
// is only decrypted on request.
func (s *Service) visible(p *parameter, v version, decrypt bool) string {
	if p.kind != types.ParameterTypeSecureString || decrypt {
		return v.value
	}
	nonce := make([]byte, s.secret.NonceSize())
	// This never fails.
	_, _ = rand.Read(nonce)
	return base64.StdEncoding.EncodeToString(s.secret.Seal(nonce, nonce, []byte(v.value), []byte(p.name)))
}

// GetParameter returns the newest version of a parameter, or name:version.
func (s *Service) GetParameter(_ context.Context, in *awsssm.GetParameterInput) (*awsssm.GetParameterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, v, selector, err := s.lookup(aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	shown := s.show(p, v, aws.ToBool(in.WithDecryption))
	shown.Selector = selector
	return &awsssm.GetParameterOutput{Parameter: &shown}, nil
}

// GetParameters returns up to ten parameters, and the names of those that don't exist.
func (s *Service) GetParameters(_ context.Context, in *awsssm.GetParametersInput) (*awsssm.GetParametersOutput, error) {
	if len(in.Names) == 0 || len(in.Names) > 10 {
		return nil, invalid("Names must have 1 to 10 members, not %d", len(in.Names))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awsssm.GetParametersOutput{}
	for _, name := range in.Names {
		p, v, selector, err := s.lookup(name)
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		shown := s.show(p, v, aws.ToBool(in.WithDecryption))
		shown.Selector = selector
		out.Parameters = append(out.Parameters, shown)
	}
	return out, nil
}

// page returns the part of a sorted list of names that begins after token.
func page(names []string, token *string, wanted *int32, limit int) ([]string, *string) {
	if wanted != nil && *wanted > 0 {
		limit = min(limit, int(*wanted))
	}
	return paging.After(names, token, limit)
}

// GetParametersByPath returns the parameters below a path, ten at a time.
func (s *Service) GetParametersByPath(_ context.Context, in *awsssm.GetParametersByPathInput) (*awsssm.GetParametersByPathOutput, error) {
	path := aws.ToString(in.Path)
	if !strings.HasPrefix(path, "/") {
		return nil, invalid("The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\".")
	}
	path = strings.TrimSuffix(path, "/") + "/"
	if strings.HasPrefix(path, publicPath) {
		return nil, invalid("the embedded AWS does not list AWS's public parameters: get %s by its name", path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	passing, err := s.filtered(in.ParameterFilters, pathKeys)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range passing {
		rest, ok := strings.CutPrefix(name, path)
		if !ok && path == "/" && !strings.HasPrefix(name, "/") {
			rest, ok = name, true
		}
		if ok && (aws.ToBool(in.Recursive) || !strings.Contains(rest, "/")) {
			names = append(names, name)
		}
	}
	names, next := page(names, in.NextToken, in.MaxResults, 10)
	out := &awsssm.GetParametersByPathOutput{NextToken: next}
	for _, name := range names {
		p := s.parameters[name]
		out.Parameters = append(out.Parameters, s.show(p, p.versions[len(p.versions)-1], aws.ToBool(in.WithDecryption)))
	}
	return out, nil
}

// GetParameterHistory returns all versions of a parameter, oldest first.
func (s *Service) GetParameterHistory(_ context.Context, in *awsssm.GetParameterHistoryInput) (*awsssm.GetParameterHistoryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, _, _, err := s.lookup(aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	out := &awsssm.GetParameterHistoryOutput{}
	for _, v := range p.versions {
		out.Parameters = append(out.Parameters, types.ParameterHistory{
			Name: aws.String(p.name), Type: p.kind, DataType: aws.String("text"), Value: aws.String(s.visible(p, v, aws.ToBool(in.WithDecryption))),
			Version: v.number, Tier: v.tier, LastModifiedDate: aws.Time(v.modified), LastModifiedUser: aws.String(v.by),
			Description: v.description, AllowedPattern: v.pattern, KeyId: v.keyID, Labels: slices.Clone(v.labels),
		})
	}
	return out, nil
}

// DescribeParameters lists the metadata of the parameters that pass the filters, by name.
func (s *Service) DescribeParameters(_ context.Context, in *awsssm.DescribeParametersInput) (*awsssm.DescribeParametersOutput, error) {
	if aws.ToBool(in.Shared) {
		return nil, invalid("Shared is not supported by the embedded Parameter Store")
	}
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, invalid("You can use either Filters or ParameterFilters in a single request.")
	}
	filters := in.ParameterFilters
	for _, f := range in.Filters {
		// The old filters look for names that begin with a value.
		option := "Equals"
		if f.Key == types.ParametersFilterKeyName {
			option = "BeginsWith"
		}
		filters = append(filters, types.ParameterStringFilter{Key: aws.String(string(f.Key)), Option: &option, Values: f.Values})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	passing, err := s.filtered(filters, describeKeys)
	if err != nil {
		return nil, err
	}
	names, next := page(passing, in.NextToken, in.MaxResults, 50)
	out := &awsssm.DescribeParametersOutput{NextToken: next}
	for _, name := range names {
		p := s.parameters[name]
		v := p.versions[len(p.versions)-1]
		out.Parameters = append(out.Parameters, types.ParameterMetadata{
			Name: aws.String(name), ARN: aws.String(s.arn(name)), Type: p.kind, DataType: aws.String("text"), Tier: v.tier, Version: v.number,
			Description: v.description, AllowedPattern: v.pattern, KeyId: v.keyID, LastModifiedDate: aws.Time(v.modified), LastModifiedUser: aws.String(v.by),
		})
	}
	return out, nil
}

// DeleteParameter deletes a parameter with all its versions.
func (s *Service) DeleteParameter(_ context.Context, in *awsssm.DeleteParameterInput) (*awsssm.DeleteParameterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.name(aws.ToString(in.Name))
	if _, ok := s.parameters[name]; !ok {
		return nil, &types.ParameterNotFound{Message: aws.String("Parameter " + name + " not found.")}
	}
	delete(s.parameters, name)
	return &awsssm.DeleteParameterOutput{}, nil
}

// DeleteParameters deletes up to ten parameters, and returns the names of those
// that don't exist.
func (s *Service) DeleteParameters(ctx context.Context, in *awsssm.DeleteParametersInput) (*awsssm.DeleteParametersOutput, error) {
	if len(in.Names) == 0 || len(in.Names) > 10 {
		return nil, invalid("Names must have 1 to 10 members, not %d", len(in.Names))
	}
	out := &awsssm.DeleteParametersOutput{}
	for _, name := range in.Names {
		if _, err := s.DeleteParameter(ctx, &awsssm.DeleteParameterInput{Name: &name}); err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
		} else {
			out.DeletedParameters = append(out.DeletedParameters, name)
		}
	}
	return out, nil
}

// tagged finds the parameter that a tagging request names. s is locked.
func (s *Service) tagged(kind types.ResourceTypeForTagging, id *string) (*parameter, error) {
	if kind != types.ResourceTypeForTaggingParameter {
		return nil, &types.InvalidResourceType{Message: aws.String("the embedded Systems Manager has only the resource type Parameter, not " + string(kind))}
	}
	p, ok := s.parameters[s.name(aws.ToString(id))]
	if !ok {
		return nil, &types.InvalidResourceId{Message: aws.String("there is no parameter " + aws.ToString(id))}
	}
	return p, nil
}

// AddTagsToResource adds tags to a parameter.
func (s *Service) AddTagsToResource(_ context.Context, in *awsssm.AddTagsToResourceInput) (*awsssm.AddTagsToResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.tagged(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		p.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return &awsssm.AddTagsToResourceOutput{}, nil
}

// RemoveTagsFromResource removes tags from a parameter.
func (s *Service) RemoveTagsFromResource(_ context.Context, in *awsssm.RemoveTagsFromResourceInput) (*awsssm.RemoveTagsFromResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.tagged(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	for _, name := range in.TagKeys {
		delete(p.tags, name)
	}
	return &awsssm.RemoveTagsFromResourceOutput{}, nil
}

// ListTagsForResource lists a parameter's tags by name.
func (s *Service) ListTagsForResource(_ context.Context, in *awsssm.ListTagsForResourceInput) (*awsssm.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.tagged(in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	out := &awsssm.ListTagsForResourceOutput{}
	for _, name := range slices.Sorted(maps.Keys(p.tags)) {
		out.TagList = append(out.TagList, types.Tag{Key: aws.String(name), Value: aws.String(p.tags[name])})
	}
	return out, nil
}

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}
