//go:build unix

package command_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
)

// Programs that are written and started side by side all run.
func TestWriteProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				name := filepath.Join(dir, fmt.Sprint(i, j))
				if err := command.WriteProgram(name, []byte("#!/bin/sh\n")); err != nil {
					t.Error(err)
				} else if err := (command.Cmd{}).Run(t.Context(), name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
