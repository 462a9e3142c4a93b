package types

import (
	"crypto/rand"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// randomLength is the length of the random suffix of a generated name.
const randomLength = 12

// nameOf returns the name that a property gives a resource. If there is none,
// it generates one of at most limit characters.
func nameOf(r *resource.Request, property string, limit int) *string {
	if name := stringOf(r.Properties, property); name != "" {
		return aws.String(name)
	}
	return aws.String(generatedName(r, limit))
}

// generatedName returns StackName-LogicalID-RANDOM, cut to limit characters in
// total. If both parts do not fit, the logical id gets half of the space, plus
// whatever the stack's name does not use.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html.
func generatedName(r *resource.Request, limit int) string {
	stack, logical := r.StackName, r.LogicalID
	room := limit - randomLength - 2
	logical = logical[:min(len(logical), max(room/2, room-len(stack)))]
	stack = stack[:min(len(stack), room-len(logical))]
	return stack + "-" + logical + "-" + random()
}

// generatedLocalName returns LogicalID-RANDOM. Some services' handlers leave
// the stack's name out.
func generatedLocalName(r *resource.Request, limit int) string {
	return r.LogicalID[:min(len(r.LogicalID), limit-randomLength-1)] + "-" + random()
}

// generatedShortName returns the id of a resource that has no name property:
// five characters each of the stack's name and the logical id, and the random suffix.
func generatedShortName(r *resource.Request) string {
	return r.StackName[:min(len(r.StackName), 5)] + "-" + r.LogicalID[:min(len(r.LogicalID), 5)] + "-" + random()
}

func random() string { return rand.Text()[:randomLength] }

// lowerName is nameOf for names that must be lower case.
func lowerName(r *resource.Request, property string, limit int) *string {
	name := nameOf(r, property, limit)
	if stringOf(r.Properties, property) == "" {
		*name = strings.ToLower(*name)
	}
	return name
}
