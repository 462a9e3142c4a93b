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

// checkOwner refuses to deploy over a stack of another repository. If two repositories gave
// their stacks the same name, each would replace the other's functions and delete the rest.
//
// The tag of a stack says to which repository it belongs. A stack without the tag is accepted
// if it was never created, or if the manifest says that the repository's own stacks were
// deployed before there were tags. An assembly without a manifest does not say to which
// repository it belongs, so it is not deployed over a stack that has a tag.
func checkOwner(ctx context.Context, cfg project.Config, awsConfig aws.Config, stacks []string) error {
	names, err := manifest.Read(cfg)
	if err != nil && !errors.Is(err, manifest.ErrNone) {
		return err
	}
	for _, name := range stacks {
		place := placeOf(names, name)
		err := stack.CheckAccount(ctx, awsConfig, place)
		if errors.Is(err, stack.ErrOtherAccount) {
			// The CDK CLI deploys it with a role of that account, which may be used for
			// nothing else.
			fmt.Fprintf(cfg.Stdout, "the owner of stack %s was not checked: it is in account %s, and these credentials are for another one\n", name, place.Account)
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

// placeOf returns where a stack of the manifest is deployed. The stack with the evidence of a
// stage is deployed where the stage is.
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

// ownerOf returns the repository that a stack's tag names, or "" if it has no such tag. It
// also returns whether the stack does not exist yet.
func ownerOf(ctx context.Context, client *cloudformation.Client, name string) (owner string, isNew bool, err error) {
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if _, absent := stack.Absent(err); absent {
		return "", true, nil
	}
	if err != nil {
		return "", false, exit.Missing("aws cloudformation describe-stacks --stack-name "+name, "looking up the owner of stack %s: %w", name, err)
	}
	isNew = true
	for _, s := range described.Stacks {
		// A stack under review is only a change set.
		isNew = isNew && s.StackStatus == types.StackStatusReviewInProgress
		for _, tag := range s.Tags {
			if aws.ToString(tag.Key) == manifest.RepositoryTag {
				owner = aws.ToString(tag.Value)
			}
		}
	}
	return owner, isNew, nil
}

// refuse returns an error if the assembly must not be deployed over a stack.
func refuse(names manifest.Manifest, name, owner string, isNew bool) error {
	ours := names.Repository
	next := fmt.Sprintf("give the delivery another name in the CDK app, then go tool mage synth; or, if the stack is yours: aws cloudformation update-stack --stack-name %s --use-previous-template --capabilities CAPABILITY_NAMED_IAM --tags Key=%s,Value=%s",
		name, manifest.RepositoryTag, ours)
	switch {
	case isNew, owner != "" && strings.EqualFold(owner, ours): // source providers ignore case
		return nil
	case ours == "" && owner == "": // both are older than the tags
		return nil
	case ours == "":
		return exit.Missing("go tool mage synth", "stack %s belongs to repository %s, and the assembly does not say which repository it belongs to, because an older Magewright synthesized it", name, owner)
	case owner == "" && names.Untagged:
		return nil
	case owner == "":
		return exit.Failed(next, "stack %s exists already, and no tag %s says that it belongs to %s: it was not replaced", name, manifest.RepositoryTag, ours)
	default:
		return exit.Failed(next, "stack %s belongs to repository %s, as its tag %s says, but the assembly belongs to %s: it was not replaced", name, owner, manifest.RepositoryTag, ours)
	}
}
