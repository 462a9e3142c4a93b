package magefile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/suggest"
)

// A UsageError says what is wrong with a command line.
type UsageError struct {
	Reason string
	Next   string  // a command that helps
	Target *Target // the target whose flags help; may be nil
}

// Error returns the reason, the next command, and the target's flags.
func (e *UsageError) Error() string {
	var b strings.Builder
	b.WriteString(e.Reason)
	if e.Target != nil {
		b.WriteString("\n" + e.Target.usage())
	}
	b.WriteString("\n  next: " + e.Next)
	return b.String()
}

// usage describes the flags of a target.
func (t *Target) usage() string {
	if len(t.Flags) == 0 {
		return t.Name + " has no flags"
	}
	lines := make([]string, 0, 1+len(t.Flags))
	lines = append(lines, "flags of "+t.Name+":")
	width := 0
	for _, f := range t.Flags {
		width = max(width, len(f.spelling()))
	}
	for _, f := range t.Flags {
		lines = append(lines, fmt.Sprintf("  %-*s  %s", width, f.spelling(), f.Doc))
	}
	return strings.Join(lines, "\n")
}

func (f Flag) spelling() string {
	if f.Type == "bool" {
		return "-" + f.Name
	}
	return "-" + f.Name + "=VALUE"
}

// kinds say what a value must be, by Go type.
var kinds = map[string]string{
	"bool": "true or false", "int": "a whole number", "float64": "a number", "time.Duration": "a duration such as 5m30s", "string": "a text",
}

// own are Mage's own flags, which stand before the first target. Those that take
// a value have true.
// See https://magefile.org, "mage -h".
var own = map[string]bool{
	"f": false, "debug": false, "v": false, "multiline": false, "h": false, "keep": false,
	"t": true, "gocmd": true, "goos": true, "goarch": true, "ldflags": true,
}

// Check returns what Mage would not understand of the words after its name, as a
// *[UsageError]. Names of targets may be in any case, or an alias. A command line
// that is Mage's alone, such as -l, is not looked into.
//
// Mage itself runs the targets before one that it does not know.
func Check(words []string, targets []Target) error {
	help := false
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		name, _, hasValue := strings.Cut(strings.TrimLeft(words[0], "-"), "=")
		takesValue, known := own[name]
		switch {
		case known && takesValue && !hasValue && len(words) > 1:
			words = words[2:]
		case known:
			help = help || name == "h"
			words = words[1:]
		default:
			return misplaced(name, words, targets)
		}
	}
	for len(words) > 0 {
		t := find(words[0], targets)
		if t == nil {
			return unknown(words, targets, help)
		}
		words = words[1:]
		for args := t.Args; len(words) > 0; words = words[1:] {
			if !strings.HasPrefix(words[0], "-") {
				if args == 0 {
					break
				}
				args--
				continue
			}
			if err := t.check(words[0], words[1:]); err != nil {
				return err
			}
		}
		if len(words) == 0 || find(words[0], targets) != nil {
			continue
		}
		name, value, hasValue := strings.Cut(words[0], "=")
		if f := t.flag(name); f != nil {
			spelling := f.spelling()
			if hasValue {
				spelling = "-" + f.Name + "=" + value
			}
			return &UsageError{
				Reason: fmt.Sprintf("there is no target %q; did you mean the flag of %s?", words[0], t.Name),
				Next:   "go tool mage " + t.Name + " " + spelling,
			}
		}
	}
	return nil
}

func find(word string, targets []Target) *Target {
	i := slices.IndexFunc(targets, func(t Target) bool {
		return strings.EqualFold(t.Name, word) || t.Alias != "" && strings.EqualFold(t.Alias, word)
	})
	if i < 0 {
		return nil
	}
	return &targets[i]
}

func (t *Target) flag(name string) *Flag {
	i := slices.IndexFunc(t.Flags, func(f Flag) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		return nil
	}
	return &t.Flags[i]
}

// names returns the names of the target's flags.
func (t *Target) names() []string {
	names := make([]string, len(t.Flags))
	for i, f := range t.Flags {
		names[i] = f.Name
	}
	return names
}

