package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// drillFile, in the evidence directory, is the record of the last drill.
const drillFile = "drill.json"

// Drill reads the record of the last rollback drill. It is of an earlier
// commit than the candidate, so that it is no statement of this one: the check
// judges it by its age and its fingerprint.
func Drill(_ context.Context, e Env) (evidence.Predicate, error) {
	const next = "go tool mage drill"
	data, err := os.ReadFile(filepath.Join(e.Project.Evidence, drillFile)) // #nosec G304 -- below the evidence directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Missing(next, "no drill was recorded")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the drill: %w", err)
	}
	var d readiness.Drill
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return nil, exit.Missing(next, "reading the drill: %s: %w", drillFile, err)
	}
	d.FinishedOn = e.Clock.Now()
	return d, nil
}
