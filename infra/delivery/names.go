package delivery

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/tools/project/agreed"
)

// RepositoryTag is the tag of a stack that names the repository which delivers
// the stack. The tools refuse to deploy over a stack of another repository.
const RepositoryTag = agreed.RepositoryTag

// PipelineStage is the part of the names of the pipeline and its stack that corresponds to
// the stage in other names.
const PipelineStage = "pipeline"

var (
	// The name of a stack can have 128 characters. The name of a function, which begins with
	// the stack's name, can have 64.
	deliveryName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)
	// Stage names have no hyphen, so a stack's name can be split again, and no two deliveries
	// have a stack name in common.
	stageName      = regexp.MustCompile(`^[a-z][a-z0-9]{0,19}$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$`)
	notInName      = regexp.MustCompile(`[^a-z0-9]+`)
)

// StackName returns the name of the stack of a stage. For the stage [PipelineStage] it is the
// stack of the pipeline. Different deliveries and stages have different names.
func StackName(name, stage string) string { return name + "-" + stage }

// NameOf returns a name for a delivery that no other repository has: the last part of the
// repository's name, and a digest of the whole name.
func NameOf(repository string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(repository)))
	last := strings.ToLower(repository[strings.LastIndex(repository, "/")+1:])
	last = strings.Trim(notInName.ReplaceAllString(last, "-"), "-")
	if last == "" || last[0] < 'a' {
		last = "r" + last
	}
	return strings.TrimRight(last[:min(len(last), 23)], "-") + "-" + hex.EncodeToString(sum[:8])
}

// checkNames refuses names with which stacks could be confused.
func checkNames(name, repository string, stages []string) error {
	if !repositoryName.MatchString(repository) {
		return fmt.Errorf("the repository is %q: it must be owner/name", repository)
	}
	if !deliveryName.MatchString(name) {
		return fmt.Errorf("the delivery's name is %q: it must be of lower-case letters, digits and hyphens, 40 at most", name)
	}
	if len(stages) < 2 {
		return fmt.Errorf("delivery %s has %d stages: it must have two or more, the last of which is what users have", name, len(stages))
	}
	seen := map[string]bool{PipelineStage: true}
	for _, stage := range stages {
		if !stageName.MatchString(stage) {
			return fmt.Errorf("a stage of %s is called %q: its name must be of lower-case letters and digits, 20 at most", name, stage)
		}
		if seen[stage] {
			return fmt.Errorf("%s would have two stacks by the name of %s", name, StackName(name, stage))
		}
		seen[stage] = true
	}
	return nil
}

// belongs tags a stack with its repository. The tag belongs to the stack and is not in its
// template. CloudFormation copies it to the resources.
func belongs(stack awscdk.Stack, repository string) {
	stack.Tags().SetTag(jsii.String(RepositoryTag), jsii.String(repository), nil, nil)
}