// misplaced says what is wrong with a flag before the first target.
func misplaced(name string, words []string, targets []Target) error {
	for _, word := range words[1:] {
		t := find(word, targets)
		if t == nil {
			continue
		}
		if nearest := suggest.Nearest(name, t.names()); nearest != "" && t.flag(name) == nil {
			return &UsageError{
				Reason: fmt.Sprintf("there is no flag -%s; did you mean -%s of %s, which stands after it?", name, nearest, t.Name),
				Next:   fmt.Sprintf("go tool mage %s -%s%s", t.Name, nearest, strings.TrimLeft(words[0], "-")[len(name):]),
			}
		}
		if t.flag(name) != nil {
			return &UsageError{
				Reason: fmt.Sprintf("-%s is a flag of %s, and stands after it", name, t.Name),
				Next:   fmt.Sprintf("go tool mage %s -%s", t.Name, strings.TrimLeft(words[0], "-")),
			}
		}
	}
	// It is another of Mage's own flags, or a flag of nothing. Mage says which.
	return nil
}

// unknown says what is wrong with a word that is no target, or that is to be explained.
func unknown(words []string, targets []Target, help bool) error {
	word, names := words[0], make([]string, 0, len(targets))
	for _, t := range targets {
		names = append(names, t.Name)
		if t.Alias != "" {
			names = append(names, t.Alias)
		}
	}
	e := &UsageError{Reason: fmt.Sprintf("there is no target %q", word), Next: "go tool mage -l"}
	nearest, parts := suggest.Nearest(word, names), with(word, names)
	several := strings.FieldsFunc(word, func(r rune) bool { return r == ',' || r == '+' || r == ';' })
	switch {
	case len(words) > 1 && find(word+":"+words[1], targets) != nil:
		e.Next = "go tool mage " + find(word+":"+words[1], targets).Name
	case len(several) > 1 && !slices.ContainsFunc(several, func(name string) bool { return find(name, targets) == nil }):
		e.Reason += "; blanks separate targets"
		e.Next = "go tool mage " + strings.Join(several, " ")
	case len(parts) == 1:
		e.Reason += fmt.Sprintf("; did you mean %q?", parts[0])
		e.Next = "go tool mage " + parts[0]
	case len(parts) > 1:
		e.Reason += "; there are " + strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
	case nearest != "":
		e.Reason += fmt.Sprintf("; did you mean %q?", nearest)
		e.Next = "go tool mage " + nearest
	}
	if help && e.Next != "go tool mage -l" {
		e.Next = "go tool mage -h " + strings.TrimPrefix(e.Next, "go tool mage ")
	}
	return e
}

// with returns the names that a word is a whole part of, such as pipeline:deploy for deploy.
func with(word string, names []string) []string {
	var all []string
	for _, name := range names {
		parts := strings.FieldsFunc(name, func(r rune) bool { return r == ':' || r == '-' })
		if slices.ContainsFunc(parts, func(part string) bool { return strings.EqualFold(part, word) }) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// check says what is wrong with a flag. The rest are the words after it.
func (t *Target) check(word string, rest []string) error {
	name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
	instead := func(flag, format string, args ...any) error {
		return &UsageError{Reason: fmt.Sprintf(format, args...), Next: "go tool mage " + t.Name + " " + flag}
	}
	names := t.names()
	if !slices.Contains(names, name) {
		if nearest := suggest.Nearest(name, names); nearest != "" {
			return instead("-"+nearest+strings.TrimLeft(word, "-")[len(name):], "%s has no flag -%s; did you mean -%s?", t.Name, name, nearest)
		}
		return &UsageError{Reason: fmt.Sprintf("%s has no flag -%s", t.Name, name), Next: "go tool mage -h " + t.Name, Target: t}
	}
	f := t.flag(name)
	switch {
	case strings.HasPrefix(word, "--"):
		return instead(word[1:], "%s: flags of targets have one dash", word)
	case f.Type == "bool" && !hasValue:
		return nil
	case !hasValue && len(rest) > 0 && !strings.HasPrefix(rest[0], "-"):
		return instead(word+"="+rest[0], "%s: its value stands after an equals sign", word)
	case !hasValue:
		return instead(f.spelling(), "%s needs a value: %s", word, f.Doc)
	}
	if err := parse(f.Type, value); err != nil {
		return instead(f.spelling(), "%s: its value is %s: %s", word, kinds[f.Type], f.Doc)
	}
	return nil
}

// parse parses a value as Mage does.
func parse(kind, value string) error {
	var err error
	switch kind {
	case "bool":
		_, err = strconv.ParseBool(value)
	case "int":
		_, err = strconv.Atoi(value)
	case "float64":
		_, err = strconv.ParseFloat(value, 64)
	case "time.Duration":
		_, err = time.ParseDuration(value)
	}
	return err
}
