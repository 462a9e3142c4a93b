package patchcover

import (
	"path"
	"strings"
)

// A Module is a Go module in the repository.
type Module struct {
	Dir  string // relative to the root; "." for the root
	Path string // the prefix of its packages' import paths
}

// profileName returns the name of a file in a profile, which depends on the innermost module
// that contains the file. It is "" if no module contains it.
func profileName(modules []Module, file string) string {
	found, within := -1, ""
	for i, m := range modules {
		rest, ok := file, true
		if m.Dir != "." {
			rest, ok = strings.CutPrefix(file, m.Dir+"/")
		}
		if ok && (found < 0 || len(m.Dir) > len(modules[found].Dir) || modules[found].Dir == ".") {
			found, within = i, rest
		}
	}
	if found < 0 || modules[found].Path == "" {
		return ""
	}
	return path.Join(modules[found].Path, within)
}
