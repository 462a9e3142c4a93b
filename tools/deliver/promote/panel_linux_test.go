package promote

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns both ends of a pseudoterminal without a window: 0 columns.
// See pty(7).
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no pseudoterminals: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

// A terminal that does not know its width has a chart; one that can't move its
// cursor, none; and NO_COLOR is honoured.
func TestTerminals(t *testing.T) {
	master, slave := terminal(t)
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	p := newPanel(slave)
	if !p.terminal || !p.colour {
		t.Errorf("a terminal is one: %v, in colour: %v", p.terminal, p.colour)
	}
	p.show([]string{"a chart"})
	if line, err := bufio.NewReader(master).ReadString('\n'); err != nil || strings.TrimSpace(line) != "a chart" {
		t.Errorf("it shows %q, %v", line, err)
	}
	t.Setenv("NO_COLOR", "1")
	if p := newPanel(slave); !p.terminal || p.colour {
		t.Errorf("with NO_COLOR, a terminal is one: %v, in colour: %v", p.terminal, p.colour)
	}
	t.Setenv("TERM", "dumb")
	if newPanel(slave).terminal {
		t.Error("a dumb terminal has a chart")
	}
}
