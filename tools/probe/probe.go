// Package probe sends requests to a stage while its traffic shifts: a new
// version that nobody calls can't fail, and so would pass.
package probe

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/exit"
)

// File is where a project declares its probes, below its root.
const File = "infra/probes.yml"

// A Probe is a request and the status that it must be answered with.
type Probe struct {
	Method string `yaml:"method"`
	Path   string `yaml:"path"` // below the stage's URL
	Status int    `yaml:"status"`
	// Token says that it is sent with a link token of the release, as a bearer
	// token (RFC 6750): what the ledger keeps is not shown without.
	Token bool `yaml:"token"`
}

// Load reads the probes of the project in dir.
func Load(dir string) ([]Probe, error) {
	const next = "git checkout " + File
	data, err := os.ReadFile(filepath.Join(dir, File)) // #nosec G304 -- a file of the project
	if err != nil {
		return nil, exit.Missing(next, "reading the probes: %w", err)
	}
	probes, err := Parse(data)
	if err != nil {
		return nil, exit.Missing(next, "reading %s: %w", File, err)
	}
	return probes, nil
}

// Parse reads probes: a list of at least one.
func Parse(data []byte) ([]Probe, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var probes []Probe
	if err := decoder.Decode(&probes); err != nil {
		return nil, err
	}
	if len(probes) == 0 {
		return nil, fmt.Errorf("it declares no probe")
	}
	safe := []string{http.MethodGet, http.MethodHead, http.MethodOptions}
	for i, p := range probes {
		switch {
		case !slices.Contains(safe, p.Method):
			return nil, fmt.Errorf("probe %d: method %q may change something; take one of %s", i+1, p.Method, strings.Join(safe, ", "))
		case strings.Contains(p.Path, "://"):
			return nil, fmt.Errorf("probe %d: path %q is not below the stage's URL", i+1, p.Path)
		case p.Status < 200 || p.Status > 499:
			return nil, fmt.Errorf("probe %d: status %d; a working version answers with 200 to 499", i+1, p.Status)
		}
	}
	return probes, nil
}
