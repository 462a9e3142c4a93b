package cdk

import (
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// EvidenceKey is the CDK context that pins the public key which signs evidence.
const EvidenceKey = "evidenceKey"

// PinnedKey returns the public key that the CDK context pins. In the pipeline
// that is the context of the pipeline as it is deployed, not of the commit that
// is delivered.
func PinnedKey(cfg project.Config) (evidence.Key, error) {
	context, err := Context(cfg)
	if err != nil {
		return evidence.Key{}, err
	}
	const next = "go tool mage evidence:key"
	pinned, _ := context[EvidenceKey].(string)
	if pinned == "" {
		return evidence.Key{}, exit.Missing(next, "no key is pinned that signs evidence: CDK context %s (infra/cdk.json, CDK_CONTEXT_JSON) is not set", EvidenceKey)
	}
	key, err := evidence.ParseKey([]byte(pinned))
	if err != nil {
		return key, exit.Missing(next, "CDK context %s (infra/cdk.json, CDK_CONTEXT_JSON): %w", EvidenceKey, err)
	}
	return key, nil
}
