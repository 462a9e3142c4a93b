package buildspec

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// members returns the processes in the sessions of the groups' leaders. Tools
// that isolate their children usually give them a process group, but stay in
// the session. /proc also distinguishes dead processes from living ones.
func members(sessions []int) []process {
	var processes []process
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range stats {
		data, err := os.ReadFile(path) // #nosec G304 -- of /proc
		if err != nil {
			// The process has just ended.
			continue
		}
		// The format is: pid (name) state ppid pgrp session ... The name may
		// contain any character.
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
