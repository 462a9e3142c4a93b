package iam

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// parse reads a document. name identifies it in reports.
func parse(text *string, name string, kind policy.Kind) (*policy.Policy, error) {
	p, err := policy.Parse(aws.ToString(text), kind)
	if err != nil {
		return nil, malformed(err.Error())
	}
	p.Name = name
	return p, nil
}

func malformed(message string) error {
	return &types.MalformedPolicyDocumentException{Message: aws.String(message)}
}

// size returns a document's length as AWS's quotas count it: without white space.
func size(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// escape encodes a document as IAM returns it: URL-encoded according to RFC 3986.
func escape(text string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
}
