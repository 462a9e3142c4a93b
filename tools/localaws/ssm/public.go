package ssm

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// publicPath begins the names of the parameters that AWS publishes.
// See https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html.
const publicPath = "/aws/service/"

// images matches the public parameters whose values are ids of machine images. The
// embedded AWS starts no machines, so that any such id will do.
var images = regexp.MustCompile(`^/aws/service/(` + strings.Join([]string{
	`ami-amazon-linux-latest/[\w.-]+`,
	`ami-windows-latest/[\w.-]+`,
	`(ecs|eks)/optimized-ami/[\w./-]+/image_id`,
	`bottlerocket/[\w./-]+/image_id`,
	`canonical/ubuntu/[\w./-]+/ami-id`,
	`debian/release/[\w./-]+`,
}, "|") + `)$`)

// public returns one of AWS's parameters. The ids of machine images are recorded; the
// others are refused by name.
func (s *Service) public(name string) (*parameter, error) {
	if !images.MatchString(name) {
		return nil, &types.ParameterNotFound{Message: aws.String("the embedded AWS does not have AWS's public parameter " + name + ": give the value itself")}
	}
	sum := sha256.Sum256([]byte(name))
	return &parameter{name: name, kind: types.ParameterTypeString, versions: []version{{
		number: 1, value: "ami-" + hex.EncodeToString(sum[:])[:17], tier: types.ParameterTierStandard, modified: s.account.Clock.Now().UTC(),
	}}}, nil
}
