package cdk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// WriteTemplate replaces a template of the assembly, named by its path below it, and names
// the object that it is uploaded as after the new content. The CDK names that object after
// the content that it has written itself, and its CLI uploads nothing under a name that is
// taken: the template of an earlier commit would be deployed.
func WriteTemplate(assembly, template string, content []byte) error {
	err := writeTemplate(filepath.Join(assembly, filepath.FromSlash(template)), content)
	if err != nil {
		return fmt.Errorf("writing %s into the cloud assembly: %w", template, err)
	}
	return nil
}

func writeTemplate(file string, content []byte) error {
	if err := os.WriteFile(file, content, 0o600); err != nil { // #nosec G703 -- a file of the assembly
		return err
	}
	dir, name := filepath.Split(file)
	digest := sha256.Sum256(content)
	id := hex.EncodeToString(digest[:])
	former := ""
	err := Edit(strings.TrimSuffix(file, ".template.json")+".assets.json", func(list map[string]any) error {
		files, _ := list["files"].(map[string]any)
		for key, asset := range files {
			entry, _ := asset.(map[string]any)
			if source, _ := entry["source"].(map[string]any); source["path"] != name || key == id {
				continue
			}
			former = key
			destinations, _ := entry["destinations"].(map[string]any)
			for _, d := range destinations {
				rename(d, "objectKey", former, id)
			}
			delete(files, key)
			files[id] = entry
			break
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the synthesizer of this stack uploads nothing
	}
	if err != nil || former == "" {
		return err
	}
	return Edit(filepath.Join(dir, "manifest.json"), func(list map[string]any) error {
		artifacts, _ := list["artifacts"].(map[string]any)
		for _, artifact := range artifacts {
			of, _ := artifact.(map[string]any)
			if properties, _ := of["properties"].(map[string]any); properties["templateFile"] == name {
				rename(properties, "stackTemplateAssetObjectUrl", former, id)
			}
		}
		return nil
	})
}

// rename replaces a name in a property of an object, if it has such a property.
func rename(object any, property, former, name string) {
	of, _ := object.(map[string]any)
	if text, ok := of[property].(string); ok {
		of[property] = strings.ReplaceAll(text, former, name)
	}
}

// Edit changes the JSON object in a file of an assembly. Numbers and texts that change leaves
// alone stay what they are.
func Edit(file string, change func(map[string]any) error) error {
	data, err := os.ReadFile(file) // #nosec G304 -- a file of the assembly
	if err != nil {
		return err
	}
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	err = decoder.Decode(&object)
	if err == nil {
		err = change(object)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err == nil {
		err = encoder.Encode(object)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return os.WriteFile(file, text.Bytes(), 0o600)
}
