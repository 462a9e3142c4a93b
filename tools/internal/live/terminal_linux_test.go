package live

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/pseudoterminal"
)

// pair returns both ends of a pseudoterminal without a window: 0 columns.
func pair(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, slave, err := pseudoterminal.Open(0, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = errors.Join(master.Close(), slave.Close()) })
	return master, slave
}

// A terminal that does not know its width has a chart; one that can't move its
// cursor, none; and NO_COLOR is honoured.
func TestTerminals(t *testing.T) {
	master, slave := pair(t)
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	p := NewScreen(slave)
	if !p.Live() || !p.Colour() {
		t.Errorf("a terminal is one: %v, in colour: %v", p.Live(), p.Colour())
	}
	p.Show([]string{"a chart"})
	if line, err := bufio.NewReader(master).ReadString('\n'); err != nil || strings.TrimSpace(line) != "a chart" {
		t.Errorf("it shows %q, %v", line, err)
	}
	t.Setenv("NO_COLOR", "1")
	if p := NewScreen(slave); !p.Live() || p.Colour() {
		t.Errorf("with NO_COLOR, a terminal is one: %v, in colour: %v", p.Live(), p.Colour())
	}
	t.Setenv("TERM", "dumb")
	if NewScreen(slave).Live() {
		t.Error("a dumb terminal has a chart")
	}
}
