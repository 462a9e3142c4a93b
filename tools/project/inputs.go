package project

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Gather copies what earlier actions of the pipeline have left, their output
// artifacts named NAMEEvidence, into the evidence directory: there a target
// finds it as it does where one machine runs them all. A file that is there
// already stays as it is.
// See https://docs.aws.amazon.com/codebuild/latest/userguide/sample-pipeline-multi-input-output.html.
func (c Config) Gather() error {
	for _, variable := range os.Environ() {
		name, dir, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "CODEBUILD_SRC_DIR_") && strings.HasSuffix(name, "Evidence") && dir != "" {
			if err := c.gather(dir); err != nil {
				return fmt.Errorf("gathering evidence of %s: %w", name, err)
			}
		}
	}
	return nil
}

func (c Config) gather(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		path, err := c.Path(filepath.FromSlash(name))
		if err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- below the evidence directory
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
		from, err := root.Open(name)
		if err != nil {
			return errors.Join(err, file.Close())
		}
		_, err = io.Copy(file, from)
		return errors.Join(err, from.Close(), file.Close())
	})
}
