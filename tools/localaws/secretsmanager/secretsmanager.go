// Package secretsmanager is the embedded AWS's Secrets Manager.
package secretsmanager

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/paging"
)

// The staging labels that Secrets Manager itself moves.
// See https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// Service is the Secrets Manager of one account and region.
type Service struct {
	account account.Account

	mu      sync.Mutex
	secrets map[string]*secret // by name
}

type secret struct {
	name, arn         string
	description       *string
	keyID             *string
	tags              []types.Tag
	created, modified time.Time
	deleteAfter       *time.Time // set while its deletion is pending
	versions          map[string]*version
	stages            map[string]string // version id by staging label
}

type version struct {
	id      string
	text    *string
	binary  []byte
	created time.Time
}

// New returns a service without secrets.
func New(a account.Account) *Service {
	return &Service{account: a, secrets: map[string]*secret{}}
}

// find returns the secret with a name or ARN. The random suffix of the ARN may
// be missing. s is locked.
func (s *Service) find(id *string, deleted bool) (*secret, error) {
	missing := &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret.")}
	wanted := aws.ToString(id)
	found, ok := s.secrets[wanted]
	if !ok && strings.HasPrefix(wanted, "arn:") {
		for _, candidate := range s.secrets {
			if candidate.arn == wanted || candidate.arn[:len(candidate.arn)-suffixLength-1] == wanted {
				found = candidate
			}
		}
	}
	if found == nil {
		return nil, missing
	}
	if found.deleteAfter != nil {
		if !s.account.Clock.Now().Before(*found.deleteAfter) {
			delete(s.secrets, found.name)
			return nil, missing
		}
		if !deleted {
			return nil, &types.InvalidRequestException{Message: aws.String("You can't perform this operation on the secret because it was marked for deletion.")}
		}
	}
	return found, nil
}

const suffixLength = 6

func checkValue(text *string, binary []byte) error {
	if text != nil && binary != nil {
		return &types.InvalidParameterException{Message: aws.String("You can't specify both SecretBinary and SecretString.")}
	}
	if len(aws.ToString(text)) > 65536 || len(binary) > 65536 {
		return &types.InvalidParameterException{Message: aws.String("a secret value has at most 65536 bytes")}
	}
	return nil
}

// put adds a version and moves labels to it. Using a token again has no effect
// if the value is the same, and is an error otherwise. s is locked.
func (s *Service) put(target *secret, token, text *string, binary []byte, stages []string) (string, error) {
	id := aws.ToString(token)
	if id == "" {
		id = strings.ToLower(rand.Text() + rand.Text())[:32]
	}
	if old, ok := target.versions[id]; ok {
		if aws.ToString(old.text) != aws.ToString(text) || !slices.Equal(old.binary, binary) {
			return "", &types.ResourceExistsException{Message: aws.String("You can't use ClientRequestToken " + id + " because that value is already in use for a version of secret " + target.arn + ".")}
		}
		return id, nil
	}
	if len(stages) == 0 {
		stages = []string{current}
	}
	if len(target.versions) == 0 && !slices.Contains(stages, current) {
		stages = append(slices.Clone(stages), current)
	}
	now := s.account.Clock.Now().UTC()
	target.versions[id] = &version{id: id, text: text, binary: slices.Clone(binary), created: now}
	target.modified = now
	for _, label := range stages {
		if was, ok := target.stages[label]; ok && label == current {
			target.stages[previous] = was
		}
		target.stages[label] = id
	}
	// A version without a label is deprecated. AWS removes it after some time.
	maps.DeleteFunc(target.versions, func(id string, _ *version) bool { return len(target.labels(id)) == 0 })
	return id, nil
}

// labels returns the staging labels of a version, sorted.
func (t *secret) labels(id string) []string {
	var labels []string
	for label, at := range t.stages {
		if at == id {
			labels = append(labels, label)
		}
	}
	slices.Sort(labels)
	return labels
}

