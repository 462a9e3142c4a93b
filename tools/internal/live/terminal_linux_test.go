package live

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudoterminal returns both ends of a pseudoterminal without a window: 0 columns.
// See pty(7).
func pseudoterminal(t *testing.T) (master, slave *os.File) {
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
	master, slave := pseudoterminal(t)
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
