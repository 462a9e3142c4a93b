// Package starting lets the command that runs Mage know when the targets have been
// compiled.
package starting

import (
	"os"
	"path/filepath"
)

// Marker is a file below the magefile's directory. The command makes it before it
// runs Mage. It is there as long as the targets are compiled.
const Marker = ".magewright/bin/starting"

// Done says that the targets have started. They run in the magefile's directory.
func Done() { _ = os.Remove(filepath.FromSlash(Marker)) } // there is none without that command
