package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestThePictures holds that the pictures in the documents load fast, and that the film
// is well-formed and shows no path of the machine that made it.
func TestThePictures(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int{"rehearsal.svg": 300_000, "console.png": 200_000, "console-dark.png": 200_000, "console-canary.png": 200_000} {
		data, err := os.ReadFile(filepath.Join("../../../infra/docs", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if len(data) > most {
			t.Errorf("%s has %d bytes", name, len(data))
		}
		if filepath.Ext(name) != ".svg" {
			continue
		}
		wellFormed(t, string(data))
		for _, path := range []string{"/tmp/", "/home/", "/root/", "/Users/"} {
			if bytes.Contains(data, []byte(path)) {
				t.Errorf("%s shows a path in %s", name, path)
			}
		}
	}
}
