// Package settings reads the settings that a team chooses for its stacks from CDK context:
// infra/cdk.json, or the environment variable CDK_CONTEXT_JSON, which overrides it.
package settings

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/infra/delivery"
)

// Settings are a team's choices. The json names are the context keys.
type Settings struct {
	// Architecture of the function: arm64 or x86_64.
	Architecture string `json:"architecture"`
	// GOOS for which the function is built. It is linux unless a rehearsal runs on another
	// system. Synthesis does not read it, but passes it on to the pipeline's builds.
	GOOS string `json:"goos,omitempty"`
	// Repository is owner/name at the source provider.
	Repository string `json:"repository"`
	// Branch whose commits the pipeline delivers.
	Branch string `json:"branch"`
	// ConnectionARN of a CodeConnections connection to the source provider. Without one, the
	// pipeline stack creates a connection, which somebody must complete once in the console.
	ConnectionARN string `json:"connectionArn,omitempty"`
	// Package is the path of the function's deployment package.
	Package string `json:"package,omitempty"`
	// Commit from which the package was built. `mage synth` sets it unless files differ from
	// it.
	Commit string `json:"commit,omitempty"`
	// NotificationEmail is subscribed to alarms and to the pipeline's events.
	NotificationEmail string `json:"notificationEmail,omitempty"`
	// EvidenceKey are the public keys that sign evidence and records, as `mage
	// evidence:key` prints them: ECDSA on P-256, DER in base64, separated by commas.
	// Each may have its period behind an @: KEY@..2026-12-01,KEY@2026-11-30.. One with
	// record: before it signs no evidence. The ledger accepts nothing without one.
	EvidenceKey string `json:"evidenceKey,omitempty"`
	// EvidenceLock is how production's evidence is locked: "governance", so that who has
	// s3:BypassGovernanceRetention may delete it, which is the default, or "compliance", so
	// that nobody may. The policy's parity then declares the difference from staging.
	EvidenceLock string `json:"evidenceLock,omitempty"`
	// VerifyBuilds is how many builds of the stage Verify run at once: all four, unless the
	// account may run fewer. `mage doctor` compares the two.
	VerifyBuilds int `json:"verifyBuilds,omitempty"`
	// ReviewTokenSecret is the name of a secret in Secrets Manager of the pipeline's account.
	// Its text is a token that may read reviews at GitHub or GitLab. Without one, it stays
	// unknown whether a release was reviewed.
	ReviewTokenSecret string `json:"reviewTokenSecret,omitempty"`
	// The accounts and regions of the stacks. If one is empty, it is that of the credentials
	// that deploy.
	Staging    Stage `json:"staging,omitzero"`
	Production Stage `json:"production,omitzero"`
	Pipeline   Place `json:"pipeline,omitzero"`

	context map[string]any
}

// A Place is an account and a region.
type Place struct {
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
}

// Env returns the place as the environment of a stack, or nil if no place was chosen.
func (p Place) Env() *awscdk.Environment {
	if p == (Place{}) {
		return nil
	}
	env := &awscdk.Environment{}
	if p.Account != "" {
		env.Account = &p.Account
	}
	if p.Region != "" {
		env.Region = &p.Region
	}
	return env
}

// A Stage is one deployment of the service.
type Stage struct {
	Place
	// Name is staging or production. It is part of the stack's name.
	Name string `json:"-"`
	// DeploymentConfig is the CodeDeploy configuration with which traffic shifts.
	DeploymentConfig string `json:"deploymentConfig,omitempty"`
}

// Name is the name of the delivery, with which the names of all stacks begin. tools/project
// has it too, because the tools import nothing from infra.
const Name = "magewright"

// StackName returns the name of the stage's stack.
func (s Stage) StackName() string { return delivery.StackName(Name, s.Name) }

// DefaultPackage is the path at which `mage synth` puts the deployment package.
const DefaultPackage = ".magewright/app.zip"

// FromContext reads the settings of the app or stage to which node belongs.
func FromContext(node constructs.Node) (Settings, error) {
	context := map[string]any{}
	for _, key := range keys {
		if value := node.TryGetContext(jsii.String(key)); value != nil {
			context[key] = value
		}
	}
	return Parse(context)
}

// Parse reads the settings from CDK context.
func Parse(context map[string]any) (Settings, error) {
	s := Settings{
		Architecture: "arm64",
		Branch:       "main",
		Package:      DefaultPackage,
		Staging:      Stage{DeploymentConfig: "CodeDeployDefault.LambdaAllAtOnce"},
		Production:   Stage{DeploymentConfig: "CodeDeployDefault.LambdaCanary10Percent5Minutes"},
		context:      context,
	}
	encoded, err := json.Marshal(context)
	if err != nil {
		return s, fmt.Errorf("reading CDK context: %w", err)
	}
	if err := json.Unmarshal(encoded, &s); err != nil {
		return s, fmt.Errorf("reading CDK context (infra/cdk.json, CDK_CONTEXT_JSON): %w", err)
	}
	s.Staging.Name, s.Production.Name = "staging", "production"
	return s, s.validate()
}

var keys = []string{
	"architecture", "goos", "repository", "branch", "connectionArn", "package", "commit",
	"notificationEmail", "evidenceKey", "evidenceLock", "reviewTokenSecret", "verifyBuilds", "staging", "production", "pipeline",
}

func (s Settings) validate() error {
	if s.Architecture != "arm64" && s.Architecture != "x86_64" {
		return fmt.Errorf("context architecture is %q: AWS Lambda has arm64 and x86_64", s.Architecture)
	}
	if s.EvidenceLock != "" && s.EvidenceLock != "governance" && s.EvidenceLock != "compliance" {
		return fmt.Errorf("context evidenceLock is %q: S3 locks objects by governance or compliance", s.EvidenceLock)
	}
	if owner, name, ok := strings.Cut(s.Repository, "/"); !ok || owner == "" || name == "" {
		return fmt.Errorf("context repository is %q: it must be owner/name", s.Repository)
	}
	return nil
}

// Stages returns the service's stages, in the order of delivery.
func (s Settings) Stages() []Stage { return []Stage{s.Staging, s.Production} }

// JSON returns the context that was given, for CDK_CONTEXT_JSON of the pipeline's builds,
// which must synthesize the same as here. It leaves out the package's path, which is only
// valid on this machine, and the commit, because each build has its own.
func (s Settings) JSON() (string, error) {
	given := make(map[string]any, len(s.context))
	for key, value := range s.context {
		if key != "package" && key != "commit" {
			given[key] = value
		}
	}
	encoded, err := json.Marshal(given)
	if err != nil {
		return "", fmt.Errorf("writing CDK context: %w", err)
	}
	return string(encoded), nil
}
