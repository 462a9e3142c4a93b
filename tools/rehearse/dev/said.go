package dev

import (
	"fmt"
	"strings"
	"time"
)

// The loop's messages are here because infra/docs/dev.md shows them, and a test compares the
// two.

// timed is a line about something that took a certain time.
func timed(what string, took time.Duration) string {
	return fmt.Sprintf("%-40s %5.2f s", what, took.Seconds())
}

const saidServed = "serves what was saved after"

// saidSaved names saved files, of many only the first.
func saidSaved(files []string) string {
	const most = 3
	more := ""
	if len(files) > most {
		more = fmt.Sprintf(" and %d more", len(files)-most)
		files = files[:most]
	}
	return "saved     " + strings.Join(files, ", ") + more
}

func saidBuilt(dir string) string { return "build " + dir }

func saidReplaced(function, version string) string {
	return "replace " + function + ", version " + version
}

func saidSmoke(steps int) string { return fmt.Sprintf("smoke: %d steps are as they must be", steps) }
