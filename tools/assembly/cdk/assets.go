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

// An Asset is a file or directory of an assembly that the CDK CLI uploads before it deploys a
// stack. The CLI does not upload it if an object of that name exists.
type Asset struct {
	Path string // path below the assembly
	// Zip says that Path is a directory, which is uploaded as a zip file.
	Zip bool
	// Where it is uploaded. The values have no placeholders any more.
	Bucket, Key, Region string
	// Role may read and write there; "" if the credentials themselves may.
	Role, ExternalID string
}

// Assets returns the assets of a stack, sorted by path, for a deployment to an account and
// region. Below is the directory of the assembly that lists the stack; "." is its root.
// Assets refuses images, because they are not compared with anything.
func Assets(assembly, below, stack, partition, account, region string) ([]Asset, error) {
	listed, err := assetList(filepath.Join(assembly, below), stack)
	if err != nil || listed.file == "" && listed.url == "" {
		return nil, err
	}
	fill := strings.NewReplacer("${AWS::Partition}", partition, "${AWS::AccountId}", account, "${AWS::Region}", region)
	url := fill.Replace(listed.url)
	elsewhere := fmt.Errorf("reading the cloud assembly: manifest.json has stack %s deployed from %s, where %s is not uploaded to", stack, url, listed.template)
	if listed.file == "" {
		return nil, elsewhere
	}
	file := listed.file
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
	file = filepath.Join(below, file)
	if err := checkSpelling(filepath.Join(assembly, file)); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(assembly, file), &manifest); err != nil {
		return nil, err
	}
	if len(manifest.DockerImages) > 0 {
		return nil, fmt.Errorf("reading the cloud assembly: %s uploads images, and what is in a registry already can't be compared with them", file)
	}
	var assets []Asset
	for _, id := range slices.Sorted(maps.Keys(manifest.Files)) {
		source := manifest.Files[id].Source
		packaging, path := source.Packaging, filepath.Join(below, source.Path)
		switch {
		case len(source.Executable) > 0:
			return nil, fmt.Errorf("reading the cloud assembly: %s makes asset %s by a command, so it can't be compared with anything", file, id)
		case packaging != "" && packaging != "file" && packaging != "zip":
			return nil, fmt.Errorf("reading the cloud assembly: %s: asset %s has the packaging %q", file, id, packaging)
		case filepath.IsAbs(source.Path) || !filepath.IsLocal(path):
			return nil, fmt.Errorf("reading the cloud assembly: %s: asset %s is made of %q, which is outside of it", file, id, source.Path)
		}
		for _, name := range slices.Sorted(maps.Keys(manifest.Files[id].Destinations)) {
			d := manifest.Files[id].Destinations[name]
			assets = append(assets, Asset{
				Path: path, Zip: packaging == "zip",
				Bucket: fill.Replace(d.BucketName), Key: fill.Replace(d.ObjectKey), Region: fill.Replace(d.Region),
				Role: fill.Replace(d.AssumeRoleArn), ExternalID: d.AssumeRoleExternalID,
			})
		}
	}
	// CloudFormation reads the template at the address that the manifest says, whatever
	// file of the assembly is the stack's.
	uploaded := func(a Asset) bool {
		return !a.Zip && a.Path == filepath.Join(below, listed.template) && "s3://"+a.Bucket+"/"+a.Key == url
	}
	if url != "" && !slices.ContainsFunc(assets, uploaded) {
		return nil, elsewhere
	}
	return assets, nil
}

// A listing is what the list of an assembly says of a stack.
type listing struct {
	template string // its file
	url      string // the address of the template, "" if the CLI chooses one
	file     string // that tells the CDK CLI what to upload for it, "" if there is none
}

// assetList returns what the CDK CLI reads about a stack. The CLI runs the commands that
// the list of assets says make assets. A list that is not called as the stack's template is
// refused: everything else that reads assets takes that one. So are two stacks that answer
// to the name.
func assetList(dir, stack string) (listing, error) {
	var listed listing
	// This is a map because Go's structs accept keys in another spelling, and the CLI does
	// not.
	var assembly map[string]any
	if err := readJSON(filepath.Join(dir, "manifest.json"), &assembly); err != nil {
		return listed, err
	}
	artifacts, _ := assembly["artifacts"].(map[string]any)
	found := false
	for _, id := range slices.Sorted(maps.Keys(artifacts)) {
		artifact, _ := artifacts[id].(map[string]any)
		properties, _ := artifact["properties"].(map[string]any)
		// The CLI gets a name, and selects stacks by their display names.
		if artifact["type"] != "aws:cloudformation:stack" || id != stack && artifact["displayName"] != stack && properties["stackName"] != stack {
			continue
		}
		if found {
			return listed, fmt.Errorf("reading the cloud assembly: manifest.json has two stacks that answer to %s", stack)
		}
		found = true
		for _, object := range []map[string]any{assembly, artifact, properties} {
			if key := twinOf(object); key != "" {
				return listed, fmt.Errorf("reading the cloud assembly: manifest.json says %s twice of stack %s, in two spellings", key, stack)
			}
		}
		if given, _ := properties["parameters"].(map[string]any); len(given) > 0 {
			return listed, fmt.Errorf("reading the cloud assembly: manifest.json gives the parameters of stack %s values, and the template was judged without them: give them defaults in the template", stack)
		}
		listed.template, _ = properties["templateFile"].(string)
		listed.url, _ = properties["stackTemplateAssetObjectUrl"].(string)
		dependencies, _ := artifact["dependencies"].([]any)
		for _, name := range dependencies {
			on, _ := artifacts[fmt.Sprint(name)].(map[string]any)
			if on["type"] != "cdk:asset-manifest" {
				continue
			}
			of, _ := on["properties"].(map[string]any)
			want := strings.TrimSuffix(listed.template, ".template.json") + ".assets.json"
			if of["file"] != want {
				return listed, fmt.Errorf("reading the cloud assembly: manifest.json lets stack %s upload what %v lists, instead of %s", stack, of["file"], want)
			}
			listed.file = want
		}
	}
	if !found {
		return listed, fmt.Errorf("reading the cloud assembly: manifest.json has no stack %s", stack)
	}
	return listed, nil
}

// twinOf returns a key that an object has in two spellings, which differ in case only: Go
// would take the last of them, and the CDK CLI the one that it knows.
func twinOf(object map[string]any) string {
	spelt := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		folded := strings.ToLower(key)
		if spelt[folded] {
			return folded
		}
		spelt[folded] = true
	}
	return ""
}

// checkSpelling refuses a list of assets with an object that has a key in two spellings.
func checkSpelling(file string) error {
	var list any
	if err := readJSON(file, &list); err != nil {
		return err
	}
	twin := ""
	var look func(v any)
	look = func(v any) {
		object, _ := v.(map[string]any)
		if key := twinOf(object); key != "" {
			twin = key
		}
		for _, value := range object {
			look(value)
		}
	}
	look(list)
	if twin != "" {
		return fmt.Errorf("reading the cloud assembly: %s has %s twice, in two spellings", filepath.Base(file), twin)
	}
	return nil
}

// Is returns nil if the object has the content with which the asset of this assembly would be
// uploaded. Otherwise the error says what differs. Two zip files of a directory are equal if
// they contain the same files.
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

// hashTree returns the SHA-256 of each file below a directory. Links are followed, as the CDK
// CLI does it.
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
