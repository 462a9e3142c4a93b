package local

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/localaws/lambda"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/rehearse/console"
	"github.com/magewright/magewright/tools/rehearse/egress"
	"github.com/magewright/magewright/tools/rehearse/enclose"
)

// Options say how an embedded AWS is started.
type Options struct {
	Port   int     // 0 takes a free one
	Speed  float64 // how many times as fast AWS's waits pass
	IAM    access.Mode
	Target string // whose flag is -port
	// Forward hands services to other endpoints, by signing name.
	Forward map[string]string
	// Reachable says that programs of this machine must reach ports that functions open, as
	// those of a debugger.
	Reachable bool
}

// An Endpoint is the embedded AWS of a checkout, with its console. Its exports are in EnvFile
// until it is closed.
type Endpoint struct {
	Server  *localaws.Server
	Console *console.Console
	// Context is the CDK context of functions that run here.
	Context map[string]any

	exports string
	remove  func() error
	egress  *egress.Guard
	// Network is that of functions and builds, if there is one.
	Network *enclose.Network
}

// Region returns the region of an embedded AWS: the one that AWS's clients in this shell use,
// or else the one in which all stacks of a CDK app are, or else [localaws.DefaultRegion]. It
// must be called before Forget.
func Region(cfg project.Config) (string, error) {
	region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), regionOf(cfg), localaws.DefaultRegion)
	if err := localaws.CheckRegion(region); err != nil {
		return "", exit.Missing("export AWS_REGION="+localaws.DefaultRegion, "reading AWS_REGION: %w", err)
	}
	return region, nil
}

// pushes is how soon a commit starts the pipelines that watch its branch.
const pushes = 2 * time.Second

// regionOf returns the region that all stages of the last assembly have, or else the one in
// which the CDK app has looked something up; "" if neither says so. What is wrong with these
// files is said by synth.
func regionOf(cfg project.Config) string {
	if !cfg.Adopted() {
		return ""
	}
	if names, err := manifest.ReadAny(cfg); err == nil {
		region := names.Last().Region
		if slices.ContainsFunc(names.Stages, func(s manifest.Stage) bool { return s.Region != region }) {
			return ""
		}
		if region != "" {
			return region
		}
	}
	settings, err := cdk.ReadAdopted(cfg)
	if err != nil {
		return ""
	}
	_, region, err := cdk.LookedUp(filepath.Join(cfg.Dir, filepath.FromSlash(settings.App)))
	if err != nil {
		return ""
	}
	return region
}

// Start starts an embedded AWS on this machine.
func Start(ctx context.Context, cfg project.Config, o Options) (_ *Endpoint, err error) {
	elastic := clock.NewElastic(o.Speed)
	region, err := Region(cfg)
	if err != nil {
		return nil, err
	}
	node := lambda.Node{}
	node.Program, node.Modules = cdk.Node(ctx, cfg)
	var network *enclose.Network
	if !o.Reachable {
		network = enclose.Inside(ctx, node.Modules)
	}
	guard, err := egress.Start(ctx, network, egress.Free)
	if err != nil {
		return nil, errors.Join(err, network.Close())
	}
	server, err := localaws.Start(ctx, localaws.Config{
		Addr:   fmt.Sprintf("127.0.0.1:%d", o.Port),
		Region: region,
		Clock:  elastic,
		IAM:    o.IAM,
		Node:   node,
		Log:    slog.New(slog.NewTextHandler(os.Stderr, nil)),

		Pushes:    pushes,
		Forward:   o.Forward,
		Isolation: network.Isolation(),
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		err = exit.Missing("go tool mage "+o.Target+" -port=0", "%w", err)
	}
	if err != nil {
		return nil, errors.Join(err, guard.Close(), network.Close())
	}
	e := &Endpoint{Server: server, Network: network, egress: guard, remove: func() error { return nil }}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if e.Context, err = pinned(ctx, cfg, server); err != nil {
		return nil, err
	}
	e.exports = localaws.Exports(server.URL, server.Region, server.Credentials(), e.Context)
	remove, err := WriteEnv(cfg, e.exports)
	if err != nil {
		return nil, err
	}
	e.remove = remove
	e.Console = console.Serve(console.Config{Server: server, Time: elastic, Person: console.Person(ctx, cfg.Dir)})
	return e, nil
}

// Close ends it. Everything that was deployed there is gone.
func (e *Endpoint) Close() error {
	return errors.Join(e.remove(), e.Server.Close(), e.egress.Close(), e.Network.Close())
}

// Stopped returns the error of a target whose embedded AWS ran until ctx ended.
func Stopped(ctx context.Context) error {
	return &exit.Error{Code: exit.Interrupted, Err: fmt.Errorf("stopped: %w; everything that was deployed there is gone", context.Cause(ctx))}
}

// Use changes the environment of this process and of its children so that they know
// nothing but this endpoint.
func (e *Endpoint) Use() error {
	if err := Forget(); err != nil {
		return err
	}
	for name, value := range e.Server.Environment() {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return SetContext(e.Context)
}

// SetContext makes context the CDK context of this process and its children.
func SetContext(context map[string]any) error {
	encoded, err := json.Marshal(context)
	if err != nil {
		return fmt.Errorf("writing CDK context: %w", err)
	}
	return os.Setenv("CDK_CONTEXT_JSON", string(encoded))
}

// Forget removes everything from the environment of this process that leads to another AWS. A
// user of aws-cdk-local once deployed to a real account because of a leftover variable.
func Forget() error {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "CDK_") {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("removing %s from the environment: %w", name, err)
			}
		}
	}
	return nil
}
