package cdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
)

// A Release says from what a cloud assembly was synthesized. Synth writes it into the
// assembly. Everything that deploys, or says something about the assembly, reads it there.
type Release struct {
	Commit  string `json:"commit"`  // full hash
	Dirty   bool   `json:"dirty"`   // files differed from the commit
	Package string `json:"package"` // SHA-256 of the deployment package, hexadecimal
}

const releaseFile = agreed.ManifestFile

// WriteRelease records in the assembly from what it was made. The file may already contain
// the manifest, which the CDK app has written.
func WriteRelease(cfg project.Config, r Release) error { return Record(cfg, r) }

// Record adds the keys of a value to what [WriteRelease] records.
func Record(cfg project.Config, v any) error {
	file := filepath.Join(cfg.Assembly, releaseFile)
	recorded := map[string]json.RawMessage{}
	data, err := os.ReadFile(file) // #nosec G304 -- a file of the assembly
	if err == nil {
		err = json.Unmarshal(data, &recorded)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("recording the release: reading what the CDK app has written: %s: %w", releaseFile, err)
	}
	if data, err = json.Marshal(v); err != nil {
		return fmt.Errorf("recording the release: %w", err)
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		return fmt.Errorf("recording the release: %w", err)
	}
	if data, err = json.MarshalIndent(recorded, "", "  "); err != nil {
		return fmt.Errorf("recording the release: %w", err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("recording the release: %w", err)
	}
	return nil
}

// ReadRelease returns from what the assembly was made. It refuses an assembly of another
// commit or of uncommitted files, because approvers would see something else.
func ReadRelease(cfg project.Config) (Release, error) {
	const next = "go tool mage synth"
	r, err := ReadDraft(cfg)
	if err != nil {
		return r, err
	}
	if r.Commit != cfg.Commit {
		return r, exit.Missing(next, "%s was synthesized from %.12s, but this is %.12s", cfg.Assembly, r.Commit, cfg.Commit)
	}
	if r.Dirty {
		return r, exit.Missing("git commit, then "+next, "%s was synthesized from files that are not committed", cfg.Assembly)
	}
	return r, nil
}

// ReadDraft returns from what the assembly was made, even if that is not a release.
func ReadDraft(cfg project.Config) (Release, error) {
	const next = "go tool mage synth"
	data, err := os.ReadFile(filepath.Join(cfg.Assembly, releaseFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Release{}, exit.Missing(next, "there is no cloud assembly in %s", cfg.Assembly)
	}
	if err != nil {
		return Release{}, fmt.Errorf("reading the cloud assembly: %w", err)
	}
	var r Release
	if err := json.Unmarshal(data, &r); err != nil {
		return Release{}, exit.Missing(next, "reading the cloud assembly: %s: %w", releaseFile, err)
	}
	return r, nil
}

// A Message is a message of a construct or an aspect, such as cdk-nag, about a
// path in the construct tree.
type Message struct {
	Path string
	Text string
}

// Errors returns the error messages in an assembly, sorted by path. The CDK app
// itself does not fail because of them.
func Errors(assembly string) ([]Message, error) {
	var manifest struct {
		Artifacts map[string]struct {
			Metadata               map[string][]entry `json:"metadata"`
			AdditionalMetadataFile string             `json:"additionalMetadataFile"`
		} `json:"artifacts"`
	}
	if err := readJSON(filepath.Join(assembly, "manifest.json"), &manifest); err != nil {
		return nil, err
	}
	if len(manifest.Artifacts) == 0 {
		return nil, errors.New("reading the cloud assembly: manifest.json names no artifacts")
	}
	var messages []Message
	collect := func(metadata map[string][]entry) {
		for path, entries := range metadata {
			for _, e := range entries {
				if text, ok := e.Data.(string); ok && e.Type == "aws:cdk:error" {
					messages = append(messages, Message{Path: path, Text: text})
				}
			}
		}
	}
	for _, artifact := range manifest.Artifacts {
		collect(artifact.Metadata)
		if artifact.AdditionalMetadataFile == "" {
			continue
		}
		var metadata map[string][]entry
		if err := readJSON(filepath.Join(assembly, artifact.AdditionalMetadataFile), &metadata); err != nil {
			return nil, err
		}
		collect(metadata)
	}
	slices.SortFunc(messages, func(a, b Message) int { return strings.Compare(a.Path+a.Text, b.Path+b.Text) })
	return slices.Compact(messages), nil
}

type entry struct {
	Type string `json:"type"`
	Data any    `json:"data"`
}

func readJSON(file string, into any) error {
	data, err := os.ReadFile(file) // #nosec G304 -- a file of the assembly
	if err != nil {
		return fmt.Errorf("reading the cloud assembly: %w", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading the cloud assembly: %s: %w", filepath.Base(file), err)
	}
	return nil
}
