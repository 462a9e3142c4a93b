package ecr_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/ecr"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func service() *ecr.Service {
	return ecr.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.NewManual(start)})
}

func TestRepositoryLifecycle(t *testing.T) {
	t.Parallel()
	s, ctx := service(), t.Context()
	name := aws.String("cdk-assets")
	created, err := s.CreateRepository(ctx, &awsecr.CreateRepositoryInput{
		RepositoryName:     name,
		ImageTagMutability: ecrtypes.ImageTagMutabilityImmutable,
		Tags:               []ecrtypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := ecrtypes.Repository{
		CreatedAt:                  aws.Time(start),
		EncryptionConfiguration:    &ecrtypes.EncryptionConfiguration{EncryptionType: ecrtypes.EncryptionTypeAes256},
		ImageScanningConfiguration: &ecrtypes.ImageScanningConfiguration{},
		ImageTagMutability:         ecrtypes.ImageTagMutabilityImmutable,
		RegistryId:                 aws.String("000000000000"),
		RepositoryArn:              aws.String("arn:aws:ecr:us-east-1:000000000000:repository/cdk-assets"),
		RepositoryName:             name,
		RepositoryUri:              aws.String("000000000000.dkr.ecr.us-east-1.amazonaws.com/cdk-assets"),
	}
	ignore := cmpopts.IgnoreUnexported(ecrtypes.Repository{}, ecrtypes.EncryptionConfiguration{}, ecrtypes.ImageScanningConfiguration{}, ecrtypes.Tag{})
	if d := cmp.Diff(&want, created.Repository, ignore); d != "" {
		t.Errorf("created repository (-want +got):\n%s", d)
	}
	// This modifies only the caller's copy.
	created.Repository.ImageScanningConfiguration.ScanOnPush = true
	if _, err := s.PutImageTagMutability(ctx, &awsecr.PutImageTagMutabilityInput{RepositoryName: name, ImageTagMutability: ecrtypes.ImageTagMutabilityMutable}); err != nil {
		t.Error(err)
	}
	want.ImageTagMutability = ecrtypes.ImageTagMutabilityMutable
	described, err := s.DescribeRepositories(ctx, &awsecr.DescribeRepositoriesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]ecrtypes.Repository{want}, described.Repositories, ignore); d != "" {
		t.Errorf("described repositories (-want +got):\n%s", d)
	}
	if _, err := s.PutImageScanningConfiguration(ctx, &awsecr.PutImageScanningConfigurationInput{RepositoryName: name, ImageScanningConfiguration: &ecrtypes.ImageScanningConfiguration{ScanOnPush: true}}); err != nil {
		t.Error(err)
	}
	deleted, err := s.DeleteRepository(ctx, &awsecr.DeleteRepositoryInput{RepositoryName: name})
	if err != nil || !deleted.Repository.ImageScanningConfiguration.ScanOnPush {
		t.Errorf("DeleteRepository = %+v, %v; want the scanning configuration kept", deleted, err)
	}
	_, err = s.DescribeRepositories(ctx, &awsecr.DescribeRepositoriesInput{RepositoryNames: []string{"cdk-assets"}})
	wantCode(t, err, "RepositoryNotFoundException")
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	s, ctx, name := service(), t.Context(), aws.String("r1")
	if _, err := s.CreateRepository(ctx, &awsecr.CreateRepositoryInput{RepositoryName: name}); err != nil {
		t.Fatal(err)
	}
	_, err := s.GetRepositoryPolicy(ctx, &awsecr.GetRepositoryPolicyInput{RepositoryName: name})
	wantCode(t, err, "RepositoryPolicyNotFoundException")
	_, err = s.GetLifecyclePolicy(ctx, &awsecr.GetLifecyclePolicyInput{RepositoryName: name})
	wantCode(t, err, "LifecyclePolicyNotFoundException")
	_, err = s.SetRepositoryPolicy(ctx, &awsecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: aws.String("allow all")})
	wantCode(t, err, "InvalidParameterException")

	const document = `{"Version":"2012-10-17"}`
	if _, err := s.SetRepositoryPolicy(ctx, &awsecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: aws.String(document)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutLifecyclePolicy(ctx, &awsecr.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: aws.String(document)}); err != nil {
		t.Fatal(err)
	}
	p, err := s.DeleteRepositoryPolicy(ctx, &awsecr.DeleteRepositoryPolicyInput{RepositoryName: name})
	if err != nil || aws.ToString(p.PolicyText) != document {
		t.Errorf("DeleteRepositoryPolicy = %+v, %v", p, err)
	}
	l, err := s.DeleteLifecyclePolicy(ctx, &awsecr.DeleteLifecyclePolicyInput{RepositoryName: name})
	if err != nil || aws.ToString(l.LifecyclePolicyText) != document {
		t.Errorf("DeleteLifecyclePolicy = %+v, %v", l, err)
	}
	_, err = s.DeleteRepositoryPolicy(ctx, &awsecr.DeleteRepositoryPolicyInput{RepositoryName: name})
	wantCode(t, err, "RepositoryPolicyNotFoundException")
	_, err = s.DeleteLifecyclePolicy(ctx, &awsecr.DeleteLifecyclePolicyInput{RepositoryName: name})
	wantCode(t, err, "LifecyclePolicyNotFoundException")
}

