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
	// onLink is called once with the console's link, while the command continues. Its context
	// ends with the command. It may be nil.
	onLink func(ctx context.Context, link string) error
}

// A chunk is what the command wrote at once.
type chunk struct {
	after time.Duration // since the command began
	text  []byte
}

// A take has everything that was written in a session.
type take struct {
	chunks []chunk
	took   time.Duration
	aside  error // the error that onLink returned
}

// link matches the link of a console, as rehearse and local print it.
var link = regexp.MustCompile(`http://127\.0\.0\.1:\d+/_magewright/#\w+`)

// record runs a command and returns what it wrote. A command that fails gives no recording.
func (s session) record(ctx context.Context, args []string) (take, error) {
	master, slave, err := pseudoterminal.Open(uint16(s.columns), uint16(s.rows)) // #nosec G115 -- as checked by the caller
	if err != nil {
		return take{}, err
	}
	defer func() { _ = master.Close() }()
	// Running the command is the purpose of the program.
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) // #nosec G204 -- as above
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = slave, slave, slave, leader()
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	began := s.clock.Now()
	if err := cmd.Start(); err != nil {
		return take{}, errors.Join(err, slave.Close())
	}
	_ = slave.Close() // the command has it now
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
			// A pseudoterminal returns EIO once its other end is closed. See pty(7).
			break
		}
	}
	err = cmd.Wait()
	taken.took = clock.Since(s.clock, began)
	// The console does not exist any more.
	end()
	aside.Wait()
	if err != nil {
		return take{}, errors.Join(fmt.Errorf("the command has failed, so there is no film of it: %w", err), taken.aside)
	}
	return taken, nil
}

// web is the front end of the console, which has the browser.
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
	// Other users of the machine can read a link on a command line.
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
