package types

import (
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws/lambda"
)

// It is said if a function runs on another architecture than on AWS.
func TestArchitectureNotRun(t *testing.T) {
	t.Parallel()
	host := string(lambda.HostArchitecture())
	other := map[string]string{"x86_64": "arm64", "arm64": "x86_64"}[host]
	for name, tt := range map[string]struct {
		properties map[string]any
		said       bool
	}{
		"the host's":         {map[string]any{"Runtime": "provided.al2023", "Architectures": []any{host}}, false},
		"another":            {map[string]any{"Runtime": "provided.al2023", "Architectures": []any{other}}, true},
		"none":               {map[string]any{"Runtime": "provided.al2023"}, host != "x86_64"},
		"another, no matter": {map[string]any{"Runtime": "nodejs22.x", "Architectures": []any{other}}, false},
	} {
		said := partly["AWS::Lambda::Function"](tt.properties)
		if (said != "") != tt.said || tt.said && !strings.Contains(said, "runs as "+host) {
			t.Errorf("%s: %q", name, said)
		}
	}
}
