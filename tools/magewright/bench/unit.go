package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// unit runs before every other measurement.
var unit = measurement{name: "unit", what: "the machine's own unit: go build std, with an empty build cache, on two cores", run: (*bench).measureUnit}

// measureUnit measures the unit for all other times. Machines differ by a factor of two, and
// developers mostly wait for Go code to be compiled.
func (b *bench) measureUnit(ctx context.Context) (err error) {
	cache, err := os.MkdirTemp("", "magewright-bench-")
	if err != nil {
		return fmt.Errorf("making an empty build cache: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(cache)) }()
	value, err := b.seconds(func() error {
		_, err := b.typed(ctx, b.cfg.Dir, []string{"GOCACHE=" + cache, "GOMAXPROCS=2", "GOFLAGS="}, "go build -p=2 std")
		return err
	})
	if err != nil {
		return err
	}
	b.report.Unit = value
	b.add("unit: go build std, empty build cache", value, "s", "one run, two cores")
	return nil
}
