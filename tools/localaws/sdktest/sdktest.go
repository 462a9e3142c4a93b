// Package sdktest is for tests whose clients of the AWS SDK do not retry, so that no
// failure stays hidden.
package sdktest

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// HTTPClient returns an HTTP client for one configuration of the SDK that sends with the
// given one, or with a new one of the SDK's if that is nil. The SDK's own client sometimes
// closes the connection that it reads a response from: the SDK closes the request's body as
// soon as there is a response, and if net/http then still asks the body to write itself, it
// takes the end for a failure. The SDK hides this with retries. The bodies of this client
// can only be read, which ends without a failure.
// See https://github.com/aws/aws-sdk-go-v2/issues/2737.
func HTTPClient(sends aws.HTTPClient) aws.HTTPClient {
	if sends == nil {
		sends = awshttp.NewBuildableClient()
	}
	return plain{sends}
}

type plain struct{ client aws.HTTPClient }

// Do implements [aws.HTTPClient].
func (p plain) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.client.Do(r)
}
