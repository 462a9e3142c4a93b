package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// A Release is a commit that something is kept of.
type Release struct {
	Commit   string    `json:"commit"`
	Recorded time.Time `json:"recorded"`
	// Evidence are the SHA-256s of the bundles that are kept, where one release
	// is asked for.
	Evidence    []string     `json:"evidence,omitempty"`
	Deployments []Deployment `json:"deployments,omitempty"`
}

// A Deployment is one deployment of a release, as it was signed.
type Deployment struct {
	evidence.Deployment
	Digest string `json:"digest"` // of the record
}

// MaxListed is how many releases the list shows: the newest ones.
const MaxListed = 50

// list answers the newest releases with their deployments, as JSON or as a page.
func (s *Server) list(w http.ResponseWriter, r *http.Request, link evidence.Link) {
	objects, err := s.Store.List(r.Context(), prefix)
	if err != nil {
		fail(w, r, err)
		return
	}
	newest := map[string]time.Time{}
	for _, o := range objects {
		if commit, _, _ := cutName(o.Name); commit != "" && o.Recorded.After(newest[commit]) {
			newest[commit] = o.Recorded
		}
	}
	commits := make([]string, 0, len(newest))
	for commit := range newest {
		commits = append(commits, commit)
	}
	slices.SortFunc(commits, func(a, b string) int { return newest[b].Compare(newest[a]) })
	releases := []Release{}
	for _, commit := range commits[:min(len(commits), MaxListed)] {
		release, err := s.release(r.Context(), commit, objects)
		if err != nil {
			fail(w, r, err)
			return
		}
		releases = append(releases, release)
	}
	if wantsHTML(r) {
		render(w, r, "releases", map[string]any{"Releases": releases, "All": len(commits), "Mine": link.Commit, "Token": token(r)})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"releases": releases, "all": len(commits)})
}

// release reads the deployments of a release among objects.
func (s *Server) release(ctx context.Context, commit string, objects []Object) (Release, error) {
	release := Release{Commit: commit}
	for _, o := range objects {
		of, kind, digest := cutName(o.Name)
		if of != commit {
			continue
		}
		if o.Recorded.After(release.Recorded) {
			release.Recorded = o.Recorded
		}
		if kind != "deployments" {
			continue
		}
		document, err := s.Store.Get(ctx, o.Name)
		if err != nil {
			return release, err
		}
		d, err := s.deployment(ctx, commit, document)
		if err != nil {
			return release, fmt.Errorf("reading %s: %w", o.Name, err)
		}
		release.Deployments = append(release.Deployments, Deployment{d, digest})
	}
	slices.SortFunc(release.Deployments, func(a, b Deployment) int { return a.FinishedOn.Compare(b.FinishedOn) })
	return release, nil
}

// show answers a release with its evidence and deployments, as JSON or as a page.
func (s *Server) show(w http.ResponseWriter, r *http.Request, link evidence.Link) {
	commit, ok := commitOf(w, r)
	if !ok || !allowed(w, link, commit) {
		return
	}
	objects, err := s.Store.List(r.Context(), prefix+commit+"/")
	if err == nil && len(objects) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	release, err := s.release(r.Context(), commit, objects)
	if err != nil {
		fail(w, r, err)
		return
	}
	for _, o := range objects {
		if _, kind, digest := cutName(o.Name); kind == "evidence" {
			if digest == "" {
				first, err := s.Store.Get(r.Context(), o.Name)
				if err != nil {
					fail(w, r, err)
					return
				}
				digest = evidence.Digest(first)
			}
			release.Evidence = append(release.Evidence, digest)
		}
	}
	if wantsHTML(r) {
		render(w, r, "release", map[string]any{"Release": release, "Token": token(r)})
		return
	}
	writeJSON(w, http.StatusOK, release)
}

// bundle returns the evidence of a commit that has a digest.
func (s *Server) bundle(ctx context.Context, commit, digest string) ([]byte, error) {
	bundle, err := s.Store.Get(ctx, evidenceName(commit, digest))
	if !errors.Is(err, ErrNotFound) {
		return bundle, err
	}
	if bundle, err = s.Store.Get(ctx, evidenceName(commit, "")); err == nil && evidence.Digest(bundle) != digest {
		err = ErrNotFound
	}
	return bundle, err
}

// evidence answers with a bundle as it was signed.
func (s *Server) evidence(w http.ResponseWriter, r *http.Request, link evidence.Link) {
	if bundle, ok := s.asked(w, r, link); ok {
		w.Header().Set("Content-Type", "application/jsonl")
		_, _ = w.Write(bundle) // the response is held in memory
	}
}

// asked returns the bundle that a request names, or refuses the request.
func (s *Server) asked(w http.ResponseWriter, r *http.Request, link evidence.Link) ([]byte, bool) {
	commit, ok := commitOf(w, r)
	if !ok || !allowed(w, link, commit) {
		return nil, false
	}
	bundle, err := s.bundle(r.Context(), commit, r.PathValue("digest"))
	if err != nil {
		fail(w, r, err)
		return nil, false
	}
	return bundle, true
}

// assessment shows the page that was signed with the evidence.
func (s *Server) assessment(w http.ResponseWriter, r *http.Request, link evidence.Link) {
	bundle, ok := s.asked(w, r, link)
	if !ok {
		return
	}
	statements, _, err := evidence.ReadBundle(r.Context(), bytes.NewReader(bundle), s.Key)
	if err != nil {
		fail(w, r, err)
		return
	}
	var page evidence.Page
	for _, statement := range statements {
		if statement.PredicateType == page.PredicateType() {
			if err := statement.Decode(&page); err != nil {
				fail(w, r, err)
				return
			}
		}
	}
	if page.HTML == "" {
		refuse(w, http.StatusNotFound, "this evidence has no page")
		return
	}
	writeHTML(w, []byte(page.HTML))
}

// forHolders lets only those read who hold a link token, as a bearer token
// (RFC 6750) or, for a browser, as the query's token.
func (s *Server) forHolders(h func(http.ResponseWriter, *http.Request, evidence.Link)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given := token(r)
		if given == "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="releases"`)
			refuse(w, http.StatusUnauthorized, "this is shown to holders of a link token: go tool mage readiness prints a link")
			return
		}
		if s.Key.IsZero() {
			refuse(w, http.StatusForbidden, "no key is pinned, so no token can be checked: go tool mage evidence:key, set the context evidenceKey, deploy")
			return
		}
		link, err := evidence.OpenLink(r.Context(), s.Key, given, s.Now())
		if err != nil {
			refuse(w, http.StatusForbidden, "%v; go tool mage readiness prints a new link", err)
			return
		}
		h(w, r, link)
	}
}

func token(r *http.Request) string {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return bearer
	}
	return r.URL.Query().Get("token")
}

// allowed reports whether a link is to commit, or refuses the request.
func allowed(w http.ResponseWriter, link evidence.Link, commit string) bool {
	if link.Commit != commit {
		refuse(w, http.StatusForbidden, "the link token is for commit %s", link.Commit)
		return false
	}
	return true
}
