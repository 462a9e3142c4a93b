package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// recordEvidence keeps a bundle that the pinned key has signed, once: a second,
// different one is kept under its digest only.
func (s *Server) recordEvidence(w http.ResponseWriter, r *http.Request) {
	commit, ok := commitOf(w, r)
	if !ok {
		return
	}
	document, ok := s.document(w, r, "application/jsonl", MaxDocument)
	if !ok {
		return
	}
	statements, _, err := evidence.ReadBundle(r.Context(), bytes.NewReader(document), s.Keys, s.Now())
	if err != nil {
		refuse(w, http.StatusForbidden, "%v", err)
		return
	}
	for _, statement := range statements {
		if of := statement.Digest(evidence.GitCommit); of != commit {
			refuse(w, http.StatusForbidden, "the bundle is of commit %q, not of %s", of, commit)
			return
		}
	}
	// The first evidence of a commit has no digest in its name, so that S3
	// itself refuses a second one there.
	digest := r.PathValue("digest")
	if digest != "" && digest != evidence.Digest(document) {
		refuse(w, http.StatusBadRequest, "the body's SHA-256 is %s, and the path says %q", evidence.Digest(document), digest)
		return
	}
	s.keep(w, r, evidenceName(commit, digest), document)
}

// recordDeployment keeps the record of a deployment that the pinned key has signed.
func (s *Server) recordDeployment(w http.ResponseWriter, r *http.Request) {
	commit, ok := commitOf(w, r)
	if !ok {
		return
	}
	document, ok := s.document(w, r, "application/json", MaxDeployment)
	if !ok {
		return
	}
	if digest := evidence.Digest(document); digest != r.PathValue("digest") {
		refuse(w, http.StatusBadRequest, "the body's SHA-256 is %s, and the path says %q", digest, r.PathValue("digest"))
		return
	}
	if _, err := s.deployment(r.Context(), commit, document, s.Now()); err != nil {
		refuse(w, http.StatusForbidden, "%v", err)
		return
	}
	s.keep(w, r, prefix+commit+"/deployments/"+evidence.Digest(document)+".json", document)
}

// deployment reads the record of a deployment of commit, which came at a time.
func (s *Server) deployment(ctx context.Context, commit string, document []byte, at time.Time) (evidence.Deployment, error) {
	var d evidence.Deployment
	envelopes, err := evidence.Envelopes(document)
	if err != nil {
		return d, err
	}
	if len(envelopes) != 1 {
		return d, fmt.Errorf("a deployment is recorded in one envelope, and these are %d", len(envelopes))
	}
	statement, _, err := envelopes[0].OpenAt(ctx, s.Keys, at)
	if err != nil {
		return d, err
	}
	if of := statement.Digest(evidence.GitCommit); of != commit {
		return d, fmt.Errorf("the deployment is of commit %q, not of %s", of, commit)
	}
	return d, statement.Decode(&d)
}

// document returns the request's body, or refuses the request.
func (s *Server) document(w http.ResponseWriter, r *http.Request, mediaType string, most int64) ([]byte, bool) {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != mediaType {
		refuse(w, http.StatusUnsupportedMediaType, "this is written as %s; the request's Content-Type is %q", mediaType, r.Header.Get("Content-Type"))
		return nil, false
	}
	document, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		refuse(w, http.StatusRequestEntityTooLarge, "the document is larger than %d bytes", tooLarge.Limit)
		return nil, false
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "the body could not be read: %v", err)
		return nil, false
	}
	if s.Keys.IsZero() {
		refuse(w, http.StatusForbidden, "no key is pinned, so nothing can be accepted: go tool mage evidence:key, set the context evidenceKey, deploy")
		return nil, false
	}
	return document, true
}

func (s *Server) keep(w http.ResponseWriter, r *http.Request, name string, document []byte) {
	created, err := s.Store.Put(r.Context(), name, document)
	answer := map[string]string{"digest": evidence.Digest(document)}
	switch {
	case err != nil:
		fail(w, r, err)
	case created:
		writeJSON(w, http.StatusCreated, answer)
	default: // the same document again: the client may have retried
		writeJSON(w, http.StatusOK, answer)
	}
}
