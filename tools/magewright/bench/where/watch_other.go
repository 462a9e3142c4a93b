//go:build !linux

package where

import (
	"context"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
)

// Watch returns an error, because watching processes needs Linux's /proc.
func Watch(context.Context, clock.Clock, func(context.Context) error) (processes []Process, missing string, err error) {
	return nil, "", exit.Missing("go tool mage bench -only=where, on Linux", "watching processes needs /proc, which this system does not have")
}
