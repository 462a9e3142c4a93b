package cdk

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// assetsFile has the parts of a stack's list of assets that are read.
type assetsFile struct {
	Files map[string]struct {
		Source struct {
			Path      string `json:"path"`
			Packaging string `json:"packaging"`
		} `json:"source"`
		Destinations map[string]struct {
			BucketName string `json:"bucketName"`
			ObjectKey  string `json:"objectKey"`
		} `json:"destinations"`
	} `json:"files"`
}

// Freeze replaces the directories in the assembly in dir, which would otherwise be zipped
// during the deployment, with zip files. So what is approved has a digest, and is what is
// deployed. Nested assemblies are frozen too.
func Freeze(dir string) error {
	packed := map[string]bool{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), "asset."):
			return filepath.SkipDir
		case entry.Type().IsRegular() && strings.HasSuffix(entry.Name(), ".assets.json"):
			return freeze(name, packed)
		}
		return nil
	})
	// Stacks may share an asset.
	for directory := range packed {
		err = errors.Join(err, os.RemoveAll(directory))
	}
	if err != nil {
		return fmt.Errorf("packing the assets of the cloud assembly: %w", err)
	}
	return nil
}

// freeze packs the directories in one list of assets, and adds them to those that are packed.
func freeze(file string, packed map[string]bool) error {
	var read assetsFile
	if err := readJSON(file, &read); err != nil {
		return err
	}
	archives := map[string]string{} // by the asset's id
	for id, asset := range read.Files {
		directory := filepath.Join(filepath.Dir(file), filepath.FromSlash(asset.Source.Path))
		info, err := os.Stat(directory)
		if asset.Source.Packaging != "zip" || err != nil || !info.IsDir() {
			continue // something missing is reported when it is deployed
		}
		if !packed[directory] {
			if err := zipDirectory(directory, directory+".zip"); err != nil {
				return err
			}
		}
		packed[directory] = true
		archives[id] = asset.Source.Path + ".zip"
	}
	if len(archives) == 0 {
		return nil
	}
	return Edit(file, func(list map[string]any) error {
		for id, archive := range archives {
			source, ok := list["files"].(map[string]any)[id].(map[string]any)["source"].(map[string]any)
			if !ok {
				return fmt.Errorf("asset %s has no source", id)
			}
			source["path"], source["packaging"] = archive, "file"
		}
		return nil
	})
}

// zipDirectory packs the files of a directory, sorted, with fixed times.
func zipDirectory(dir, to string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	file, err := os.Create(filepath.Clean(to))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	archive := zip.NewWriter(file)
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a file", filepath.Join(dir, name))
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		// A different umask must not change the package.
		header.SetMode(0o644)
		if info.Mode().Perm()&0o100 != 0 {
			header.SetMode(0o755)
		}
		entryWriter, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		from, err := root.Open(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(entryWriter, from)
		return errors.Join(err, from.Close())
	})
	return errors.Join(err, archive.Close())
}
