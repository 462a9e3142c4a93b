package iam

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// awsManaged matches the ARN of a policy that AWS manages. The documents of only
// some of these policies are known here. Every name is accepted, but a policy
// that is not known allows nothing.
var awsManaged = regexp.MustCompile(`^arn:aws:iam::aws:policy/((?:[\w+=,.@-]+/)*)([\w+=,.@-]{1,128})$`)

//go:embed awsmanaged.tsv
var awsManagedTable string

// An awsPolicy is a policy that AWS manages, in its default version.
type awsPolicy struct {
	arn, version     string
	created, updated time.Time
	document         string
	parse            func() *policy.Policy
}

// awsPolicies returns the policies whose documents are known, by ARN.
var awsPolicies = sync.OnceValue(func() map[string]awsPolicy {
	policies := map[string]awsPolicy{}
	for line := range strings.Lines(awsManagedTable) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSpace(line), "\t")
		p := awsPolicy{arn: fields[0], version: fields[1], created: date(fields[2]), updated: date(fields[3]), document: fields[4]}
		p.parse = sync.OnceValue(func() *policy.Policy {
			parsed, err := parse(&p.document, p.arn, policy.Identity)
			if err != nil {
				// A test parses all of them.
				panic(p.arn + ": " + err.Error())
			}
			return parsed
		})
		policies[p.arn] = p
	}
	return policies
})

func date(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		// A test reads all of them.
		panic(err)
	}
	return t
}

// get returns the default version.
func (p awsPolicy) get(in *awsiam.GetPolicyVersionInput) (*awsiam.GetPolicyVersionOutput, error) {
	if id := aws.ToString(in.VersionId); id != p.version {
		return nil, noSuchEntity("Policy %s version %s does not exist or is not attachable.", p.arn, id)
	}
	return &awsiam.GetPolicyVersionOutput{PolicyVersion: &types.PolicyVersion{
		VersionId: aws.String(p.version), IsDefaultVersion: true, CreateDate: aws.Time(p.updated), Document: escape(p.document),
	}}, nil
}
