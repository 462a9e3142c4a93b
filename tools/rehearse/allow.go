package rehearse

import (
	"context"
	"errors"
	"fmt"

	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/project"
)

// allow lets CloudFormation deploy the stacks of the checkout, in addition to what it may
// already deploy, each by its own role. It returns the ARN of the policy of the role that all
// others share. mage bootstrap does the same on AWS.
func (r *rehearsal) allow(ctx context.Context, checkouts ...project.Config) (string, error) {
	for _, checkout := range checkouts {
		if checkout.Dir == "" { // the checkout could not be synthesized
			continue
		}
		err := errors.Join(r.needs.Add(checkout), r.roles.Add(checkout))
		if r.anything == nil && err != nil {
			r.anything = err
			fmt.Fprintf(r.cfg.Stdout, "bootstrap CloudFormation may do anything in this rehearsal: %v\n", r.anything)
		}
	}
	document, err := r.needs.Policy(accountID)
	if err != nil {
		return "", err
	}
	if r.anything != nil {
		document = deploy.Anything
		r.roles.Anything()
	}
	if err := r.roles.Put(ctx, r.aws, accountID); err != nil {
		return "", err
	}
	return deploy.PutAllowed(ctx, r.aws, accountID, "rehearsal", document)
}
