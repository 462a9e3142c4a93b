package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

func shown(t *terminal) string {
	var lines []string
	for _, line := range t.screen() {
		text := ""
		for _, s := range line {
			text += strings.Repeat(" ", s.at-len([]rune(text))) + s.text
		}
		lines = append(lines, text)
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// TestTerminal holds what each sequence does, also if it arrives a byte at a time.
func TestTerminal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ written, want string }{
		"text":                {"one\r\n\x1b[32mtwo\x1b[0m", "one\ntwo"},
		"wrapped":             {"0123456789ab", "0123456789\nab"},
		"scrolled":            {"1\r\n2\r\n3\r\n4\r\n5", "2\n3\n4\n5"},
		"redrawn":             {"1\r\n2\r\n3\r\n\x1b[2A\r\x1b[Jx", "1\nx"},
		"overwritten":         {"10 %\r20", "20 %"},
		"cut":                 {"12345\r\x1b[2C\x1b[K", "12"},
		"back":                {"123\b4\x1b[1D5", "125"},
		"to a column":         {"1234\x1b[2Gx", "1x34"},
		"tabs":                {"a\tb", "a       b"},
		"beyond the text":     {"a\x1b[3Cb", "a   b"},
		"not of the screen":   {"\x1b]0;a title\a\x1b]8;;http://x\x1b\\li\x1b]8;;\x1b\\nk\x1b[?25l\x07", "link"},
		"of more bytes":       {"─✓é", "─✓é"},
		"down":                {"a\x1b[Bb", "a\n b"},
		"outside of the rows": {"\x1b[99A\x1b[99Bz\x1b[99D", "\n\n\nz"},
	} {
		whole, bytewise := newTerminal(10, 4), newTerminal(10, 4)
		_, _ = io.WriteString(whole, test.written)
		for i := range len(test.written) {
			_, _ = io.WriteString(bytewise, test.written[i:i+1])
		}
		if got := shown(whole); got != test.want {
			t.Errorf("%s: the screen is\n%s\nwant\n%s", name, got, test.want)
		}
		if got := shown(bytewise); got != test.want {
			t.Errorf("%s, a byte at a time: the screen is\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

func FuzzTerminal(f *testing.F) {
	f.Add([]byte("a\x1b[2;31mb\x1b[3A\r\x1b[J\xe2\x94"))
	f.Fuzz(func(t *testing.T, written []byte) {
		term := newTerminal(7, 3)
		for _, b := range written {
			if n, err := term.Write([]byte{b}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		for _, line := range term.lines {
			if len(line) > 7 {
				t.Errorf("a line has %d columns", len(line))
			}
		}
		if len(term.lines) != 3 {
			t.Errorf("there are %d lines", len(term.lines))
		}
	})
}

// TestFilm holds that a line is drawn once, that each picture has the time, and that
// the last one is what was seen last.
func TestFilm(t *testing.T) {
	t.Parallel()
	taken := take{took: 2 * time.Minute, chunks: []chunk{
		{time.Second, []byte("it <begins>\r\n")},
		{time.Minute, []byte("\x1b[1;31mbad\x1b[0m and \x1b[2mwaiting\x1b[0m")},
		{2 * time.Minute, []byte("\r\x1b[Jgood")},
	}}
	got := string(taken.film("mage test", 20, 5, 2*time.Second))
	wellFormed(t, got)
	for _, want := range []string{
		`<text x="0" textLength="88">it &lt;begins&gt;</text>`,
		`<text x="0" textLength="24" class="c31 b">bad</text><text x="32" textLength="24">and</text><text x="64" textLength="56" class="q">waiting</text>`,
		"0m00s, 60 times as fast", "1m00s, 60 times as fast", "2m00s, 60 times as fast", "prefers-color-scheme:light", "prefers-reduced-motion",
	} {
		if n := strings.Count(got, want); n != 1 {
			t.Errorf("it has %s %d times:\n%s", want, n, got)
		}
	}
	if frames := strings.Count(got, `<g transform=`); frames != 9 {
		t.Errorf("it has %d pictures", frames)
	}
	last := got[strings.LastIndex(got, `<g transform=`):]
	if !strings.Contains(last, `href="#l3"`) || strings.Contains(last, `href="#l2"`) {
		t.Errorf("the last picture is %s", last)
	}
}

func wellFormed(t *testing.T, picture string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(picture))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecord holds that the command sits at a terminal of the size, and that the
// console's link is found in what it prints.
func TestRecord(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("pseudoterminals are opened on Linux only")
	}
	var links []string
	s := session{columns: 61, rows: 17, clock: clock.System(), show: io.Discard, onLink: func(ctx context.Context, link string) error {
		links = append(links, link)
		<-ctx.Done() // the command has ended
		return errors.New("no browser")
	}}
	taken, err := s.record(t.Context(), []string{"sh", "-c", "test -t 0 && stty size; printf 'console   http://127.0.0.1:4566/_magewright/#ABC234\\n'; echo end"})
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, c := range taken.chunks {
		text += string(c.text)
	}
	if !strings.HasPrefix(text, "17 61\r\n") || !strings.HasSuffix(text, "end\r\n") {
		t.Errorf("it writes %q", text)
	}
	if len(links) != 1 || links[0] != "http://127.0.0.1:4566/_magewright/#ABC234" || taken.aside == nil {
		t.Errorf("the links are %v, and what went wrong %v", links, taken.aside)
	}
	if _, err := s.record(t.Context(), []string{"false"}); err == nil {
		t.Error("there is a film of a command that fails")
	}
	if err := run(t.Context(), []string{"-film=" + filepath.Join(t.TempDir(), "film.svg")}); err == nil {
		t.Error("there is a film of no command")
	}
}
