package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
)

// errServed ends dev when all of its figures are there.
var errServed = errors.New("all that was saved serves")

// dev measures how long it takes until a function serves what is saved, while dev runs.
func (b *bench) dev(ctx context.Context) error {
	const name = "mage dev, from a saved file to serving it"
	c, err := b.warmClone(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &saver{clock: b.clock, most: b.runs, end: func() { cancel(errServed) }, save: func() error { return c.change(lineOfApp) }}
	cmd := command.Cmd{Dir: c.dir, Env: slices.Concat(b.env, c.env), Stdout: s, Stderr: s}
	words := append(strings.Fields(mageCommand), "dev", "-port=0")
	if err := b.execute(ctx, cmd, words[0], words[1:]...); !errors.Is(err, errServed) || s.failed != nil {
		return fmt.Errorf("dev ended after %d of %d changes: %w\n%s", len(s.took), b.runs, errors.Join(err, s.failed), tail(string(s.said)))
	}
	value, spread := median(s.took)
	b.add(name, value, "s", spread+"; one line of app, another change each time")
	return nil
}

// A saver reads what dev prints, saves a file whenever dev waits for one, and notes how
// long it takes until that is served.
type saver struct {
	clock  clock.Clock
	save   func() error
	end    func() // called after the last one
	most   int
	said   []byte
	began  time.Time
	took   []float64 // seconds
	failed error
}

// Write implements [io.Writer].
func (s *saver) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		switch {
		case bytes.HasPrefix(line, []byte("serves what was saved after")):
			s.took = append(s.took, clock.Since(s.clock, s.began).Seconds())
		case !bytes.HasPrefix(line, []byte("waiting for a file to be saved")):
		case len(s.took) == s.most:
			s.end()
		default:
			s.began = s.clock.Now()
			if s.failed = s.save(); s.failed != nil {
				s.end()
			}
		}
	}
	s.said = append(s.said, p...)
	return len(p), nil
}
