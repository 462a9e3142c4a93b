package buildspec

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// bashisms warns of commands that need bash where the buildspec does not ask for
// it. The default shell is sh. That is dash in some images (Ubuntu's) and bash in
// others (Amazon Linux's), so that a command may succeed here or there only.
func (d *decoder) bashisms() {
	if shell := d.spec.Env.Shell; shell != "" && shell != "/bin/sh" {
		return
	}
	for _, c := range d.commands {
		n := target(c.node)
		what, line := bashism(n.Value)
		if what == "" {
			continue
		}
		at := Pos{n.Line, n.Column}
		// The text of a literal block has the lines of the file.
		if n.Style&yaml.LiteralStyle != 0 {
			at = Pos{n.Line + 1 + line, 1}
		}
		d.spec.Warnings = append(d.spec.Warnings, Warning{d.spec.File, at,
			c.what + ": " + what + " needs bash, and commands run with sh, which is dash in many images: \"shell: bash\" below env selects bash"})
	}
}

// bashism returns the first construct of a command that dash refuses, and its
// line, which starts at 0. It rather misses one than takes something else for
// one: texts in quotes, comments and here-documents are not looked at.
func bashism(command string) (what string, line int) {
	s := &shellScanner{text: command}
	s.commands(0)
	return s.found, s.line
}

// A shellScanner walks over a command in shell syntax until it has found a
// bashism.
type shellScanner struct {
	text  string
	at    int
	found string
	line  int
	heres []hereDocument // they start at the next line
	depth int            // of commands in commands
}

type hereDocument struct {
	end  string
	tabs bool // leading tabs are removed (<<-)
}

func (s *shellScanner) find(what string) {
	if s.found == "" {
		s.found, s.line = what, strings.Count(s.text[:min(s.at, len(s.text))], "\n")
	}
}

func (s *shellScanner) done() bool { return s.found != "" || s.at >= len(s.text) }

func (s *shellScanner) rest() string { return s.text[s.at:] }

// beforeCommand lists the words after which a command starts.
var beforeCommand = []string{"if", "then", "elif", "else", "while", "until", "do", "{", "!", "time"}

// bashCommands lists commands that bash has and dash has not.
var bashCommands = []string{"source", "shopt", "declare", "typeset", "pushd", "popd", "mapfile", "readarray"}

var (
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\+?=`)
	// An array is assigned: a=(x y), a+=(x) or a[0]=x.
	array = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(?:\+?=\(|\[[^]\s]*\]\+?=)`)
	// The name of a function, and the start of its body, follow.
	function = regexp.MustCompile(`^function[ \t]+[A-Za-z_][A-Za-z0-9_:-]*\s*(?:\(\s*\)\s*)?[{(]`)
	// These expansions are bad substitutions for dash.
	expansion = regexp.MustCompile(`^\$\{(?:![A-Za-z_]|#?[A-Za-z_][A-Za-z0-9_]*\[|[A-Za-z_][A-Za-z0-9_]*(?:/|\^|,|:(?: *[0-9$(]| +-)))`)
	here      = regexp.MustCompile(`^<<(-?)[ \t]*(?:'([^'\n]*)'|"([^"\n]*)"|\\?([A-Za-z0-9_.+-]+))`)
)

// commands reads commands until the end byte, which is ')' or '`', or 0 for the
// end of the text.
func (s *shellScanner) commands(end byte) {
	if s.depth++; s.depth > 100 {
		s.at = len(s.text)
	}
	defer func() { s.depth-- }()
	start := true // a command starts here
	var words []string
	next := func() { start, words = true, nil }
	for !s.done() {
		c := s.text[s.at]
		switch {
		case c == end && end != 0:
			s.at++
			return
		case c == '\n':
			s.at++
			s.skipHereDocuments()
			next()
		case c == ' ' || c == '\t' || c == '\r':
			s.at++
		case c == '\\' && strings.HasPrefix(s.rest(), "\\\n"):
			s.at += 2
		case c == '#':
			s.skipLine()
		case strings.HasPrefix(s.rest(), "&>"):
			s.find("&>")
		case strings.HasPrefix(s.rest(), "<<<"):
			s.find("<<<")
		case strings.HasPrefix(s.rest(), "<<"):
			s.hereDocument()
		case strings.HasPrefix(s.rest(), "<(") || strings.HasPrefix(s.rest(), ">("):
			s.find(s.text[s.at:s.at+1] + "(...)")
		case strings.HasPrefix(s.rest(), "((") && start:
			s.arithmetic(2)
			start = false
		case c == ';' || c == '&' || c == '|' || c == '(':
			s.at++
			next()
		case c == ')':
			// It ends a subshell, or a pattern of case.
			s.at++
			next()
		case c == '<' || c == '>':
			s.at++
			// This is a file descriptor's number, or the & before it.
			if !s.done() && (s.text[s.at] == '&' || s.text[s.at] == '>' || s.text[s.at] == '|') {
				s.at++
			}
		default:
			if start && s.construct() {
				return
			}
			word := s.word(end)
			switch {
			case s.found != "":
				return
			case start && (slices.Contains(beforeCommand, word) || assignment.MatchString(word)):
			default:
				start = false
				words = append(words, word)
				s.argument(words)
			}
		}
	}
}

