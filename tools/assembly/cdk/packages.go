package cdk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// A FunctionPackage is the zip file in an assembly that a function is made from.
type FunctionPackage struct {
	LogicalID string // logical id of the function
	File      string // path below the assembly
	SHA256    string // hash of the file's bytes, in hexadecimal; the asset's hash is different
}

// FunctionPackages returns the zip files that the functions of a stack are made
// from, sorted by the functions' logical ids. It leaves out functions that are
// not made from a file in the assembly.
func FunctionPackages(assembly, stack string) ([]FunctionPackage, error) {
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]any
		}
	}
	if err := readJSON(filepath.Join(assembly, stack+".template.json"), &template); err != nil {
		return nil, err
	}
	var assets struct {
		Files map[string]struct {
			Source struct {
				Path      string `json:"path"`
				Packaging string `json:"packaging"`
			} `json:"source"`
			Destinations map[string]struct {
				ObjectKey string `json:"objectKey"`
			} `json:"destinations"`
		} `json:"files"`
	}
	var found []FunctionPackage
	for _, id := range slices.Sorted(maps.Keys(template.Resources)) {
		resource := template.Resources[id]
		code, _ := resource.Properties["Code"].(map[string]any)
		key, _ := code["S3Key"].(string)
		if resource.Type != "AWS::Lambda::Function" || key == "" {
			continue
		}
		if assets.Files == nil {
			if err := readJSON(filepath.Join(assembly, stack+".assets.json"), &assets); err != nil {
				return nil, err
			}
		}
		for _, asset := range assets.Files {
			matches := false
			for _, destination := range asset.Destinations {
				matches = matches || destination.ObjectKey == key
			}
			// A directory that the CDK still has to zip has no digest yet.
			if !matches || asset.Source.Packaging != "file" || !filepath.IsLocal(asset.Source.Path) {
				continue
			}
			sum, err := HashFile(filepath.Join(assembly, asset.Source.Path))
			if err != nil {
				return nil, fmt.Errorf("reading the cloud assembly: %w", err)
			}
			found = append(found, FunctionPackage{LogicalID: id, File: asset.Source.Path, SHA256: sum})
			break
		}
	}
	return found, nil
}

// HashFile returns the SHA-256 of a file in hexadecimal.
func HashFile(path string) (string, error) {
	file, err := os.Open(path) // #nosec G304 -- a file of an assembly
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// PackageDigest returns the digest by which the packages of a release's functions
// are known: that of the package where there is one, else that of the list of all,
// in hexadecimal.
func PackageDigest(packages []FunctionPackage) string {
	if len(packages) == 1 {
		return packages[0].SHA256
	}
	sum := sha256.New()
	for _, p := range packages {
		_, _ = fmt.Fprintf(sum, "%s  %s\n", p.SHA256, p.LogicalID) // never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}
