package promote

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/magewright/magewright/tools/deliver/canary/picture"
	"github.com/magewright/magewright/tools/project"
)

// recordName returns the name of the record and its picture: canary for the first function,
// and canary-FUNCTION for the others.
func (f *follower) recordName() string {
	if !f.other {
		return "canary"
	}
	return "canary-" + f.outputs.FunctionName
}

// save writes the record and its picture under a name.
func save(r *picture.Record, cfg project.Config, as string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("recording the canary: %w", err)
	}
	var image bytes.Buffer
	if err := r.Draw(&image, picture.Width); err != nil {
		return fmt.Errorf("drawing the canary: %w", err)
	}
	for name, text := range map[string][]byte{as + ".json": append(data, '\n'), as + ".svg": image.Bytes()} {
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
