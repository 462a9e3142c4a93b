package cdk

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// A FunctionPackage is the zip file in an assembly from which a function is made.
type FunctionPackage struct {
	LogicalID string // logical id of the function
	File      string // path below the assembly
	SHA256    string // hash of the file's bytes, in hexadecimal; the asset's hash is different
}

// FunctionPackages returns the zip files that the functions of a stack are made
// from, sorted by the functions' logical ids. It leaves out functions that are
// not made from a file in the assembly, or from an object that is not certainly what is
// uploaded for it: one of another bucket, or another version. The template is the file of the stack's
// template in the assembly, with slashes.
func FunctionPackages(assembly, template string) ([]FunctionPackage, error) {
	var stack struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]any
		}
	}
	if err := readJSON(filepath.Join(assembly, filepath.FromSlash(template)), &stack); err != nil {
		return nil, err
	}
	var assets assetsFile
	var found []FunctionPackage
	for _, id := range slices.Sorted(maps.Keys(stack.Resources)) {
		resource := stack.Resources[id]
		code, _ := resource.Properties["Code"].(map[string]any)
		key, _ := code["S3Key"].(string)
		if resource.Type != "AWS::Lambda::Function" || key == "" || code["S3ObjectVersion"] != nil {
			continue
		}
		bucket, _ := code["S3Bucket"].(string)
		if filled, ok := code["S3Bucket"].(map[string]any); ok {
			// The list of assets has the same placeholders.
			if bucket, ok = filled["Fn::Sub"].(string); !ok || len(filled) > 1 {
				continue
			}
		}
		if assets.Files == nil {
			list := strings.TrimSuffix(template, ".template.json") + ".assets.json"
			if err := readJSON(filepath.Join(assembly, filepath.FromSlash(list)), &assets); err != nil {
				return nil, err
			}
		}
		for _, asset := range assets.Files {
			matches := false
			for _, destination := range asset.Destinations {
				matches = matches || destination.ObjectKey == key && destination.BucketName == bucket
			}
			// The assets of a nested assembly are beside it.
			file := path.Join(path.Dir(template), filepath.ToSlash(asset.Source.Path))
			// A directory that the CDK still has to zip has no digest yet.
			if !matches || asset.Source.Packaging != "file" || !filepath.IsLocal(filepath.FromSlash(file)) {
				continue
			}
			sum, err := HashFile(filepath.Join(assembly, filepath.FromSlash(file)))
			if err != nil {
				return nil, fmt.Errorf("reading the cloud assembly: %w", err)
			}
			found = append(found, FunctionPackage{LogicalID: id, File: file, SHA256: sum})
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

// Delivered returns the packages of the functions that a stage delivers.
func Delivered(cfg project.Config, stage manifest.Stage) ([]FunctionPackage, error) {
	all, err := FunctionPackages(cfg.Assembly, stage.Template)
	if err != nil {
		return nil, err
	}
	delivered := slices.DeleteFunc(all, func(p FunctionPackage) bool {
		return !slices.ContainsFunc(stage.Functions, func(f manifest.Function) bool { return f.Function == p.LogicalID })
	})
	if len(delivered) < len(stage.Functions) {
		return nil, exit.Failed("make the code of each function from an asset, such as Code.fromAsset", "stack %s delivers %d functions, but only %d of them are made from zip files in the assembly", stage.Stack, len(stage.Functions), len(delivered))
	}
	return delivered, nil
}

// PackageDigest returns the digest that identifies the packages of a release's functions, in
// hexadecimal. If there is one package, it is that package's digest. Otherwise it is the
// digest of the list of all packages.
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
