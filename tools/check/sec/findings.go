package sec

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/magewright/magewright/tools/project"
)

// A Finding is something that a tool has found at a place.
type Finding struct {
	Rule string `json:"rule"`
	File string `json:"file"` // relative to the root, with slashes
	Line int    `json:"line"`
	Text string `json:"text"`
}

// texts returns what the findings say.
func texts(findings []Finding) []string {
	all := make([]string, 0, len(findings))
	for _, f := range findings {
		all = append(all, f.Text)
	}
	return all
}

// report leaves the findings of a check as SARIF, which systems such as GitHub show beside the
// code. They close what an earlier file has and this one has not. So a check that has not
// decided leaves no file, because it would close everything. gosec writes its own file.
// See https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
func (c Check) report(cfg project.Config) error {
	path, err := cfg.Path(c.Name + ".sarif")
	if err != nil || c.Report == filepath.Base(path) {
		return err
	}
	if c.State == Unknown {
		return os.RemoveAll(path)
	}
	type object = map[string]any
	results := make([]object, 0, len(c.Findings))
	for _, f := range c.Findings {
		results = append(results, object{
			"ruleId": f.Rule, "level": "error", "message": object{"text": f.Text},
			"locations": []object{{"physicalLocation": object{
				"artifactLocation": object{"uri": f.File}, "region": object{"startLine": max(1, f.Line)},
			}}},
		})
	}
	log := object{"version": "2.1.0", "runs": []object{{
		"tool": object{"driver": object{"name": c.Name, "version": c.Version}}, "results": results,
	}}}
	data, err := json.MarshalIndent(log, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}
