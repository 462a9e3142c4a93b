package gotest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project"
)

// CountersVariable names the directory in which tests leave the counters of instrumented
// programs. It has a directory for each process, with files in the format of
// runtime/coverage.
const CountersVariable = "MAGEWRIGHT_COVERAGE"

// mergeProfiles writes several profiles, of which some may not exist, as one,
// removes them, and returns it. The first is that of programs. If there are others and
// none exists, nothing was measured.
func mergeProfiles(merged string, profiles []string) (patchcover.Profile, error) {
	all, read := patchcover.Profile{}, 0
	for _, profile := range profiles {
		err := readProfile(all, profile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.Remove(profile)
		}
		if err != nil {
			return nil, fmt.Errorf("merging coverage profiles: %s: %w", profile, err)
		}
		read++
	}
	if read == 0 && len(profiles) > 1 {
		return nil, errors.New("merging coverage profiles: go test has left none")
	}
	file, err := os.Create(filepath.Clean(merged))
	if err != nil {
		return nil, fmt.Errorf("merging coverage profiles: %w", err)
	}
	if err := errors.Join(all.Write(file), file.Close()); err != nil {
		return nil, fmt.Errorf("merging coverage profiles: %w", err)
	}
	return all, nil
}

func readProfile(into patchcover.Profile, profile string) error {
	file, err := os.Open(filepath.Clean(profile))
	if err != nil {
		return err
	}
	return errors.Join(into.Read(file), file.Close())
}

// convertCounters writes the counters of instrumented programs below dir as a profile. It
// also returns the processes that left no counters: they died, and it is unknown what they
// had run.
func convertCounters(ctx context.Context, cfg project.Config, dir, profile string) (incomplete []string, err error) {
	processes, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the counters of programs: %w", err)
	}
	var complete []string
	for _, process := range processes {
		counters, err := filepath.Glob(filepath.Join(dir, process.Name(), "covcounters.*"))
		if err != nil {
			return nil, fmt.Errorf("reading the counters of programs: %w", err)
		}
		if len(counters) == 0 {
			incomplete = append(incomplete, process.Name())
			continue
		}
		complete = append(complete, filepath.Join(dir, process.Name()))
	}
	if len(complete) == 0 {
		return incomplete, nil
	}
	convert := gocmd.In(cfg.Dir)
	convert.Stderr = cfg.Stderr
	if err := convert.Run(ctx, "tool", "covdata", "textfmt", "-i="+strings.Join(complete, ","), "-o="+profile); err != nil {
		return incomplete, fmt.Errorf("reading the counters of programs: %w", err)
	}
	return incomplete, nil
}

// keepSources records the digests of the sources to which the profile applies: those that did
// not change while the tests ran.
func keepSources(cfg project.Config, before patchcover.Digests) error {
	after, err := patchcover.DigestSources(cfg.Dir, cfg.Assembly)
	if err != nil {
		return err
	}
	path, err := cfg.Path("sources.json")
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(before.Unchanged(after), "", "  ")
	if err != nil {
		return fmt.Errorf("recording which sources were tested: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("recording which sources were tested: %w", err)
	}
	return nil
}
