package cdk

import (
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// EvidenceKey is the CDK context key that pins the public keys for signatures of
// evidence, as [evidence.ParseKeys] reads them.
const EvidenceKey = "evidenceKey"

// PinnedKeys returns the public keys that the CDK context pins. In the pipeline,
// this is the context of the deployed pipeline, not of the commit being delivered.
// promote does not ask it.
func PinnedKeys(cfg project.Config) (evidence.Keys, error) {
	context, err := Context(cfg)
	if err != nil {
		return nil, err
	}
	const next = "go tool mage evidence:key"
	pinned, _ := context[EvidenceKey].(string)
	if pinned == "" {
		return nil, exit.Missing(next, "no key is pinned for signing evidence: CDK context %s (infra/cdk.json, CDK_CONTEXT_JSON) is not set", EvidenceKey)
	}
	keys, err := evidence.ParseKeys(pinned)
	if err != nil {
		return nil, exit.Missing(next, "CDK context %s (infra/cdk.json, CDK_CONTEXT_JSON): %w", EvidenceKey, err)
	}
	return keys, nil
}
