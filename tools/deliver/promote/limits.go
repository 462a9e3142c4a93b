package promote

import (
	"os"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
)

// limitsOf returns the limits for the new version of a function. They are those of the
// alarms of its deployment group in production, so that promote and the alarms agree on
// what is too much.
func limitsOf(cfg project.Config, o stack.Outputs) (canary.Limits, error) {
	names, err := manifest.Read(cfg)
	if err != nil {
		return canary.Limits{}, err
	}
	file := names.Last().TemplateFile(cfg)
	template, err := os.ReadFile(file) // #nosec G304 -- a file of the assembly
	if err != nil {
		return canary.Limits{}, exit.Missing("go tool mage synth", "reading what production's alarms watch: %w", err)
	}
	// The groups of this function. A stage with a single function needs no choice.
	var groups []string
	for _, f := range names.Last().Functions {
		if len(names.Last().Functions) > 1 && f.Function == o.LogicalID && f.DeploymentGroup != "" {
			groups = append(groups, f.DeploymentGroup)
		}
	}
	errorPercent, p90, err := readiness.Gates(template, groups...)
	if err != nil && names.Annotated != "" {
		// The alarms of another CDK app may count errors, or watch something else.
		return canary.LimitsOf(agreed.UsualErrorPercent/100, agreed.UsualP90Milliseconds), nil
	}
	if err != nil {
		return canary.Limits{}, exit.Missing("fix infra/service, then go tool mage synth", "promote does not know the limits for a canary: %s: %w", file, err)
	}
	return canary.LimitsOf(errorPercent/100, p90), nil
}
