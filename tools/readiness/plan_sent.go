package readiness

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/surface/reference"
)

// A PlanSent records that a deployment plan was published.
type PlanSent struct {
	evidence.Made
	Digest    string `json:"digest"` // SHA-256 of Text
	Text      string `json:"text"`
	When      string `json:"when"`
	Topic     string `json:"topic"`     // its ARN
	MessageID string `json:"messageId"` // the id from SNS
}

// PredicateType implements [evidence.Predicate].
func (PlanSent) PredicateType() string { return base + "plan-sent/v1" }

// messageID matches an SNS message id: a UUID.
var messageID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// planSent checks that the people affected by the release were told.
func planSent() Check {
	return Check{
		ID: "plan", Item: Documentation,
		Title: "The deployment plan of this release was sent to the stakeholders",
		Doc: `The plan (what, when, risk, rollback, owner and contacts) is generated again from the
evidence. Its digest must be that of the plan that was sent. SNS must have given a
message id for a topic in the release's account. A plan of another release, or for a
different deployed state, fails.`,
		Inputs: []evidence.Predicate{Assembly{}, Deployed{}, Production{}, PlanSent{}},
		Next:   "go tool mage plan -send",
		Decide: func(in Inputs) Result {
			sent := read(in, &PlanSent{})
			again, err := in.plan(sent.When)
			if err != nil {
				return Undecided("%v", err)
			}
			var findings []string
			if in.Policy.Owner == "" || len(in.Policy.Contacts) == 0 {
				findings = append(findings, in.policyFile()+" names no owner or no contacts")
			}
			if newPlan(sent.Text).Digest != sent.Digest {
				findings = append(findings, fmt.Sprintf("the recorded text does not have the recorded digest %.12s", sent.Digest))
			}
			if again.Digest != sent.Digest {
				findings = append(findings, fmt.Sprintf("the plan of this release has digest %.12s, but %.12s was sent", again.Digest, sent.Digest))
				findings = append(findings, shortened(reference.Diff(sent.Text, again.Text), 20)...)
			}
			if !messageID.MatchString(sent.MessageID) {
				findings = append(findings, fmt.Sprintf("%q is not an SNS message id", sent.MessageID))
			}
			// The format is arn:PARTITION:sns:REGION:ACCOUNT:NAME.
			topic := strings.Split(sent.Topic, ":")
			switch {
			case len(topic) != 6 || topic[2] != "sns":
				findings = append(findings, fmt.Sprintf("%q is not an SNS topic", sent.Topic))
			case topic[4] != in.Candidate.Account:
				findings = append(findings, fmt.Sprintf("the topic is in account %s, but the release is for %s", topic[4], in.Candidate.Account))
			}
			counted := fmt.Sprintf("1 plan of %s, SHA-256 %.12s; message %s to %s", count(strings.Count(again.Text, "\n"), "line"), sent.Digest, sent.MessageID, sent.Topic)
			return concluded(counted, findings, nil,
				"Whether anybody has read it. A topic delivers only to confirmed subscriptions.")
		},
	}
}
