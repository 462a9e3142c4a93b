package stack

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// Served says what answers at a stage, according to Lambda. The application is not asked.
type Served struct {
	// Version is the version that the alias names.
	Version string
	// Shares are the shares of the traffic that other versions get while it shifts, by
	// version.
	Shares map[string]float64
	// Package is the SHA-256 of the zip file from which Version is made, in hexadecimal.
	Package string
	// Commit is the commit that Version's description names, or "".
	Commit string
}

// commitOf finds the commit in a version's description. The CDK app writes it into the
// function's description, and each version keeps the description with which it was published.
var commitOf = regexp.MustCompile(`\bcommit ([0-9a-f]{40}|[0-9a-f]{64})\b`)

// Named returns the commit that a version's description names, or "".
func Named(description string) string {
	if found := commitOf.FindStringSubmatch(description); found != nil {
		return found[1]
	}
	return ""
}

// Latest is the version that serves if a function has no alias: the code that was deployed
// last.
const Latest = "$LATEST"

// Serving asks Lambda which version serves a stage, and from which package it is made.
func Serving(ctx context.Context, cfg aws.Config, o Outputs) (Served, error) {
	client := o.lambda(cfg)
	if o.AliasName == "" {
		return made(ctx, cfg, o, Served{Version: Latest})
	}
	alias, err := client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &o.FunctionName, Name: &o.AliasName})
	if err != nil {
		return Served{}, exit.Missing("aws lambda get-alias --function-name "+o.FunctionName+" --name "+o.AliasName, "reading alias %s of %s: %w", o.AliasName, o.FunctionName, err)
	}
	return made(ctx, cfg, o, Traffic(alias.FunctionVersion, alias.RoutingConfig))
}

// lambda returns a client of Lambda in the region of the function.
func (o Outputs) lambda(cfg aws.Config) *lambda.Client {
	return lambda.NewFromConfig(In(cfg, manifest.Place{Region: o.Region}))
}

// made adds the package from which the serving version is made.
func made(ctx context.Context, cfg aws.Config, o Outputs, s Served) (Served, error) {
	client := o.lambda(cfg)
	look := "aws lambda get-function-configuration --function-name " + o.FunctionName + " --qualifier " + s.Version
	version, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &o.FunctionName, Qualifier: &s.Version})
	if err != nil {
		return Served{}, exit.Missing(look, "reading version %s of %s: %w", s.Version, o.FunctionName, err)
	}
	digest, err := base64.StdEncoding.DecodeString(aws.ToString(version.CodeSha256))
	if err != nil || len(digest) != 32 {
		return Served{}, exit.Missing(look, "version %s of %s has CodeSha256 %q, which is not the SHA-256 of a zip file", s.Version, o.FunctionName, aws.ToString(version.CodeSha256))
	}
	s.Package = hex.EncodeToString(digest)
	s.Commit = Named(aws.ToString(version.Description))
	return s, nil
}

// CommitOf returns the commit that serves a stage, or "" if nothing names one. The template
// of the stage's stack names it if synth has written it there. Otherwise the version's
// description counts. It comes second because the CDK app writes it, and could name any
// commit.
func CommitOf(ctx context.Context, cfg aws.Config, o Outputs, s Served) (string, error) {
	client := cloudformation.NewFromConfig(In(cfg, manifest.Place{Region: o.Region}))
	got, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &o.Stack, TemplateStage: types.TemplateStageOriginal})
	if err != nil {
		return "", exit.Missing("aws cloudformation get-template --stack-name "+o.Stack, "reading from which commit stack %s was deployed: %w", o.Stack, err)
	}
	var template struct {
		Metadata map[string]json.RawMessage
	}
	var m manifest.Metadata
	// Another tool may have deployed a template in YAML, which names no commit.
	if json.Unmarshal([]byte(aws.ToString(got.TemplateBody)), &template) != nil || json.Unmarshal(template.Metadata[manifest.MetadataKey], &m) != nil || m.Commit == "" {
		return s.Commit, nil
	}
	return m.Commit, nil
}

// Traffic returns how an alias shares its traffic. It does not say from which packages the
// versions are made.
func Traffic(version *string, routing *lambdatypes.AliasRoutingConfiguration) Served {
	s := Served{Version: aws.ToString(version)}
	if routing != nil && len(routing.AdditionalVersionWeights) > 0 {
		s.Shares = routing.AdditionalVersionWeights
	}
	return s
}

// String says which versions share the traffic: "3", or "3 (90 %) 4 (10 %)".
func (s Served) String() string {
	if len(s.Shares) == 0 {
		return s.Version
	}
	rest, others := 1.0, ""
	for _, version := range slices.Sorted(maps.Keys(s.Shares)) {
		rest -= s.Shares[version]
		others += fmt.Sprintf(" %s (%.0f %%)", version, 100*s.Shares[version])
	}
	return fmt.Sprintf("%s (%.0f %%)%s", s.Version, 100*rest, others)
}

// Is returns an error unless a package gets all traffic.
func (s Served) Is(pkg string) error {
	switch {
	case len(s.Shares) > 0:
		return fmt.Errorf("versions %s share the traffic", s)
	case s.Package != pkg:
		return fmt.Errorf("version %s serves a package with SHA-256 %.12s, but the release's package has %.12s", s.Version, s.Package, pkg)
	}
	return nil
}
