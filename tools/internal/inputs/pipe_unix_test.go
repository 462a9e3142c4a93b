//go:build unix

package inputs_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/magewright/magewright/tools/internal/inputs"
)

func TestAPipeDoesNotBlock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600), os.Symlink("pipe", filepath.Join(dir, "link")))
	if tree, err := inputs.ReadTree(dir); err != nil || len(tree) != 2 {
		t.Errorf("ReadTree = %v, %v", tree, err)
	}
}
