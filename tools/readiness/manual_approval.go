package readiness

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// manualApproval checks that nothing reaches production without a person's approval.
func manualApproval() Check {
	return Check{
		ID: "manual-approval", Item: PreProduction,
		Title: "In the pipeline, a person approves production on the basis of this assessment",
		Doc: `The rules apply to each AWS::CodePipeline::Pipeline in the assembly. An action deploys
production if its MAGE_TARGETS contain promote. Before each such action, in an earlier
stage or with a lower RunOrder, there must be a manual approval, and before the
approval an action whose MAGE_TARGETS contain readiness. A stage that a condition may
skip does not count. It is unknown what an action of another kind deploys, so it must
come after an approval, too. So must one that changes the pipeline: its MAGE_TARGETS
contain pipeline:deploy. The projects of actions that run readiness or promote must have
their buildspec in the template, because that of the commit is the commit's. Source:
https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Next:   "fix the pipeline, then go tool mage synth",
		Decide: func(in Inputs) Result {
			assembly := read(in, &Assembly{})
			name := assembly.pipeline()
			if name == unnamed {
				r := Undecided("the assembly has no pipeline, so it is unknown how production is deployed")
				r.Next = "go tool mage synth, which writes one for two stages or more"
				return r
			}
			stack, ok := assembly.Stacks[name]
			if !ok {
				return Undecided("the assembly has no stack %s", name)
			}
			t, err := parseTemplate(stack.Template)
			if err != nil {
				return Undecided("%s of the assembly: %v", name, err)
			}
			pipelines := t.ofType("AWS::CodePipeline::Pipeline")
			var findings, undecided []string
			stages, actions, promotes, approvals := 0, 0, 0, 0
			for _, id := range pipelines {
				order := pipelineActions(t.Resources[id].Properties["Stages"])
				stages += len(cfnList(t.Resources[id].Properties["Stages"]))
				actions += len(order)
				for _, a := range order {
					judges := a.runs("readiness") || a.runs("promote")
					switch {
					case a.approves():
						approvals++
					case a.runs("promote") || a.runs("pipeline:deploy"):
						findings = append(findings, unapproved(id, a, order)...)
					case !judges && !a.known && len(unapproved(id, a, order)) > 0:
						undecided = append(undecided, fmt.Sprintf("%s: it is unknown what %s deploys, and nobody approves before it", id, a.name))
					}
					if a.runs("promote") {
						promotes++
					}
					if !judges {
						continue
					}
					if project, ok := t.Resources[a.project]; !ok {
						undecided = append(undecided, fmt.Sprintf("%s: it is unknown which buildspec %s runs, because its project is not a Ref to one of the template", id, a.name))
					} else if spec, own := ownBuildspec(project); own {
						findings = append(findings, fmt.Sprintf("%s: %s runs %q of the commit, so the commit would judge itself", id, a.name, spec))
					}
				}
			}
			if promotes == 0 {
				undecided = append(undecided, "no action runs promote, so it is unknown how production is deployed")
			}
			return concluded(fmt.Sprintf("%s, %s, %s: %s, %s to production", count(len(pipelines), "pipeline"), count(stages, "stage"), count(actions, "action"),
				count(approvals, "manual approval"), count(promotes, "deployment")), findings, undecided,
				"Who may approve: IAM decides that. A target that calls promote under another name. Manual changes to the pipeline: see drift.")
		},
	}
}

// A pipelineAction is one action of a pipeline and when it runs.
type pipelineAction struct {
	name               string
	stage              int     // index of its stage
	order              float64 // RunOrder; NaN if it is unknown, so that it is neither before nor after any other
	category, provider string
	targets            []string // the mage targets in MAGE_TARGETS
	known              bool     // whether it is known what the action does
	project            string   // the logical id of its project, if the template has it
	skipped            bool     // whether the action may be skipped, or it is unknown when it runs
}

func pipelineActions(stages any) (actions []pipelineAction) {
	for i, stage := range cfnList(stages) {
		skipped := skips(stage)
		declared := cfnList(cfnAt(stage, "Actions"))
		// An example is a stage that is built by an Fn::If.
		if len(declared) == 0 {
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
				project:  cfnText(cfnAt(action, "Configuration", "ProjectName", "Ref")),
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

// ownBuildspec returns the buildspec of a project, and whether it is a file of the commit. A
// text of several lines is the buildspec itself.
func ownBuildspec(project cfnResource) (spec string, own bool) {
	spec = cfnText(cfnAt(project.Properties["Source"], "BuildSpec"))
	return spec, !strings.Contains(spec, "\n")
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

// mageTargets reads MAGE_TARGETS in a CodeBuild action's EnvironmentVariables,
// which are a JSON text. A value that is only available at run time is unknown:
// one from the parameter store, from a secret or from a pipeline variable.
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

// before reports whether the action has always finished when the other one begins.
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
