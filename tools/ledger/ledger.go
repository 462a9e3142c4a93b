// Package ledger is the client of a stage's release ledger: it hands over what
// the pipeline has signed, and reads it back.
package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// A Ledger is the release ledger of a stage.
type Ledger struct {
	URL    string // of the function
	Signer evidence.Signer
	// Client defaults to one that gives up after 15 seconds.
	Client *http.Client
}

// An Answer is what the ledger answered.
type Answer struct {
	Status int
	Body   []byte
}

// PutEvidence hands over the bundle of a commit and returns its digest. The same
// bundle again is no error, and where other evidence of the commit is kept
// already, this one is kept beside it.
func (l Ledger) PutEvidence(ctx context.Context, commit string, bundle []byte) (digest string, err error) {
	digest = digestOf(bundle)
	a, err := l.put(ctx, "releases/"+commit+"/evidence", "application/jsonl", bundle)
	if err != nil && a.Status == http.StatusConflict {
		_, err = l.put(ctx, "releases/"+commit+"/evidence/"+digest, "application/jsonl", bundle)
	}
	return digest, err
}

// PutDeployment signs the record of a deployment and hands it over. It returns
// the record's digest too.
func (l Ledger) PutDeployment(ctx context.Context, commit, pkg string, d evidence.Deployment) (digest string, a Answer, err error) {
	s, err := evidence.NewStatement(commit, pkg, d)
	if err != nil {
		return "", a, err
	}
	sealed, err := evidence.Seal(ctx, l.Signer, s)
	if err != nil {
		return "", a, err
	}
	record, err := json.Marshal(sealed)
	if err != nil {
		return "", a, fmt.Errorf("recording the deployment: %w", err)
	}
	digest = digestOf(record)
	a, err = l.put(ctx, "releases/"+commit+"/deployments/"+digest, "application/json", record)
	return digest, a, err
}

// Link returns the address of a page of a commit for whoever gets it, until it
// expires. page is "", or /evidence/DIGEST/assessment.
func (l Ledger) Link(ctx context.Context, commit, page string, expires time.Time) (string, error) {
	token, err := evidence.Link{Commit: commit, Expires: expires.Truncate(time.Second).UTC()}.Token(ctx, l.Signer)
	if err != nil {
		return "", err
	}
	return l.address("releases/" + commit + page + "?token=" + token), nil
}

func digestOf(document []byte) string {
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:])
}

func (l Ledger) address(path string) string { return strings.TrimSuffix(l.URL, "/") + "/" + path }

func (l Ledger) put(ctx context.Context, path, mediaType string, body []byte) (Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, l.address(path), bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("asking the ledger: %w", err)
	}
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Accept", "application/json")
	client := l.Client
	if client == nil {
		client = &http.Client{Timeout: 15 * time.Second}
	}
	response, err := client.Do(r) // #nosec G704 -- the URL is the stack's own output
	if err != nil {
		return Answer{}, fmt.Errorf("asking the ledger: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer := Answer{Status: response.StatusCode}
	if answer.Body, err = io.ReadAll(io.LimitReader(response.Body, evidence.MaxBundle)); err != nil {
		return answer, fmt.Errorf("reading the ledger's answer: %w", err)
	}
	if answer.Status != http.StatusOK && answer.Status != http.StatusCreated {
		return answer, fmt.Errorf("PUT %s answered %d %s", l.address(path), answer.Status, bytes.TrimSpace(answer.Body))
	}
	return answer, nil
}
