//go:build unix

package buildspec

import (
	"context"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// lead makes cmd the leader of a session and a process group of its own.
func lead(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// A process is one that a build has started.
type process struct{ pid, group int }

// end stops all processes of the groups and, if the system can list them, of
// their sessions: first with SIGTERM, and after Grace with SIGKILL. Processes
// in other groups are left to the process that moved them there, as long as it lives.
func end(groups []int) {
	// Usually only a shell is left, which has just been told to exit.
	for wait := time.Millisecond; wait < 50*time.Millisecond; wait *= 2 {
		if len(members(groups)) == 0 {
			return
		}
		pause(wait)
	}
	for _, g := range groups {
		// An error means that it has ended.
		_ = syscall.Kill(-g, syscall.SIGTERM)
	}
	started, orphaned := clock.System().Now(), false
	for wait := 5 * time.Millisecond; clock.Since(clock.System(), started) < Grace; wait = min(2*wait, 100*time.Millisecond) {
		left := members(groups)
		if len(left) == 0 {
			return
		}
		if !orphaned && !slices.ContainsFunc(left, func(p process) bool { return slices.Contains(groups, p.group) }) {
			orphaned = true
			signal(left, syscall.SIGTERM)
		}
		pause(wait)
	}
	signal(members(groups), syscall.SIGKILL)
}

func signal(processes []process, s syscall.Signal) {
	for _, p := range processes {
		// An error means that it has ended.
		_ = syscall.Kill(p.pid, s)
	}
}

func pause(d time.Duration) { _ = clock.Sleep(context.Background(), clock.System(), d) }
