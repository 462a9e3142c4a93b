package evidence

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// LinkType is the payload type of links.
const LinkType = "application/vnd.magewright.link+json"

// The reasons for refusing a link token.
var (
	ErrNoLink      = errors.New("it is not a link token")
	ErrLinkForged  = errors.New("the link token is not signed with the pinned key")
	ErrLinkExpired = errors.New("the link token has expired")
	ErrLinkCommit  = errors.New("the link token is for no commit")
	ErrLinkLife    = errors.New("the link token is valid for too long")
)

// MaxLinkLife is how long a link may be valid: as long as CodePipeline waits for an
// approval.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals.html.
const MaxLinkLife = 7 * 24 * time.Hour

// skew is the largest difference between the clocks of the signer of a link and of the ledger
// that opens it.
const skew = 10 * time.Minute

var fullHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// A Link lets its holder read the evidence of a commit until it expires.
type Link struct {
	Commit  string    `json:"commit"`
	Expires time.Time `json:"expires"`
}

// Token signs a link in a form that fits into a URL: the payload and its DSSE
// signature, each in base64url, separated by a dot.
func (l Link) Token(ctx context.Context, signer Signer) (string, error) {
	payload, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("signing a link to %s: %w", l.Commit, err)
	}
	signature, err := signer.Sign(ctx, dsse.PAE(LinkType, payload))
	if err != nil {
		return "", fmt.Errorf("signing a link to %s: %w", l.Commit, err)
	}
	return base64.RawURLEncoding.EncodeToString(payload) + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// OpenLink returns the link in a token. The token must be signed with a key that is valid
// now, and the link must not have expired. The error is ErrNoLink, ErrLinkForged,
// ErrLinkExpired, ErrLinkCommit or ErrLinkLife.
func OpenLink(ctx context.Context, keys Keys, token string, now time.Time) (Link, error) {
	var l Link
	first, second, _ := strings.Cut(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(first)
	signature, sigErr := base64.RawURLEncoding.DecodeString(second)
	if err != nil || sigErr != nil || len(payload) == 0 || len(signature) == 0 {
		return l, ErrNoLink
	}
	signed := func(key TrustedKey) bool { return key.Verify(ctx, dsse.PAE(LinkType, payload), signature) == nil }
	if !slices.ContainsFunc(keys.At(now), signed) {
		return l, ErrLinkForged
	}
	if err := json.Unmarshal(payload, &l); err != nil {
		return l, ErrNoLink
	}
	switch {
	case !fullHash.MatchString(l.Commit):
		return l, fmt.Errorf("%w: %q", ErrLinkCommit, l.Commit)
	case !now.Before(l.Expires):
		return l, fmt.Errorf("%w: at %s", ErrLinkExpired, l.Expires.UTC().Format(time.RFC3339))
	case l.Expires.Sub(now) > MaxLinkLife+skew:
		return l, fmt.Errorf("%w: until %s, and %s is the most", ErrLinkLife, l.Expires.UTC().Format(time.RFC3339), MaxLinkLife)
	}
	return l, nil
}
