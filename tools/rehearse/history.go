package rehearse

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A history records how long rehearsals took on this machine, so that the next
// one can predict its duration.
type history struct {
	// Commit and Base belong to the last rehearsal that reached production.
	Commit string `json:"commit"`
	Base   string `json:"base"`
	// Same is the duration in seconds of the last rehearsal of something that
	// had been rehearsed before. Changed is that of the last rehearsal of a
	// change. Zero means unknown.
	Same    float64 `json:"same,omitempty"`
	Changed float64 `json:"changed,omitempty"`
}

// historyFile returns the path of the file with the histories of all
// repositories.
func historyFile() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding how long rehearsals took: %w", err)
	}
	return filepath.Join(cache, "magewright", "rehearsals.json"), nil
}

// readHistory reads the histories of the repositories. If there is no file,
// nothing is known.
func readHistory(dir string) (map[string]history, error) {
	all := map[string]history{}
	file, err := historyFile()
	if err != nil {
		return all, err
	}
	data, err := os.ReadFile(file) // #nosec G304 -- in the user's cache
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		return map[string]history{}, fmt.Errorf("reading how long rehearsals of %s took: %w", dir, err)
	}
	return all, nil
}

// expect prints what a rehearsal does, and how long that takes here.
func (s *subject) expect(w io.Writer, h history) {
	fmt.Fprintln(w, "will      deploy the previous release and the pipeline;")
	fmt.Fprintln(w, "          run lint, test, sec and synth if something has changed;")
	if s.adopted {
		fmt.Fprintln(w, "          deploy to the first stage, smoke, decide readiness, and take HEAD to production;")
		fmt.Fprintln(w, "          drill and canary where CodeDeploy shifts traffic")
	} else {
		fmt.Fprintln(w, "          deploy to staging, smoke, drill, decide readiness,")
		fmt.Fprintln(w, "          and shift production's traffic to HEAD as a canary")
	}
	switch seconds := h.Changed; {
	case h.Commit == s.commit && h.Base == s.base && h.Same > 0:
		fmt.Fprintf(w, "takes     about %s here, like the last time: nothing has changed since\n", span(h.Same))
	case seconds > 0:
		fmt.Fprintf(w, "takes     about %s here, like the last one with a change\n", span(seconds))
	default:
		fmt.Fprintln(w, "takes     about ten minutes the first time on two cores, most of it compiling;")
		fmt.Fprintln(w, "          then half a minute, or two where something has changed")
		if !s.adopted {
			fmt.Fprintln(w, "          meanwhile, in another shell: go tool mage -l, or read what is deployed:")
			fmt.Fprintln(w, "          infra/service and infra/pipeline")
		}
	}
}

// span formats seconds for a reader.
func span(seconds float64) string {
	if seconds < 100 {
		return fmt.Sprintf("%.0f s", seconds)
	}
	return fmt.Sprintf("%.0f min", seconds/60)
}

// remember records the duration of a rehearsal that reached production.
func (s *subject) remember(took time.Duration) error {
	all, err := readHistory(s.dir)
	if err != nil {
		// The file is then written anew.
		all = map[string]history{}
	}
	h := all[s.dir]
	if h.Commit == s.commit && h.Base == s.base {
		h.Same = took.Seconds()
	} else {
		h.Changed = took.Seconds()
	}
	h.Commit, h.Base = s.commit, s.base
	all[s.dir] = h
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("noting how long the rehearsal took: %w", err)
	}
	file, err := historyFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("noting how long the rehearsal took: %w", err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return fmt.Errorf("noting how long the rehearsal took: %w", err)
	}
	return nil
}
