// Package collect gathers what the readiness assessment decides from: what
// targets left, the repository's history, the cloud assembly and AWS.
package collect

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
)

// An Env is what a collector may look at.
type Env struct {
	Project   project.Config
	Candidate readiness.Candidate
	Policy    readiness.Policy
	Clock     clock.Clock
	// AWS is nil where there are no credentials.
	AWS *aws.Config
}