// CreateSecret creates a secret. If the request has a value, it becomes the
// first version.
func (s *Service) CreateSecret(_ context.Context, in *awssecretsmanager.CreateSecretInput) (*awssecretsmanager.CreateSecretOutput, error) {
	name := aws.ToString(in.Name)
	switch {
	case name == "" || len(name) > 512 || strings.HasPrefix(name, "arn:"):
		return nil, &types.InvalidParameterException{Message: aws.String(fmt.Sprintf("a secret's name must have 1 to 512 characters and must not be an ARN: %q", name))}
	case len(in.AddReplicaRegions) > 0:
		return nil, unsupported("AddReplicaRegions")
	case in.Type != nil:
		return nil, unsupported("Type")
	}
	if err := checkValue(in.SecretString, in.SecretBinary); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, err := s.find(&name, true); err == nil {
		if old.deleteAfter != nil {
			return nil, &types.InvalidRequestException{Message: aws.String("You can't create this secret because a secret with this name is already scheduled for deletion.")}
		}
		// The same request again has no effect.
		token := aws.ToString(in.ClientRequestToken)
		if v, ok := old.versions[token]; ok && len(old.versions) == 1 && aws.ToString(v.text) == aws.ToString(in.SecretString) && slices.Equal(v.binary, in.SecretBinary) {
			return &awssecretsmanager.CreateSecretOutput{ARN: aws.String(old.arn), Name: aws.String(name), VersionId: &token}, nil
		}
		return nil, &types.ResourceExistsException{Message: aws.String("The operation failed because the secret " + name + " already exists.")}
	}
	now := s.account.Clock.Now().UTC()
	created := &secret{
		name: name, arn: s.account.ARN("secretsmanager", "secret:"+name+"-"+rand.Text()[:suffixLength]),
		description: in.Description, keyID: in.KmsKeyId, tags: slices.Clone(in.Tags), created: now, modified: now,
		versions: map[string]*version{}, stages: map[string]string{},
	}
	out := &awssecretsmanager.CreateSecretOutput{ARN: aws.String(created.arn), Name: aws.String(name)}
	if in.SecretString != nil || in.SecretBinary != nil {
		id, err := s.put(created, in.ClientRequestToken, in.SecretString, in.SecretBinary, nil)
		if err != nil {
			return nil, err
		}
		out.VersionId = aws.String(id)
	}
	s.secrets[name] = created
	return out, nil
}

// GetSecretValue returns a version by id or label. The default is AWSCURRENT.
func (s *Service) GetSecretValue(_ context.Context, in *awssecretsmanager.GetSecretValueInput) (*awssecretsmanager.GetSecretValueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId, false)
	if err != nil {
		return nil, err
	}
	label := aws.ToString(in.VersionStage)
	if label == "" {
		label = current
	}
	id := aws.ToString(in.VersionId)
	if id == "" {
		id = found.stages[label]
	}
	v, ok := found.versions[id]
	if in.VersionId != nil && !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret value for VersionId: " + id)}
	}
	if in.VersionId != nil && in.VersionStage != nil && found.stages[label] != id {
		return nil, &types.InvalidRequestException{Message: aws.String("You provided a VersionStage that is not associated to the provided VersionId.")}
	}
	if !ok {
		return nil, &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret value for staging label: " + label)}
	}
	return &awssecretsmanager.GetSecretValueOutput{
		ARN: aws.String(found.arn), Name: aws.String(found.name), VersionId: aws.String(v.id), VersionStages: found.labels(v.id),
		SecretString: v.text, SecretBinary: slices.Clone(v.binary), CreatedDate: aws.Time(v.created),
	}, nil
}

// PutSecretValue adds a version. It becomes AWSCURRENT unless the request has labels.
func (s *Service) PutSecretValue(_ context.Context, in *awssecretsmanager.PutSecretValueInput) (*awssecretsmanager.PutSecretValueOutput, error) {
	if in.RotationToken != nil {
		return nil, unsupported("RotationToken")
	}
	if in.SecretString == nil && in.SecretBinary == nil {
		return nil, &types.InvalidRequestException{Message: aws.String("You must provide either SecretString or SecretBinary.")}
	}
	if err := checkValue(in.SecretString, in.SecretBinary); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId, false)
	if err != nil {
		return nil, err
	}
	id, err := s.put(found, in.ClientRequestToken, in.SecretString, in.SecretBinary, in.VersionStages)
	if err != nil {
		return nil, err
	}
	return &awssecretsmanager.PutSecretValueOutput{ARN: aws.String(found.arn), Name: aws.String(found.name), VersionId: aws.String(id), VersionStages: found.labels(id)}, nil
}

// UpdateSecret changes a secret's description or key. It adds a version if the
// request has a value.
func (s *Service) UpdateSecret(_ context.Context, in *awssecretsmanager.UpdateSecretInput) (*awssecretsmanager.UpdateSecretOutput, error) {
	if in.Type != nil {
		return nil, unsupported("Type")
	}
	if err := checkValue(in.SecretString, in.SecretBinary); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId, false)
	if err != nil {
		return nil, err
	}
	out := &awssecretsmanager.UpdateSecretOutput{ARN: aws.String(found.arn), Name: aws.String(found.name)}
	if in.SecretString != nil || in.SecretBinary != nil {
		id, err := s.put(found, in.ClientRequestToken, in.SecretString, in.SecretBinary, nil)
		if err != nil {
			return nil, err
		}
		out.VersionId = aws.String(id)
	}
	if in.Description != nil {
		found.description = in.Description
	}
	if in.KmsKeyId != nil {
		found.keyID = in.KmsKeyId
	}
	found.modified = s.account.Clock.Now().UTC()
	return out, nil
}

