// Package ledger keeps what is known of releases: for each commit the evidence
// that it may go to production, and where it was deployed. It keeps only what
// the pipeline's key has signed, each document once, and shows it as JSON and as
// HTML to whoever holds a link token.
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/timeline"
)

// MaxDocument is the size limit of one document, in bytes: a function URL takes
// 6 MB, of which base64 leaves three quarters.
const MaxDocument = 4 << 20

// MaxDeployment is the size limit of the record of a deployment, in bytes.
const MaxDeployment = 256 << 10

// What a [Store] says of a document.
var (
	ErrNotFound = errors.New("nothing is kept under this name")
	ErrExists   = errors.New("another document is already kept under this name")
)

// An Object is a document that is kept.
type Object struct {
	Name     string
	Recorded time.Time
	Size     int64 // bytes
}

// A Store keeps documents by name.
type Store interface {
	// Put keeps a document and reports whether it is new. It returns ErrExists
	// if another document has the name, which it leaves as it is.
	Put(ctx context.Context, name string, document []byte) (created bool, err error)
	// Get returns a document, or ErrNotFound.
	Get(ctx context.Context, name string) ([]byte, error)
	// List returns the documents whose names begin with prefix.
	List(ctx context.Context, prefix string) ([]Object, error)
}

// Build says which build of the ledger answers.
type Build struct {
	Commit          string `json:"commit"`
	Version         string `json:"version"`
	BuildTime       string `json:"buildTime"`
	FunctionVersion string `json:"functionVersion"`
}

// Server answers for the ledger over HTTP.
type Server struct {
	Store Store
	// Keys sign what is kept and the tokens of those who may read it. Without
	// one, nothing is accepted and nothing shown. What is sent must be signed with a
	// key that counts now; what is kept, with one that counted when it came.
	Keys  evidence.Keys
	Build Build
	Stage string // the ledger's own stage
	Now   func() time.Time
}

// Handler returns the routes of the ledger.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /releases", s.forHolders(s.list))
	mux.HandleFunc("GET /releases/{commit}", s.forHolders(s.show))
	mux.HandleFunc("GET /releases/{commit}/evidence/{digest}", s.forHolders(s.evidence))
	mux.HandleFunc("GET /releases/{commit}/evidence/{digest}/assessment", s.forHolders(s.assessment))
	mux.HandleFunc("PUT /releases/{commit}/evidence", s.recordEvidence)
	mux.HandleFunc("PUT /releases/{commit}/evidence/{digest}", s.recordEvidence)
	mux.HandleFunc("PUT /releases/{commit}/deployments/{digest}", s.recordDeployment)
	return secure(mux)
}

// secure sets the headers by which a browser takes an answer for nothing but what
// it is, keeps it nowhere, shows it in no other page and asks for it by HTTPS only.
// See https://owasp.org/www-project-secure-headers/.
func secure(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"X-Content-Type-Options":    "nosniff",
			"Cache-Control":             "no-store",
			"Content-Security-Policy":   "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
			"Referrer-Policy":           "no-referrer",
			"Strict-Transport-Security": "max-age=31536000",
		} {
			w.Header().Set(name, value)
		}
		h.ServeHTTP(w, r)
	})
}

// health answers which build it is.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Build)
}

// The names of documents: releases/COMMIT/evidence.intoto.jsonl for the first
// evidence of a commit, releases/COMMIT/evidence/SHA256.intoto.jsonl for what
// came later, and releases/COMMIT/deployments/SHA256.json.
const prefix = "releases/"

func evidenceName(commit, digest string) string {
	if digest == "" {
		return prefix + commit + "/evidence.intoto.jsonl"
	}
	return prefix + commit + "/evidence/" + digest + ".intoto.jsonl"
}

var documentName = regexp.MustCompile(`^releases/([0-9a-f]{40})/(evidence|deployments)(?:/([0-9a-f]{64}))?\.(intoto\.jsonl|json)$`)

// cutName returns the commit and the kind of a document, and the digest of one
// that is named by it. All are "" for what an older version of the ledger has
// kept, as evidence.json.
func cutName(name string) (commit, kind, digest string) {
	if found := documentName.FindStringSubmatch(name); found != nil && (found[2] == "evidence") == (found[4] == "intoto.jsonl") {
		return found[1], found[2], found[3]
	}
	return "", "", ""
}

var fullHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

// commitOf returns the commit in the request's path, or refuses the request.
func commitOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	commit := r.PathValue("commit")
	if !fullHash.MatchString(commit) {
		refuse(w, http.StatusBadRequest, "%q is not a full commit hash: 40 lower-case hexadecimal digits", commit)
		return "", false
	}
	return commit, true
}

// wantsHTML reports whether the client names text/html before JSON.
func wantsHTML(r *http.Request) bool {
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		switch mediaType, _, _ := mime.ParseMediaType(accepted); mediaType {
		case "text/html":
			return true
		case "application/json":
			return false
		}
	}
	return false
}

// fail answers for an error of the store. Only what the client can act on is
// told; the rest goes to the log.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		refuse(w, http.StatusNotFound, "%v", err)
	case errors.Is(err, ErrExists):
		refuse(w, http.StatusConflict, "%v", err)
	default:
		note(r.Context(), err)
		refuse(w, http.StatusInternalServerError, "the ledger failed; the log has the reason under this request's id")
	}
}

func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	writeJSON(w, status, map[string]string{"error": fmt.Sprintf(format, args...)})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the response is held in memory
}

func render(w http.ResponseWriter, r *http.Request, p timeline.Page) {
	var body bytes.Buffer
	if err := timeline.Write(&body, p); err != nil {
		fail(w, r, err)
		return
	}
	writeHTML(w, body.Bytes())
}

// writeHTML answers with a page that may run nothing and load nothing, and
// whose address, which holds a token, is told to nobody.
func writeHTML(w http.ResponseWriter, page []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	_, _ = w.Write(page) // the response is held in memory
}
