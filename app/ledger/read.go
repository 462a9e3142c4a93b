package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/timeline"
)

// A Release is a commit that something is kept of.
type Release struct {
	Commit   string    `json:"commit"`
	Recorded time.Time `json:"recorded"`
	// Evidence are the SHA-256s of the bundles that are kept, where one release
	// is asked for.
	Evidence    []string     `json:"evidence,omitempty"`
	Deployments []Deployment `json:"deployments,omitempty"`
	// Unreadable are the SHA-256s of the records that no key has signed which counted
	// when they came, or that another version of the ledger wrote.
	Unreadable []string `json:"unreadable,omitempty"`
}

// A Deployment is one deployment of a release, as it was signed.
type Deployment struct {
	evidence.Deployment
	Digest string `json:"digest"` // of the record
}

// list answers with the release that the link is to, as JSON or as a page: a link
// to one commit says nothing of others.
func (s *Server) list(w http.ResponseWriter, r *http.Request, link evidence.Link) {
	objects, err := s.Store.List(r.Context(), prefix+link.Commit+"/")
	if err != nil {
		fail(w, r, err)
		return
	}
	releases := []Release{}
	if len(objects) > 0 {
		release, err := s.release(r.Context(), link.Commit, objects)
		if err != nil {
			fail(w, r, err)
			return
		}
		releases = append(releases, release)
	}
	if wantsHTML(r) {
		p := timeline.Page{Title: "Releases", About: "Your link is to one commit. It shows no other release. DORA’s four figures are over all releases: go tool mage releases shows them."}
		for _, release := range releases {
			if release.Evidence, err = s.digests(r.Context(), objects); err == nil {
				err = s.onto(r, &p, release, "/releases/"+release.Commit+"?token="+token(r))
			}
			if err != nil {
				fail(w, r, err)
				return
			}
		}
		render(w, r, p)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"releases": releases})
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
		d, err := s.deployment(ctx, commit, document, o.Recorded)
		if err != nil {
			// One record that can't be read must not hide the others.
			note(ctx, fmt.Errorf("reading %s: %w", o.Name, err))
			release.Unreadable = append(release.Unreadable, digest)
			continue
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
	if release.Evidence, err = s.digests(r.Context(), objects); err != nil {
		fail(w, r, err)
		return
	}
	if wantsHTML(r) {
		p := timeline.Page{
			Title: fmt.Sprintf("Release %.12s", commit), About: "What the pipeline has signed of this commit.",
			Back: "/releases?token=" + token(r), BackTo: "Releases", Open: true,
		}
		if err := s.onto(r, &p, release, ""); err != nil {
			fail(w, r, err)
			return
		}
		render(w, r, p)
		return
	}
	writeJSON(w, http.StatusOK, release)
}

// digests returns the SHA-256s of the evidence among objects.
func (s *Server) digests(ctx context.Context, objects []Object) ([]string, error) {
	var all []string
	for _, o := range objects {
		_, kind, digest := cutName(o.Name)
		if kind != "evidence" {
			continue
		}
		if digest == "" {
			first, err := s.Store.Get(ctx, o.Name)
			if err != nil {
				return nil, err
			}
			digest = evidence.Digest(first)
		}
		all = append(all, digest)
	}
	return all, nil
}

