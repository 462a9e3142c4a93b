package timeline_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/timeline"
)

var update = flag.Bool("update", false, "write the golden file")

// page has each thing that a page can have.
func page() timeline.Page {
	at := func(day int) evidence.Made {
		return evidence.Made{FinishedOn: time.Date(2026, 11, day, 9, 30, 0, 0, time.UTC)}
	}
	hash := func(digit string) string { return strings.Repeat(digit, 40) }
	ada := &evidence.Approval{By: "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Developer_0123456789abcdef/ada", Summary: "tried the checkout <twice>"}
	deployment := func(day int, d evidence.Deployment, failed string) timeline.Deployment {
		d.Made, d.Bundle = at(day), strings.Repeat("b", 64)
		return timeline.Deployment{Deployment: d, Failed: failed}
	}
	return timeline.Page{
		Title: "Releases of shop", About: "As of 2026-11-20 10:00:00 UTC. Only what a pinned key has signed counts.",
		Serving: []timeline.Serving{
			{Stage: "staging", Commit: hash("4"), Version: "version 12", Subject: "Ask for the address once"},
			{Stage: "production", Commit: hash("2"), Version: "version 9", Subject: "Pay by card"},
			{Stage: "eu", Version: "not deployed"},
		},
		Stage: "production",
		Figures: []timeline.Figure{
			{Name: "Deployment frequency", Value: "2.0 a week", Definition: "deployments to production since 2026-11-02"},
			{Name: "Change failure rate", Value: "33 % (1 of 3)", Definition: "share of the deployments that failed"},
		},
		Unknown: []string{"reading the commits from 000000000000 to 222222222222: there is no such commit"},
		Releases: []timeline.Release{
			{Commit: hash("4"), Subject: "Ask for the address once", Verdict: "GO", Passed: true, Assessments: []timeline.Assessment{{Link: "4.html", Digest: strings.Repeat("a", 64)}}, Deployments: []timeline.Deployment{
				deployment(19, evidence.Deployment{Stage: "production", Verdict: "GO", Approval: ada}, "the canary was stopped: FAIL: 12 of 240 invocations failed, and 1 of 2160 before; p = 0.0000003"),
			}},
			{Commit: hash("3"), Subject: "Send a receipt", Verdict: "NO-GO", Refused: []string{"All tests pass: 1 of 7 <fails>", "No secrets: a key in app/" + strings.Repeat("long", 30) + ".go:12"}},
			{Commit: hash("2"), Subject: "Pay by card", Before: hash("1"), Difference: "brings 1 commits\n  222222222222  2026-11-12  Pay by <card>\n\nfiles\n app/pay.go | 12 ++++++++++++\n", Tags: []string{"v1.1.0"}, Verdict: "GO", Passed: true, Link: "/releases/2", Deployments: []timeline.Deployment{
				deployment(12, evidence.Deployment{Stage: "production", Version: "9", Verdict: "NO-GO", BreakGlass: &evidence.BreakGlass{Reason: "nobody can pay", By: "arn:aws:iam::111122223333:user/fire", Refused: "the verdict is NO-GO"}}, ""),
			}},
			{Commit: hash("1"), Deployments: []timeline.Deployment{deployment(2, evidence.Deployment{Stage: "staging", Version: "1"}, "")}},
		},
		Unreadable: []string{"s3://evidence/releases/" + hash("9") + ": it is signed with a key other than the pinned one"},
	}
}

// TestPage compares the page with the golden file, which the browser's scenarios of the
// console look at, too.
func TestPage(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := timeline.Write(&got, page()); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/page.html"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if diff := cmp.Diff(string(want), got.String()); err != nil || diff != "" {
		t.Errorf("the page is another one; -update writes it: %v\n%s", err, diff)
	}
}

// TestEmptyPage holds that what is not known is left out.
func TestEmptyPage(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := timeline.Write(&got, timeline.Page{Title: "Releases"}); err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(got.String(), "<main>")
	for _, never := range []string{"What serves", "DORA", "<a ", "<ol"} {
		if strings.Contains(body, never) {
			t.Errorf("it has %q:\n%s", never, body)
		}
	}
	if !strings.Contains(body, "Nothing has been recorded yet.") {
		t.Errorf("it does not say that there is nothing:\n%s", body)
	}
}
