// Command command runs package gosec.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/magewright/magewright/tools/check/gosec"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := gosec.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
