//go:build !linux

package enclose

import (
	"context"
	"errors"
	"net"
	"os/exec"
)

// A Network is a network in which functions and builds reach the embedded AWS only. Only
// Linux has some.
type Network struct{}

// NewNetwork returns an error.
func NewNetwork(context.Context, ...string) (*Network, error) { return nil, errors.ErrUnsupported }

// Listen implements [isolation.Isolation].
func (*Network) Listen(context.Context, string) (net.Listener, error) {
	return nil, errors.ErrUnsupported
}

// Enter implements [isolation.Isolation].
func (*Network) Enter() error { return errors.ErrUnsupported }

// Prepare implements [isolation.Isolation].
func (*Network) Prepare(*exec.Cmd) {}

// Share returns an error.
func (*Network) Share(context.Context, string) error { return errors.ErrUnsupported }

// HidesFiles returns false.
func (*Network) HidesFiles() bool { return false }

// Close does nothing.
func (*Network) Close() error { return nil }
