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

// A history tells how long rehearsals took on this machine, so that the next can
// say beforehand how long it takes.
type history struct {
	// Commit and Base were rehearsed last, and reached production.
	Commit string `json:"commit"`
	Base   string `json:"base"`
	// Same and Changed are the seconds of the last rehearsal of what had been
	// rehearsed before, and of one that had changed. Zero is not known.
	Same    float64 `json:"same,omitempty"`
	Changed float64 `json:"changed,omitempty"`
}

// historyFile returns where the history of a repository is.
func historyFile() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding how long rehearsals took: %w", err)
	}
	return filepath.Join(cache, "magewright", "rehearsals.json"), nil
}

// readHistory returns the history of the repository in dir. Without one, nothing
// is known.
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

// expect says what a rehearsal does, and how long that takes here.
func (s *subject) expect(w io.Writer, h history) {
	fmt.Fprintln(w, "will      deploy the release before and the pipeline; run lint, test, sec and synth where something has changed;")
	fmt.Fprintln(w, "          then stage, smoke, drill, decide readiness, and shift production's traffic to HEAD under a canary")
	switch seconds := h.Changed; {
	case h.Commit == s.commit && h.Base == s.base && h.Same > 0:
		fmt.Fprintf(w, "takes     about %s here, as the last time: nothing has changed since\n", span(h.Same))
	case seconds > 0:
		fmt.Fprintf(w, "takes     about %s here, as the last one with a change\n", span(seconds))
	default:
		fmt.Fprintln(w, "takes     about ten minutes the first time on two cores, most of it compiling; then half a minute, or two where something has changed")
		fmt.Fprintln(w, "          meanwhile, in another shell: go tool mage -l, or read infra/service and infra/pipeline, which are what is deployed")
	}
}

// span writes seconds for a reader.
func span(seconds float64) string {
	if seconds < 100 {
		return fmt.Sprintf("%.0f s", seconds)
	}
	return fmt.Sprintf("%.0f min", seconds/60)
}

// remember notes how long a rehearsal took that reached production.
func (s *subject) remember(took time.Duration) error {
	all, err := readHistory(s.dir)
	if err != nil {
		all = map[string]history{} // it is written anew
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
