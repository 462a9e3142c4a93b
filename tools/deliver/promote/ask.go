package promote

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// An asker asks a person a question and returns a channel for the answer. The channel is nil
// if there is nobody to ask.
type asker func(ctx context.Context, question string) <-chan bool

// atTerminal asks on out and reads the answer from this process's terminal.
func atTerminal(out io.Writer) asker {
	return func(_ context.Context, question string) <-chan bool {
		if !term.IsTerminal(int(os.Stdin.Fd())) { // #nosec G115 -- a file descriptor is small
			return nil
		}
		fmt.Fprintf(out, "%s\ncontinue the deployment? y or n\n", question)
		return answers(os.Stdin)
	}
}

// answers reads lines until one of them says yes or no. The end of the input counts as no.
func answers(in io.Reader) <-chan bool {
	answer := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			switch strings.ToLower(strings.TrimSpace(lines.Text())) {
			case "y", "yes":
				answer <- true
				return
			case "n", "no":
				answer <- false
				return
			}
		}
		answer <- false
	}()
	return answer
}
