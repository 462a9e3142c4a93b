package patchcover

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func FuzzProfile(f *testing.F) {
	f.Add("mode: set\nexample.com/m/a.go:3.14,5.2 1 1\n")
	f.Add("mode: atomic\na b:c.go:3.14,5.2 1 99999999999999999999\nmode: count\na.go:1.1,1.1 0 0")
	f.Add("mode: set\na.go:1.2,3.4 1 -1\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := Profile{}
		if err := p.Read(strings.NewReader(text)); err != nil {
			return
		}
		var out bytes.Buffer
		if err := p.Write(&out); err != nil {
			t.Fatal(err)
		}
		again := Profile{}
		if err := again.Read(&out); err != nil {
			t.Fatalf("what Write wrote: %v", err)
		}
		if !reflect.DeepEqual(p, again) {
			t.Errorf("got %v, want %v", again, p)
		}
		if covered, total := p.Count(); covered > total && total >= 0 && covered >= 0 {
			t.Errorf("%d of %d covered", covered, total)
		}
	})
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "\n", "a.go:1.1,2.2 1 1\n", "mode: \n", "mode: sometimes\n", "mode: set\n\n",
		"mode: set\na.go\n", "mode: set\n:1.1,2.2 1 1\n", "mode: set\na.go:1.1,2.2 1\n", "mode: set\na.go:1.1,2.2 1 1 1\n",
		"mode: set\na.go:1.1,2.2 1 -1\n", "mode: set\na.go:1.1,2.2 1 x\n", "mode: set\na.go:1.1 2.2 1 1\n",
		"mode: set\na.go:3.1,2.2 1 1\n", "mode: set\na.go:0.1,2.2 1 1\n", "mode: set\na.go:1.1,2.2 99999999999999999999 1\n",
		"mode: set\na.go:1.1,2.2 1 1" + strings.Repeat("0", 1<<17),
	} {
		if err := (Profile{}).Read(strings.NewReader(text)); err == nil {
			t.Errorf("Read took %.60q", text)
		}
	}
}

func TestCovered(t *testing.T) {
	t.Parallel()
	p := Profile{}
	if err := p.Read(strings.NewReader("mode: set\na.go:1.5,9.2 1 1\na.go:3.3,5.4 1 0\na.go:7.7,7.7 0 1\n")); err != nil {
		t.Fatal(err)
	}
	m := p.of("a.go")
	for at, want := range map[position]string{
		{1, 4}: "false false", {1, 5}: "true true", {3, 2}: "true true", {3, 3}: "false true", {5, 3}: "false true",
		{5, 4}: "true true", {7, 7}: "true true", {9, 1}: "true true", {9, 2}: "false false", {10, 1}: "false false",
	} {
		covered, held := m.covered(at)
		if got := fmt.Sprint(covered, held); got != want {
			t.Errorf("covered(%v) = %s, want %s", at, got, want)
		}
	}
}

// BenchmarkRead reads a profile of 100,000 blocks.
func BenchmarkRead(b *testing.B) {
	var text bytes.Buffer
	_, _ = text.WriteString("mode: atomic\n")
	for i := range 100_000 {
		_, _ = fmt.Fprintf(&text, "example.com/module/package%d/file.go:%d.2,%d.30 3 %d\n", i%500, i+1, i+2, i%2)
	}
	for b.Loop() {
		if err := (Profile{}).Read(bytes.NewReader(text.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