// construct looks for a bashism where a command starts.
func (s *shellScanner) construct() bool {
	rest := s.rest()
	end := strings.IndexAny(rest, " \t\n")
	if end < 0 {
		end = 0
	}
	word := rest[:end]
	switch {
	case word == "[[":
		s.find("[[")
	case array.MatchString(rest):
		s.find("an array")
	case function.MatchString(rest):
		s.find("function")
	case slices.Contains(bashCommands, word):
		s.find(word)
	}
	return s.found != ""
}

// argument looks at a command's last word.
func (s *shellScanner) argument(words []string) {
	last := words[len(words)-1]
	switch words[0] {
	case "set":
		if n := len(words); last == "pipefail" && n > 2 && strings.HasPrefix(words[n-2], "-") && strings.HasSuffix(words[n-2], "o") {
			s.find("set -o pipefail")
		}
	case "[", "test":
		if last == "==" {
			s.find(words[0] + " with ==")
		}
	}
}

// word reads a word, and the commands and expansions in it.
func (s *shellScanner) word(end byte) string {
	begin := s.at
	for !s.done() {
		c := s.text[s.at]
		switch {
		case c == end && end != 0 || strings.IndexByte(" \t\r\n;&|()<>", c) >= 0:
			return s.text[begin:s.at]
		case c == '\\':
			s.at += 2
		case c == '\'':
			s.singleQuoted()
		case c == '"':
			s.doubleQuoted()
		case c == '`':
			s.at++
			s.commands('`')
		case c == '$':
			s.dollar(false)
		default:
			s.at++
		}
	}
	return s.text[begin:min(s.at, len(s.text))]
}

func (s *shellScanner) singleQuoted() {
	end := strings.IndexByte(s.text[s.at+1:], '\'')
	if end < 0 {
		s.at = len(s.text)
		return
	}
	s.at += end + 2
}

func (s *shellScanner) doubleQuoted() {
	s.at++
	for !s.done() {
		switch s.text[s.at] {
		case '"':
			s.at++
			return
		case '\\':
			s.at += 2
		case '`':
			s.at++
			s.commands('`')
		case '$':
			s.dollar(true)
		default:
			s.at++
		}
	}
}

// dollar reads what follows a dollar sign.
func (s *shellScanner) dollar(quoted bool) {
	rest := s.rest()
	switch {
	case expansion.MatchString(rest):
		s.find(rest[:min(len(rest), 1+strings.IndexByte(rest+"}", '}'))])
	case strings.HasPrefix(rest, "$(("):
		s.arithmetic(3)
	case strings.HasPrefix(rest, "$("):
		s.at += 2
		s.commands(')')
	case strings.HasPrefix(rest, "${"):
		s.at += 2
		s.braces(quoted)
	default:
		s.at++
	}
}

// braces reads the rest of ${...}.
func (s *shellScanner) braces(quoted bool) {
	for !s.done() {
		switch c := s.text[s.at]; {
		case c == '}':
			s.at++
			return
		case c == '\\':
			s.at += 2
		case c == '\'' && !quoted:
			s.singleQuoted()
		case c == '"':
			s.doubleQuoted()
		case c == '$':
			s.dollar(quoted)
		default:
			s.at++
		}
	}
}

// arithmetic skips an arithmetic expression, which starts with as many bytes as
// open has.
func (s *shellScanner) arithmetic(open int) {
	s.at += open
	for depth := 2; !s.done() && depth > 0; s.at++ {
		switch s.text[s.at] {
		case '(':
			depth++
		case ')':
			depth--
		}
	}
}

func (s *shellScanner) skipLine() {
	if end := strings.IndexByte(s.rest(), '\n'); end >= 0 {
		s.at += end
		return
	}
	s.at = len(s.text)
}

// hereDocument reads the operator of a here-document.
func (s *shellScanner) hereDocument() {
	m := here.FindStringSubmatch(s.rest())
	if m == nil {
		// Nobody knows where it ends.
		s.at = len(s.text)
		return
	}
	s.at += len(m[0])
	s.heres = append(s.heres, hereDocument{m[2] + m[3] + m[4], m[1] == "-"})
}

// skipHereDocuments skips the bodies of the here-documents of the line before.
func (s *shellScanner) skipHereDocuments() {
	for _, h := range s.heres {
		for s.at < len(s.text) {
			line, _, _ := strings.Cut(s.rest(), "\n")
			s.at = min(s.at+len(line)+1, len(s.text))
			if h.tabs {
				line = strings.TrimLeft(line, "\t")
			}
			if line == h.end {
				break
			}
		}
	}
	s.heres = nil
}
