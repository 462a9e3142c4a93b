package releases

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence/timeline"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/printable"
)

// A change is a commit.
type change struct {
	hash, subject string
	when          time.Time // when it was committed
	reverts       []string  // the hashes of the commits that its message says it reverts
}

// reverts finds the lines that git revert writes into a message.
var reverts = regexp.MustCompile(`(?m)^This reverts commit ([0-9a-f]{40}|[0-9a-f]{64})\b`)

// between returns the commits that only one of two releases has, the newest first.
func between(ctx context.Context, dir, older, newer string) (onlyOlder, onlyNewer []change, err error) {
	out, err := gitcmd.In(dir).Output(ctx, "log", "-z", "--left-right", "--format=%m%H%n%ct%n%B", older+"..."+newer, "--")
	if err != nil {
		return nil, nil, fmt.Errorf("reading the commits between %.12s and %.12s: %w", older, newer, err)
	}
	for record := range strings.SplitSeq(out, "\x00") {
		parts := strings.SplitN(strings.TrimLeft(record, "\n"), "\n", 3)
		if len(parts) < 3 {
			continue
		}
		side := &onlyOlder
		if strings.HasPrefix(parts[0], ">") {
			side = &onlyNewer
		}
		seconds, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the time of commit %s: %w", parts[0][1:], err)
		}
		c := change{hash: parts[0][1:], when: time.Unix(seconds, 0).UTC()}
		subject, _, _ := strings.Cut(parts[2], "\n")
		c.subject = printable.Line(subject)
		for _, found := range reverts.FindAllStringSubmatch(parts[2], -1) {
			c.reverts = append(c.reverts, found[1])
		}
		*side = append(*side, c)
	}
	return onlyOlder, onlyNewer, nil
}

// window is how far back the figures look.
const window = 90 * 24 * time.Hour

// figures are DORA's four key metrics for the last stage. A figure is unknown, and not 0, if
// there is no data for it. See https://dora.dev/guides/dora-metrics-four-keys/.
type figures struct {
	from        time.Time // the beginning of the period
	deployments int
	perWeek     float64
	lead        *time.Duration // the median
	failed      int
	recovery    *time.Duration // the median
	// unknown says why a figure is not known.
	unknown []string
	// taken says of each deployment whether it failed.
	taken []bool
	// unsure says of each deployment why it is unknown whether the next one took it back; nil
	// if it is known.
	unsure []error
}

// measure computes the figures from the deployments to a stage, the oldest first.
func measure(ctx context.Context, dir string, all []deployment, now time.Time) figures {
	f := figures{from: now.Add(-window)}
	if len(all) > 0 && all[0].FinishedOn.After(f.from) {
		f.from = all[0].FinishedOn
	}
	failed := make([]bool, len(all))
	f.unsure = make([]error, len(all))
	brought := make([][]change, len(all))
	for i, d := range all {
		failed[i] = d.Failed() != ""
		if i == 0 {
			// It is unknown what was deployed before, so it is unknown which commits it
			// brought.
			continue
		}
		before := all[i-1]
		var err error
		var back []change
		if back, brought[i], err = between(ctx, dir, before.commit, d.commit); err != nil {
			f.unsure[i-1] = err
			f.unknown = append(f.unknown, err.Error())
			continue
		}
		if len(back) > 0 {
			// It removes commits that only the one before has.
			failed[i-1] = true
		}
		for _, c := range brought[i] {
			for _, hash := range c.reverts {
				if hash == before.commit || slices.ContainsFunc(brought[i-1], func(b change) bool { return b.hash == hash }) {
					failed[i-1] = true
				}
			}
		}
	}
	f.taken = failed
	var leads, recoveries []time.Duration
	for i, d := range all {
		if d.FinishedOn.Before(f.from) {
			continue
		}
		f.deployments++
		for _, c := range brought[i] {
			leads = append(leads, d.FinishedOn.Sub(c.when))
		}
		if !failed[i] {
			continue
		}
		f.failed++
		for j := i + 1; j < len(all); j++ {
			if !failed[j] {
				recoveries = append(recoveries, all[j].FinishedOn.Sub(d.FinishedOn))
				break
			}
		}
	}
	weeks := max(1, now.Sub(f.from).Hours()/(7*24))
	f.perWeek = float64(f.deployments) / weeks
	f.lead, f.recovery = median(leads), median(recoveries)
	return f
}

// median returns the middle value, or the mean of the two middle values. It is nil if there
// are none.
func median(all []time.Duration) *time.Duration {
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	m := (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	return &m
}

// words returns the figures with their definitions.
func (f figures) words(stage string) []timeline.Figure {
	rate := "not known: nothing was deployed"
	if f.deployments > 0 {
		rate = fmt.Sprintf("%.0f %% (%d of %d)", 100*float64(f.failed)/float64(f.deployments), f.failed, f.deployments)
	}
	none := "none was needed"
	if f.failed > 0 {
		none = "not known: nothing was deployed since then"
	}
	return []timeline.Figure{
		{
			Name: "Deployment frequency", Value: fmt.Sprintf("%.1f a week", f.perWeek),
			Definition: fmt.Sprintf("deployments to %s since %s, at most 90 days ago; less than a week counts as one", stage, f.from.UTC().Format(time.DateOnly)),
		},
		{
			Name: "Lead time for changes", Value: orUnknown(f.lead, "not known: it takes two deployments"),
			Definition: "median time from a commit to its deployment, over the commits that each deployment has brought after the one before",
		},
		{
			Name: "Change failure rate", Value: rate,
			Definition: "share of the deployments that failed: AWS had something else afterwards than what was to be deployed, or the next deployment took a commit of it back, by git revert or because it does not contain it",
		},
		{
			Name: "Time to restore", Value: orUnknown(f.recovery, none),
			Definition: "median time from a deployment that failed to the next one that did not",
		},
	}
}

func orUnknown(d *time.Duration, unknown string) string {
	if d == nil {
		return unknown
	}
	return span(*d)
}

// span writes a duration in a suitable unit.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}
