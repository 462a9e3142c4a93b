package localaws

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/magewright/magewright/tools/localaws/cloudformation"
	"github.com/magewright/magewright/tools/localaws/cloudwatch"
	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/localaws/codedeploy"
	"github.com/magewright/magewright/tools/localaws/codepipeline"
	"github.com/magewright/magewright/tools/localaws/dynamodb"
	"github.com/magewright/magewright/tools/localaws/lambda"
	"github.com/magewright/magewright/tools/localaws/logs"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/s3"
	"github.com/magewright/magewright/tools/localaws/sns"
	"github.com/magewright/magewright/tools/localaws/sqs"
	"github.com/magewright/magewright/tools/localaws/ssm"
	"github.com/magewright/magewright/tools/localaws/trail"
)

// ConsolePath is the path below which the endpoint serves its console. No bucket can
// have this name.
const ConsolePath = "/_magewright/"

// Services are the services that a console shows. They authorize nothing that they
// are asked for in a context without a principal.
type Services struct {
	Pipelines   *codepipeline.Service
	Builds      *codebuild.Service
	Deployments *codedeploy.Service
	Stacks      *cloudformation.Service
	Functions   *lambda.Service
	Metrics     *cloudwatch.Service
	Logs        *logs.Service
	Topics      *sns.Service
	Queues      *sqs.Service
	Tables      *dynamodb.Service
	Parameters  *ssm.Service
	Buckets     *s3.Service
	// Requests are the newest requests, with what was decided on each.
	Requests *trail.Ring
}

// Services returns the services, for a console.
func (s *Server) Services() Services { return s.shown }

// Dir returns a directory that only this user may read, and that ends with the server.
func (s *Server) Dir() string { return s.dir }

// AsUser returns ctx with the account's user as its principal. What is done with it is
// recorded as the user's own.
func (s *Server) AsUser(ctx context.Context) context.Context {
	user, err := s.sessions.Principal(ctx, s.Credentials().AccessKeyID)
	if err != nil {
		// Only the key of a session expires.
		panic(err)
	}
	return principal.NewContext(ctx, user)
}

// ServeConsole serves a console below [ConsolePath] from now on. The console must
// itself ask for a secret: the endpoint refuses requests of other sites, but not those
// of other users of the machine.
func (s *Server) ServeConsole(console http.Handler) { s.console.Store(&console) }

// consoleOr hands requests for the console to it, and others to next.
func (s *Server) consoleOr(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		console := s.console.Load()
		if console == nil || !strings.HasPrefix(r.URL.Path, ConsolePath) {
			next.ServeHTTP(w, r)
			return
		}
		if why := s.foreign(r); why != "" {
			refuse(w, why)
			return
		}
		// A page that is open must not delay the endpoint's end.
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.life, cancel)()
		(*console).ServeHTTP(w, r.WithContext(ctx))
	})
}

// foreign says why a request for the console does not come from its own pages, or
// "". Somebody may follow a link to the console's page from elsewhere: it shows
// nothing without the secret.
func (s *Server) foreign(r *http.Request) string {
	own, err := url.Parse(s.URL)
	if err != nil {
		return "The endpoint has no address."
	}
	if r.Host != own.Host && r.Host != "localhost:"+own.Port() {
		return "The console does not answer for the host " + r.Host + ". Use the address that was printed."
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return "The console does not answer other web pages. This request is from " + origin + "."
	}
	followed := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" && site != "same-origin" && !followed {
		return "The console does not answer other web pages. This request is from another site."
	}
	return ""
}
