package promote

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/project"
)

// A record is what is known of a canary. It is left as .magewright/canary.json.
// All times are AWS's.
type record struct {
	Deployment string        `json:"deployment"`
	Status     string        `json:"status"` // of the deployment
	Function   string        `json:"function"`
	Alias      string        `json:"alias"`
	Old        string        `json:"old"` // versions
	New        string        `json:"new"`
	Start      time.Time     `json:"start"`  // of the shift
	Length     time.Duration `json:"length"` // until all traffic moves, in nanoseconds
	Weights    []weight      `json:"weights"`
	// Minutes is what each version did, by version.
	Minutes   map[string][]canary.Minute `json:"minutes"`
	Limits    canary.Limits              `json:"limits"`
	Judgement *canary.Judgement          `json:"judgement"` // the last one; null where traffic moved at once
	Extended  bool                       `json:"extended"`
	Decision  string                     `json:"decision,omitempty"` // to stop, or a person's to go on
	Sent      int                        `json:"sent"`               // requests of ours
	Failed    int                        `json:"failed"`
}

// A weight is the share of the traffic that the new version has from a time on.
type weight struct {
	At  time.Time `json:"at"`
	New float64   `json:"new"`
}

// weigh notes a weight, if it is another one than before.
func (r *record) weigh(at time.Time, share float64) {
	if n := len(r.Weights); n > 0 && r.Weights[n-1].New == share {
		return
	}
	r.Weights = append(r.Weights, weight{at, share})
}

// latest returns the newest minute of which anything is known.
func (r *record) latest() time.Time {
	var latest time.Time
	for _, minutes := range r.Minutes {
		if n := len(minutes); n > 0 && minutes[n-1].Start.After(latest) {
			latest = minutes[n-1].Start
		}
	}
	return latest
}

// save leaves the record and its picture.
func (r *record) save(cfg project.Config) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("recording the canary: %w", err)
	}
	var picture bytes.Buffer
	if err := r.draw(&picture); err != nil {
		return fmt.Errorf("drawing the canary: %w", err)
	}
	for name, text := range map[string][]byte{"canary.json": append(data, '\n'), "canary.svg": picture.Bytes()} {
		file, err := cfg.Path(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return fmt.Errorf("recording the canary: %w", err)
		}
	}
	return nil
}
