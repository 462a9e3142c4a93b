package where

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	// others is the kind of the processes that have no other kind.
	others     = "others"
	testBinary = "test binaries"
)

// kinds are the programs that are recognised by the names of their executables.
var kinds = map[string]string{
	"compile": "go: compile", "link": "go: link", "asm": "go: asm", "vet": "go: vet", "cgo": "go: cgo", "cover": "go: cover", "buildid": "go: buildid",
	"gofmt": "gofmt", "golangci-lint": "golangci-lint", "gosec": "gosec", "opa": "opa", "govulncheck": "govulncheck", "gitleaks": "gitleaks",
	"gcc": "C compiler", "cc": "C compiler", "cc1": "C compiler", "clang": "C compiler", "as": "C compiler", "collect2": "C compiler", "ld": "C compiler",
	"git": "git", "bash": "shell", "sh": "shell", "dash": "shell",
	"mage": "mage", "npm": "node: npm",
}

// magefile matches the name of a compiled magefile in mage's cache, which is a digest.
var magefile = regexp.MustCompile(`^[0-9a-f]{40,}$`)

// kind says what kind of program a process is.
func kind(p Process) string {
	name := executable(p)
	switch {
	case name == "go":
		return goCommand(p.Args)
	case kinds[name] != "":
		return kinds[name]
	case magefile.MatchString(name), len(p.Args) == 0 && len(p.Name) == 15 && magefile.MatchString(p.Name+strings.Repeat("0", 40)):
		return "magefile"
	case strings.HasSuffix(name, ".test"):
		return testBinary
	case strings.HasPrefix(name, "git-"):
		return "git"
	case strings.HasPrefix(name, "npm "):
		return "node: npm"
	case name == "node":
		return node(p.Args)
	case len(p.Args) > 0 && isBuilt(p.Args[0]):
		return "program: " + name
	default:
		return others
	}
}

// executable returns the name of the program.
func executable(p Process) string {
	if len(p.Args) == 0 || p.Args[0] == "" {
		return p.Name
	}
	// The name of a login shell begins with a hyphen.
	return strings.TrimPrefix(path.Base(p.Args[0]), "-")
}

// isBuilt reports whether a target built an executable from source. Such an executable is in
// a directory of the project, of the go command or of the embedded AWS.
func isBuilt(executable string) bool {
	for _, place := range []string{"/.magewright/", "/magewright-", "/go-build"} {
		if strings.Contains(executable, place) {
			return true
		}
	}
	return false
}

// goCommand returns the kind of a go command: its verb, or the tool.
func goCommand(args []string) string {
	words := goWords(args)
	switch {
	case len(words) == 0:
		return "go"
	case words[0] == "tool" && len(words) > 1:
		return "go tool " + path.Base(words[1])
	default:
		return "go " + words[0]
	}
}

// goWords returns the arguments of a go command that are not flags. For a tool, they are its
// name and what follows.
func goWords(args []string) []string {
	var words []string
	for i := 1; i < len(args); i++ {
		switch arg := args[i]; {
		case len(words) > 1 && words[0] == "tool":
			return append(words, args[i:]...)
		case arg == "-C", arg == "-modfile":
			i++ // the flag's value
		case !strings.HasPrefix(arg, "-"):
			words = append(words, arg)
		}
	}
	return words
}

// node returns the kind of a Node process, which depends on the program that it runs.
func node(args []string) string {
	for _, program := range []struct{ part, kind string }{
		{"jsii-runtime", "node: jsii kernel"}, {"/npm", "node: npm"}, {"cdk", "node: cdk"},
	} {
		if slices.ContainsFunc(args[min(1, len(args)):], func(arg string) bool { return strings.Contains(arg, program.part) }) {
			return program.kind
		}
	}
	return "node"
}

// target returns the mage targets that a process was told to run, with their flags, and
// reports whether it is a mage process.
func target(args []string) (string, bool) {
	const longest = 40
	if len(args) == 0 {
		return "", false
	}
	var rest []string
	switch name := path.Base(args[0]); {
	case name == "go":
		words := goWords(args)
		if len(words) < 2 || words[0] != "tool" || path.Base(words[1]) != "mage" {
			return "", false
		}
		rest = words[2:]
	case name == "mage" || magefile.MatchString(name):
		rest = args[1:]
	default:
		return "", false
	}
	name := strings.Join(rest, " ")
	if name == "" {
		name = "the default target"
	}
	if len(name) > longest {
		name = name[:longest-3] + "..."
	}
	return name, true
}

// A compilation is one run of Go's compiler.
type compilation struct {
	pkg     string // import path; for a package main also the directory
	variant string // the flags that distinguish it from other compilations of the package
}

// These stand for the packages of compilations whose command line is unknown.
const (
	unseen = "(ended before it was seen)"
	unread = "(arguments in a file that was not read)"
)

// compiled reads the command line of Go's compiler.
func compiled(args []string) compilation {
	c := compilation{pkg: unseen}
	if len(args) == 2 && strings.HasPrefix(args[1], "@") {
		c.pkg = unread
	}
	var flags []string
	for i := 1; i < len(args); i++ {
		name, value, _ := strings.Cut(args[i], "=")
		if value == "" && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "-p":
			c.pkg = value
		case "-race", "-msan", "-asan", "-shared", "-dynlink":
			flags = append(flags, strings.TrimPrefix(name, "-"))
		case "-coveragecfg":
			flags = append(flags, "cover")
		case "-pgoprofile":
			flags = append(flags, "pgo")
		case "-trimpath":
			// The go command always removes its temporary directory from paths. There is a
			// second rule only if it was itself run with -trimpath.
			if strings.Contains(strings.TrimSuffix(value, ";"), ";") {
				flags = append(flags, "trimpath")
			}
		}
		if c.pkg == "main" && strings.HasSuffix(args[i], ".go") {
			c.pkg = "main in " + place(path.Dir(args[i]))
		}
	}
	slices.Sort(flags)
	c.variant = "plain"
	if flags = slices.Compact(flags); len(flags) > 0 {
		c.variant = strings.Join(flags, "+")
	}
	return c
}

// place returns the end of a directory's path. The beginning differs between the clones of a
// repository.
func place(dir string) string {
	parts := strings.Split(strings.Trim(dir, "/"), "/")
	return path.Join(parts[max(0, len(parts)-2):]...)
}
