package lambda

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// memoryInterval is how often a process's memory is looked at while an
// invocation runs. It is looked at after each one as well.
const memoryInterval = 250 * time.Millisecond

// memory is what is known of a process's use of memory.
type memory struct {
	status   *os.File      // the process's in Linux's /proc, or nil
	buffer   [4 << 10]byte // of the goroutine of the present invocation
	peak     atomic.Int64  // KiB
	exceeded atomic.Bool
}

// open prepares looking at the memory of a process, on hosts with Linux's
// /proc.
func (m *memory) open(pid int) {
	m.status, _ = os.Open(fmt.Sprintf("/proc/%d/status", pid)) // nil on other hosts
}

func (m *memory) close() error {
	if m.status == nil {
		return nil
	}
	return m.status.Close()
}

// checkMemory measures the process, and kills it if it has ever had more memory
// than its function may. It reports whether that is so.
func (e *environment) checkMemory() (exceeded bool) {
	if e.memory.status == nil {
		return false
	}
	n, err := e.memory.status.ReadAt(e.memory.buffer[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false // it has ended
	}
	peak, ok := statusField(e.memory.buffer[:n], "\nVmHWM:")
	if !ok {
		return false // it is ending
	}
	e.memory.peak.Store(peak)
	if peak <= int64(e.version.settings.Memory)<<10 {
		return false
	}
	e.memory.exceeded.Store(true)
	e.kill()
	return true
}

// peakMiB returns the most memory that the process has been seen with, but no
// more than it may have, as REPORT shows it.
func (e *environment) peakMiB() int64 {
	return min((e.memory.peak.Load()+1023)>>10, int64(e.version.settings.Memory))
}

func statusField(status []byte, name string) (int64, bool) {
	_, rest, found := bytes.Cut(status, []byte(name))
	if !found {
		return 0, false
	}
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return n, err == nil
}
