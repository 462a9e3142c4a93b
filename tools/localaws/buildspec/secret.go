package buildspec

import (
	"fmt"
	"strings"
)

// A SecretRef names a value in Secrets Manager.
type SecretRef struct {
	ID      string // name or ARN
	JSONKey string // empty for the whole secret
	Stage   string // empty for AWSCURRENT, unless Version is set
	Version string
}

// ParseSecretRef reads secret-id:json-key:version-stage:version-id. Only the
// first part is required. The id may be an ARN.
// See https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.env.secrets-manager.
func ParseSecretRef(text string) (SecretRef, error) {
	var id, rest string
	if strings.HasPrefix(text, "arn:") {
		// The format is:
		// arn:partition:secretsmanager:region:account:secret:name.
		parts := strings.SplitN(text, ":", 8)
		if len(parts) < 7 {
			return SecretRef{}, fmt.Errorf("secret %q: its ARN is incomplete", text)
		}
		id, rest = strings.Join(parts[:7], ":"), strings.Join(parts[7:], ":")
	} else {
		id, rest, _ = strings.Cut(text, ":")
	}
	if id == "" {
		return SecretRef{}, fmt.Errorf("secret %q has no id: want secret-id:json-key:version-stage:version-id", text)
	}
	parts := strings.Split(rest, ":")
	if len(parts) > 3 {
		return SecretRef{}, fmt.Errorf("secret %q has too many parts: want secret-id:json-key:version-stage:version-id", text)
	}
	parts = append(parts, "", "", "")
	ref := SecretRef{ID: id, JSONKey: parts[0], Stage: parts[1], Version: parts[2]}
	if ref.Stage != "" && ref.Version != "" {
		return SecretRef{}, fmt.Errorf("secret %q names both a version stage and a version id: want only one", text)
	}
	return ref, nil
}
