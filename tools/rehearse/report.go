package rehearse

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/magewright/magewright/tools/project"
)

// A Report is the content of .magewright/rehearsal.json.
type Report struct {
	Commit     string      `json:"commit"`
	Base       string      `json:"base,omitempty"` // the previous release, if one was delivered
	Status     string      `json:"status"`         // status of the pipeline execution
	Stages     []Stage     `json:"stages"`
	Production *Production `json:"production,omitempty"` // what serves now
	// NotRehearsed are the steps that this delivery lacks, and the types of resources that
	// the embedded AWS does not run.
	NotRehearsed []Step `json:"notRehearsed,omitempty"`
	Endpoint     string `json:"endpoint"`
}

// A Stage is a stage of the pipeline with its actions.
type Stage struct {
	Name    string   `json:"name"`
	Actions []Action `json:"actions"`
}

// An Action is an action of a stage and its result. Seconds are in this
// machine's time.
type Action struct {
	Name    string  `json:"name"`
	Status  string  `json:"status"`
	Seconds float64 `json:"seconds"`
}

// Production is the function that serves production.
type Production struct {
	FunctionName string `json:"functionName"`
	Alias        string `json:"alias"`
	Version      string `json:"version"`
	Package      string `json:"package"`          // SHA-256 of the version's zip file
	Commit       string `json:"commit,omitempty"` // the commit that the version's description names
	URL          string `json:"url,omitempty"`
}

func (r Report) write(cfg project.Config) error {
	path, err := cfg.Path("rehearsal.json")
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
