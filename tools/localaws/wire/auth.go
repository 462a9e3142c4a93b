package wire

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// A credential is the scope of an AWS signature: the signer's key, the service
// and the region. The signature itself is not checked, because everyone who
// reaches the loopback endpoint may use it.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
type credential struct {
	accessKeyID string
	region      string // empty for SigV4A, which covers several regions
	service     string
}

// parseCredential reads the scope from the Authorization header or from the
// query of a presigned URL. Without a signature it returns the zero credential.
func parseCredential(r *http.Request) (credential, error) {
	scope := r.URL.Query().Get("X-Amz-Credential")
	if header := r.Header.Get("Authorization"); header != "" {
		algorithm, parameters, _ := strings.Cut(header, " ")
		if !strings.HasPrefix(algorithm, "AWS4-") {
			return credential{}, incomplete("the embedded AWS knows AWS Signature Version 4 only, not " + abbreviate(algorithm))
		}
		scope = ""
		for p := range strings.SplitSeq(parameters, ",") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(p), "Credential="); ok {
				scope = v
			}
		}
		if scope == "" {
			return credential{}, incomplete("Authorization header requires 'Credential' parameter.")
		}
	}
	if scope == "" {
		return credential{}, nil
	}
	// The format is KEY/DATE/REGION/SERVICE/aws4_request. SigV4A has no REGION.
	parts := strings.Split(scope, "/")
	n := len(parts)
	if n < 4 || n > 5 || parts[n-1] != "aws4_request" || parts[0] == "" {
		return credential{}, incomplete("Credential must have the form KEY/DATE/REGION/SERVICE/aws4_request, not " + abbreviate(scope))
	}
	c := credential{accessKeyID: parts[0], service: parts[n-2]}
	if n == 5 {
		c.region = parts[2]
	}
	return c, nil
}

func incomplete(text string) error {
	return &smithy.GenericAPIError{Code: "IncompleteSignature", Message: text, Fault: smithy.FaultClient}
}

// authorize returns a context with the request's principal. A request without a
// signature may only read from S3 or follow the links that a service sends.
func (h *handler) authorize(r *http.Request, c credential, s *service) (context.Context, error) {
	ctx := r.Context()
	if c == (credential{}) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
		if (s.name != "s3" || !reads) && !s.linked(r) {
			return nil, &smithy.GenericAPIError{
				Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token", Fault: smithy.FaultClient,
			}
		}
		return ctx, nil
	}
	if c.region != "" && c.region != h.account.Region && !s.global {
		return nil, &smithy.GenericAPIError{
			Code: "InvalidRegion",
			Message: fmt.Sprintf("Credential should be scoped to a valid region: the embedded AWS serves %s, not %s",
				h.account.Region, abbreviate(c.region)),
			Fault: smithy.FaultClient,
		}
	}
	p, err := h.resolver.Principal(ctx, c.accessKeyID)
	if err != nil {
		return nil, err
	}
	return principal.NewContext(ctx, p), nil
}
