package console

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"runtime"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/rehearse/keyboard"
)

// leads is a page that leads to a link. Other users of the machine can read a link on a
// command line, but not a file.
var leads = template.Must(template.New("leads").Parse(
	`<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={{.}}"><title>Magewright console</title><p><a href="{{.}}">Magewright console</a></p></html>` + "\n"))

// Open opens the console in the user's browser. It does not wait for the browser to
// end, and the browser outlives ctx.
func (c *Console) Open(ctx context.Context) error {
	file, err := c.leading()
	if err != nil {
		return fmt.Errorf("opening the console: %w", err)
	}
	program, args := "xdg-open", []string{file}
	switch runtime.GOOS {
	case "darwin":
		program = "open"
	case "windows":
		program, args = "rundll32", []string{"url.dll,FileProtocolHandler", file}
	}
	// The program may be the browser itself, which also shows other pages of the user's.
	ctx = context.WithoutCancel(ctx)
	go func() {
		// Somebody without a browser finds the link on the terminal.
		_ = command.Cmd{}.Run(ctx, program, args...)
	}()
	return nil
}

// Offer offers to open the console when somebody presses Enter, if there is a
// terminal. The prefix begins the line that says so.
func (c *Console) Offer(ctx context.Context, stdout, stderr io.Writer, k *keyboard.Keyboard, prefix string) {
	if !keyboard.Attended() {
		return
	}
	k.Open = func() {
		if err := c.Open(ctx); err != nil {
			fmt.Fprintln(stderr, err)
		}
	}
	k.Listen(os.Stdin)
	fmt.Fprintln(stdout, prefix+"press Enter to open it in a browser")
}

// leading returns the file of a page that leads to the console.
func (c *Console) leading() (_ string, err error) {
	// Only this user may read it.
	file, err := os.CreateTemp(c.server.Dir(), "console-*.html")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return file.Name(), leads.Execute(file, c.Link())
}
