package picture_test

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
	"github.com/magewright/magewright/tools/deliver/canary/picture"
	"github.com/magewright/magewright/tools/deliver/canary/picture/picturetest"
)

var update = flag.Bool("update", false, "write the golden files")

// TestPicture compares pictures of the states of a canary with golden files, for a wide
// and a narrow window.
func TestPicture(t *testing.T) {
	t.Parallel()
	going := picturetest.Failing()
	going.Status, going.Weights = "InProgress", going.Weights[:1]
	passed := picturetest.Failing()
	passed.Status, passed.Weights[1].New = "Succeeded", 1
	passed.Limits = canary.LimitsOf(0.05, 100)
	early := &picture.Record{Deployment: "d-EXAMPLE02", Status: "InProgress", Old: "1", New: "2", Start: going.Start, Length: 5 * time.Minute}
	once := picturetest.Failing()
	once.Status, once.Length, once.Judgement = "Succeeded", 0, nil
	once.Weights = []picture.Weight{{At: once.Start, New: 1}, {At: once.Start.Add(3 * time.Second), New: 1}}
	for name, r := range map[string]*picture.Record{"canary": picturetest.Failing(), "going": going, "passed": passed, "early": early, "once": once, "answering": picturetest.Answering()} {
		for _, width := range []int{picture.Width, 340} {
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
		{"Succeeded", 0, "all traffic moved at once, so there was nothing to compare"},
		{"Succeeded", time.Minute, "the versions were not compared"},
	} {
		r := &picture.Record{Status: tt.status, Length: tt.length}
		if got := r.Verdict(); got != tt.want {
			t.Errorf("after %s in %v it is %q, want %q", tt.status, tt.length, got, tt.want)
		}
	}
}

// TestPictureEscapes checks that names stay text.
func TestPictureEscapes(t *testing.T) {
	t.Parallel()
	r := picturetest.Failing()
	r.Deployment, r.New, r.Status = `"><script>alert(1)</script>`, `<img src=x>`, `&<b>`
	var got bytes.Buffer
	if err := r.Draw(&got, 0); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got.String(), "<script") || strings.Contains(got.String(), "<img") || strings.Contains(got.String(), "<b>") {
		t.Errorf("it is %s", &got)
	}
}
