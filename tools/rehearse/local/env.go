package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// EnvFile has the exports of the embedded AWS that runs for this checkout, below the
// directory for evidence. It exists as long as that AWS runs.
const EnvFile = "local.env"

// fastest is how fast time may pass. A canary of five minutes then takes a third of a
// millisecond.
const fastest = 1_000_000

// CheckPort returns a usage error unless an embedded AWS can listen on a port.
func CheckPort(target string, port int) error {
	if port >= 0 && port <= 65535 {
		return nil
	}
	return exit.Misused(target, "-port=%d is not a port: they are 1 to 65535, and 0 takes a free one", port)
}

// CheckSpeed returns a usage error unless AWS's waits can pass this many times as fast.
func CheckSpeed(target string, speed float64) error {
	// NaN is neither.
	if speed >= 1 && speed <= fastest {
		return nil
	}
	return exit.Misused(target, "-speed=%v: AWS's waits pass 1 to %d times as fast", speed, fastest)
}

// WriteEnv stores exports in EnvFile, for their owner only. The returned function removes the
// file again, unless another AWS has replaced it.
func WriteEnv(cfg project.Config, exports string) (remove func() error, err error) {
	path, err := cfg.Path(EnvFile)
	if err != nil {
		return nil, err
	}
	// An older file may be readable by others.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("writing the exports: %w", err)
	}
	if err := os.WriteFile(path, []byte(exports), 0o600); err != nil {
		return nil, fmt.Errorf("writing the exports: %w", err)
	}
	return func() error {
		if data, err := os.ReadFile(path); err != nil || string(data) != exports { // #nosec G304 -- below the evidence directory
			return nil
		}
		return os.Remove(path)
	}, nil
}

// printEnv prints the exports of the AWS that runs, and nothing else.
func printEnv(ctx context.Context, cfg project.Config) error {
	path, err := cfg.Path(EnvFile)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path) // #nosec G304 -- below the evidence directory
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Missing("go tool mage local, in another shell", "no embedded AWS runs for %s", cfg.Dir)
	}
	if err != nil {
		return fmt.Errorf("reading the exports: %w", err)
	}
	endpoint := endpointOf(string(data))
	if err := answers(ctx, endpoint); err != nil {
		return exit.Missing("go tool mage local, in another shell", "the embedded AWS of %s no longer answers at %s: %w", cfg.Dir, endpoint, err)
	}
	fmt.Fprint(cfg.Stdout, string(data))
	return nil
}

// endpointOf returns the endpoint in exports.
func endpointOf(exports string) string {
	lines := bufio.NewScanner(strings.NewReader(exports))
	for lines.Scan() {
		if endpoint, ok := strings.CutPrefix(lines.Text(), "export AWS_ENDPOINT_URL="); ok {
			return endpoint
		}
	}
	return ""
}

// answers returns an error if nothing listens at an endpoint.
func answers(ctx context.Context, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	connection, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	return connection.Close()
}
