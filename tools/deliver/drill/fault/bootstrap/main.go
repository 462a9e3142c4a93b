// Command bootstrap runs a function with a fault. It is the bootstrap of the bad version of a
// rollback drill. The function's own bootstrap is in a directory beside it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/magewright/magewright/tools/deliver/drill/fault"
)

func main() {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rollback drill: finding the function:", err)
		os.Exit(1)
	}
	os.Exit(fault.Run(filepath.Dir(self), time.After))
}
