// Command recording runs a command in a terminal of its own and draws a film, in SVG, of what
// appears there. While the command runs, it can also take a picture of the console whose link
// the command prints. So the pictures in the documents come from real runs.
//
//	go run ./tools/magewright/recording -film=FILE.svg -console=FILE.png COMMAND ...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "recording:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("recording", flag.ContinueOnError)
	film := flags.String("film", "", "the `file` of the film, in SVG")
	picture := flags.String("console", "", "the `file` of a picture of the console, in PNG, when it asks for the approval; its canary and its dark version are beside it; the approval is given there")
	columns := flags.Uint("columns", 100, "the width of the terminal")
	rows := flags.Uint("rows", 30, "the height of the terminal")
	length := flags.Duration("length", 24*time.Second, "how long the film is")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *film == "" || flags.NArg() == 0 || *columns < 20 || *rows < 5 || *columns > 300 || *rows > 100 || *length < time.Second {
		return errors.New("want -film=FILE.svg and a command, in a terminal of 20 to 300 columns and 5 to 100 rows")
	}
	s := session{columns: int(*columns), rows: int(*rows), clock: clock.System(), show: os.Stdout} // #nosec G115 -- as checked above
	if *picture != "" {
		s.onLink = func(ctx context.Context, link string) error { return photograph(ctx, link, *picture) }
	}
	taken, err := s.record(ctx, flags.Args())
	if err != nil {
		return err
	}
	drawn := taken.film(strings.Join(flags.Args(), " "), s.columns, s.rows, *length)
	// #nosec G306 -- a picture for everybody
	return errors.Join(os.WriteFile(*film, drawn, 0o644), taken.aside)
}
