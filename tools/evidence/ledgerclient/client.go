// Package ledgerclient is the client of a stage's release ledger. It sends what the
// pipeline has signed to the ledger, and reads it back.
package ledgerclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// A Client talks to the release ledger of a stage.
type Client struct {
	URL    string // URL of the function
	Signer evidence.Signer
}

// PutEvidence sends the bundle of a commit to the ledger and returns the
// bundle's digest. Sending the same bundle again is no error. If the ledger
// already has other evidence for the commit, it keeps both.
func (c Client) PutEvidence(ctx context.Context, commit string, bundle []byte) (digest string, err error) {
	digest = evidence.Digest(bundle)
	status, err := c.put(ctx, "releases/"+commit+"/evidence", "application/jsonl", bundle)
	if status == http.StatusConflict {
		_, err = c.put(ctx, "releases/"+commit+"/evidence/"+digest, "application/jsonl", bundle)
	}
	return digest, err
}

// Record signs the record of a deployment. It also returns the path, below the URL, to which
// the record must be sent, and the digest under which the ledger stores it.
func (c Client) Record(ctx context.Context, commit, pkg string, d evidence.Deployment) (path, digest string, record []byte, err error) {
	if record, err = evidence.SealDeployment(ctx, c.Signer, commit, pkg, d); err != nil {
		return "", "", nil, err
	}
	digest = evidence.Digest(record)
	return "releases/" + commit + "/deployments/" + digest, digest, record, nil
}

// PutDeployment signs the record of a deployment and sends it to the ledger.
func (c Client) PutDeployment(ctx context.Context, commit, pkg string, d evidence.Deployment) error {
	path, _, record, err := c.Record(ctx, commit, pkg, d)
	if err != nil {
		return err
	}
	_, err = c.put(ctx, path, "application/json", record)
	return err
}

// Token returns a token that lets its holder read about a commit until it expires.
func (c Client) Token(ctx context.Context, commit string, expires time.Time) (string, error) {
	return evidence.Link{Commit: commit, Expires: expires.Truncate(time.Second).UTC()}.Token(ctx, c.Signer)
}

// Link returns the URL of a page about a commit. Whoever has the URL can read
// the page until the link expires. page is "", or /evidence/DIGEST/assessment.
func (c Client) Link(ctx context.Context, commit, page string, expires time.Time) (string, error) {
	token, err := c.Token(ctx, commit, expires)
	if err != nil {
		return "", err
	}
	return c.address("releases/" + commit + page + "?token=" + token), nil
}

// Commit returns the commit of the build that answers.
func (c Client) Commit(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address("healthz"), nil)
	if err != nil {
		return "", fmt.Errorf("asking the ledger: %w", err)
	}
	status, answer, err := send(r)
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("GET %s answered %d %s", r.URL, status, bytes.TrimSpace(answer))
	}
	var health struct{ Commit string }
	if err := json.Unmarshal(answer, &health); err != nil {
		return "", fmt.Errorf("reading the ledger's answer: %w", err)
	}
	return health.Commit, nil
}

func (c Client) address(path string) string { return strings.TrimSuffix(c.URL, "/") + "/" + path }

// put returns the status of the response, if there was one.
func (c Client) put(ctx context.Context, path, mediaType string, body []byte) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, c.address(path), bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("asking the ledger: %w", err)
	}
	r.Header.Set("Content-Type", mediaType)
	status, answer, err := send(r)
	if err != nil {
		return status, err
	}
	if status != http.StatusOK && status != http.StatusCreated {
		return status, fmt.Errorf("PUT %s answered %d %s", c.address(path), status, bytes.TrimSpace(answer))
	}
	return status, nil
}

// send returns the status of the answer, if there was one, and its body.
func send(r *http.Request) (status int, answer []byte, err error) {
	client := http.Client{Timeout: 15 * time.Second}
	response, err := client.Do(r) // #nosec G704 -- the URL is the stack's own output
	if err != nil {
		return 0, nil, fmt.Errorf("asking the ledger: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return response.StatusCode, nil, fmt.Errorf("reading the ledger's answer: %w", err)
	}
	return response.StatusCode, answer, nil
}
