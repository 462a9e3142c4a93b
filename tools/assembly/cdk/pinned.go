package cdk

import (
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// EvidenceKey is the CDK context key that pins the public key for signatures of
// evidence.
const EvidenceKey = "evidenceKey"

// PinnedKey returns the public key that the CDK context pins. In the pipeline,
// this is the context of the deployed pipeline, not of the commit being delivered.
func PinnedKey(cfg project.Config) (evidence.Key, error) {
	context, err := Context(cfg)
	if err != nil {
		return evidence.Key{}, err
	}
	const next = "go tool mage evidence:key"
	pinned, _ := context[EvidenceKey].(string)
	if pinned == "" {
		return evidence.Key{}, exit.Missing(next, "no key is pinned for signing evidence: CDK context %s (infra/cdk.json, CDK_CONTEXT_JSON) is not set", EvidenceKey)
	}
	key, err := evidence.ParseKey([]byte(pinned))
	if err != nil {
		return key, exit.Missing(next, "CDK context %s (infra/cdk.json, CDK_CONTEXT_JSON): %w", EvidenceKey, err)
	}
	return key, nil
}
