// Package codeconnections is the embedded AWS's CodeConnections: hosts, and
// connections to the Git repositories on them. It also answers under the
// service's earlier name, codestar-connections.
//
// A connection without a host has to be completed in AWS's console, and
// therefore stays PENDING. A connection with a host is AVAILABLE at once. Its
// repositories are on this machine; nothing else is ever contacted.
package codeconnections

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/account"
)

// Service is CodeConnections of one account and region.
type Service struct {
	account account.Account

	mu          sync.Mutex
	hosts       []*host // sorted by creation
	connections []*connection
	created     int // number of connections created, including deleted ones
}

// New returns a service without connections.
func New(a account.Account) *Service { return &Service{account: a} }

// The two names of the service in ARNs.
const (
	serviceName = "codeconnections"
	codeStar    = "codestar-connections"
)

// Statuses of hosts and connections.
const (
	available = "AVAILABLE"
	pending   = "PENDING"
)

type host struct {
	arn, name, endpoint, provider string
	tags                          map[string]string
}

type connection struct {
	arn, name, provider, host, status string
	tags                              map[string]string
}

// A failure is an error that has its own type under each of the two names.
type failure struct {
	kind    kind
	message string
}

type kind int

const (
	notFound kind = iota
	inUse
	badInput
)

func (f *failure) Error() string { return f.message }

func fail(k kind, format string, args ...any) error { return &failure{k, fmt.Sprintf(format, args...)} }

func random(n int) string {
	b := make([]byte, n)
	// This never fails.
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func (s *Service) arn(service, resource string) string { return s.account.ARN(service, resource) }

var (
	hostName       = regexp.MustCompile(`^[^\s]{1,64}$`)
	connectionName = regexp.MustCompile(`^[\w.\-]{1,32}$`)
)

// installed lists the provider types that run on hosts.
var installed = []string{"GitHubEnterpriseServer", "GitLabSelfManaged"}

func (s *Service) createHost(service, name, endpoint, provider string, tags map[string]string) (*host, error) {
	if !hostName.MatchString(name) {
		return nil, fail(badInput, "a host's name has 1 to 64 characters and no space: %q", name)
	}
	if !slices.Contains(installed, provider) {
		return nil, fail(badInput, "a host's provider type must be one of %s, not %q", strings.Join(installed, ", "), provider)
	}
	if err := checkEndpoint(endpoint); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &host{arn: s.arn(service, "host/"+name+"-"+random(4)), name: name, endpoint: endpoint, provider: provider, tags: tags}
	s.hosts = append(s.hosts, h)
	return h, nil
}

func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fail(badInput, "a provider endpoint is a URL without user, query and fragment: %q", endpoint)
	}
	return nil
}

// host finds a host; s is locked.
func (s *Service) host(arn string) (*host, error) {
	for _, h := range s.hosts {
		if h.arn == arn {
			return h, nil
		}
	}
	return nil, fail(notFound, "Host not found: %s", arn)
}

func (s *Service) getHost(arn string) (host, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, err := s.host(arn)
	if err != nil {
		return host{}, err
	}
	return *h, nil
}

func (s *Service) updateHost(arn, endpoint string) error {
	if err := checkEndpoint(endpoint); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h, err := s.host(arn)
	if err != nil {
		return err
	}
	h.endpoint = endpoint
	return nil
}

func (s *Service) deleteHost(arn string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.host(arn); err != nil {
		return err
	}
	for _, c := range s.connections {
		if c.host == arn {
			return fail(inUse, "The host %s can't be deleted: the connection %s uses it.", arn, c.arn)
		}
	}
	s.hosts = slices.DeleteFunc(s.hosts, func(h *host) bool { return h.arn == arn })
	return nil
}

func (s *Service) listHosts() []host {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []host
	for _, h := range s.hosts {
		all = append(all, *h)
	}
	return all
}

