package rehearse

import (
	"context"
	"fmt"

	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/project"
)

// anything is a policy with which CloudFormation may do anything.
const anything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// allow lets CloudFormation deploy the stacks of the checkout, in addition to what it may
// already deploy. It returns the ARN of the policy. mage bootstrap does the same on AWS.
func (r *rehearsal) allow(ctx context.Context, checkouts ...project.Config) (string, error) {
	for _, checkout := range checkouts {
		if checkout.Dir == "" || r.anything != nil { // the checkout could not be synthesized
			continue
		}
		if r.anything = r.needs.Add(checkout); r.anything != nil {
			fmt.Fprintf(r.cfg.Stdout, "bootstrap CloudFormation may do anything in this rehearsal: %v\n", r.anything)
		}
	}
	document, err := r.needs.Policy(accountID)
	if err != nil {
		return "", err
	}
	if r.anything != nil {
		document = anything
	}
	return deploy.PutAllowed(ctx, r.aws, accountID, "rehearsal", document)
}