// DeleteSecret deletes a secret after 7 to 30 days, by the account's clock, or
// at once with ForceDeleteWithoutRecovery.
func (s *Service) DeleteSecret(_ context.Context, in *awssecretsmanager.DeleteSecretInput) (*awssecretsmanager.DeleteSecretOutput, error) {
	force := aws.ToBool(in.ForceDeleteWithoutRecovery)
	days := int64(30)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, &types.InvalidParameterException{Message: aws.String("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")}
	case days < 7 || days > 30:
		return nil, &types.InvalidParameterException{Message: aws.String("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId, true)
	when := s.account.Clock.Now().UTC()
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing && force {
		// AWS deletes without recovery what is not there, too.
		name := aws.ToString(in.SecretId)
		arn := name
		if !strings.HasPrefix(arn, "arn:") {
			arn = s.account.ARN("secretsmanager", "secret:"+name+"-"+rand.Text()[:suffixLength])
		}
		return &awssecretsmanager.DeleteSecretOutput{ARN: &arn, Name: &name, DeletionDate: &when}, nil
	}
	if err != nil {
		return nil, err
	}
	if force {
		delete(s.secrets, found.name)
	} else {
		when = when.AddDate(0, 0, int(days))
		found.deleteAfter = &when
	}
	return &awssecretsmanager.DeleteSecretOutput{ARN: aws.String(found.arn), Name: aws.String(found.name), DeletionDate: &when}, nil
}

// RestoreSecret cancels a scheduled deletion.
func (s *Service) RestoreSecret(_ context.Context, in *awssecretsmanager.RestoreSecretInput) (*awssecretsmanager.RestoreSecretOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId, true)
	if err != nil {
		return nil, err
	}
	found.deleteAfter = nil
	return &awssecretsmanager.RestoreSecretOutput{ARN: aws.String(found.arn), Name: aws.String(found.name)}, nil
}

func (t *secret) versionsToStages() map[string][]string {
	m := map[string][]string{}
	for id := range t.versions {
		m[id] = t.labels(id)
	}
	return m
}

// DescribeSecret returns a secret's metadata, even while its deletion is pending.
func (s *Service) DescribeSecret(_ context.Context, in *awssecretsmanager.DescribeSecretInput) (*awssecretsmanager.DescribeSecretOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId, true)
	if err != nil {
		return nil, err
	}
	return &awssecretsmanager.DescribeSecretOutput{
		ARN: aws.String(found.arn), Name: aws.String(found.name), Description: found.description, KmsKeyId: found.keyID, Tags: slices.Clone(found.tags),
		CreatedDate: aws.Time(found.created), LastChangedDate: aws.Time(found.modified), DeletedDate: found.deleteAfter, VersionIdsToStages: found.versionsToStages(),
	}, nil
}

// filterKeys are the keys of the filters of ListSecrets.
var filterKeys = []types.FilterNameStringType{
	types.FilterNameStringTypeAll, types.FilterNameStringTypeDescription, types.FilterNameStringTypeName, types.FilterNameStringTypeTagKey, types.FilterNameStringTypeTagValue,
}

// passes reports whether a secret passes a filter: one of its values must match. A value
// matches the beginning of a name, a tag's key or value in any case for descriptions and
// all, and in the same case otherwise. ! before a value negates it.
// See https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html.
func (t *secret) passes(f types.Filter) bool {
	var fold, exact []string
	description := strings.Fields(aws.ToString(t.description))
	var keys, values []string
	for _, tag := range t.tags {
		keys, values = append(keys, aws.ToString(tag.Key)), append(values, aws.ToString(tag.Value))
	}
	switch f.Key {
	case types.FilterNameStringTypeName:
		exact = []string{t.name}
	case types.FilterNameStringTypeDescription:
		fold = description
	case types.FilterNameStringTypeTagKey:
		exact = keys
	case types.FilterNameStringTypeTagValue:
		exact = values
	default:
		fold = slices.Concat([]string{t.name}, strings.FieldsFunc(t.name, func(r rune) bool { return strings.ContainsRune("/_+=.@- ", r) }), description, keys, values)
	}
	matches := func(want string) bool {
		return slices.ContainsFunc(exact, func(have string) bool { return strings.HasPrefix(have, want) }) ||
			slices.ContainsFunc(fold, func(have string) bool { return strings.HasPrefix(strings.ToLower(have), strings.ToLower(want)) })
	}
	return slices.ContainsFunc(f.Values, func(want string) bool {
		if rest, not := strings.CutPrefix(want, "!"); not {
			return !matches(rest)
		}
		return matches(want)
	})
}