func (s *Service) createConnection(service, name, provider, hostARN string, known []string, tags map[string]string) (*connection, error) {
	if !connectionName.MatchString(name) {
		return nil, fail(badInput, "a connection's name has 1 to 32 letters, digits, dots, dashes and underscores: %q", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := uuid.NewString()
	if derived := s.account.Derive(fmt.Sprintf("connection %d", s.created), 16); derived != nil {
		id = uuid.NewSHA1(uuid.Nil, derived).String()
	}
	c := &connection{arn: s.arn(service, "connection/"+id), name: name, provider: provider, host: hostARN, status: pending, tags: tags}
	switch {
	case hostARN != "":
		h, err := s.host(hostARN)
		if err != nil {
			return nil, err
		}
		if provider != "" && provider != h.provider {
			return nil, fail(badInput, "the host %s is of type %s, not %s", hostARN, h.provider, provider)
		}
		c.provider, c.status = h.provider, available
	case provider == "":
		return nil, fail(badInput, "a connection needs a ProviderType or a HostArn")
	case !slices.Contains(known, provider):
		return nil, fail(badInput, "there is no provider type %q", provider)
	case slices.Contains(installed, provider):
		return nil, fail(badInput, "a connection of type %s needs a HostArn", provider)
	}
	s.connections = append(s.connections, c)
	s.created++
	return c, nil
}

// connection finds a connection; s is locked.
func (s *Service) connection(arn string) (*connection, error) {
	for _, c := range s.connections {
		if c.arn == arn {
			return c, nil
		}
	}
	return nil, fail(notFound, "Connection not found: %s", arn)
}

func (s *Service) getConnection(arn string) (connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.connection(arn)
	if err != nil {
		return connection{}, err
	}
	return *c, nil
}

func (s *Service) deleteConnection(arn string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.connection(arn); err != nil {
		return err
	}
	s.connections = slices.DeleteFunc(s.connections, func(c *connection) bool { return c.arn == arn })
	return nil
}

func (s *Service) listConnections(provider, hostARN string) []connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []connection
	for _, c := range s.connections {
		if (provider == "" || c.provider == provider) && (hostARN == "" || c.host == hostARN) {
			all = append(all, *c)
		}
	}
	return all
}

// tags calls f with the tags of a host or connection.
func (s *Service) tags(arn string, f func(map[string]string)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, err := s.host(arn); err == nil {
		f(h.tags)
		return nil
	}
	c, err := s.connection(arn)
	if err != nil {
		return fail(notFound, "Resource not found: %s", arn)
	}
	f(c.tags)
	return nil
}

func (s *Service) listTags(arn string) (map[string]string, error) {
	var all map[string]string
	err := s.tags(arn, func(tags map[string]string) { all = maps.Clone(tags) })
	return all, err
}

var repositoryID = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$`)

// CloneURL returns the URL that git clones a connection's repository from. For
// a file: endpoint, that is the endpoint itself. For an http: or https:
// endpoint on loopback, it is the repository, such as owner/name, with .git,
// below the endpoint. It returns an error if the connection is not available or
// leads off this machine.
func (s *Service) CloneURL(connectionARN, fullRepositoryID string) (string, error) {
	c, err := s.getConnection(connectionARN)
	if err != nil {
		return "", err
	}
	if c.status != available {
		return "", fail(badInput, "the connection %s is %s: only a connection with a host can be used in the embedded AWS", c.name, c.status)
	}
	h, err := s.getHost(c.host)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(h.endpoint)
	if err != nil {
		return "", fmt.Errorf("reading the endpoint of host %s: %w", h.name, err)
	}
	ip := net.ParseIP(u.Hostname())
	switch local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); {
	case u.Scheme == "file" && (u.Host == "" || u.Host == "localhost") && strings.HasPrefix(u.Path, "/"):
		return h.endpoint, nil
	case (u.Scheme == "http" || u.Scheme == "https") && local:
		if !repositoryID.MatchString(fullRepositoryID) || slices.Contains(strings.Split(fullRepositoryID, "/"), "..") {
			return "", fail(badInput, "a full repository id is of the form owner/name: %q", fullRepositoryID)
		}
		return strings.TrimSuffix(h.endpoint, "/") + "/" + fullRepositoryID + ".git", nil
	}
	return "", fail(badInput, "the host %s is at %s, which is not on this machine: the embedded AWS clones from file: and loopback URLs only", h.name, h.endpoint)
}
