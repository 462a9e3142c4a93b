package promote

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
	"github.com/magewright/magewright/tools/project/stack"
)

// gates is production's template as far as its deployment group's alarms go.
func gates(errorPercent, p90 float64) string {
	return fmt.Sprintf(`{"Resources": {
		"Shift": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {"AlarmConfiguration": {"Alarms": [{"Name": {"Ref": "Errors"}}, {"Name": {"Ref": "Duration"}}]}}},
		"Errors": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": %g, "Metrics": [
			{"Id": "percent", "Expression": "100 * e / i"},
			{"Id": "e", "MetricStat": {"Metric": {"MetricName": "Errors"}}, "ReturnData": false},
			{"Id": "i", "MetricStat": {"Metric": {"MetricName": "Invocations"}}, "ReturnData": false}]}},
		"Duration": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": %g, "MetricName": "Duration", "ExtendedStatistic": "p90"}}}}`, errorPercent, p90)
}

func writeTemplate(t *testing.T, cfg project.Config, template string) {
	t.Helper()
	manifesttest.Write(t, cfg.Assembly, "", "")
	if err := os.WriteFile(filepath.Join(cfg.Assembly, manifest.Old().Last().Template), []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLimits holds that promote asks of a canary what production's alarms do.
func TestLimits(t *testing.T) {
	t.Parallel()
	cfg := project.Config{Assembly: t.TempDir()}
	if _, err := limitsOf(cfg, stack.Outputs{}); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "next: go tool mage synth") {
		t.Errorf("without an assembly: %v", err)
	}
	for percent, invocations := range map[float64]int{5: 59, 2: 149, 1: 299} {
		writeTemplate(t, cfg, gates(percent, 1500))
		got, err := limitsOf(cfg, stack.Outputs{})
		want := canary.Limits{MinInvocations: invocations, Significance: 0.01, MaxErrorRate: percent / 100, MaxP90: 1500, Slower: 2, SlowerBy: 100}
		if err != nil || got != want {
			t.Errorf("%g %%: %+v, %v; want %+v", percent, got, err, want)
		}
		if missed := canary.Missed(canary.Count{Invocations: got.MinInvocations}); missed > got.MaxErrorRate {
			t.Errorf("%d invocations do not exclude %g %%, but %g", got.MinInvocations, percent, missed)
		}
	}
	for name, template := range map[string]string{
		"no gate on errors":   strings.Replace(gates(5, 3000), "100 * e / i", "e", 1),
		"no gate on duration": strings.Replace(gates(5, 3000), "p90", "p50", 1),
		"no threshold":        strings.Replace(gates(5, 3000), "Threshold", "ThresholdMetricId", 1),
	} {
		writeTemplate(t, cfg, template)
		if _, err := limitsOf(cfg, stack.Outputs{}); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "promote does not know the limits for a canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another CDK app has the alarms that its team has chosen.
	writeTemplate(t, cfg, `{"Resources": {"Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {}}}}`)
	file := filepath.Join(cfg.Assembly, manifest.File)
	text, err := os.ReadFile(file) // #nosec G304 -- of the test
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Replace(string(text), "{", `{"annotated":"the templates",`, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := limitsOf(cfg, stack.Outputs{}); err != nil || got != canary.LimitsOf(0.05, 3000) {
		t.Errorf("without gates in another CDK app: %+v, %v", got, err)
	}
}