// onto puts a release onto a page, with a link to its own page.
func (s *Server) onto(r *http.Request, p *timeline.Page, release Release, link string) error {
	shown := timeline.Release{Commit: release.Commit, Link: link}
	var newest time.Time
	for _, digest := range release.Evidence {
		shown.Assessments = append(shown.Assessments, timeline.Assessment{
			Link: "/releases/" + release.Commit + "/evidence/" + digest + "/assessment?token=" + token(r), Digest: digest,
		})
		bundle, recorded, err := s.bundle(r.Context(), release.Commit, digest)
		if err != nil {
			return err
		}
		statements, summary, err := evidence.ReadBundle(r.Context(), bytes.NewReader(bundle), s.Keys, recorded)
		if err != nil {
			p.Unreadable = append(p.Unreadable, fmt.Sprintf("evidence %.12s: %v", digest, err))
			continue
		}
		if recorded.Before(newest) {
			continue
		}
		newest, shown.Subject = recorded, subject(statements, release.Commit)
		shown.Verdict, shown.Passed, shown.Refused = "GO", summary.VerificationResult == evidence.SummaryPassed, nil
		if !shown.Passed {
			shown.Verdict, shown.Refused = "NO-GO", []string{"the assessment begins with the reasons"}
		}
	}
	for _, d := range release.Deployments {
		shown.Deployments = append(shown.Deployments, timeline.Deployment{Deployment: d.Deployment, Failed: d.Failed()})
	}
	for _, digest := range release.Unreadable {
		p.Unreadable = append(p.Unreadable, "the record "+digest+" is kept. No key has signed it that counted when it came, or another version of the ledger wrote it.")
	}
	// Whether another release serves now is in no record of this one. But this page was just
	// answered by what serves the ledger's own stage.
	if s.Build.Commit == release.Commit && s.Stage != "" {
		p.Serving = []timeline.Serving{{Stage: s.Stage, Commit: release.Commit, Version: "version " + s.Build.FunctionVersion + " has answered this page", Subject: shown.Subject}}
	}
	p.Releases = append(p.Releases, shown)
	return nil
}

// subject returns the first line of a commit's message as the evidence has it, or "".
func subject(statements []evidence.Statement, commit string) string {
	for _, statement := range statements {
		var reviews struct {
			Commits []struct{ Commit, Subject string }
		}
		if statement.PredicateType != evidence.ReviewsType || json.Unmarshal(statement.Predicate, &reviews) != nil {
			continue
		}
		for _, c := range reviews.Commits {
			if c.Commit == commit {
				return c.Subject
			}
		}
	}
	return ""
}

// bundle returns the evidence of a commit that has a digest, and when it came.
func (s *Server) bundle(ctx context.Context, commit, digest string) ([]byte, time.Time, error) {
	for _, name := range []string{evidenceName(commit, digest), evidenceName(commit, "")} {
		bundle, err := s.Store.Get(ctx, name)
		if errors.Is(err, ErrNotFound) || err == nil && evidence.Digest(bundle) != digest {
			continue
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		objects, err := s.Store.List(ctx, name)
		if err != nil {
			return nil, time.Time{}, err
		}
		for _, o := range objects {
			if o.Name == name {
				return bundle, o.Recorded, nil
			}
		}
	}
	return nil, time.Time{}, ErrNotFound
}

// evidence answers with a bundle as it was signed.
func (s *Server) evidence(w http.ResponseWriter, r *http.Request, link evidence.Link) {
	if bundle, _, ok := s.asked(w, r, link); ok {
		w.Header().Set("Content-Type", "application/jsonl")
		// The response is held in memory.
		_, _ = w.Write(bundle) // #nosec G705 -- JSON lines that the pipeline has signed, served with nosniff
	}
}

// asked returns the bundle that a request names and when it came, or refuses the
// request.
func (s *Server) asked(w http.ResponseWriter, r *http.Request, link evidence.Link) ([]byte, time.Time, bool) {
	commit, ok := commitOf(w, r)
	if !ok || !allowed(w, link, commit) {
		return nil, time.Time{}, false
	}
	bundle, recorded, err := s.bundle(r.Context(), commit, r.PathValue("digest"))
	if err != nil {
		fail(w, r, err)
		return nil, time.Time{}, false
	}
	return bundle, recorded, true
}

// assessment shows the page that was signed with the evidence.
func (s *Server) assessment(w http.ResponseWriter, r *http.Request, link evidence.Link) {
	bundle, recorded, ok := s.asked(w, r, link)
	if !ok {
		return
	}
	statements, _, err := evidence.ReadBundle(r.Context(), bytes.NewReader(bundle), s.Keys, recorded)
	if err != nil {
		refuse(w, http.StatusForbidden, "this evidence is kept, but does not count: %v", err)
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
		if s.Keys.IsZero() {
			refuse(w, http.StatusForbidden, "no key is pinned, so no token can be checked: go tool mage evidence:key, set the context evidenceKey, deploy")
			return
		}
		link, err := evidence.OpenLink(r.Context(), s.Keys, given, s.Now())
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
