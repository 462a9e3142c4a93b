package codebuild

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// longestLink limits the length of a symbolic link's target.
const longestLink = 4096

// extract writes the files of a zip below dir, which it creates. It writes
// nothing outside dir: it refuses names and symbolic links that lead there.
func extract(name, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- as any checkout
		return err
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return fmt.Errorf("reading the zip: %w", err)
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, f := range z.File {
		if err := extractFile(root, f); err != nil {
			return fmt.Errorf("extracting %s: %w", f.Name, err)
		}
	}
	return nil
}

func extractFile(root *os.Root, f *zip.File) (err error) {
	name := filepath.FromSlash(path.Clean(f.Name))
	if !filepath.IsLocal(name) {
		return errors.New("it is outside the directory")
	}
	mode := f.Mode()
	if mode.IsDir() {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if mode&fs.ModeSymlink != 0 {
		target, err := io.ReadAll(io.LimitReader(in, longestLink))
		if err != nil {
			return err
		}
		to := filepath.FromSlash(string(target))
		if filepath.IsAbs(to) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), to)) {
			return fmt.Errorf("the symbolic link leads outside the directory, to %s", to)
		}
		return root.Symlink(to, name)
	}
	if !mode.IsRegular() {
		return fmt.Errorf("it is not a file, a directory or a symbolic link: %s", mode)
	}
	perm := mode.Perm()
	// The zip comes from a system without modes.
	if perm == 0 {
		perm = 0o644
	}
	out, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, perm|0o200)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in) // #nosec G110 -- an artifact of this same account
	return err
}
