# METADATA
# title: No forbidden module is in the binary
# description: >-
#   The list has modules that their authors archived or withdrew, and says what to
#   use instead.
package magewright.rules.modules_forbidden

import data.magewright.lib

forbidden := {
	"github.com/aws/aws-sdk-go": "its support has ended: github.com/aws/aws-sdk-go-v2",
	"github.com/dgrijalva/jwt-go": "abandoned with CVE-2020-26160: github.com/golang-jwt/jwt",
	"github.com/form3tech-oss/jwt-go": "withdrawn: github.com/golang-jwt/jwt",
	"github.com/golang/protobuf": "deprecated: google.golang.org/protobuf",
	"github.com/satori/go.uuid": "abandoned with predictable UUIDs: github.com/google/uuid",
	"gopkg.in/yaml.v2": "unmaintained: go.yaml.in/yaml",
}

subjects contains name if some name, _ in lib.components

violations contains {"id": name, "message": forbidden[base]} if {
	some name, _ in lib.components
	base := regex.replace(name, `/v[0-9]+$`, "")
	forbidden[base]
}
