package readiness

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// manualApproval: nothing reaches production before a person has said yes.
func manualApproval() Check {
	return Check{
		ID: "manual-approval", Item: PreProduction,
		Title: "In the pipeline a person approves before production, on this assessment",
		Doc: `Rules over each AWS::CodePipeline::Pipeline of the assembly. An action deploys
production where its MAGE_TARGETS have promote. Before each of them, in an earlier stage
or with a lower RunOrder, there is a manual approval, and before that an action whose
MAGE_TARGETS have readiness. A stage that a condition may skip counts for nothing.
What an action of another kind deploys is not known: it too must come after an approval.
Source: https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Next:   "mend infra/pipeline, then go tool mage synth",
		Decide: func(in Inputs) Result {
			assembly := read(in, &Assembly{})
			stack, ok := assembly.Stacks[pipelineStack]
			if !ok {
				return Undecided("the assembly has no stack %s", pipelineStack)
			}
			t, err := parseTemplate(stack.Template)
			if err != nil {
				return Undecided("%s of the assembly: %v", pipelineStack, err)
			}
			pipelines := t.ofType("AWS::CodePipeline::Pipeline")
			var findings, undecided []string
			stages, actions, promotes, approvals := 0, 0, 0, 0
			for _, id := range pipelines {
				order := pipelineActions(t.Resources[id].Properties["Stages"])
				stages += len(cfnList(t.Resources[id].Properties["Stages"]))
				actions += len(order)
				for _, a := range order {
					switch {
					case a.approves():
						approvals++
					case a.runs("promote"):
						promotes++
						findings = append(findings, unapproved(id, a, order)...)
					case !a.known && len(unapproved(id, a, order)) > 0:
						undecided = append(undecided, fmt.Sprintf("%s: what %s deploys can't be told, and nobody approves before it", id, a.name))
					}
				}
			}
			if promotes == 0 {
				undecided = append(undecided, "no action runs promote: how production is deployed can't be told")
			}
			return concluded(fmt.Sprintf("%s, %s, %s: %s, %s to production", count(len(pipelines), "pipeline"), count(stages, "stage"), count(actions, "action"),
				count(approvals, "manual approval"), count(promotes, "deployment")), findings, undecided,
				"Who may approve, which IAM decides. A target that calls promote by another name. Whether the pipeline was changed by hand: see drift.")
		},
	}
}

// A pipelineAction is one action of a pipeline and when it runs.
type pipelineAction struct {
	name               string
	stage              int     // its place
	order              float64 // RunOrder; NaN, before and after nothing, where it can't be told
	category, provider string
	targets            []string // of MAGE_TARGETS
	known              bool     // whether what it does can be told
	skipped            bool     // whether it may be skipped, or when it runs can't be told
}

func pipelineActions(stages any) (actions []pipelineAction) {
	for i, stage := range cfnList(stages) {
		skipped := skips(stage)
		declared := cfnList(cfnAt(stage, "Actions"))
		if len(declared) == 0 { // such as a stage that an Fn::If makes
			declared = []any{nil}
		}
		for _, action := range declared {
			order := number(cfnAt(action, "RunOrder"), 1)
			a := pipelineAction{
				name:     cfnText(cfnAt(stage, "Name")) + "/" + cfnText(cfnAt(action, "Name")),
				stage:    i,
				order:    order,
				category: cfnText(cfnAt(action, "ActionTypeId", "Category")),
				provider: cfnText(cfnAt(action, "ActionTypeId", "Provider")),
				skipped:  skipped || math.IsNaN(order),
			}
			var ok bool
			a.targets, ok = mageTargets(cfnAt(action, "Configuration", "EnvironmentVariables"))
			a.known = ok || a.category == "Source" || a.approves()
			actions = append(actions, a)
		}
	}
	return actions
}

// skips reports whether a condition may skip a stage.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html.
func skips(stage any) bool {
	for _, name := range []string{"BeforeEntry", "OnFailure"} {
		if cfnAt(stage, name, "Result") == "SKIP" {
			return true
		}
		for _, condition := range cfnList(cfnAt(stage, name, "Conditions")) {
			if cfnAt(condition, "Result") == "SKIP" {
				return true
			}
		}
	}
	return false
}

// mageTargets reads MAGE_TARGETS of a CodeBuild action's EnvironmentVariables:
// JSON in a text. What is only known when the action runs is not known: a value
// of the parameter store, of a secret or of a pipeline's variable.
func mageTargets(v any) ([]string, bool) {
	var variables []struct{ Name, Type, Value string }
	if text, ok := v.(string); !ok || json.Unmarshal([]byte(text), &variables) != nil {
		return nil, false
	}
	var targets []string
	for _, variable := range variables {
		if variable.Name != "MAGE_TARGETS" {
			continue
		}
		if targets != nil || variable.Type != "" && variable.Type != "PLAINTEXT" || strings.Contains(variable.Value, "#{") {
			return nil, false
		}
		targets = strings.Fields(variable.Value)
	}
	return targets, len(targets) > 0
}

func (a pipelineAction) approves() bool { return a.category == "Approval" && a.provider == "Manual" }

// runs reports whether the action runs a mage target; mage ignores case.
func (a pipelineAction) runs(target string) bool {
	return slices.ContainsFunc(a.targets, func(name string) bool { return strings.EqualFold(name, target) })
}

// before reports whether the action has always run when the other begins.
func (a pipelineAction) before(other pipelineAction) bool {
	return !a.skipped && (a.stage < other.stage || a.stage == other.stage && a.order < other.order)
}

// unapproved returns what is missing before an action that deploys production.
func unapproved(pipeline string, promote pipelineAction, actions []pipelineAction) []string {
	approved := false
	for _, approval := range actions {
		if !approval.approves() || !approval.before(promote) {
			continue
		}
		approved = true
		if slices.ContainsFunc(actions, func(a pipelineAction) bool { return a.runs("readiness") && a.before(approval) }) {
			return nil
		}
	}
	if approved {
		return []string{fmt.Sprintf("%s: no action runs readiness before the approval of %s", pipeline, promote.name)}
	}
	return []string{fmt.Sprintf("%s: no manual approval comes before %s", pipeline, promote.name)}
}
