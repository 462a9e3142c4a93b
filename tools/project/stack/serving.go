package stack

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/project/exit"
)

// Served is what answers at a stage. Lambda says so: the application is not
// asked.
type Served struct {
	// Version is the one that the alias names.
	Version string
	// Shares are the parts of the traffic that other versions get while it
	// shifts, by version.
	Shares map[string]float64
	// Package is the SHA-256 of the zip file that Version is made of, hexadecimal.
	Package string
	// Commit is the one that Version's description names, or "".
	Commit string
}

// commitOf finds the commit in a version's description. The CDK app writes it
// into the function's, of which each version keeps the one it was published with.
var commitOf = regexp.MustCompile(`\bcommit ([0-9a-f]{40}|[0-9a-f]{64})\b`)

// Serving asks Lambda which version serves a stage, and what it is made of.
func Serving(ctx context.Context, cfg aws.Config, o Outputs) (Served, error) {
	client := lambda.NewFromConfig(cfg)
	alias, err := client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &o.FunctionName, Name: &o.AliasName})
	if err != nil {
		return Served{}, exit.Missing("aws lambda get-alias --function-name "+o.FunctionName+" --name "+o.AliasName, "reading alias %s of %s: %w", o.AliasName, o.FunctionName, err)
	}
	s := Traffic(alias.FunctionVersion, alias.RoutingConfig)
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
	if found := commitOf.FindStringSubmatch(aws.ToString(version.Description)); found != nil {
		s.Commit = found[1]
	}
	return s, nil
}

// Traffic returns how an alias shares its traffic. What the versions are made of
// it does not say.
func Traffic(version *string, routing *types.AliasRoutingConfiguration) Served {
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
		return fmt.Errorf("version %s serves, whose package has the SHA-256 %.12s, and the release's has %.12s", s.Version, s.Package, pkg)
	}
	return nil
}
