// Package console shows an embedded AWS in a browser: the pipeline with the logs of
// its actions, deployments, what exists, requests, and AWS's time. It also answers
// approvals, and retries and stops what the pipeline does.
//
// The console reads the services of the same process, and only while a page is open.
// Whoever uses it needs the secret in its link. A link's fragment is sent to no
// server; the page's script sends it as a header.
package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// dist is what `npm run build` in web makes from the sources.
//
//go:embed dist
var dist embed.FS

// A Console is the console of one embedded AWS.
type Console struct {
	server *localaws.Server
	aws    localaws.Services
	time   clock.Clock // AWS's
	pace   clock.Clock // for the intervals between looks for changes
	person string
	secret string
	// repository and base come from the Config.
	repository, base string
	pages            pages
	firsts           sync.Map // of *First by the id of an action's execution
}

// Config configures a console.
type Config struct {
	Server *localaws.Server
	Time   clock.Clock // the server's clock
	// Person is the user of the console, for example a name and an e-mail address. It is
	// recorded with what the console approves and stops.
	Person string
	// Repository is the directory of the repository that is delivered, and Base the commit of
	// the previous release. With them, the console shows which changed statements the tests
	// run. They may be empty.
	Repository, Base string
}

// Serve serves a console at the server's [localaws.ConsolePath]. Each console has a new
// secret.
func Serve(cfg Config) *Console {
	c := &Console{server: cfg.Server, aws: cfg.Server.Services(), time: cfg.Time, pace: clock.System(), person: cfg.Person, secret: rand.Text(), repository: cfg.Repository, base: cfg.Base}
	c.server.ServeConsole(c.handler())
	return c
}

// Link returns the console's address, with the secret in its fragment.
func (c *Console) Link() string {
	return c.server.URL + localaws.ConsolePath + "#" + c.secret
}

func (c *Console) handler() http.Handler {
	mux := http.NewServeMux()
	const api = localaws.ConsolePath + "api/"
	mux.HandleFunc("GET "+localaws.ConsolePath+"app.js", file("app.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET "+localaws.ConsolePath+"app.css", file("app.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET "+localaws.ConsolePath+"page/{ticket}", c.page)
	for _, method := range []string{"GET ", "POST "} {
		mux.HandleFunc(method+api, c.holder(func(http.ResponseWriter, *http.Request) error {
			return &failure{http.StatusNotFound, "The console has no such address."}
		}))
	}
	mux.HandleFunc("GET "+api+"watch", c.holder(c.watch))
	mux.HandleFunc("GET "+api+"artifact", c.holder(c.artifact))
	mux.HandleFunc("GET "+api+"file", c.holder(c.artifactFile))
	mux.HandleFunc("GET "+api+"sent", c.holder(c.sent))
	mux.HandleFunc("POST "+api+"replay", c.holder(c.replay))
	mux.HandleFunc("POST "+api+"approve", c.holder(does(c.approve)))
	mux.HandleFunc("POST "+api+"retry", c.holder(does(c.retry)))
	mux.HandleFunc("POST "+api+"stop", c.holder(does(c.stop)))
	mux.HandleFunc("POST "+api+"transition", c.holder(does(c.transition)))
	mux.HandleFunc("POST "+api+"clock", c.holder(does(c.setClock)))
	mux.HandleFunc("POST "+api+"stop-deployment", c.holder(does(c.stopDeployment)))
	index := file("index.html", "text/html; charset=utf-8")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		// The page may only load what this endpoint serves. It may only run the two files
		// with its script and its style.
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; frame-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		// The script reads the rest of the address. The names in it may have slashes, which a
		// ServeMux would remove.
		rest := strings.TrimPrefix(r.URL.Path, localaws.ConsolePath)
		if r.Method != http.MethodGet || strings.HasPrefix(rest, "app.") || strings.HasPrefix(rest, "api/") || strings.HasPrefix(rest, "page/") {
			mux.ServeHTTP(w, r)
			return
		}
		index(w, r)
	})
}

// file serves a file of the front end. The files contain no secret, so anybody may read them.
func file(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		data, err := fs.ReadFile(dist, "dist/"+name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(data) // the client may be gone
	}
}

// About says whose console it is.
type About struct {
	Person   string `json:"person"`
	User     string `json:"user"` // the ARN of the account's user
	Endpoint string `json:"endpoint"`
}

func (c *Console) about(ctx context.Context) (any, error) {
	return About{Person: c.person, User: principal.FromContext(c.server.AsUser(ctx)).ARN, Endpoint: c.server.URL}, nil
}

// A failure is an answer that says what is wrong with a request.
type failure struct {
	status  int
	message string
}

func (f *failure) Error() string { return f.message }

// holder only lets requests with the secret through.
func (c *Console) holder(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(c.secret)) != 1 {
			answer(w, http.StatusUnauthorized, map[string]string{"error": "The link's secret is missing, or it is that of an earlier start. Use the link that was printed last."})
			return
		}
		if err := h(w, r); err != nil {
			status, message := http.StatusBadRequest, err.Error()
			if f, ok := errors.AsType[*failure](err); ok {
				status = f.status
			}
			if e, ok := errors.AsType[smithy.APIError](err); ok {
				message = e.ErrorCode() + ": " + e.ErrorMessage()
			}
			answer(w, status, map[string]string{"error": message})
		}
	}
}

// maxBody is the size limit of a request in bytes.
const maxBody = 64 << 10

// does reads a request's JSON for something that changes AWS.
func does[T any](do func(*http.Request, T) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		var in T
		if err := decode(w, r, &in); err != nil {
			return err
		}
		if err := do(r, in); err != nil {
			return err
		}
		answer(w, http.StatusOK, struct{}{})
		return nil
	}
}

// decode reads a request's JSON.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return &failure{http.StatusBadRequest, "The request can't be read: " + err.Error()}
	}
	return nil
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client may be gone
}

// pages has documents that a browser must load from an address, because a frame can't send
// the secret. An address can't be guessed, and is valid for a minute.
type pages struct {
	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	html  []byte
	until time.Time
}

// pageTime is how long a page's address is valid.
const pageTime = time.Minute

// add keeps a page and returns its ticket.
func (p *pages) add(now time.Time, html []byte) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ticket, k := range p.kept {
		if now.After(k.until) {
			delete(p.kept, ticket)
		}
	}
	if p.kept == nil {
		p.kept = map[string]kept{}
	}
	ticket := rand.Text()
	p.kept[ticket] = kept{html, now.Add(pageTime)}
	return ticket
}

// page serves a page that an action has left. The page may run no script and has an origin of
// its own, because anything that the action ran could have written it.
func (c *Console) page(w http.ResponseWriter, r *http.Request) {
	c.pages.mu.Lock()
	k, ok := c.pages.kept[r.PathValue("ticket")]
	c.pages.mu.Unlock()
	if !ok || c.pace.Now().After(k.until) {
		http.Error(w, "This address is no longer good. Open the page in the console again.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	_, _ = w.Write(k.html) // #nosec G705 -- it is sandboxed, as above
}
