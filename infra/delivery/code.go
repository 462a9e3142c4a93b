package delivery

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"

	"github.com/aws/jsii-runtime-go"
)

// CodeSHA256 returns the SHA-256 of a deployment package in Lambda's form, which is base64.
// Use it for the field CodeSha256 of the function's CurrentVersionOptions: then Lambda
// publishes no version from another package, and no traffic can shift to one. It panics if
// the package can't be read, as the CDK does. See
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-version.html.
func CodeSHA256(path string) *string {
	file, err := os.Open(path) // #nosec G304 -- the package that the app deploys
	if err != nil {
		panic(fmt.Errorf("reading the deployment package: %w", err))
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		panic(fmt.Errorf("reading the deployment package: %w", err))
	}
	return jsii.String(base64.StdEncoding.EncodeToString(sum.Sum(nil)))
}
