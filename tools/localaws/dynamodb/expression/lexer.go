package expression

import "strings"

// A tokenKind is the kind of a token.
type tokenKind int

const (
	endOfText    tokenKind = iota
	word                   // an attribute's name, a keyword or a function
	nameHolder             // #name
	valueHolder            // :value
	integer                // a list's index
	symbol                 // an operator or a bracket
	unrecognised           // a character that no token begins with
)

// A token is a piece of an expression.
type token struct {
	kind       tokenKind
	text       string
	start, end int // its place in the expression
}

// is reports whether a token is a symbol or, in any case, a keyword.
func (t token) is(text string) bool {
	switch t.kind {
	case symbol:
		return t.text == text
	case word:
		return strings.EqualFold(t.text, text)
	default:
		return false
	}
}

func wordByte(c byte) bool { return letter(c) || digit(c) }

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// scan divides an expression into tokens. The last one is the end of the text.
func scan(text string) []token {
	var tokens []token
	for i := 0; i < len(text); {
		c := text[i]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			i++
			continue
		}
		t := token{start: i, end: i + 1}
		run := func(from int, in func(byte) bool) {
			for t.end = from; t.end < len(text) && in(text[t.end]); {
				t.end++
			}
		}
		switch {
		case letter(c):
			t.kind = word
			run(i+1, wordByte)
		case digit(c):
			t.kind = integer
			run(i+1, digit)
		case c == '#' || c == ':':
			t.kind = nameHolder
			if c == ':' {
				t.kind = valueHolder
			}
			run(i+1, wordByte)
			if t.end == i+1 {
				t.kind = unrecognised
			}
		case strings.HasPrefix(text[i:], "<>") || strings.HasPrefix(text[i:], "<=") || strings.HasPrefix(text[i:], ">="):
			t.kind, t.end = symbol, i+2
		case strings.IndexByte("()[],.=<>+-", c) >= 0:
			t.kind = symbol
		default:
			t.kind = unrecognised
		}
		t.text = text[t.start:t.end]
		i = t.end
		tokens = append(tokens, t)
	}
	return append(tokens, token{kind: endOfText, text: "<EOF>", start: len(text), end: len(text)})
}
