package lambda

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// memoryInterval is how often a process's memory is looked at, at most.
const memoryInterval = 250 * time.Millisecond

// memory is what is known of a process's use of memory, in KiB.
type memory struct {
	peak     atomic.Int64
	exceeded atomic.Bool
	looked   time.Time // used by the goroutine of the present invocation only
}

// checkMemory measures the process where that is due, and kills it if it has
// more memory than its function may.
func (e *environment) checkMemory(force bool) {
	now := e.service.wall.Now()
	if !force && now.Sub(e.memory.looked) < memoryInterval {
		return
	}
	e.memory.looked = now
	resident, peak, ok := processMemory(e.process.Process.Pid)
	if !ok {
		return
	}
	e.memory.peak.Store(peak)
	if resident > int64(e.version.settings.Memory)<<10 {
		e.memory.exceeded.Store(true)
		e.kill()
	}
}

// peakMiB returns the most memory that the process has been seen with, but no
// more than it may have, as REPORT shows it.
func (e *environment) peakMiB() int64 {
	return min((e.memory.peak.Load()+1023)>>10, int64(e.version.settings.Memory))
}

// processMemory returns the resident and the greatest resident memory of a
// process, in KiB, on hosts with Linux's /proc.
func processMemory(pid int) (resident, peak int64, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, false
	}
	resident, ok = statusField(status, "\nVmRSS:")
	if !ok {
		return 0, 0, false // it has ended
	}
	peak, _ = statusField(status, "\nVmHWM:")
	return resident, max(peak, resident), true
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
