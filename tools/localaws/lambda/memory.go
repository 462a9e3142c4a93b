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

// memoryInterval is how often the memory of a process is measured during an
// invocation. It is also measured after each invocation.
const memoryInterval = 250 * time.Millisecond

// memory holds what is known about a process's memory use.
type memory struct {
	// statm is the file in Linux's /proc with the sizes, which is cheap to
	// read, or nil.
	statm *os.File
	// status is the file that also has the peak, or nil.
	status   *os.File
	buffer   [4 << 10]byte // used by the goroutine of the present invocation
	sizes    []byte        // the sizes at the time when the peak was read
	peak     atomic.Int64  // KiB
	exceeded atomic.Bool
}

// open prepares to measure the memory of a process. It needs Linux's /proc.
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

// read reads a file of /proc. It returns nothing if there is none or the
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
// than its function may use. It reports whether it has.
func (e *environment) checkMemory() (exceeded bool) {
	m := &e.memory
	sizes := m.read(m.statm)
	// The usual case: nothing has changed since the last measurement.
	if bytes.Equal(sizes, m.sizes) {
		return false
	}
	m.sizes = append(m.sizes[:0], sizes...)
	peak, ok := statusField(m.read(m.status), "\nVmHWM:")
	if !ok {
		// The process is ending.
		return false
	}
	m.peak.Store(peak)
	if peak <= int64(e.version.settings.Memory)<<10 {
		return false
	}
	m.exceeded.Store(true)
	e.kill()
	return true
}

// peakMiB returns the highest measured memory of the process, as REPORT shows
// it. The result never exceeds the memory size.
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
