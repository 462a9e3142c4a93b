package kms

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/uuid"
)

// newKey creates a key with new key material.
func (s *Service) newKey(spec types.KeySpec, usage types.KeyUsageType) (*key, error) {
	m, err := s.newMaterial(spec, usage)
	if err != nil {
		return nil, err
	}
	id := uuid.NewString()
	return &key{
		id: id, arn: s.account.ARN("kms", "key/"+id), spec: spec, usage: usage, manager: types.KeyManagerTypeCustomer, state: types.KeyStateEnabled,
		created: s.account.Clock.Now().UTC(), policy: s.defaultPolicy(), tags: map[string]string{}, material: m,
	}, nil
}

// CreateKey creates a key: a symmetric one for encryption, or ECC_NIST_P256,
// ECC_NIST_P384 or RSA_2048 for signing.
func (s *Service) CreateKey(_ context.Context, in *awskms.CreateKeyInput) (*awskms.CreateKeyOutput, error) {
	spec, usage := in.KeySpec, in.KeyUsage
	switch {
	case in.CustomKeyStoreId != nil || in.XksKeyId != nil:
		return nil, unsupported("custom key stores")
	case in.Origin != "" && in.Origin != types.OriginTypeAwsKms:
		return nil, unsupported("the origin " + string(in.Origin))
	case aws.ToBool(in.MultiRegion):
		return nil, unsupported("multi-Region keys")
	}
	if spec == "" {
		spec = types.KeySpec(in.CustomerMasterKeySpec) //nolint:staticcheck // older clients know no other name for it
	}
	if spec == "" {
		spec = types.KeySpecSymmetricDefault
	}
	if usage == "" {
		usage = types.KeyUsageTypeEncryptDecrypt
	}
	if in.Policy != nil {
		if err := checkPolicy(*in.Policy); err != nil {
			return nil, err
		}
	}
	k, err := s.newKey(spec, usage)
	if err != nil {
		return nil, err
	}
	k.description = aws.ToString(in.Description)
	if in.Policy != nil {
		k.policy = *in.Policy
	}
	for _, t := range in.Tags {
		k.tags[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[k.id] = k
	return &awskms.CreateKeyOutput{KeyMetadata: k.metadata(s.account.ID)}, nil
}

// DescribeKey returns a key's metadata.
func (s *Service) DescribeKey(_ context.Context, in *awskms.DescribeKeyInput) (*awskms.DescribeKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	return &awskms.DescribeKeyOutput{KeyMetadata: k.metadata(s.account.ID)}, nil
}

// ListKeys lists all keys by id on one page.
func (s *Service) ListKeys(_ context.Context, in *awskms.ListKeysInput) (*awskms.ListKeysOutput, error) {
	if in.Marker != nil {
		return nil, &types.InvalidMarkerException{Message: in.Marker}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awskms.ListKeysOutput{}
	for _, id := range slices.Sorted(maps.Keys(s.keys)) {
		if k, err := s.find(&id); err == nil {
			out.Keys = append(out.Keys, types.KeyListEntry{KeyId: aws.String(k.id), KeyArn: aws.String(k.arn)})
		}
	}
	return out, nil
}

// change calls f with a customer managed key that is not pending deletion.
func change[O any](s *Service, id *string, f func(*key) (*O, error)) (*O, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.customer(id)
	if err != nil {
		return nil, err
	}
	if k.state == types.KeyStatePendingDeletion {
		return nil, &types.KMSInvalidStateException{Message: aws.String(k.arn + " is pending deletion.")}
	}
	return f(k)
}

// UpdateKeyDescription changes a key's description.
func (s *Service) UpdateKeyDescription(_ context.Context, in *awskms.UpdateKeyDescriptionInput) (*awskms.UpdateKeyDescriptionOutput, error) {
	return change(s, in.KeyId, func(k *key) (*awskms.UpdateKeyDescriptionOutput, error) {
		k.description = aws.ToString(in.Description)
		return &awskms.UpdateKeyDescriptionOutput{}, nil
	})
}

// EnableKey makes a disabled key usable again.
func (s *Service) EnableKey(_ context.Context, in *awskms.EnableKeyInput) (*awskms.EnableKeyOutput, error) {
	return change(s, in.KeyId, func(k *key) (*awskms.EnableKeyOutput, error) {
		k.state = types.KeyStateEnabled
		return &awskms.EnableKeyOutput{}, nil
	})
}

// DisableKey makes a key unusable until it is enabled.
func (s *Service) DisableKey(_ context.Context, in *awskms.DisableKeyInput) (*awskms.DisableKeyOutput, error) {
	return change(s, in.KeyId, func(k *key) (*awskms.DisableKeyOutput, error) {
		k.state = types.KeyStateDisabled
		return &awskms.DisableKeyOutput{}, nil
	})
}

// ScheduleKeyDeletion makes a key unusable at once and deletes it after 7 to
// 30 days, by the account's clock.
func (s *Service) ScheduleKeyDeletion(_ context.Context, in *awskms.ScheduleKeyDeletionInput) (*awskms.ScheduleKeyDeletionOutput, error) {
	days := int32(30)
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < 7 || days > 30 {
		return nil, invalid("PendingWindowInDays must be between 7 and 30, not %d", days)
	}
	return change(s, in.KeyId, func(k *key) (*awskms.ScheduleKeyDeletionOutput, error) {
		k.state = types.KeyStatePendingDeletion
		k.deletion = aws.Time(s.account.Clock.Now().UTC().AddDate(0, 0, int(days)))
		return &awskms.ScheduleKeyDeletionOutput{KeyId: aws.String(k.arn), KeyState: k.state, DeletionDate: k.deletion, PendingWindowInDays: &days}, nil
	})
}

// CancelKeyDeletion cancels the pending deletion of a key. The key is then disabled.
func (s *Service) CancelKeyDeletion(_ context.Context, in *awskms.CancelKeyDeletionInput) (*awskms.CancelKeyDeletionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.customer(in.KeyId)
	if err != nil {
		return nil, err
	}
	if k.state != types.KeyStatePendingDeletion {
		return nil, &types.KMSInvalidStateException{Message: aws.String(k.arn + " is not pending deletion.")}
	}
	k.state, k.deletion = types.KeyStateDisabled, nil
	return &awskms.CancelKeyDeletionOutput{KeyId: aws.String(k.arn)}, nil
}

// PutKeyPolicy sets the key policy.
func (s *Service) PutKeyPolicy(_ context.Context, in *awskms.PutKeyPolicyInput) (*awskms.PutKeyPolicyOutput, error) {
	if in.PolicyName != nil && *in.PolicyName != "default" {
		return nil, invalid("The only valid policy name is default, not %s", *in.PolicyName)
	}
	if err := checkPolicy(aws.ToString(in.Policy)); err != nil {
		return nil, err
	}
	return change(s, in.KeyId, func(k *key) (*awskms.PutKeyPolicyOutput, error) {
		k.policy = *in.Policy
		return &awskms.PutKeyPolicyOutput{}, nil
	})
}

// GetKeyPolicy returns the key policy.
func (s *Service) GetKeyPolicy(_ context.Context, in *awskms.GetKeyPolicyInput) (*awskms.GetKeyPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	return &awskms.GetKeyPolicyOutput{Policy: aws.String(k.policy), PolicyName: aws.String("default")}, nil
}

// EnableKeyRotation schedules rotation. No rotation takes place: every old
// version of the key material stays usable, so a rotation can't be seen from outside.
func (s *Service) EnableKeyRotation(_ context.Context, in *awskms.EnableKeyRotationInput) (*awskms.EnableKeyRotationOutput, error) {
	days := int32(365)
	if in.RotationPeriodInDays != nil {
		days = *in.RotationPeriodInDays
	}
	if days < 90 || days > 2560 {
		return nil, invalid("RotationPeriodInDays must be between 90 and 2560, not %d", days)
	}
	return change(s, in.KeyId, func(k *key) (*awskms.EnableKeyRotationOutput, error) {
		if k.spec != types.KeySpecSymmetricDefault {
			return nil, &types.UnsupportedOperationException{Message: aws.String("an asymmetric key can't be rotated: " + k.arn)}
		}
		k.rotation, k.rotationFrom = &days, s.account.Clock.Now().UTC()
		return &awskms.EnableKeyRotationOutput{}, nil
	})
}

// DisableKeyRotation disables the rotation of a key.
func (s *Service) DisableKeyRotation(_ context.Context, in *awskms.DisableKeyRotationInput) (*awskms.DisableKeyRotationOutput, error) {
	return change(s, in.KeyId, func(k *key) (*awskms.DisableKeyRotationOutput, error) {
		k.rotation = nil
		return &awskms.DisableKeyRotationOutput{}, nil
	})
}

// GetKeyRotationStatus returns whether and how often a key is rotated.
func (s *Service) GetKeyRotationStatus(_ context.Context, in *awskms.GetKeyRotationStatusInput) (*awskms.GetKeyRotationStatusOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &awskms.GetKeyRotationStatusOutput{KeyId: aws.String(k.arn), KeyRotationEnabled: k.rotation != nil}
	if k.rotation != nil {
		next := k.rotationFrom
		for !next.After(s.account.Clock.Now()) {
			next = next.AddDate(0, 0, int(*k.rotation))
		}
		out.RotationPeriodInDays, out.NextRotationDate = aws.Int32(*k.rotation), &next
	}
	return out, nil
}

// TagResource adds tags to a key.
func (s *Service) TagResource(_ context.Context, in *awskms.TagResourceInput) (*awskms.TagResourceOutput, error) {
	return change(s, in.KeyId, func(k *key) (*awskms.TagResourceOutput, error) {
		for _, t := range in.Tags {
			k.tags[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
		}
		return &awskms.TagResourceOutput{}, nil
	})
}

// UntagResource removes tags from a key.
func (s *Service) UntagResource(_ context.Context, in *awskms.UntagResourceInput) (*awskms.UntagResourceOutput, error) {
	return change(s, in.KeyId, func(k *key) (*awskms.UntagResourceOutput, error) {
		for _, name := range in.TagKeys {
			delete(k.tags, name)
		}
		return &awskms.UntagResourceOutput{}, nil
	})
}

// ListResourceTags lists all tags of a key by name on one page.
func (s *Service) ListResourceTags(_ context.Context, in *awskms.ListResourceTagsInput) (*awskms.ListResourceTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &awskms.ListResourceTagsOutput{}
	for _, name := range slices.Sorted(maps.Keys(k.tags)) {
		out.Tags = append(out.Tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String(k.tags[name])})
	}
	return out, nil
}

func checkAlias(name string) error {
	if !strings.HasPrefix(name, "alias/") || len(name) == len("alias/") || strings.HasPrefix(name, managedPrefix) {
		return &types.InvalidAliasNameException{Message: aws.String("an alias begins with alias/ and not with alias/aws/: " + name)}
	}
	return nil
}

// CreateAlias gives a key another name.
func (s *Service) CreateAlias(_ context.Context, in *awskms.CreateAliasInput) (*awskms.CreateAliasOutput, error) {
	name := aws.ToString(in.AliasName)
	if err := checkAlias(name); err != nil {
		return nil, err
	}
	return change(s, in.TargetKeyId, func(k *key) (*awskms.CreateAliasOutput, error) {
		if _, exists := s.aliases[name]; exists {
			return nil, &types.AlreadyExistsException{Message: aws.String("An alias with the name " + s.aliasARN(name) + " already exists")}
		}
		now := s.account.Clock.Now().UTC()
		s.aliases[name] = &alias{name: name, target: k.id, created: now, modified: now}
		return &awskms.CreateAliasOutput{}, nil
	})
}

// UpdateAlias points an alias to another key.
func (s *Service) UpdateAlias(_ context.Context, in *awskms.UpdateAliasInput) (*awskms.UpdateAliasOutput, error) {
	name := aws.ToString(in.AliasName)
	return change(s, in.TargetKeyId, func(k *key) (*awskms.UpdateAliasOutput, error) {
		a, ok := s.aliases[name]
		if !ok {
			return nil, notFound("Alias %s is not found.", s.aliasARN(name))
		}
		if old, ok := s.keys[a.target]; ok && old.usage != k.usage {
			return nil, invalid("the keys before and after have the usages %s and %s; they must be the same", old.usage, k.usage)
		}
		a.target, a.modified = k.id, s.account.Clock.Now().UTC()
		return &awskms.UpdateAliasOutput{}, nil
	})
}

// DeleteAlias deletes an alias, but not its key.
func (s *Service) DeleteAlias(_ context.Context, in *awskms.DeleteAliasInput) (*awskms.DeleteAliasOutput, error) {
	name := aws.ToString(in.AliasName)
	if err := checkAlias(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.aliases[name]; !ok {
		return nil, notFound("Alias %s is not found.", s.aliasARN(name))
	}
	delete(s.aliases, name)
	return &awskms.DeleteAliasOutput{}, nil
}

// ListAliases lists the aliases of all keys or of one key, by name, on one page.
func (s *Service) ListAliases(_ context.Context, in *awskms.ListAliasesInput) (*awskms.ListAliasesOutput, error) {
	if in.Marker != nil {
		return nil, &types.InvalidMarkerException{Message: in.Marker}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var only string
	if in.KeyId != nil {
		k, err := s.find(in.KeyId)
		if err != nil {
			return nil, err
		}
		only = k.id
	}
	out := &awskms.ListAliasesOutput{}
	for _, a := range slices.SortedFunc(maps.Values(s.aliases), func(x, y *alias) int { return cmp.Compare(x.name, y.name) }) {
		if only == "" || a.target == only {
			out.Aliases = append(out.Aliases, types.AliasListEntry{
				AliasName: aws.String(a.name), AliasArn: aws.String(s.aliasARN(a.name)), TargetKeyId: aws.String(a.target),
				CreationDate: aws.Time(a.created), LastUpdatedDate: aws.Time(a.modified),
			})
		}
	}
	return out, nil
}
