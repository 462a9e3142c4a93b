// Package appspec writes and reads what CodeDeploy is told about a Lambda function: which
// alias moves, from which version to which. See
// https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html.
package appspec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"go.yaml.in/yaml/v3"
)

// A Move moves an alias from one version to another.
type Move struct{ Function, Alias, From, To string }

// Revision returns the revision that asks CodeDeploy for the move.
func (m Move) Revision() *types.RevisionLocation {
	properties := map[string]string{"Name": m.Function, "Alias": m.Alias, "CurrentVersion": m.From, "TargetVersion": m.To}
	spec, err := json.Marshal(map[string]any{
		"version":   0.0,
		"Resources": []any{map[string]any{"function": map[string]any{"Type": "AWS::Lambda::Function", "Properties": properties}}},
	})
	if err != nil {
		panic(err) // strings only
	}
	sum := sha256.Sum256(spec)
	return &types.RevisionLocation{
		RevisionType:   types.RevisionLocationTypeAppSpecContent,
		AppSpecContent: &types.AppSpecContent{Content: aws.String(string(spec)), Sha256: aws.String(hex.EncodeToString(sum[:]))},
	}
}

// Read returns the move that a revision asks for. It returns false if the revision has none,
// for example because it is kept in S3.
func Read(r *types.RevisionLocation) (Move, bool) {
	if r == nil || r.AppSpecContent == nil {
		return Move{}, false
	}
	var spec struct {
		Resources []map[string]struct {
			Properties struct {
				Name           string `yaml:"Name"`
				Alias          string `yaml:"Alias"`
				CurrentVersion string `yaml:"CurrentVersion"`
				TargetVersion  string `yaml:"TargetVersion"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if yaml.Unmarshal([]byte(aws.ToString(r.AppSpecContent.Content)), &spec) != nil {
		return Move{}, false
	}
	for _, resource := range spec.Resources {
		for _, function := range resource {
			p := function.Properties
			return Move{p.Name, p.Alias, p.CurrentVersion, p.TargetVersion}, p.CurrentVersion != "" && p.TargetVersion != ""
		}
	}
	return Move{}, false
}
