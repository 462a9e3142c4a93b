package buildspec

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// members returns the processes that live in the sessions that the groups'
// leaders lead. Unlike a process group, a session is what tools that isolate
// their children stay in; and /proc tells the dead from the living.
func members(sessions []int) []process {
	var processes []process
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range stats {
		data, err := os.ReadFile(path) // #nosec G304 -- of /proc
		if err != nil {
			continue // it has just ended
		}
		// pid (name) state ppid pgrp session ...; a name may have anything in it
		_, rest, ok := bytes.Cut(data[max(0, bytes.LastIndexByte(data, ')')):], []byte(" "))
		fields := bytes.Fields(rest)
		if !ok || len(fields) < 4 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
			continue
		}
		pid, err1 := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		group, err2 := strconv.Atoi(string(fields[2]))
		session, err3 := strconv.Atoi(string(fields[3]))
		if errors.Join(err1, err2, err3) == nil && slices.Contains(sessions, session) {
			processes = append(processes, process{pid, group})
		}
	}
	return processes
}
