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

// largestAsset is Lambda's limit for a package in S3, unzipped, in bytes. Nothing
// larger can be deployed.
const largestAsset = 250 << 20

// checkAssets compares what is in S3 under the names of production's assets with
// the assembly. The CDK CLI uploads an asset only where nothing has its name, which
// is known beforehand. So whoever could write to the bucket could have put another
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
	for _, stack := range production.Stacks() {
		assets, err := cdk.Assets(cfg.Assembly, filepath.Dir(filepath.FromSlash(production.Template)), stack, partition, account, region)
		if err != nil {
			return err
		}
		for _, asset := range assets {
			if err := checkAsset(ctx, cfg, awsConfig, asset); err != nil {
				return err
			}
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
		return exit.Missing("go tool mage bootstrap", "there is no bucket %s for what is deployed: %w", asset.Bucket, err)
	}
	look := "aws s3api head-object --bucket " + asset.Bucket + " --key " + asset.Key
	if err != nil {
		return exit.Missing(look, "comparing what is in S3 already with %s: %w", asset.Path, err)
	}
	if err := asset.Is(cfg.Assembly, object); err != nil {
		return exit.Failed(look+"; find out who has written it, then delete it",
			"s3://%s/%s has the name of the assembly's %s, and would be deployed in its place: %w", asset.Bucket, asset.Key, asset.Path, err)
	}
	return nil
}

// readObject returns the object that has an asset's name. Like the CDK CLI it
// assumes the role that may publish, and otherwise uses its own credentials.
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
		// An endpoint on this machine has no hosts for buckets.
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
		return nil, fmt.Errorf("it has more than %d bytes, which can't be deployed", largestAsset)
	}
	return data, nil
}

// untouched adds to an error of the preparation that nothing was deployed.
func untouched(err error) error {
	if e, ok := errors.AsType[*exit.Error](err); ok {
		return &exit.Error{Code: e.Code, Err: fmt.Errorf("production is untouched: %w", e.Err), Next: e.Next}
	}
	return fmt.Errorf("production is untouched: %w", err)
}
