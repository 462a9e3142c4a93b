package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/deliver/canary"
)

var update = flag.Bool("update", false, "write the golden files")

// course of a canary that fails in its third minute.
func failing() *Record {
	start := time.Date(2026, 8, 8, 12, 0, 20, 0, time.UTC)
	minute := func(n, errors, invocations int, p90 float64) canary.Minute {
		return canary.Minute{Start: start.Truncate(time.Minute).Add(time.Duration(n) * time.Minute), Count: canary.Count{Invocations: invocations, Errors: errors}, P90: p90}
	}
	r := &Record{
		Deployment: "d-EXAMPLE01", Status: "Stopped", Function: "service", Alias: "live", Old: "1", New: "2", Start: start, Length: 5 * time.Minute,
		Weights: []Weight{{start, 0.1}, {start.Add(3 * time.Minute), 0}},
		Minutes: map[string][]canary.Minute{
			"1": {minute(0, 0, 180, 12), minute(1, 0, 180, 11), minute(2, 0, 180, 12)},
			"2": {minute(0, 0, 20, 90), minute(1, 0, 20, 12), minute(2, 2, 20, 13)},
		},
		Limits: canary.LimitsOf(0.05, 3000), Sent: 600, Failed: 2,
	}
	j := canary.Judge(canary.Sum(r.Minutes["2"]), canary.Sum(r.Minutes["1"]), r.Limits)
	r.Judgement = &j
	return r
}

// TestPicture compares pictures of the states of a canary with golden files, for a wide
// and a narrow window.
func TestPicture(t *testing.T) {
	t.Parallel()
	going := failing()
	going.Status, going.Weights = "InProgress", going.Weights[:1]
	passed := failing()
	passed.Status, passed.Weights[1].New = "Succeeded", 1
	passed.Limits = canary.LimitsOf(0.05, 100)
	early := &Record{Deployment: "d-EXAMPLE02", Status: "InProgress", Old: "1", New: "2", Start: going.Start, Length: 5 * time.Minute}
	once := failing()
	once.Status, once.Length, once.Judgement = "Succeeded", 0, nil
	once.Weights = []Weight{{once.Start, 1}, {once.Start.Add(3 * time.Second), 1}}
	for name, r := range map[string]*Record{"canary": failing(), "going": going, "passed": passed, "early": early, "once": once} {
		for _, width := range []int{Width, 340} {
			var got bytes.Buffer
			if err := r.Draw(&got, width); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", fmt.Sprintf("%s-%d.svg", name, width))
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden) // #nosec G304 -- of this package
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("the picture is not %s: compare, and run go test ./tools/deliver/canary/picture -update\n%s", golden, &got)
			}
			for decoder := xml.NewDecoder(&got); ; {
				if _, err := decoder.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s is no XML: %v", golden, err)
				}
			}
		}
	}
}

// TestVerdict holds that a verdict says no more than is known.
func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status string
		length time.Duration
		want   string
	}{
		{"InProgress", time.Minute, "there is nothing to compare yet"},
		{"Succeeded", 0, "traffic moved at once: there was nothing to compare"},
		{"Succeeded", time.Minute, "the versions were not compared"},
	} {
		r := &Record{Status: tt.status, Length: tt.length}
		if got := r.Verdict(); got != tt.want {
			t.Errorf("after %s in %v it is %q, want %q", tt.status, tt.length, got, tt.want)
		}
	}
}

// TestPictureEscapes checks that names stay text.
func TestPictureEscapes(t *testing.T) {
	t.Parallel()
	r := failing()
	r.Deployment, r.New, r.Status = `"><script>alert(1)</script>`, `<img src=x>`, `&<b>`
	var got bytes.Buffer
	if err := r.Draw(&got, 0); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got.String(), "<script") || strings.Contains(got.String(), "<img") || strings.Contains(got.String(), "<b>") {
		t.Errorf("it is %s", &got)
	}
}
