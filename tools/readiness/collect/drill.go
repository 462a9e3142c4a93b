package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// Drill reads the record of the last rollback drill, which must be signed with
// the pinned key. The record may be for an earlier commit: the check judges it
// by its age and its fingerprint.
func Drill(ctx context.Context, e Env) (evidence.Predicate, error) {
	const next = "go tool mage drill"
	data, err := os.ReadFile(filepath.Join(e.Project.Evidence, readiness.DrillFile)) // #nosec G304 -- below the evidence directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Missing(next, "no drill was recorded")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the drill: %w", err)
	}
	keys, err := cdk.PinnedKeys(e.Project)
	if err != nil {
		return nil, fmt.Errorf("reading the drill: %w", err)
	}
	var sealed evidence.Envelope
	if err := json.Unmarshal(data, &sealed); err != nil {
		return nil, exit.Missing(next, "reading the drill: %s: %w", readiness.DrillFile, err)
	}
	statement, _, err := sealed.OpenAt(ctx, keys, e.Clock.Now())
	if err != nil {
		return nil, exit.Missing(next, "reading the drill: %s: %w", readiness.DrillFile, err)
	}
	var d readiness.Drill
	if err := statement.Decode(&d); err != nil {
		return nil, exit.Missing(next, "reading the drill: %s: %w", readiness.DrillFile, err)
	}
	d.FinishedOn = e.Clock.Now()
	return d, nil
}
