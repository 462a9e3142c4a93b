// Package agreed has the facts that both a CDK app and the tools must know. The
// constructs of infra/delivery and the tools don't import each other, so they import
// this package instead. It imports nothing.
package agreed

// ManifestFile is the file of the cloud assembly that has the manifest: the names of
// what is delivered.
const ManifestFile = "magewright.json"

// ManifestVersion is the schema version of the manifest. It rises when an older reader
// would misunderstand a manifest. A field that is only added does not change it.
const ManifestVersion = 1

// RepositoryTag is the tag of a stack that names the repository which delivers the
// stack. The tools refuse to deploy over a stack of another repository.
const RepositoryTag = "magewright:repository"

// The aliases of the two keys in KMS, in the pipeline's account. The evidence key signs
// what a release is decided by, and only the build that judges may use it. The record
// key signs what the builds that deploy have done.
const (
	EvidenceKey = "alias/magewright-evidence"
	RecordKey   = "alias/magewright-record"
)

// JudgeParameter returns the name of the SSM parameter that pins the commit whose code
// judges the releases of a pipeline. The pipeline is named by its stack.
func JudgeParameter(stack string) string { return "/magewright/" + stack + "/judge" }

// RehearsalAccount is the account of a rehearsal, an id that AWS never assigns. The embedded
// AWS has it too.
const RehearsalAccount = "000000000000"

// The limits for a new version of a function, over one minute, unless a project chooses
// others. The alarms of infra/delivery have them, and promote uses them if the alarms of
// another CDK app don't say what is too much.
const (
	UsualErrorPercent    = 5.0    // of the invocations may fail
	UsualP90Milliseconds = 3000.0 // one in ten invocations may take longer
)
