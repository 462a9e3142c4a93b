package evidence

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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
)

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

// OpenLink returns the link in a token that is signed with key, unless it has
// expired at the time now. The error is ErrNoLink, ErrLinkForged or
// ErrLinkExpired.
func OpenLink(ctx context.Context, key Key, token string, now time.Time) (Link, error) {
	var l Link
	first, second, _ := strings.Cut(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(first)
	signature, sigErr := base64.RawURLEncoding.DecodeString(second)
	if err != nil || sigErr != nil || len(payload) == 0 || len(signature) == 0 {
		return l, ErrNoLink
	}
	if key.Verify(ctx, dsse.PAE(LinkType, payload), signature) != nil {
		return l, ErrLinkForged
	}
	if err := json.Unmarshal(payload, &l); err != nil {
		return l, ErrNoLink
	}
	if !now.Before(l.Expires) {
		return l, fmt.Errorf("%w: at %s", ErrLinkExpired, l.Expires.UTC().Format(time.RFC3339))
	}
	return l, nil
}
