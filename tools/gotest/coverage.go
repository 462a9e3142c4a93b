package gotest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// statements counts the statements of a coverage profile. A block that several
// test programs report counts once, and is covered if one of them covers it.
func statements(profile string) (covered, total int, err error) {
	file, err := os.Open(filepath.Clean(profile))
	if err != nil {
		return 0, 0, fmt.Errorf("reading coverage profile: %w", err)
	}
	defer func() { _ = file.Close() }()
	type block struct {
		statements int
		covered    bool
	}
	blocks := map[string]block{}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "mode:") {
			continue
		}
		var place string
		var number, count int
		if _, err := fmt.Sscan(lines.Text(), &place, &number, &count); err != nil {
			return 0, 0, fmt.Errorf("reading coverage profile: %s:%d: %w", profile, n, err)
		}
		blocks[place] = block{number, count > 0 || blocks[place].covered}
	}
	if err := lines.Err(); err != nil {
		return 0, 0, fmt.Errorf("reading coverage profile: %w", err)
	}
	for _, b := range blocks {
		total += b.statements
		if b.covered {
			covered += b.statements
		}
	}
	if total == 0 {
		return 0, 0, fmt.Errorf("reading coverage profile: %s measures no statements", profile)
	}
	return covered, total, nil
}

// mergeProfiles writes the lines of several profiles, of which some may not
// exist, as one.
func mergeProfiles(merged string, profiles []string) error {
	all := []byte("mode: atomic\n")
	for _, profile := range profiles {
		data, err := os.ReadFile(filepath.Clean(profile))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("merging coverage profiles: %w", err)
		}
		_, lines, _ := bytes.Cut(data, []byte("\n")) // the mode
		all = append(all, lines...)
		if err := os.Remove(profile); err != nil {
			return fmt.Errorf("merging coverage profiles: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Clean(merged), all, 0o600); err != nil {
		return fmt.Errorf("merging coverage profiles: %w", err)
	}
	return nil
}
