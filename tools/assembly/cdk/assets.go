package cdk

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Asset is a file or directory of an assembly that the CDK CLI uploads before
// it deploys a stack. The CLI uploads nothing where an object by that name exists.
type Asset struct {
	Path string // below the assembly
	// Zip says that Path is a directory, which is uploaded as a zip file.
	Zip bool
	// Where it goes. The values have no placeholders any more.
	Bucket, Key, Region string
	// Role may read and write there; "" if the credentials themselves may.
	Role, ExternalID string
}

// Assets returns what is uploaded for a stack, sorted by path, for a deployment
// to an account and region. It refuses images, which are not compared with anything.
func Assets(assembly, stack, partition, account, region string) ([]Asset, error) {
	var manifest struct {
		Files map[string]struct {
			Source struct {
				Path       string   `json:"path"`
				Packaging  string   `json:"packaging"`
				Executable []string `json:"executable"`
			} `json:"source"`
			Destinations map[string]struct {
				BucketName           string `json:"bucketName"`
				ObjectKey            string `json:"objectKey"`
				Region               string `json:"region"`
				AssumeRoleArn        string `json:"assumeRoleArn"`
				AssumeRoleExternalID string `json:"assumeRoleExternalId"`
			} `json:"destinations"`
		} `json:"files"`
		DockerImages map[string]any `json:"dockerImages"`
	}
	file := stack + ".assets.json"
	if err := readJSON(filepath.Join(assembly, file), &manifest); err != nil {
		return nil, err
	}
	if len(manifest.DockerImages) > 0 {
		return nil, fmt.Errorf("reading the cloud assembly: %s uploads images, and what is in a registry already can't be compared with them", file)
	}
	fill := strings.NewReplacer("${AWS::Partition}", partition, "${AWS::AccountId}", account, "${AWS::Region}", region)
	var assets []Asset
	for _, id := range slices.Sorted(maps.Keys(manifest.Files)) {
		source := manifest.Files[id].Source
		packaging := source.Packaging
		switch {
		case len(source.Executable) > 0:
			return nil, fmt.Errorf("reading the cloud assembly: %s makes asset %s by a command, so it can't be compared with anything", file, id)
		case packaging != "" && packaging != "file" && packaging != "zip":
			return nil, fmt.Errorf("reading the cloud assembly: %s: asset %s has the packaging %q", file, id, packaging)
		case !filepath.IsLocal(source.Path):
			return nil, fmt.Errorf("reading the cloud assembly: %s: asset %s is made of %q, which is outside of it", file, id, source.Path)
		}
		for _, name := range slices.Sorted(maps.Keys(manifest.Files[id].Destinations)) {
			d := manifest.Files[id].Destinations[name]
			assets = append(assets, Asset{
				Path: source.Path, Zip: packaging == "zip",
				Bucket: fill.Replace(d.BucketName), Key: fill.Replace(d.ObjectKey), Region: fill.Replace(d.Region),
				Role: fill.Replace(d.AssumeRoleArn), ExternalID: d.AssumeRoleExternalID,
			})
		}
	}
	return assets, nil
}

// Is returns nil if an object is what the asset of this assembly would be uploaded
// as. Otherwise the error says what differs. Two zip files of a directory are the
// same if they hold the same files.
func (a Asset) Is(assembly string, object []byte) error {
	path := filepath.Join(assembly, a.Path)
	if !a.Zip {
		want, err := HashFile(path)
		if err != nil {
			return fmt.Errorf("reading the cloud assembly: %w", err)
		}
		return same(a.Path, sum(object), want)
	}
	archive, err := zip.NewReader(bytes.NewReader(object), int64(len(object)))
	if err != nil {
		return fmt.Errorf("it is not a zip file: %w", err)
	}
	there := map[string]string{}
	for _, file := range archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		if _, twice := there[file.Name]; twice {
			return fmt.Errorf("it has %s twice", file.Name)
		}
		if there[file.Name], err = hashEntry(file); err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
	}
	want, err := hashTree(path)
	if err != nil {
		return fmt.Errorf("reading the cloud assembly: %w", err)
	}
	all := maps.Clone(want)
	maps.Copy(all, there)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := same(a.Path+"/"+name, there[name], want[name]); err != nil {
			return err
		}
	}
	return nil
}

func same(name, got, want string) error {
	switch {
	case want == "":
		return fmt.Errorf("it has %s, which is not in the assembly", name)
	case got == "":
		return fmt.Errorf("it lacks %s", name)
	case got != want:
		return fmt.Errorf("it is not %s of the assembly: its SHA-256 is %.12s, not %.12s", name, got, want)
	}
	return nil
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// largestEntry is Lambda's limit for the unzipped size of a package, in bytes.
// See https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const largestEntry = 250 << 20

func hashEntry(file *zip.File) (string, error) {
	content, err := file.Open()
	if err != nil {
		return "", err
	}
	defer func() { _ = content.Close() }()
	digest := sha256.New()
	n, err := io.Copy(digest, io.LimitReader(content, largestEntry+1))
	if err != nil {
		return "", err
	}
	if n > largestEntry {
		return "", fmt.Errorf("it has more than %d bytes", largestEntry)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// hashTree returns the SHA-256 of the files below a directory. The CDK CLI packs
// the files that links lead to.
func hashTree(dir string) (map[string]string, error) {
	sums := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		sums[name], err = HashFile(filepath.Join(dir, filepath.FromSlash(name)))
		return err
	})
	return sums, err
}
