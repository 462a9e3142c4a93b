// Package ledger keeps the evidence of releases, one write-once document for
// each commit, and shows it as JSON and as HTML.
package ledger

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// MaxEvidence is the size limit of one commit's evidence, in bytes. A Lambda
// function URL takes 6 MB, but what nobody can read is no evidence.
const MaxEvidence = 1 << 20

// What a [Store] says of a release.
var (
	ErrNotFound = errors.New("no evidence is kept for this commit")
	ErrExists   = errors.New("different evidence is already kept for this commit")
)

// A Release is a commit that evidence is kept for.
type Release struct {
	Commit   string    `json:"commit"`
	Recorded time.Time `json:"recorded"`
	Size     int64     `json:"size"` // bytes of evidence
}

// A Store keeps evidence.
type Store interface {
	// Put keeps evidence and reports whether it is new. It returns ErrExists
	// if other evidence is there, which it leaves as it is.
	Put(ctx context.Context, commit string, evidence []byte) (created bool, err error)
	// Get returns a commit's evidence, or ErrNotFound.
	Get(ctx context.Context, commit string) ([]byte, error)
	// List returns the releases, the newest first.
	List(ctx context.Context) ([]Release, error)
}

// An Acceptor decides whether a document may be kept as evidence. Its error is
// told to the client.
type Acceptor func(evidence []byte) error

// AnyJSON accepts every JSON object.
func AnyJSON(evidence []byte) error {
	var object map[string]any
	if err := json.Unmarshal(evidence, &object); err != nil {
		return fmt.Errorf("the body is not a JSON object: %w", err)
	}
	if object == nil {
		return errors.New("the body is not a JSON object: it is null")
	}
	return nil
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
	Store  Store
	Accept Acceptor
	Build  Build
}

// Handler returns the routes of the ledger.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /releases", s.list)
	mux.HandleFunc("GET /releases/{commit}", s.show)
	mux.HandleFunc("PUT /releases/{commit}/evidence", s.record)
	return mux
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Build)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	releases, err := s.Store.List(r.Context())
	if err != nil {
		fail(w, r, err)
		return
	}
	if wantsHTML(r) {
		render(w, r, "releases", releases)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"releases": releases})
}

func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	commit, ok := commitOf(w, r)
	if !ok {
		return
	}
	evidence, err := s.Store.Get(r.Context(), commit)
	if err != nil {
		fail(w, r, err)
		return
	}
	if wantsHTML(r) {
		var indented bytes.Buffer
		if err := json.Indent(&indented, evidence, "", "  "); err != nil {
			fail(w, r, fmt.Errorf("reading evidence of %s: %w", commit, err))
			return
		}
		render(w, r, "release", map[string]string{"Commit": commit, "Evidence": indented.String()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"commit": commit, "evidence": json.RawMessage(evidence)})
}

func (s *Server) record(w http.ResponseWriter, r *http.Request) {
	commit, ok := commitOf(w, r)
	if !ok {
		return
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "evidence is application/json; the request's Content-Type is %q", r.Header.Get("Content-Type"))
		return
	}
	evidence, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxEvidence))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		refuse(w, http.StatusRequestEntityTooLarge, "evidence is larger than %d bytes", tooLarge.Limit)
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "the body could not be read: %v", err)
		return
	}
	if err := s.Accept(evidence); err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	created, err := s.Store.Put(r.Context(), commit, evidence)
	switch {
	case err != nil:
		fail(w, r, err)
	case created:
		writeJSON(w, http.StatusCreated, map[string]string{"commit": commit})
	default: // the same evidence again: the client may have retried
		writeJSON(w, http.StatusOK, map[string]string{"commit": commit})
	}
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

//go:embed pages.html
var pagesHTML string

var pages = template.Must(template.New("").Parse(pagesHTML))

func render(w http.ResponseWriter, r *http.Request, page string, data any) {
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, page, data); err != nil {
		fail(w, r, fmt.Errorf("rendering %s: %w", page, err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = body.WriteTo(w) // the response is held in memory
}
