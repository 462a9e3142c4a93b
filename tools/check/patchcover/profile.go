package patchcover

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// A Profile has the blocks of coverage profiles, by the name of the file in the profile: its
// package's import path and its name. A block that occurs several times, in one profile or in
// several, counts once. It is covered if one of them says so.
type Profile map[string]map[span]block

// A position is a line, from 1, and a column in bytes, from 1.
type position struct{ line, column int }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.line, q.line), cmp.Compare(p.column, q.column))
}

// A span goes from a position to another one, which is not part of it.
type span struct{ from, to position }

type block struct {
	statements int
	covered    bool
}

// Read adds a profile. Its first line must give a mode. Several profiles in a row are read as
// one. See https://go.dev/src/cmd/cover/profile.go.
func (p Profile) Read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		if mode, ok := bytes.CutPrefix(lines.Bytes(), []byte("mode: ")); ok {
			if !slices.Contains([]string{"set", "count", "atomic"}, string(mode)) {
				return fmt.Errorf("reading a coverage profile: line %d: there is no mode %q", n, mode)
			}
			continue
		}
		if n == 1 {
			return errors.New("reading a coverage profile: line 1 does not say a mode")
		}
		if err := p.add(lines.Bytes()); err != nil {
			return fmt.Errorf("reading a coverage profile: line %d: %w: %.200q", n, err, lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading a coverage profile: line %d: %w", n+1, err)
	}
	if n == 0 {
		return errors.New("reading a coverage profile: it is empty")
	}
	return nil
}

var errForm = errors.New("want file.go:line.column,line.column statements count")

// add reads one line from its end, because a file's name may contain anything.
func (p Profile) add(line []byte) error {
	colon := bytes.LastIndexByte(line, ':')
	if colon <= 0 {
		return errForm
	}
	rest := line[colon+1:]
	var numbers [6]int // from line and column, to line and column, statements, count
	for i, end := range []byte{'.', ',', '.', ' ', ' ', 0} {
		field := rest
		if end != 0 {
			at := bytes.IndexByte(rest, end)
			if at < 0 {
				return errForm
			}
			field, rest = rest[:at], rest[at+1:]
		}
		n, err := strconv.ParseUint(string(field), 10, 63)
		if errors.Is(err, strconv.ErrRange) && i == len(numbers)-1 {
			n, err = 1, nil // a counter with 64 bits, of which only matters whether it is 0
		}
		if err != nil {
			return errForm
		}
		numbers[i] = int(n) // #nosec G115 -- at most 63 bits
	}
	s := span{position{numbers[0], numbers[1]}, position{numbers[2], numbers[3]}}
	// The column is 0 if a //line comment gives none.
	if s.from.line < 1 || s.from.compare(s.to) > 0 {
		return errForm
	}
	blocks := p[string(line[:colon])]
	if blocks == nil {
		blocks = map[span]block{}
		p[string(line[:colon])] = blocks
	}
	b := blocks[s]
	blocks[s] = block{max(b.statements, numbers[4]), b.covered || numbers[5] > 0}
	return nil
}

// Count returns how many statements the blocks have, as the compiler counts them.
func (p Profile) Count() (covered, total int) {
	for _, blocks := range p {
		for _, b := range blocks {
			total += b.statements
			if b.covered {
				covered += b.statements
			}
		}
	}
	return covered, total
}

// Write writes the profile in the mode set, sorted.
func (p Profile) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	_, _ = out.WriteString("mode: set\n") // Flush returns the error
	for _, file := range slices.Sorted(maps.Keys(p)) {
		for _, s := range slices.SortedFunc(maps.Keys(p[file]), compareSpans) {
			b, count := p[file][s], 0
			if b.covered {
				count = 1
			}
			_, _ = fmt.Fprintf(out, "%s:%d.%d,%d.%d %d %d\n", file, s.from.line, s.from.column, s.to.line, s.to.column, b.statements, count)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing a coverage profile: %w", err)
	}
	return nil
}

func compareSpans(a, b span) int { return cmp.Or(a.from.compare(b.from), a.to.compare(b.to)) }

// A measure says which positions of one file are covered.
type measure struct {
	spans  []span // sorted
	blocks map[span]block
}

func (p Profile) of(file string) measure {
	return measure{slices.SortedFunc(maps.Keys(p[file]), compareSpans), p[file]}
}

// covered reports whether the block that holds a position was run. held is false where
// no block holds it.
func (m measure) covered(at position) (covered, held bool) {
	s, held := m.holder(at)
	return m.blocks[s].covered, held
}

// holder returns the block that holds a position: of several the one that begins last.
func (m measure) holder(at position) (span, bool) {
	n, _ := slices.BinarySearchFunc(m.spans, at, func(s span, at position) int {
		if s.from.compare(at) <= 0 {
			return -1
		}
		return 1
	})
	for i := n - 1; i >= 0; i-- {
		// The block of a case without statements begins and ends at one position.
		if s := m.spans[i]; at.compare(s.to) < 0 || at == s.from {
			return s, true
		}
	}
	return span{}, false
}
