package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/pseudoterminal"
)

// A session runs a command in a terminal.
type session struct {
	columns, rows int
	clock         clock.Clock
	show          io.Writer
	// onLink is called once, with the console's link, and the command goes on meanwhile.
	// Its context ends with the command. It may be nil.
	onLink func(ctx context.Context, link string) error
}

// A chunk is what the command has written at once.
type chunk struct {
	after time.Duration // since the command began
	text  []byte
}

// A take is what was written in a session.
type take struct {
	chunks []chunk
	took   time.Duration
	aside  error // what onLink has returned
}

// link is that of a console, as rehearse and local print it.
var link = regexp.MustCompile(`http://127\.0\.0\.1:\d+/_magewright/#\w+`)

// record runs a command and returns what it has written. A command that fails is no
// recording.
func (s session) record(ctx context.Context, args []string) (take, error) {
	master, slave, err := pseudoterminal.Open(uint16(s.columns), uint16(s.rows)) // #nosec G115 -- as checked by the caller
	if err != nil {
		return take{}, err
	}
	defer func() { _ = master.Close() }()
	// The command is what the whole program is for.
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) // #nosec G204 -- as above
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = slave, slave, slave, leader()
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	began := s.clock.Now()
	if err := cmd.Start(); err != nil {
		return take{}, errors.Join(err, slave.Close())
	}
	_ = slave.Close() // the command has it
	var taken take
	var aside sync.WaitGroup
	besides, end := context.WithCancel(ctx)
	defer end()
	linked := s.onLink == nil
	var all []byte
	for buffer := make([]byte, 32<<10); ; {
		n, err := master.Read(buffer)
		if n > 0 {
			text := append([]byte(nil), buffer[:n]...)
			taken.chunks = append(taken.chunks, chunk{clock.Since(s.clock, began), text})
			_, _ = s.show.Write(text)
			if all = append(all, text...); !linked {
				if found := link.Find(all); found != nil {
					linked = true
					aside.Go(func() { taken.aside = s.onLink(besides, string(found)) })
				}
			}
		}
		if err != nil {
			// A pseudoterminal whose other end is closed gives EIO. See pty(7).
			break
		}
	}
	err = cmd.Wait()
	taken.took = clock.Since(s.clock, began)
	// There is no console any more.
	end()
	aside.Wait()
	if err != nil {
		return take{}, errors.Join(fmt.Errorf("the command has failed, so that there is no film of it: %w", err), taken.aside)
	}
	return taken, nil
}

// web is the front end of the console, with its browser.
const web = "tools/rehearse/console/web"

// photograph takes pictures of the console in a browser, and approves the release there.
func photograph(ctx context.Context, link, picture string) error {
	picture, err := filepath.Abs(picture)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(web, "node_modules", "playwright-core")); err != nil {
		if err := (command.Cmd{Dir: web}).Run(ctx, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
			return err
		}
	}
	// A link on a command line can be read by other users of the machine.
	if err := (command.Cmd{Dir: web, Env: command.Environ("LINK=" + link)}).Run(ctx, "node", "test/picture.mjs", picture); err != nil {
		return err
	}
	beside := strings.TrimSuffix(picture, ".png")
	for _, file := range []string{picture, beside + "-dark.png", beside + "-canary.png"} {
		if err := shrink(file); err != nil {
			return err
		}
	}
	return nil
}
