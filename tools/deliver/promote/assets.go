package promote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// largestAsset is Lambda's limit for an unzipped package in S3, in bytes. Nothing larger can
// be deployed.
const largestAsset = 250 << 20

// checkAssets compares the objects in S3 that have the names of production's assets with the
// assembly. The CDK CLI does not upload an asset if an object of its name exists, and the
// names are known beforehand. So anybody who may write to the bucket could have put another
// function or template there.
func checkAssets(ctx context.Context, cfg project.Config, awsConfig aws.Config, production manifest.Stage, by caller) error {
	account, region := by.account, awsConfig.Region
	if production.Account != "" {
		account = production.Account
	}
	if production.Region != "" {
		region = production.Region
	}
	partition := "aws"
	if of, err := arn.Parse(by.arn); err == nil {
		partition = of.Partition
	}
	var all []cdk.Asset
	for _, stack := range production.Stacks() {
		assets, err := cdk.Assets(cfg.Assembly, filepath.Dir(filepath.FromSlash(production.Template)), stack, partition, account, region)
		if err != nil {
			return err
		}
		all = append(all, assets...)
	}
	if err := checkAddresses(cfg.Assembly, all); err != nil {
		return err
	}
	for _, asset := range all {
		if err := checkAsset(ctx, cfg, awsConfig, asset); err != nil {
			return err
		}
	}
	return nil
}

// checkAddresses returns an error if different files would be uploaded to one address. It
// would be left to chance which of them is deployed.
func checkAddresses(assembly string, assets []cdk.Asset) error {
	uploads := map[string]cdk.Asset{}
	for _, asset := range assets {
		address := "s3://" + asset.Bucket + "/" + asset.Key
		other, known := uploads[address]
		uploads[address] = asset
		if !known || other.Path == asset.Path && other.Zip == asset.Zip {
			continue
		}
		// The address is made from the content, so that equal files have the same one.
		one, oneErr := cdk.HashFile(filepath.Join(assembly, other.Path))
		two, twoErr := cdk.HashFile(filepath.Join(assembly, asset.Path))
		if oneErr != nil || twoErr != nil || one != two || asset.Zip || other.Zip {
			return exit.Failed("in the CDK app, give each asset an address of its own; then go tool mage synth",
				"the assembly uploads both %s and %s to %s", other.Path, asset.Path, address)
		}
	}
	return nil
}

func checkAsset(ctx context.Context, cfg project.Config, awsConfig aws.Config, asset cdk.Asset) error {
	object, err := readObject(ctx, awsConfig, asset)
	if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
		return nil // it will be uploaded
	}
	if _, ok := errors.AsType[*types.NoSuchBucket](err); ok {
		return exit.Missing("go tool mage bootstrap", "there is no bucket %s for the assets: %w", asset.Bucket, err)
	}
	look := "aws s3api head-object --bucket " + asset.Bucket + " --key " + asset.Key
	if err != nil {
		return exit.Missing(look, "comparing the object in S3 with %s: %w", asset.Path, err)
	}
	if err := asset.Is(cfg.Assembly, object); err != nil {
		return exit.Failed(look+"; find out who wrote it, then delete it",
			"s3://%s/%s has the name of the assembly's %s and would be deployed instead of it: %w", asset.Bucket, asset.Key, asset.Path, err)
	}
	return nil
}

// readObject returns the object with an asset's name. Like the CDK CLI, it assumes the role
// that may publish assets, and otherwise uses its own credentials.
func readObject(ctx context.Context, awsConfig aws.Config, asset cdk.Asset) ([]byte, error) {
	if asset.Role != "" {
		provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(awsConfig), asset.Role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "magewright-promote"
			if asset.ExternalID != "" {
				o.ExternalID = &asset.ExternalID
			}
		})
		if assumed, err := provider.Retrieve(ctx); err == nil {
			awsConfig = awsConfig.Copy()
			awsConfig.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return assumed, nil })
		}
	}
	client := s3.NewFromConfig(awsConfig, func(o *s3.Options) {
		if asset.Region != "" {
			o.Region = asset.Region
		}
		// An endpoint on this machine has no host names for buckets.
		o.UsePathStyle = awsConfig.BaseEndpoint != nil
	})
	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &asset.Bucket, Key: &asset.Key})
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(got.Body, largestAsset+1))
	if err := errors.Join(err, got.Body.Close()); err != nil {
		return nil, err
	}
	if len(data) > largestAsset {
		return nil, fmt.Errorf("it has more than %d bytes, so it can't be deployed", largestAsset)
	}
	return data, nil
}

// untouched adds to an error that nothing was deployed yet.
func untouched(err error) error {
	if e, ok := errors.AsType[*exit.Error](err); ok {
		return &exit.Error{Code: e.Code, Err: fmt.Errorf("production is untouched: %w", e.Err), Next: e.Next}
	}
	return fmt.Errorf("production is untouched: %w", err)
}