// ListSecrets lists the secrets that pass all filters by name.
func (s *Service) ListSecrets(_ context.Context, in *awssecretsmanager.ListSecretsInput) (*awssecretsmanager.ListSecretsOutput, error) {
	for _, f := range in.Filters {
		if !slices.Contains(filterKeys, f.Key) {
			return nil, unsupported("the filter " + string(f.Key))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, each := range s.secrets {
		if (each.deleteAfter == nil || aws.ToBool(in.IncludePlannedDeletion)) && !slices.ContainsFunc(in.Filters, func(f types.Filter) bool { return !each.passes(f) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	size := 100
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	names, next := paging.After(names, in.NextToken, size)
	out := &awssecretsmanager.ListSecretsOutput{NextToken: next}
	for _, name := range names {
		each := s.secrets[name]
		out.SecretList = append(out.SecretList, types.SecretListEntry{
			ARN: aws.String(each.arn), Name: aws.String(each.name), Description: each.description, KmsKeyId: each.keyID, Tags: slices.Clone(each.tags),
			CreatedDate: aws.Time(each.created), LastChangedDate: aws.Time(each.modified), DeletedDate: each.deleteAfter, SecretVersionsToStages: each.versionsToStages(),
		})
	}
	return out, nil
}

// TagResource adds tags to a secret.
func (s *Service) TagResource(_ context.Context, in *awssecretsmanager.TagResourceInput) (*awssecretsmanager.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId, false)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		found.tags = append(slices.DeleteFunc(found.tags, func(old types.Tag) bool { return aws.ToString(old.Key) == aws.ToString(t.Key) }), t)
	}
	return &awssecretsmanager.TagResourceOutput{}, nil
}

// UntagResource removes tags from a secret.
func (s *Service) UntagResource(_ context.Context, in *awssecretsmanager.UntagResourceInput) (*awssecretsmanager.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(in.SecretId, false)
	if err != nil {
		return nil, err
	}
	found.tags = slices.DeleteFunc(found.tags, func(t types.Tag) bool { return slices.Contains(in.TagKeys, aws.ToString(t.Key)) })
	return &awssecretsmanager.UntagResourceOutput{}, nil
}

// GetRandomPassword returns a password. It has at least one character of each
// kind that is not excluded, unless RequireEachIncludedType says otherwise.
func (s *Service) GetRandomPassword(_ context.Context, in *awssecretsmanager.GetRandomPasswordInput) (*awssecretsmanager.GetRandomPasswordOutput, error) {
	length := int64(32)
	if in.PasswordLength != nil {
		length = *in.PasswordLength
	}
	var kinds []string
	add := func(excluded *bool, characters string) {
		if aws.ToBool(excluded) {
			return
		}
		kept := strings.Map(func(r rune) rune {
			if strings.ContainsRune(aws.ToString(in.ExcludeCharacters), r) {
				return -1
			}
			return r
		}, characters)
		if kept != "" {
			kinds = append(kinds, kept)
		}
	}
	add(in.ExcludeLowercase, "abcdefghijklmnopqrstuvwxyz")
	add(in.ExcludeUppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	add(in.ExcludeNumbers, "0123456789")
	add(in.ExcludePunctuation, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
	if aws.ToBool(in.IncludeSpace) {
		add(nil, " ")
	}
	each := in.RequireEachIncludedType == nil || *in.RequireEachIncludedType
	if each && length > 0 && int(length) < len(kinds) {
		return nil, &types.InvalidParameterException{Message: aws.String("Password length is too short based on the required types.")}
	}
	if length < 1 || length > 4096 || len(kinds) == 0 {
		return nil, &types.InvalidParameterException{Message: aws.String("a password must have 1 to 4096 characters of some kind")}
	}
	password := make([]byte, 0, length)
	if each {
		for _, kind := range kinds {
			password = append(password, pick(kind))
		}
	}
	for len(password) < int(length) {
		password = append(password, pick(strings.Join(kinds, "")))
	}
	for i := len(password) - 1; i > 0; i-- {
		j := below(i + 1)
		password[i], password[j] = password[j], password[i]
	}
	return &awssecretsmanager.GetRandomPasswordOutput{RandomPassword: aws.String(string(password))}, nil
}

func pick(characters string) byte { return characters[below(len(characters))] }

// below returns a uniform random number from 0 to n-1.
func below(n int) int {
	r, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic("secretsmanager: no randomness: " + err.Error())
	}
	return int(r.Int64())
}

func unsupported(what string) error {
	return &smithy.GenericAPIError{Code: "InvalidRequestException", Message: "the embedded Secrets Manager does not support " + what, Fault: smithy.FaultClient}
}
