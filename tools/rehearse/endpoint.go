package rehearse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/usersecret"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/lambda"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/rehearse/console"
	"github.com/magewright/magewright/tools/rehearse/egress"
	"github.com/magewright/magewright/tools/rehearse/enclose"
	"github.com/magewright/magewright/tools/rehearse/keyboard"
	"github.com/magewright/magewright/tools/rehearse/local"
)

const accountID = account.DefaultID

// An endpoint is the embedded AWS that a rehearsal uses.
type endpoint struct {
	url    string
	region string
	key    aws.Credentials
	server *localaws.Server // nil if somebody else runs it
	time   clock.Clock      // the server's, if there is one
	// context is the CDK context for the rehearsal's synthesis.
	context map[string]any
	egress  *egress.Guard
	network *enclose.Network  // of builds and functions, if there is one
	console *console.Console  // nil if somebody else runs the server
	forward map[string]string // services that other endpoints have instead
	// keyboard reads from the terminal of the person who runs the rehearsal, if there is one.
	keyboard keyboard.Keyboard
}

// connect starts the embedded AWS, or uses the one in AWS_ENDPOINT_URL. It also
// changes the environment of this process and its children so that they know
// nothing but this endpoint.
func connect(ctx context.Context, cfg project.Config, o options) (*endpoint, error) {
	forward, err := local.ReadForward("rehearse", o.forward)
	if err != nil {
		return nil, err
	}
	given := os.Getenv("AWS_ENDPOINT_URL")
	if given != "" && len(forward) > 0 {
		return nil, exit.Misused("rehearse", "-forward is for the embedded AWS that a rehearsal starts, and AWS_ENDPOINT_URL is %s: forward there, with go tool mage local -forward=%s", given, o.forward)
	}
	if given != "" {
		if err := onLoopback(given); err != nil {
			return nil, err
		}
	}
	region, err := local.Region(cfg)
	if err != nil {
		return nil, err
	}
	// Whoever provides an endpoint also provides its key.
	key := aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}
	if err := local.Forget(); err != nil {
		return nil, err
	}
	// What somebody else's endpoint runs is out of reach.
	var network *enclose.Network
	var node lambda.Node
	if given == "" {
		node.Program, node.Modules = cdk.Node(ctx, cfg)
		network = enclose.Inside(ctx, node.Modules)
	}
	guard, err := egress.Start(ctx, network, egress.Rehearsals)
	if err != nil {
		return nil, errors.Join(err, network.Close())
	}
	e := &endpoint{url: given, region: region, egress: guard, network: network, forward: forward}
	if given == "" {
		config, err := ofThisMachine()
		if err != nil {
			return nil, errors.Join(err, e.close())
		}
		config.Node = node
		config.Region = region
		config.Addr, config.Clock, config.Log, config.Builds = "127.0.0.1:0", clock.NewElastic(o.speed), slog.New(slog.DiscardHandler), o.builds
		config.Forward, config.Isolation = forward, network.Isolation()
		server, err := localaws.Start(ctx, config)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("starting the embedded AWS: %w", err), e.close())
		}
		e.server, e.time, e.url, key = server, config.Clock, server.URL, server.Credentials()
	}
	e.key = key
	for name, value := range localaws.Environment(e.url, e.region, e.key) {
		if err := os.Setenv(name, value); err != nil {
			return nil, fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return e, nil
}

// answerTime is long enough to spare the CDK CLI its sleep after deployments,
// even if one includes a canary of five accelerated minutes.
const answerTime = 15 * time.Second

// ofThisMachine returns what an embedded AWS keeps from one rehearsal to the next, as an AWS
// account does. The key that signs evidence stays the same, so that an assembly that pins it
// equals that of the previous rehearsal. Builds find the same paths again.
func ofThisMachine() (localaws.Config, error) {
	seed, err := usersecret.Read("rehearsal.seed")
	if err != nil {
		return localaws.Config{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return localaws.Config{}, fmt.Errorf("finding a directory for builds: %w", err)
	}
	return localaws.Config{Seed: seed, BuildDir: filepath.Join(cache, "magewright"), AnswerTime: answerTime}, nil
}

// onLoopback refuses an endpoint on another machine.
func onLoopback(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err == nil && u.Scheme == "http" {
		if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() || u.Hostname() == "localhost" {
			return nil
		}
	}
	return exit.Missing("unset AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL is %s: a rehearsal uses nothing outside this machine", endpoint)
}

// ended returns the error of a rehearsal. If the rehearsal was stopped, the error says what
// is left.
func (e *endpoint) ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	left := "the embedded AWS has ended, and what was deployed there is gone"
	if e.server == nil {
		left = "what was deployed at " + e.url + " is still there"
	}
	return &exit.Error{Code: exit.Interrupted, Err: fmt.Errorf("stopped: %w; %s", context.Cause(ctx), left), Next: "go tool mage rehearse"}
}

func (e *endpoint) close() error {
	var err error
	if e.server != nil {
		err = e.server.Close()
	}
	return errors.Join(err, e.egress.Close(), e.network.Close())
}

// showConsole serves the console, prints its link and, on a terminal, offers to open
// it.
func (e *endpoint) showConsole(ctx context.Context, cfg project.Config, base string) {
	if e.server == nil {
		return
	}
	e.console = console.Serve(console.Config{Server: e.server, Time: e.time, Person: console.Person(ctx, cfg.Dir), Repository: cfg.Dir, Base: base})
	fmt.Fprintf(cfg.Stdout, "console   %s\n", e.console.Link())
	e.console.Offer(ctx, cfg.Stdout, cfg.Stderr, &e.keyboard, "          ")
}

// exports returns shell commands that let another shell use the endpoint.
func (e *endpoint) exports() string { return localaws.Exports(e.url, e.region, e.key, e.context) }
