package evidence

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Keep stores a predicate about a commit as NAME.intoto.json in dir, the
// evidence directory.
func Keep(dir, name, commit string, p Predicate) error {
	s, err := NewStatement(commit, "", p)
	if err != nil {
		return err
	}
	return Write(dir, name, s)
}

// Adopt changes a statement in dir, the evidence directory, so that it is about
// another commit at which the same inputs have the same result. The statement
// keeps its time and names its origin.
func Adopt(dir, name, commit string, dirty bool, from Reused) error {
	data, err := os.ReadFile(filepath.Join(dir, name+Suffix)) // #nosec G304 -- below the evidence directory
	if err != nil {
		return fmt.Errorf("reading evidence: %w", err)
	}
	var s Statement
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("reading evidence: %s: %w", name, err)
	}
	// Raw fields stay unchanged. A number decoded into an any would be rounded.
	var predicate map[string]json.RawMessage
	if err := json.Unmarshal(s.Predicate, &predicate); err != nil {
		return fmt.Errorf("reading evidence: %s: %w", name, err)
	}
	if predicate == nil {
		return fmt.Errorf("reading evidence: %s has no predicate", name)
	}
	delete(predicate, "dirty")
	if dirty {
		predicate["dirty"] = json.RawMessage("true")
	}
	if predicate["reused"], err = json.Marshal(from); err != nil {
		return fmt.Errorf("adopting evidence: %s: %w", name, err)
	}
	if s, err = NewStatement(commit, "", adopted{s.PredicateType, predicate}); err != nil {
		return err
	}
	return Write(dir, name, s)
}

// An adopted is a predicate of a type that is unknown here.
type adopted struct {
	predicateType string
	fields        map[string]json.RawMessage
}

func (a adopted) PredicateType() string        { return a.predicateType }
func (a adopted) MarshalJSON() ([]byte, error) { return json.Marshal(a.fields) }

// FileDigest returns the [Digest] of a file.
func FileDigest(file string) (string, error) {
	data, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return "", fmt.Errorf("keeping evidence: %w", err)
	}
	return Digest(data), nil
}

// Write stores a statement as NAME.intoto.json in dir, the evidence directory.
func Write(dir, name string, s Statement) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("keeping evidence of %s: %w", name, err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("keeping evidence of %s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+Suffix), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("keeping evidence of %s: %w", name, err)
	}
	return nil
}

// Suffix is the suffix of files that contain a statement.
const Suffix = ".intoto.json"

// ReadDir reads the statements in an evidence directory, sorted by name.
func ReadDir(dir string) ([]Statement, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+Suffix))
	if err != nil {
		return nil, fmt.Errorf("reading evidence: %w", err)
	}
	var statements []Statement
	for _, file := range files {
		data, err := os.ReadFile(file) // #nosec G304 -- below the evidence directory
		if err != nil {
			return nil, fmt.Errorf("reading evidence: %w", err)
		}
		var s Statement
		if err := json.Unmarshal(data, &s); err != nil {
			return nil, fmt.Errorf("reading evidence: %s: %w", file, err)
		}
		statements = append(statements, s)
	}
	return statements, nil
}
