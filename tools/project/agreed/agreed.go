// Package agreed has the facts that both a CDK app and the tools must know. The
// constructs of infra/delivery and the tools don't import each other, so they import
// this package instead. It imports nothing of theirs.
package agreed

import (
	"crypto/sha256"
	"encoding/hex"
)

// ManifestFile is the file of the cloud assembly that has the manifest: the names of
// what is delivered.
const ManifestFile = "magewright.json"

// ManifestVersion is the schema version of the manifest. It rises when an older reader
// would misunderstand a manifest. A field that is only added does not change it.
const ManifestVersion = 1

// RepositoryTag is the tag of a stack that names the repository which delivers the
// stack. The tools refuse to deploy over a stack of another repository.
const RepositoryTag = "magewright:repository"

// StackTag is the tag of a stack that is deployed by a role of its own. Its value is the
// stack's name. CloudFormation copies it to the resources, so that the role can be limited to
// those whose ARN has no name in it.
const StackTag = "magewright:stack"

// DeploymentRoles is what the paths of the roles begin with by which CloudFormation deploys
// stacks. A template can't give rights to them: CloudFormation may change roles whose names
// begin with a stack's, and no stack's name has a slash.
const DeploymentRoles = "/cdk-magewright/"

// DeploymentRole returns the name of the role by which CloudFormation deploys a stack. The
// path and the name together match cdk-*-cfn-exec-role-*, as the roles of cdk bootstrap do.
func DeploymentRole(stack string) string { return shortened("stage-cfn-exec-role-"+stack, 64) }

// Boundary returns the name of the permissions boundary of the roles that the stages make
// which a pipeline delivers. The pipeline is named by its stack. The path is that of
// [DeploymentRoles].
func Boundary(pipeline string) string { return shortened("boundary-"+pipeline, 128) }

// shortened returns a name of at most so many characters, which no other name becomes.
func shortened(name string, most int) string {
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	digest := "-" + hex.EncodeToString(sum[:8])
	return name[:most-len(digest)] + digest
}

// DeploymentVersion returns the SSM parameter that `mage bootstrap` leaves for a stack that
// has a role of its own. The CDK CLI looks for it before it deploys the stack.
func DeploymentVersion(stack string) string { return "/cdk-bootstrap/" + stack + "/version" }

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
