package policy

import (
	"strings"
	"unicode/utf8"
)

// A syntax of patterns says which characters of a pattern are special.
type patternSyntax int

const (
	literal   patternSyntax = iota // none
	wildcards                      // * and ?
	resource                       // * and ?, in an ARN of the Resource element
)

// A pattern is a text of a policy, in which wildcards and variables may stand
// for other text.
type pattern struct {
	text   string
	syntax patternSyntax
	glob   glob    // without variables
	pieces []piece // with variables
}

// A piece is text, or a variable to be replaced.
type piece struct {
	text     string
	variable string // the context key in lower case; empty for text
	fallback *string
	escaped  bool // text has no wildcards
}

// compile reads a pattern. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html.
func compile(text string, syntax patternSyntax, variables bool) pattern {
	p := pattern{text: text, syntax: syntax}
	if variables && strings.Contains(text, "${") {
		p.pieces = split(text)
		return p
	}
	p.glob = newGlob([]piece{{text: text}}, syntax)
	return p
}

// split separates variables from text. An opening brace without a closing one
// is text.
func split(text string) []piece {
	var pieces []piece
	for {
		before, rest, ok := strings.Cut(text, "${")
		inner, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			return append(pieces, piece{text: text})
		}
		pieces = append(pieces, piece{text: before})
		switch inner {
		case "*", "?", "$":
			pieces = append(pieces, piece{text: inner, escaped: true})
		default:
			pieces = append(pieces, variable(inner))
		}
		text = after
	}
}

// variable reads what is between the braces: a key and perhaps a default in
// single quotes.
func variable(inner string) piece {
	key, rest, ok := strings.Cut(inner, ",")
	p := piece{variable: strings.ToLower(strings.TrimSpace(key))}
	if rest = strings.TrimSpace(rest); ok && len(rest) >= 2 && rest[0] == '\'' && rest[len(rest)-1] == '\'' {
		fallback := rest[1 : len(rest)-1]
		p.fallback = &fallback
	}
	return p
}

// resolve returns the pattern for a request. It reports false if the request
// has no value for a variable.
func (p *pattern) resolve(c Context) (glob, bool) {
	if p.pieces == nil {
		return p.glob, true
	}
	resolved := make([]piece, len(p.pieces))
	for i, piece := range p.pieces {
		if piece.variable != "" {
			// A key with several values can't be a variable.
			values := c[piece.variable]
			switch {
			case len(values) == 1:
				piece.text = values[0]
			case piece.fallback != nil:
				piece.text = *piece.fallback
			default:
				return glob{}, false
			}
			// What a request says is never a wildcard.
			piece.escaped = true
		}
		resolved[i] = piece
	}
	return newGlob(resolved, p.syntax), true
}

// A glob is a pattern without variables.
type glob struct {
	runes []rune // with the special values below
	text  string // instead, if nothing is special
	// mixed says that some stars match colons and others do not.
	mixed bool
	all   bool // a single star
}

// Special values in a glob's runes.
const (
	anyText    rune = -1 - iota // *
	anyRune                     // ?
	anySegment                  // * that does not match a colon
)

// segments is how many parts of an ARN are separated by colons. The last part,
// the resource, may contain colons itself.
const segments = 6

func newGlob(pieces []piece, syntax patternSyntax) glob {
	var g glob
	special, colons := false, 0
	for n, piece := range pieces {
		for i, r := range piece.text {
			switch {
			case syntax == literal || piece.escaped || r != '*' && r != '?':
				if r == ':' {
					colons++
				}
			case r == '?':
				r, special = anyRune, true
			case syntax == resource && colons < segments-1 && !endsSegment(pieces, n, i+1):
				r, special, g.mixed = anySegment, true, true
			default:
				r, special = anyText, true
			}
			g.runes = append(g.runes, r)
		}
	}
	// AWS completes an ARN that is too short with wildcards.
	if syntax == resource && colons > 0 && colons < segments-1 && g.runes[len(g.runes)-1] != anyText {
		g.runes, special = append(g.runes, ':', anyText), true
	}
	if !special {
		return glob{text: string(g.runes)}
	}
	g.all = len(g.runes) == 1 && g.runes[0] == anyText
	return g
}

// endsSegment reports whether the text behind a star begins with a colon or is
// empty. Such a star may match colons. See "Wildcards" in
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html.
func endsSegment(pieces []piece, n, i int) bool {
	rest := pieces[n].text[i:]
	for n++; rest == "" && n < len(pieces); n++ {
		rest = pieces[n].text
	}
	return rest == "" || rest[0] == ':'
}

// match reports whether the glob matches all of s.
func (g *glob) match(s string) bool {
	switch {
	case g.all:
		return true
	case g.runes == nil:
		return s == g.text
	case g.mixed:
		return matchMixed(g.runes, s)
	default:
		return matchRunes(g.runes, s)
	}
}

// matchRunes tries the shortest text for each star. Only the last star has to be
// tried again, because an earlier one could not match what the last one can't.
func matchRunes(pattern []rune, s string) bool {
	p, star, retry := 0, -1, 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case p < len(pattern) && pattern[p] == anyText:
			star, retry = p, i
			p++
		case p < len(pattern) && (pattern[p] == r || pattern[p] == anyRune):
			p++
			i += size
		case star >= 0:
			_, size := utf8.DecodeRuneInString(s[retry:])
			retry += size
			p, i = star+1, retry
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anyText {
		p++
	}
	return p == len(pattern)
}

// matchMixed follows all ways to match at once.
func matchMixed(pattern []rune, s string) bool {
	now, next := make([]bool, len(pattern)+1), make([]bool, len(pattern)+1)
	now[0] = true
	skipStars(pattern, now)
	for _, r := range s {
		clear(next)
		for i, p := range pattern {
			if !now[i] {
				continue
			}
			switch {
			case p == anyText, p == anySegment && r != ':':
				next[i] = true
			case p == anyRune, p == r:
				next[i+1] = true
			}
		}
		skipStars(pattern, next)
		now, next = next, now
	}
	return now[len(pattern)]
}

// skipStars lets each star that is reached match nothing.
func skipStars(pattern []rune, reached []bool) {
	for i, p := range pattern {
		if reached[i] && (p == anyText || p == anySegment) {
			reached[i+1] = true
		}
	}
}

// matchARN reports whether two ARNs are alike: each of their six parts is
// compared by itself. A pattern that is one star matches every ARN.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN.
func (g *glob) matchARN(arn string) bool {
	if !isARN(arn) {
		return false
	}
	switch {
	case g.all:
		return true
	case g.runes == nil:
		return arn == g.text
	}
	pattern := g.runes
	for n := 1; ; n++ {
		end := len(pattern)
		part := arn
		if n < segments {
			end = indexRune(pattern, ':')
			if end < 0 {
				return false
			}
			part, arn, _ = strings.Cut(arn, ":")
		}
		if !matchRunes(pattern[:end], part) {
			return false
		}
		if n == segments {
			return true
		}
		pattern = pattern[end+1:]
	}
}

func isARN(s string) bool {
	return strings.HasPrefix(s, "arn:") && strings.Count(s, ":") >= segments-1
}

func indexRune(runes []rune, r rune) int {
	for i := range runes {
		if runes[i] == r {
			return i
		}
	}
	return -1
}
