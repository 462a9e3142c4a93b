package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// checkOwner refuses to deploy over a stack of another repository: two that call
// their stacks alike would replace one another's functions and delete the rest.
//
// Whose a stack is, its tag says. A stack without the tag is taken where it was
// never created, and where the manifest says that the repository's own stacks were
// deployed before there were tags. An assembly without a manifest does not know its
// repository: it is deployed over no stack that has a tag.
func checkOwner(ctx context.Context, cfg project.Config, awsConfig aws.Config, stacks []string) error {
	names, err := manifest.Read(cfg)
	if err != nil && !errors.Is(err, manifest.ErrNone) {
		return err
	}
	for _, name := range stacks {
		place := placeOf(names, name)
		err := stack.CheckAccount(ctx, awsConfig, place)
		if errors.Is(err, stack.ErrOtherAccount) {
			// The CDK CLI deploys it with a role of that account. That role is for nothing else.
			fmt.Fprintf(cfg.Stdout, "nobody has looked whose stack %s is: it is in account %s, and these credentials are for another\n", name, place.Account)
			continue
		}
		if err != nil {
			return err
		}
		client := cloudformation.NewFromConfig(stack.In(awsConfig, place))
		owner, isNew, err := ownerOf(ctx, client, name)
		if err != nil {
			return err
		}
		if err := refuse(names, name, owner, isNew); err != nil {
			return err
		}
	}
	return nil
}

// placeOf returns where a stack of the manifest goes. That of evidence goes where
// its stage goes.
func placeOf(names manifest.Manifest, stack string) manifest.Place {
	for _, stage := range names.Stages {
		for _, name := range stage.Stacks() {
			if name == stack {
				return stage.Place
			}
		}
	}
	return names.Pipeline.Place
}

// ownerOf returns the repository that a stack's tag names, or "" where it has none,
// and whether there is no such stack yet.
func ownerOf(ctx context.Context, client *cloudformation.Client, name string) (owner string, isNew bool, err error) {
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if _, absent := stack.Absent(err); absent {
		return "", true, nil
	}
	if err != nil {
		return "", false, exit.Missing("aws cloudformation describe-stacks --stack-name "+name, "looking whose stack %s is: %w", name, err)
	}
	isNew = true
	for _, s := range described.Stacks {
		// One under review is a change set only.
		isNew = isNew && s.StackStatus == types.StackStatusReviewInProgress
		for _, tag := range s.Tags {
			if aws.ToString(tag.Key) == manifest.RepositoryTag {
				owner = aws.ToString(tag.Value)
			}
		}
	}
	return owner, isNew, nil
}

// refuse returns why the assembly may not be deployed over a stack.
func refuse(names manifest.Manifest, name, owner string, isNew bool) error {
	ours := names.Repository
	next := fmt.Sprintf("give the delivery another name in the CDK app, then go tool mage synth; or, if the stack is yours: aws cloudformation update-stack --stack-name %s --use-previous-template --capabilities CAPABILITY_NAMED_IAM --tags Key=%s,Value=%s",
		name, manifest.RepositoryTag, ours)
	switch {
	case isNew, owner != "" && strings.EqualFold(owner, ours): // source providers tell no case apart
		return nil
	case ours == "" && owner == "": // both are older than tags
		return nil
	case ours == "":
		return exit.Missing("go tool mage synth", "stack %s belongs to repository %s, and the assembly does not say whose it is, because an older Magewright has synthesized it", name, owner)
	case owner == "" && names.Untagged:
		return nil
	case owner == "":
		return exit.Failed(next, "there is a stack %s already, and no tag %s says that it belongs to %s: it is not deployed over", name, manifest.RepositoryTag, ours)
	default:
		return exit.Failed(next, "stack %s belongs to repository %s, as its tag %s says, and the assembly is of %s: it is not deployed over", name, owner, manifest.RepositoryTag, ours)
	}
}