func TestTags(t *testing.T) {
	t.Parallel()
	s, ctx := service(), t.Context()
	created, err := s.CreateRepository(ctx, &awsecr.CreateRepositoryInput{RepositoryName: aws.String("r1")})
	if err != nil {
		t.Fatal(err)
	}
	arn := created.Repository.RepositoryArn
	if _, err := s.TagResource(ctx, &awsecr.TagResourceInput{ResourceArn: arn, Tags: []ecrtypes.Tag{
		{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("a"), Value: aws.String("1")},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UntagResource(ctx, &awsecr.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	listed, err := s.ListTagsForResource(ctx, &awsecr.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil || len(listed.Tags) != 1 || *listed.Tags[0].Key != "b" {
		t.Errorf("tags = %+v, %v", listed, err)
	}
	_, err = s.TagResource(ctx, &awsecr.TagResourceInput{ResourceArn: aws.String("r1")})
	wantCode(t, err, "InvalidParameterException")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s, ctx := service(), t.Context()
	create := func(in awsecr.CreateRepositoryInput) error {
		_, err := s.CreateRepository(ctx, &in)
		return err
	}
	if err := create(awsecr.CreateRepositoryInput{RepositoryName: aws.String("team/app")}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, create(awsecr.CreateRepositoryInput{RepositoryName: aws.String("team/app")}), "RepositoryAlreadyExistsException")
	wantCode(t, create(awsecr.CreateRepositoryInput{RepositoryName: aws.String("Upper")}), "InvalidParameterException")
	wantCode(t, create(awsecr.CreateRepositoryInput{RepositoryName: aws.String("x1"), RegistryId: aws.String("111111111111")}), "InvalidParameterException")
	wantCode(t, create(awsecr.CreateRepositoryInput{RepositoryName: aws.String("x1"), ImageTagMutability: "SOMETIMES"}), "InvalidParameterException")
	wantCode(t, create(awsecr.CreateRepositoryInput{RepositoryName: aws.String("x1"), EncryptionConfiguration: &ecrtypes.EncryptionConfiguration{EncryptionType: "ROT13"}}), "InvalidParameterException")
	images, err := s.ListImages(ctx, &awsecr.ListImagesInput{RepositoryName: aws.String("team/app")})
	if err != nil || len(images.ImageIds) != 0 {
		t.Errorf("ListImages = %+v, %v", images, err)
	}
	_, err = s.DescribeImages(ctx, &awsecr.DescribeImagesInput{RepositoryName: aws.String("team/app"), ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: aws.String("v1")}}})
	wantCode(t, err, "ImageNotFoundException")
	if _, err = s.DescribeImages(ctx, &awsecr.DescribeImagesInput{RepositoryName: aws.String("team/app")}); err != nil {
		t.Error(err)
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code {
		t.Errorf("error = %v, want %s", err, code)
	}
}
