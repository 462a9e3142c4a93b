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
// and the region. It only decides which service answers: an Authenticator verifies
// the signature.
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
			return credential{}, incomplete("the embedded AWS supports only AWS Signature Version 4, not " + abbreviate(algorithm))
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

// expects checks whether a service takes a request with this credential. Without
// one, a request may only follow the links that a service sends.
func (h *handler) expects(r *http.Request, c credential, s *service) error {
	if c == (credential{}) {
		if !s.linked(r) {
			return &smithy.GenericAPIError{
				Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token", Fault: smithy.FaultClient,
			}
		}
		return nil
	}
	if c.region != "" && c.region != h.account.Region && !s.global {
		return &smithy.GenericAPIError{
			Code: "InvalidRegion",
			Message: fmt.Sprintf("Credential should be scoped to a valid region: the embedded AWS serves only %s, not %s",
				h.account.Region, abbreviate(c.region)),
			Fault: smithy.FaultClient,
		}
	}
	return nil
}

// authenticate returns a context with the identity that has signed the request.
func (h *handler) authenticate(r *http.Request, c credential, body []byte) (context.Context, error) {
	if c == (credential{}) {
		return r.Context(), nil
	}
	p, err := h.auth.Verify(r, body)
	if err != nil {
		return nil, err
	}
	return principal.NewContext(r.Context(), p), nil
}
