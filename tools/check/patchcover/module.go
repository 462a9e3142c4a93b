package patchcover

import (
	"path"
	"strings"
)

// A Module is a Go module in the repository.
type Module struct {
	Dir  string // from the root, "." for the root
	Path string // what its packages' import paths begin with
}

// profileName returns the name that a profile gives a file: by the module that
// it is in, the innermost one. It is "" where the file is in none.
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
