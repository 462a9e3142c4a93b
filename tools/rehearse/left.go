package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/project/manifest"
)

// A Step is a step that a rehearsal could not take, because the delivery lacks something or
// because the embedded AWS does not run it.
type Step struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	// Next is what to do about it.
	Next string `json:"next"`
}

// shifted is the advice about a function whose traffic CodeDeploy does not shift.
const shifted = "put the function behind an alias with a LambdaDeploymentGroup in the CDK app, or use delivery.NewDelivery of infra/delivery; then go tool mage synth"

// notRehearsed returns the steps that this repository's own pipeline has and that the
// pipeline with these names lacks.
func notRehearsed(names manifest.Manifest) []Step {
	var steps []Step
	if f, plain := plainly(names.First()); plain {
		steps = append(steps, Step{"drill", fmt.Sprintf("CodeDeploy does not shift the traffic of function %s on %s, so it can't take a bad version back", f, names.First().Name), shifted})
	}
	if f, plain := plainly(names.Last()); plain {
		steps = append(steps, Step{"canary", fmt.Sprintf("CodeDeploy does not shift the traffic of function %s on %s: all of it moved to the release at once, and nothing would have taken it back", f, names.Last().Name), shifted})
	}
	_, plain := plainly(names.Last())
	if last := names.Last(); names.Annotated != "" && (plain || last.Functions[0].Outputs["NotificationTopic"] == "") {
		steps = append(steps, Step{"plan", "no deployment plan was sent: " + last.Name + " has no alias that CodeDeploy shifts, or no output with the topic of its alarms", shifted})
	}
	if len(names.Replaced) > 0 {
		steps = append(steps, Step{"accounts", "a rehearsal has one account, " + accountID + ", which had the stacks of account " + strings.Join(names.Replaced, " and ") + " too: what these accounts share or forbid was not there", "try the release in a stage on AWS"})
	}
	if names.Annotated != "" && names.Pipeline.Evidence == nil {
		steps = append(steps, Step{"ledger", "no stage keeps the evidence of releases: it is in the pipeline's artifacts only, and the approver was shown no page", "deploy the release ledger, app of github.com/magewright/magewright, in the first stage"})
	}
	return steps
}

// notRehearsed returns everything that this rehearsal leaves open.
func (r *rehearsal) notRehearsed(ctx context.Context) ([]Step, error) {
	recorded, err := notRun(ctx, cloudformation.NewFromConfig(r.aws), r.names.Stacks())
	return slices.Concat(notRehearsed(r.names), notOurs(r.forward), recorded), err
}

// notOurs returns the services that other endpoints had.
func notOurs(forward map[string]string) []Step {
	var steps []Step
	for _, service := range slices.Sorted(maps.Keys(forward)) {
		steps = append(steps, Step{
			service, "its requests went to " + forward[service] + ", which is not the embedded AWS: what it did there is not rehearsed",
			"rehearse without -forward, or try the release in a stage on AWS",
		})
	}
	return steps
}

// notRun returns the resources of stacks that the embedded AWS does not run, by type. It
// says so in their status reasons.
func notRun(ctx context.Context, client *cloudformation.Client, stacks []string) ([]Step, error) {
	found := map[string]*Step{}
	for _, stack := range stacks {
		pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &stack})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if api, ok := errors.AsType[smithy.APIError](err); ok && strings.Contains(api.ErrorMessage(), "does not exist") {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("listing the resources of stack %s: %w", stack, err)
			}
			for _, r := range page.StackResourceSummaries {
				why, ok := strings.CutPrefix(aws.ToString(r.ResourceStatusReason), "NOT REHEARSED: ")
				if !ok {
					continue
				}
				if found[why] == nil {
					found[why] = &Step{Name: aws.ToString(r.ResourceType), Why: why + ":", Next: "try the release with it in a stage on AWS; rehearsal.forbidRecorded in infra/policy/readiness.yml refuses such releases"}
				}
				found[why].Why += " " + stack + "/" + aws.ToString(r.LogicalResourceId)
			}
		}
	}
	var steps []Step
	for _, why := range slices.Sorted(maps.Keys(found)) {
		steps = append(steps, *found[why])
	}
	return steps, nil
}

// plainly returns the first function of a stage whose traffic CodeDeploy does not
// shift, and whether there is one.
func plainly(stage manifest.Stage) (function string, plain bool) {
	i := slices.IndexFunc(stage.Functions, func(f manifest.Function) bool {
		// The repository's names from before there were manifests have no group.
		return f.Function != "" && (f.Alias == "" || f.DeploymentGroup == "")
	})
	if i < 0 {
		return "", false
	}
	return stage.Functions[i].Function, true
}

// describeLeft prints those steps.
func describeLeft(w io.Writer, steps []Step) {
	for i, s := range steps {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "NOT REHEARSED  %s: %s\n  next: %s\n", s.Name, s.Why, s.Next)
	}
}
