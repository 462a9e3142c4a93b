package types

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secretstypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// secret is AWS::SecretsManager::Secret.
func secret(d Deps) definition {
	s := secrets{d}
	return definition{Type: resource.Type{
		Name:       "AWS::SecretsManager::Secret",
		Properties: []string{"Description", "GenerateSecretString", "KmsKeyId", "Name", "SecretString", "Tags"},
		Create:     s.create,
		Update:     s.update,
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.Secrets.DeleteSecret(ctx, &awssecretsmanager.DeleteSecretInput{
				SecretId: aws.String(r.PhysicalID), ForceDeleteWithoutRecovery: aws.Bool(true),
			})
			return err
		},
	}}
}

type secrets struct{ Deps }

func secretTag(k, v *string) secretstypes.Tag { return secretstypes.Tag{Key: k, Value: v} }

func (s secrets) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awssecretsmanager.CreateSecretInput{}
	err := decode(r, in, "GenerateSecretString", "Tags")
	if err != nil {
		return nil, err
	}
	if in.Name == nil {
		in.Name = aws.String(generatedLocalName(r, 512))
	}
	if in.SecretString == nil {
		if in.SecretString, err = s.generate(ctx, r); err != nil {
			return nil, err
		}
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.Tags = tagList(tags, secretTag)
	out, err := s.Secrets.CreateSecret(ctx, in)
	if err != nil {
		return nil, err
	}
	return secretResult(aws.ToString(out.ARN)), nil
}

func (s secrets) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	id := aws.String(r.PhysicalID)
	if changed(r, "Description", "GenerateSecretString", "KmsKeyId", "SecretString") {
		in := &awssecretsmanager.UpdateSecretInput{}
		err := decodeMap(restored(r, map[string]any{"Description": "", "KmsKeyId": ""}), in, "GenerateSecretString", "Name", "Tags")
		if err != nil {
			return nil, err
		}
		in.SecretId = id
		// Generate a new secret only if the way to generate it has changed.
		if in.SecretString == nil && changed(r, "GenerateSecretString", "SecretString") {
			if in.SecretString, err = s.generate(ctx, r); err != nil {
				return nil, err
			}
		}
		if _, err := s.Secrets.UpdateSecret(ctx, in); err != nil {
			return nil, err
		}
	}
	return secretResult(r.PhysicalID), retag(r,
		func(tags map[string]string) error {
			_, err := s.Secrets.TagResource(ctx, &awssecretsmanager.TagResourceInput{SecretId: id, Tags: tagList(tags, secretTag)})
			return err
		},
		func(keys []string) error {
			_, err := s.Secrets.UntagResource(ctx, &awssecretsmanager.UntagResourceInput{SecretId: id, TagKeys: keys})
			return err
		})
}

// generate returns the secret that GenerateSecretString describes: a random
// password, or a JSON object that contains one. It returns nil without that property.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html.
func (s secrets) generate(ctx context.Context, r *resource.Request) (*string, error) {
	how, ok := r.Properties["GenerateSecretString"].(map[string]any)
	if !ok {
		return nil, nil
	}
	in := &awssecretsmanager.GetRandomPasswordInput{}
	if err := decodeMap(how, in, "GenerateStringKey", "SecretStringTemplate"); err != nil {
		return nil, err
	}
	out, err := s.Secrets.GetRandomPassword(ctx, in)
	if err != nil {
		return nil, err
	}
	template, field := stringOf(how, "SecretStringTemplate"), stringOf(how, "GenerateStringKey")
	if template == "" && field == "" {
		return out.RandomPassword, nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(template), &object); err != nil || field == "" {
		return nil, &propertyError{"/GenerateSecretString", "SecretStringTemplate must be a JSON object and come with GenerateStringKey"}
	}
	object[field] = aws.ToString(out.RandomPassword)
	text, err := jsonText(object)
	return &text, err
}

func secretResult(arn string) *resource.Result {
	return &resource.Result{PhysicalID: arn, Attributes: map[string]any{"Id": arn}}
}
