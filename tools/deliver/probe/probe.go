// Package probe sends requests to a stage while its traffic shifts: a new
// version that nobody calls can't fail, and so would pass.
package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/project/exit"
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
	data, err := os.ReadFile(filepath.Join(dir, File)) // #nosec G304 -- a file of the project
	if err != nil {
		return nil, exit.Missing("git checkout "+File, "reading the probes: %w", err)
	}
	probes, err := Parse(data)
	if err != nil {
		return nil, exit.Missing("git log -p "+File, "reading the probes: %w", err)
	}
	return probes, nil
}

// Parse reads probes: a list of at least one. Errors name the line of [File].
func Parse(data []byte) ([]Probe, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var probes []Probe
	if err := decoder.Decode(&probes); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", File, err)
	}
	if len(probes) == 0 {
		return nil, fmt.Errorf("%s: it declares no probe", File)
	}
	var nodes []yaml.Node // the same, with their lines
	if err := yaml.Unmarshal(data, &nodes); err != nil {
		return nil, fmt.Errorf("%s: %w", File, err)
	}
	for i, n := range nodes {
		if n.Tag == "!!null" { // it is none of probes
			return nil, fmt.Errorf("%s:%d: the probe is empty", File, n.Line)
		}
		if err := probes[i].check(); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", File, n.Line, err)
		}
	}
	return probes, nil
}

func (p Probe) check() error {
	safe := []string{http.MethodGet, http.MethodHead, http.MethodOptions}
	switch {
	case !slices.Contains(safe, p.Method):
		return fmt.Errorf("method %q may change something; take one of %s", p.Method, strings.Join(safe, ", "))
	case strings.Contains(p.Path, "://"):
		return fmt.Errorf("path %q is not below the stage's URL", p.Path)
	case p.Status < 200 || p.Status > 499:
		return fmt.Errorf("status %d; a working version answers with 200 to 499", p.Status)
	}
	return nil
}
