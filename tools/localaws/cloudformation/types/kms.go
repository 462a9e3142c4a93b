package types

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/magewright/magewright/tools/internal/cfnschema"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// key is AWS::KMS::Key.
func key(d Deps) definition {
	k := keys{d}
	return definition{Type: resource.Type{
		Name: "AWS::KMS::Key",
		Properties: []string{
			"BypassPolicyLockoutSafetyCheck", "Description", "EnableKeyRotation", "Enabled", "KeyPolicy", "KeySpec", "KeyUsage",
			"MultiRegion", "Origin", "PendingWindowInDays", "RotationPeriodInDays", "Tags",
		},
		Create: k.create,
		Update: k.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			in := &awskms.ScheduleKeyDeletionInput{KeyId: aws.String(r.PhysicalID)}
			if err := decodeProperty(r.Properties, "PendingWindowInDays", &in.PendingWindowInDays); err != nil {
				return err
			}
			_, err := d.Keys.ScheduleKeyDeletion(ctx, in)
			return err
		},
	}}
}

type keys struct{ Deps }

func kmsTag(k, v *string) kmstypes.Tag { return kmstypes.Tag{TagKey: k, TagValue: v} }

func (k keys) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awskms.CreateKeyInput{}
	err := decode(r, in, "EnableKeyRotation", "Enabled", "KeyPolicy", "PendingWindowInDays", "RotationPeriodInDays", "Tags")
	if err != nil {
		return nil, err
	}
	if in.Policy, err = document(r.Properties, "KeyPolicy"); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.Tags = tagList(tags, kmsTag)
	out, err := k.Keys.CreateKey(ctx, in)
	if err != nil {
		return nil, err
	}
	id := out.KeyMetadata.KeyId
	made := k.result(*id)
	if err := k.setRotation(ctx, r, id); err != nil {
		return made, err
	}
	return made, k.setEnabled(ctx, r, id)
}

func (k keys) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	for _, name := range cfnschema.Refused("AWS::KMS::Key") {
		if changed(r, name) {
			return nil, failure(r, "NotUpdatable", "You cannot change the %s property of a KMS key after it is created.", name)
		}
	}
	id := aws.String(r.PhysicalID)
	if changed(r, "Description") {
		in := &awskms.UpdateKeyDescriptionInput{KeyId: id, Description: aws.String(stringOf(r.Properties, "Description"))}
		if _, err := k.Keys.UpdateKeyDescription(ctx, in); err != nil {
			return nil, err
		}
	}
	if changed(r, "KeyPolicy") {
		in := &awskms.PutKeyPolicyInput{KeyId: id}
		var err error
		if in.Policy, err = document(r.Properties, "KeyPolicy"); err != nil {
			return nil, err
		}
		if in.Policy == nil {
			in.Policy = aws.String(k.defaultPolicy())
		}
		if err := decodeProperty(r.Properties, "BypassPolicyLockoutSafetyCheck", &in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
		if _, err := k.Keys.PutKeyPolicy(ctx, in); err != nil {
			return nil, err
		}
	}
	if changed(r, "EnableKeyRotation", "RotationPeriodInDays") {
		if err := k.setRotation(ctx, r, id); err != nil {
			return nil, err
		}
	}
	if changed(r, "Enabled") {
		if err := k.setEnabled(ctx, r, id); err != nil {
			return nil, err
		}
	}
	err := retag(r,
		func(tags map[string]string) error {
			_, err := k.Keys.TagResource(ctx, &awskms.TagResourceInput{KeyId: id, Tags: tagList(tags, kmsTag)})
			return err
		},
		func(names []string) error {
			_, err := k.Keys.UntagResource(ctx, &awskms.UntagResourceInput{KeyId: id, TagKeys: names})
			return err
		})
	return k.result(r.PhysicalID), err
}

func (k keys) setRotation(ctx context.Context, r *resource.Request, id *string) error {
	var rotate, rotated bool
	if err := decodeProperty(r.Properties, "EnableKeyRotation", &rotate); err != nil {
		return err
	}
	if err := decodeProperty(r.OldProperties, "EnableKeyRotation", &rotated); err != nil {
		return err
	}
	if !rotate {
		if !rotated {
			return nil
		}
		_, err := k.Keys.DisableKeyRotation(ctx, &awskms.DisableKeyRotationInput{KeyId: id})
		return err
	}
	in := &awskms.EnableKeyRotationInput{KeyId: id}
	if err := decodeProperty(r.Properties, "RotationPeriodInDays", &in.RotationPeriodInDays); err != nil {
		return err
	}
	_, err := k.Keys.EnableKeyRotation(ctx, in)
	return err
}

func (k keys) setEnabled(ctx context.Context, r *resource.Request, id *string) error {
	enabled, was := true, true
	if err := decodeProperty(r.Properties, "Enabled", &enabled); err != nil {
		return err
	}
	if err := decodeProperty(r.OldProperties, "Enabled", &was); err != nil {
		return err
	}
	var err error
	switch {
	case enabled && !was:
		_, err = k.Keys.EnableKey(ctx, &awskms.EnableKeyInput{KeyId: id})
	case !enabled && was:
		_, err = k.Keys.DisableKey(ctx, &awskms.DisableKeyInput{KeyId: id})
	}
	return err
}

// defaultPolicy is the policy of a key that is created without one.
// See https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html.
func (k keys) defaultPolicy() string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions",`+
		`"Effect":"Allow","Principal":{"AWS":%q},"Action":"kms:*","Resource":"*"}]}`, k.Account.GlobalARN("iam", "root"))
}

func (k keys) result(id string) *resource.Result {
	return &resource.Result{PhysicalID: id, Attributes: map[string]any{"Arn": k.Account.ARN("kms", "key/"+id), "KeyId": id}}
}

// keyAlias is AWS::KMS::Alias.
func keyAlias(d Deps) definition {
	return definition{
		required: []string{"AliasName", "TargetKeyId"},
		Type: resource.Type{
			Name:       "AWS::KMS::Alias",
			Properties: []string{"AliasName", "TargetKeyId"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awskms.CreateAliasInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				if _, err := d.Keys.CreateAlias(ctx, in); err != nil {
					return nil, err
				}
				return &resource.Result{PhysicalID: *in.AliasName}, nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awskms.UpdateAliasInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				if _, err := d.Keys.UpdateAlias(ctx, in); err != nil {
					return nil, err
				}
				return &resource.Result{PhysicalID: *in.AliasName}, nil
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Keys.DeleteAlias(ctx, &awskms.DeleteAliasInput{AliasName: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}
