package surface

import (
	"bytes"
	"errors"
	"path"

	"github.com/magewright/magewright/tools/surface/magefile"
)

// magefiles picks the files at the root that only mage compiles.
func magefiles(name string, text []byte) bool {
	return path.Dir(name) == "." && bytes.Contains(text, []byte("//go:build mage\n"))
}

// Targets returns the targets of the magefiles at the root, sorted by name.
func (t Tree) Targets() ([]magefile.Target, error) {
	files, err := t.parse(magefiles)
	if err != nil {
		return nil, err
	}
	parsed := make([]magefile.File, len(files))
	for i, f := range files {
		parsed[i] = magefile.File{Set: f.set, File: f.file}
	}
	targets := magefile.Targets(parsed...)
	if len(targets) == 0 {
		return nil, errors.New("reading the targets: no magefile at the root has one")
	}
	return targets, nil
}
