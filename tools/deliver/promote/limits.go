package promote

import (
	"os"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
)

// What is too much for a new version of a function whose alarms say no percentage of errors
// or no p90: the same as by the alarms that delivery.NewDelivery makes unless it is told
// otherwise. The p90 is in milliseconds.
const (
	usualErrorPercent = 5.0
	usualP90          = 3000.0
)

// limitsOf returns what is asked of the new version of a function: promote and the alarms
// of its deployment group in production take the same for too much.
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
	var groups []string // of the function; of a stage of one function, all there are
	for _, f := range names.Last().Functions {
		if len(names.Last().Functions) > 1 && f.Function == o.LogicalID && f.DeploymentGroup != "" {
			groups = append(groups, f.DeploymentGroup)
		}
	}
	errorPercent, p90, err := readiness.Gates(template, groups...)
	if err != nil && names.Annotated != "" {
		// The alarms of another CDK app may count errors, or watch something else.
		return canary.LimitsOf(usualErrorPercent/100, usualP90), nil
	}
	if err != nil {
		return canary.Limits{}, exit.Missing("mend infra/service, then go tool mage synth", "promote does not know what is too much for a canary: %s: %w", file, err)
	}
	return canary.LimitsOf(errorPercent/100, p90), nil
}
