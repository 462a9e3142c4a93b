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
	statm    *os.File      // the sizes in Linux's /proc, which are cheap to read, or nil
	status   *os.File      // which has the peak as well, or nil
	buffer   [4 << 10]byte // of the goroutine of the present invocation
	sizes    []byte        // as they were when the peak was read
	peak     atomic.Int64  // KiB
	exceeded atomic.Bool
}

// open prepares looking at the memory of a process, on hosts with Linux's
// /proc.
func (m *memory) open(pid int) {
	m.statm, _ = os.Open(fmt.Sprintf("/proc/%d/statm", pid)) // nil on other hosts
	m.status, _ = os.Open(fmt.Sprintf("/proc/%d/status", pid))
}

func (m *memory) close() error {
	var errs []error
	for _, f := range []*os.File{m.statm, m.status} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// read reads a file of /proc. It returns nothing where there is none or the
// process has ended.
func (m *memory) read(f *os.File) []byte {
	if f == nil {
		return nil
	}
	n, err := f.ReadAt(m.buffer[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return m.buffer[:n]
}

// checkMemory measures the process, and kills it if it has ever had more memory
// than its function may. It reports whether that is so.
func (e *environment) checkMemory() (exceeded bool) {
	m := &e.memory
	sizes := m.read(m.statm)
	if bytes.Equal(sizes, m.sizes) { // most often: nothing has changed since it was measured
		return false
	}
	m.sizes = append(m.sizes[:0], sizes...)
	peak, ok := statusField(m.read(m.status), "\nVmHWM:")
	if !ok {
		return false // it is ending
	}
	m.peak.Store(peak)
	if peak <= int64(e.version.settings.Memory)<<10 {
		return false
	}
	m.exceeded.Store(true)
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
