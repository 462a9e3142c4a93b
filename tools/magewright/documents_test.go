package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/mod/semver"

	"github.com/magewright/magewright/tools/assembly/annotate"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/surface"
	"github.com/magewright/magewright/tools/surface/magefile"
)

// root is the root of the repository.
const root = "../.."

// unchecked are the blocks that no test checks, by document and first line, with the reason.
var unchecked = map[string]string{
	"README.md: Source ──▶ Verify ────────────▶ Staging ─────────▶ Approval ──▶ Production ──────▶ Update": "a drawing; the console's own is drawn from the pipeline",
}

// elsewhere are the blocks that another test compares with what the code prints, by
// document and first line. The test's file follows.
var elsewhere = map[string]string{
	"infra/docs/cost.md: here  deployed  change":      "tools/readiness/cost/cost_test.go",
	"infra/docs/dev.md: saved     app/ledger/read.go": "tools/rehearse/dev/said_test.go",

	"infra/docs/howto.md: # METADATA":                                    "tools/readiness/collect/policies_test.go",
	"infra/docs/howto.md: package magewright.rules.queue_retention_test": "tools/readiness/collect/policies_test.go",
}

// A block is a part of a document that is set as code.
type block struct {
	document string
	line     int
	language string // of the fence; "" if it is indented
	text     string
}

func (b block) first() string {
	line, _, _ := strings.Cut(b.text, "\n")
	return strings.TrimSpace(line)
}

// name identifies a block, wherever it is moved to.
func (b block) name() string { return b.document + ": " + b.first() }

var listItem = regexp.MustCompile(`^\s*(?:[-*]|\d+\.) `)

// blocks returns the blocks of a document: those between fences, and the paragraphs that
// are indented and not within a list.
func blocks(document, text string) []block {
	var all []block
	fenced, list, blank := false, false, true
	var current *block
	end := func() {
		if current != nil {
			all = append(all, *current)
			current = nil
		}
	}
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && !fenced:
			end()
			fenced, current = true, &block{document: document, line: i + 2, language: fence}
		case isFence:
			end()
			fenced = false
		case fenced:
			current.text += line + "\n"
		case strings.HasPrefix(line, "    ") && (current != nil || blank && !list):
			if current == nil {
				current = &block{document: document, line: i + 1}
			}
			current.text += line[4:] + "\n"
		case strings.TrimSpace(line) == "" && current != nil:
			current.text += "\n" // the paragraph may go on
		default:
			end()
			if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, " ") {
				list = false
			}
			list = list || listItem.MatchString(line)
		}
		blank = strings.TrimSpace(line) == ""
	}
	end()
	return all
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(blocks("d", "text\n\n    a\n    b\n\n    c\n\n- item\n\n    of the item\n\ntext\n    of the text\n\n```go\nd\n```\n"))
	if want := "[{d 3  a\nb\n\nc\n\n} {d 16 go d\n}]"; got != want {
		t.Errorf("blocks are %q, want %q", got, want)
	}
}

// documents returns the texts that people read, by file.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "infra", "docs", "*.md"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no documents in infra/docs: %v", err)
	}
	texts := map[string]string{}
	for _, name := range append(names, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"), filepath.Join(root, "infra", "THREATS.md")) {
		text, err := os.ReadFile(name) // #nosec G304 -- of the repository
		if err != nil {
			t.Fatal(err)
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.ToSlash(relative)] = string(text)
	}
	return texts
}

// TestTheDocumentsBlocks holds that each block of the documents is something that the code
// takes or prints: commands with the flags that exist, files that are read without an
// error, Go that compiles, and output that comes of a message of the code.
func TestTheDocumentsBlocks(t *testing.T) {
	t.Parallel()
	c, refusals := newChecker(t), refusals(t)
	left := maps.Clone(unchecked)
	maps.Copy(left, elsewhere)
	count := map[string]int{}
	for document, text := range documents(t) {
		for _, b := range blocks(document, text) {
			kind := b.language
			_, except := unchecked[b.name()]
			other := elsewhere[b.name()]
			delete(left, b.name())
			var err error
			switch {
			case except:
				kind = "unchecked"
			case other != "":
				kind = "elsewhere"
				err = reads(other, filepath.Base(document))
			case kind == "yaml":
				err = checkYAML(t, b)
			case kind == "go":
				err = checkGo(t, b)
			case kind == "text":
				err = c.output(b, refusals)
			case kind == "":
				kind = "commands"
				err = c.commands(b)
			default:
				err = fmt.Errorf("nobody checks a block in %s", kind)
			}
			count[kind]++
			if err != nil {
				t.Errorf("%s:%d: %v", document, b.line, err)
			}
		}
	}
	for name := range left {
		t.Errorf("there is no block any more: %s", name)
	}
	for kind, least := range map[string]int{"commands": 15, "yaml": 5, "go": 2, "text": 4} {
		if count[kind] < least {
			t.Errorf("%d blocks of %s were found, want %d at least", count[kind], kind, least)
		}
	}
}

// reads returns an error unless a test reads a document.
func reads(test, document string) error {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(test))) // #nosec G304 -- of the repository
	if err == nil && !strings.Contains(string(text), document+`"`) {
		err = fmt.Errorf("%s does not read %s", test, document)
	}
	return err
}

var (
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	programs = regexp.MustCompile(`^(?:go (?:tool|test|run|get|install)|git|npm|aws|cdk|mage|eval) `)
	flagSpan = regexp.MustCompile("`-(\\w[\\w-]*)(?:=[^`\n]*)?`")
	// mageCommand also finds the commands in sentences and in comments.
	mageCommand = regexp.MustCompile(`go tool mage((?: +[\w:.=-]+)+)`)
)

// TestTheDocumentsCommandsExist holds that every command within a text exists, with its
// flags, and that README.md has every target.
func TestTheDocumentsCommandsExist(t *testing.T) {
	t.Parallel()
	c := newChecker(t)
	all, named := documents(t), 0
	for document, text := range all {
		for _, match := range mageCommand.FindAllStringSubmatch(text, -1) {
			named++
			// A sentence may end with a command.
			if err := magefile.Check(strings.Fields(strings.TrimRight(match[1], ".")), c.targets); err != nil {
				t.Errorf("%s: %q: %v", document, strings.TrimSpace(match[0]), err)
			}
		}
		for _, span := range codeSpan.FindAllStringSubmatch(text, -1) {
			if !programs.MatchString(span[1]) {
				continue
			}
			named++
			if err := c.line(span[1]); err != nil {
				t.Errorf("%s: %q: %v", document, span[1], err)
			}
		}
	}
	for document, text := range all {
		for _, span := range flagSpan.FindAllStringSubmatch(text, -1) {
			named++
			if !c.hasFlag(span[1]) {
				t.Errorf("%s: no target has the flag -%s", document, span[1])
			}
		}
	}
	if named < 100 {
		t.Errorf("the documents name %d commands", named)
	}
	for _, target := range c.targets {
		readme := strings.ToLower(all["README.md"])
		if !strings.Contains(readme, strings.ToLower(target.Name)) || !strings.Contains(readme, target.Alias) {
			t.Errorf("README.md does not mention the target %s", target.Name)
		}
	}
}

var documentPath = regexp.MustCompile("`((?:app|infra|tools)/[^`<> ]*)`")

// documentLink matches a link to a file of the repository.
var documentLink = regexp.MustCompile(`\]\(([^):#]+)(?:#[^)]*)?\)`)

// TestTheDocumentsPathsExist holds that what the documents say of a directory or
// file is said of one that there is.
func TestTheDocumentsPathsExist(t *testing.T) {
	t.Parallel()
	paths, links := 0, 0
	for document, text := range documents(t) {
		for _, match := range documentPath.FindAllStringSubmatch(text, -1) {
			paths++
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(match[1]))); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
		for _, match := range documentLink.FindAllStringSubmatch(text, -1) {
			links++
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(document), filepath.FromSlash(match[1]))); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
	if paths < 30 || links < 8 {
		t.Errorf("the documents name %d paths and have %d links to files", paths, links)
	}
}

// TestTroubleshootingNamesWhatIsSaid holds that the messages of the page are those of the
// code. What the page writes as three dots may be anything.
func TestTroubleshootingNamesWhatIsSaid(t *testing.T) {
	t.Parallel()
	c := newChecker(t)
	row := regexp.MustCompile("(?m)^\\| `([^`]+)`(?: from `[^`]+`| in [^|]*)? \\|")
	rows := row.FindAllStringSubmatch(documents(t)["infra/docs/troubleshooting.md"], -1)
	if len(rows) < 10 {
		t.Errorf("the page has %d messages", len(rows))
	}
	for _, match := range rows {
		for part := range strings.SplitSeq(match[1], "...") {
			if part = strings.Trim(part, " "); len(part) > 3 && !c.says(part) {
				t.Errorf("nothing in the code says %q of %q", part, match[1])
			}
		}
	}
}

var version = regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$`)

// TestTheChangelogHasVersions holds that the versions of the changelog descend with their
// days, and that each second-level heading is one.
func TestTheChangelogHasVersions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := version.FindAllStringSubmatch(string(text), -1)
	if headings := strings.Count(string(text), "\n## "); headings != len(found)+1 || !strings.Contains(string(text), "\n## Unreleased\n") {
		t.Errorf("of %d headings, %d are versions with a day, and one is Unreleased", headings, len(found))
	}
	for i := 1; i < len(found); i++ {
		if semver.Compare("v"+found[i-1][1], "v"+found[i][1]) <= 0 || found[i-1][2] < found[i][2] {
			t.Errorf("%s stands above %s", found[i-1][0], found[i][0])
		}
	}
}

// A checker knows what the commands of the documents can be, and what the code says.
type checker struct {
	targets    []magefile.Target
	operations map[string]bool // of the embedded AWS, as "service Operation"
	strings    []string        // constants of the code and of its tests
	formats    []*format       // of the code
}

func newChecker(t *testing.T) *checker {
	t.Helper()
	testinput.Read(t, "infra", "tools", "magefile.go", "go.mod")
	c, err := readChecker()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var readChecker = sync.OnceValues(func() (*checker, error) {
	// This message is the system's.
	c := &checker{operations: map[string]bool{}, strings: []string{syscall.EADDRINUSE.Error()}}
	tree := surface.Tree{}
	text, err := os.ReadFile(filepath.Join(root, "magefile.go"))
	if err != nil {
		return nil, err
	}
	tree["magefile.go"] = text
	if c.targets, err = tree.Targets(); err != nil {
		return nil, err
	}
	supported, err := os.ReadFile(filepath.Join(root, "tools", "localaws", "supported.md"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(supported)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		service := strings.Trim(cells[1], " `")
		for operation := range strings.SplitSeq(cells[2], ",") {
			c.operations[service+" "+strings.TrimSpace(operation)] = true
		}
	}
	return c, c.readStrings()
})

// readStrings reads the string constants of the kit and the CDK app. Those of the code,
// without its tests, are also formats. The documents show nothing that the ledger prints, so
// a change of the ledger does not run these tests again.
func (c *checker) readStrings() error {
	known := map[string]bool{}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "testdata" || path == filepath.Join(root, "app") || path != root && strings.HasPrefix(entry.Name(), ".")) {
			return filepath.SkipDir
		}
		// This file has the documents' own lines in it.
		if entry.IsDir() || filepath.Ext(path) != ".go" || entry.Name() == "documents_test.go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := joined(e)
			if !ok {
				return true
			}
			if known[text] || len(text) < 4 {
				return false
			}
			known[text] = true
			c.strings = append(c.strings, text)
			if !strings.HasSuffix(path, "_test.go") && strings.Contains(text, "%") {
				for line := range strings.Lines(text) {
					c.formats = append(c.formats, newFormat(strings.TrimSpace(line)))
				}
			}
			return false
		})
		return nil
	})
}

// joined returns the text of a literal, or of what is joined to one by +: what is no
// literal becomes a verb.
func joined(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, ok := joined(e.X)
		right, also := joined(e.Y)
		if !ok {
			left = "%v"
		}
		if !also {
			right = "%v"
		}
		return left + right, (ok || also) && e.Op == token.ADD
	}
	return "", false
}

// A format is one of package fmt.
type format struct {
	literals []string
	size     int // of the literals
	pattern  *regexp.Regexp
}

var verb = regexp.MustCompile(`%[-+# 0]*(?:\d+|\*)?(?:\.\d+|\.\*)?[vTtbcdoOqxXUeEfFgGsp]`)

func newFormat(text string) *format {
	f := &format{literals: verb.Split(text, -1)}
	for _, literal := range f.literals {
		f.size += len(literal)
	}
	return f
}

// matches reports whether the format may have printed a line, of which it wrote a sixth
// itself.
func (f *format) matches(line string) bool {
	if f.size < 7 || f.size*6 < len(line) {
		return false
	}
	for _, literal := range f.literals {
		if !strings.Contains(line, strings.ReplaceAll(literal, "%%", "%")) {
			return false
		}
	}
	if f.pattern == nil {
		quoted := make([]string, len(f.literals))
		for i, literal := range f.literals {
			quoted[i] = regexp.QuoteMeta(strings.ReplaceAll(literal, "%%", "%"))
		}
		f.pattern = regexp.MustCompile("^" + strings.Join(quoted, ".*?") + "$")
	}
	return f.pattern.MatchString(line)
}

// others are flags of the commands that are no targets, and of the go command.
var others = []string{"ci", "dry-run", "assembly", "mod", "modcacherw", "overlay", "p", "tags", "timeout", "update", "v", "x"}

// hasFlag reports whether a target has a flag, or what else the documents write of does.
func (c *checker) hasFlag(name string) bool {
	return slices.Contains(others, name) || slices.ContainsFunc(c.targets, func(target magefile.Target) bool {
		return slices.ContainsFunc(target.Flags, func(f magefile.Flag) bool { return f.Name == name })
	})
}

// says reports whether the code has a text, as it is or as a format of it.
func (c *checker) says(text string) bool {
	return slices.ContainsFunc(c.strings, func(s string) bool { return strings.Contains(s, text) }) ||
		slices.ContainsFunc(c.formats, func(f *format) bool { return f.matches(text) })
}

// output checks a block of text that something prints. Refusals of AWS are wrapped.
func (c *checker) output(b block, refusals string) error {
	if b.document == "infra/docs/rehearsal.md" {
		if !strings.Contains(refusals, strings.Join(strings.Fields(b.text), " ")) {
			return fmt.Errorf("the embedded AWS says otherwise:\n%s", refusals)
		}
		return nil
	}
	for line := range strings.Lines(b.text) {
		if line = strings.TrimSpace(line); line != "" && !c.says(line) {
			return fmt.Errorf("nothing in the code says %q", line)
		}
	}
	return nil
}

// refusals returns how an embedded AWS refuses what the documents have examples of.
func refusals(t *testing.T) string {
	t.Helper()
	cfg := localawstest.Start(t)
	_, invalid := lambda.NewFromConfig(cfg).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("f"), Role: aws.String("arn:aws:iam::000000000000:role/reader"), MemorySize: aws.Int32(100),
		Code: &lambdatypes.FunctionCode{ZipFile: []byte("zip")},
	})
	if _, err := iam.NewFromConfig(cfg).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(cfg).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bucket")}); err != nil {
		t.Fatal(err)
	}
	reader := cfg.Copy()
	reader.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), "arn:aws:iam::000000000000:role/reader", func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = "s1" })
	_, denied := s3.NewFromConfig(reader, func(o *s3.Options) { o.UsePathStyle = true }).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("x")})
	return fmt.Sprint(invalid, denied)
}

// commands checks a block of commands.
func (c *checker) commands(b block) error {
	if strings.HasPrefix(b.text, "jq ") {
		return runJQ(b.text)
	}
	for line := range strings.Lines(b.text) {
		if err := c.line(line); err != nil {
			return err
		}
	}
	return nil
}

var assigned = regexp.MustCompile(`^[A-Z_]+=\S* `)

// line checks a line of a shell.
func (c *checker) line(line string) error {
	line, _, _ = strings.Cut(line, " #")
	// CodePipeline sets it for each action.
	line = strings.TrimSpace(strings.ReplaceAll(line, "$MAGE_TARGETS", "lint"))
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	if inner, ok := strings.CutPrefix(line, `eval "$(`); ok {
		line, ok = strings.CutSuffix(inner, `)"`)
		if !ok {
			return fmt.Errorf("%q has no end", inner)
		}
	}
	for command := range strings.SplitSeq(assigned.ReplaceAllString(line, ""), " && ") {
		if err := c.command(words(command)); err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
	}
	return nil
}

var word = regexp.MustCompile(`(?:"[^"]*"|[^\s"])+`)

// words splits a command at blanks that are not between quotation marks.
func words(command string) []string {
	all := word.FindAllString(command, -1)
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], `"`, "")
	}
	return all
}

func (c *checker) command(args []string) error {
	switch args[0] {
	case "go":
		args = args[1:]
		if args[0] == "-C" && len(args) > 2 {
			args = args[2:]
		}
		return c.goCommand(args)
	case "mage":
		return magefile.Check(args[1:], c.targets)
	case "git":
		// It explains a command that there is, and ends with 129.
		out, err := exec.Command("git", args[1], "-h").CombinedOutput() // #nosec G204 -- of a document
		if !strings.HasPrefix(string(out), "usage: ") {
			return fmt.Errorf("git has no such command: %w: %s", err, out)
		}
		return nil
	case "npm":
		return npm(args[1:])
	case "aws":
		return c.aws(args[1:])
	case "cdk":
		// The CDK CLI is not installed in a fresh clone.
		if !slices.Contains([]string{"bootstrap", "synth", "deploy"}, args[1]) {
			return fmt.Errorf("the CDK CLI has no command %s that we know", args[1])
		}
		return nil
	}
	return fmt.Errorf("nobody knows the program %q", args[0])
}

const ours = project.Module + "/tools/magewright"

func (c *checker) goCommand(args []string) error {
	switch {
	case args[0] == "tool" && args[1] == "mage":
		return magefile.Check(args[2:], c.targets)
	case args[0] == "tool" && args[1] == "magewright", args[0] == "run" && strings.HasPrefix(args[1], ours+"@"):
		if commands[args[2]] == nil {
			return fmt.Errorf("magewright has no command %s", args[2])
		}
		// The flags before the last one are parsed, and nothing is run.
		return run(context.Background(), append(slices.Clone(args[2:]), "-h"))
	case args[0] == "get", args[0] == "install":
		for _, arg := range args[1:] {
			if path, _, _ := strings.Cut(arg, "@"); strings.HasPrefix(path, project.Module) {
				if _, err := os.Stat(filepath.Join(root, strings.TrimPrefix(path, project.Module))); err != nil {
					return err
				}
			}
		}
		return nil
	case args[0] == "run" && strings.HasPrefix(args[1], "./"):
		flags, rest := split(args[2:])
		if err := declares(args[1], "", flags); err != nil || len(rest) == 0 {
			return err
		}
		return c.command(rest)
	case args[0] == "test" && len(args) > 1:
		return goTest(args[1:])
	case args[0] == "test":
		return nil
	}
	return fmt.Errorf("nobody knows go %s", args[0])
}

// split splits the flags from what follows them.
func split(args []string) (flags, rest []string) {
	for i, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			return args[:i], args[i:]
		}
	}
	return args, nil
}

var (
	// ownFlags are those of go test that the documents use.
	ownFlags  = []string{"tags", "timeout", "v", "run", "race", "count"}
	buildTags = regexp.MustCompile(`(?m)^//go:build (.*)$`)
)

// goTest checks the tests and the flags of a go test.
func goTest(args []string) error {
	var patterns, names, own []string
	tag := ""
	for i := 0; i < len(args); i++ {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(args[i], "-"), "=")
		switch {
		case !strings.HasPrefix(args[i], "-"):
			patterns = append(patterns, args[i])
		case name == "run":
			if !hasValue && i+1 < len(args) {
				i++
				value = args[i]
			}
			names = append(names, value)
		case name == "tags":
			tag = value
		case !slices.Contains(ownFlags, name):
			own = append(own, args[i])
		}
	}
	if len(patterns) != 1 {
		return fmt.Errorf("it tests %q", patterns)
	}
	if len(own) > 0 || len(names) == 0 {
		if err := declares(patterns[0], tag, own); err != nil {
			return err
		}
	}
	for _, name := range names {
		source, err := sources(patterns[0], tag)
		if err != nil {
			return err
		}
		if !regexp.MustCompile(`func ` + name + `\w*\(`).MatchString(source) {
			return fmt.Errorf("%s has no test %s with the build tag %q", patterns[0], name, tag)
		}
	}
	return nil
}

// declares returns an error unless a package declares each flag.
func declares(pattern, tag string, flags []string) error {
	source, err := sources(pattern, tag)
	if err != nil {
		return err
	}
	for _, flag := range flags {
		name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		if !regexp.MustCompile(`\b(?:Bool|String|Int|Uint|Duration|Float64|Func)(?:Var)?\([^"\n]*"` + name + `"`).MatchString(source) {
			return fmt.Errorf("%s has no flag -%s", pattern, name)
		}
	}
	return nil
}

// sources returns the Go files of a package, or of all below it, that need no build tag
// but this one.
func sources(pattern, tag string) (string, error) {
	dir, below := strings.CutSuffix(pattern, "/...")
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(dir)), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != filepath.Join(root, filepath.FromSlash(dir)) && (!below || entry.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path) // #nosec G304 G122 -- of the repository
		head, _, _ := bytes.Cut(text, []byte("\npackage "))
		if needs := buildTags.FindSubmatch(head); needs == nil || string(needs[1]) == tag {
			all.Write(text)
		}
		return err
	})
	return all.String(), err
}

// npm checks that a package of the repository has the script.
func npm(args []string) error {
	at := slices.Index(args, "--prefix")
	if at < 0 || at+1 == len(args) {
		return fmt.Errorf("npm %q names no --prefix", args)
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(args[at+1]), "package.json")) // #nosec G304 -- of the repository
	if err != nil {
		return err
	}
	var manifest struct{ Scripts map[string]string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		return err
	}
	switch args[0] {
	case "ci", "install":
		return nil
	case "run":
		if manifest.Scripts[args[1]] != "" {
			return nil
		}
	}
	return fmt.Errorf("npm has no %q there", args)
}

// awsOwn are commands that the AWS CLI has beside the operations of AWS.
var awsOwn = []string{"s3 cp", "sso login"}

// aws checks that the embedded AWS has the operation.
func (c *checker) aws(args []string) error {
	if slices.Contains(awsOwn, args[0]+" "+args[1]) {
		return nil
	}
	var operation strings.Builder
	for part := range strings.SplitSeq(args[1], "-") {
		operation.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	if !c.operations[args[0]+" "+operation.String()] {
		return fmt.Errorf("the embedded AWS has no operation %s of %s", &operation, args[0])
	}
	return nil
}

// runJQ runs a filter on a bundle of a provenance and something else.
func runJQ(script string) error {
	dir, err := os.MkdirTemp("", "documents")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	if err := os.Mkdir(filepath.Join(dir, ".magewright"), 0o750); err != nil {
		return err
	}
	provenance := evidence.Provenance{}.PredicateType()
	var bundle strings.Builder
	for _, kind := range []string{"https://example.com/other", provenance} {
		payload := base64.StdEncoding.EncodeToString([]byte(`{"predicateType":"` + kind + `"}`))
		fmt.Fprintf(&bundle, "{\"payload\":%q}\n", payload)
	}
	if err := os.WriteFile(filepath.Join(dir, ".magewright", "readiness.intoto.jsonl"), []byte(bundle.String()), 0o600); err != nil {
		return err
	}
	cmd := exec.Command("bash", "-o", "pipefail", "-c", script) // #nosec G204 -- of a document
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Join(strings.Fields(string(out)), "") != `{"predicateType":"`+provenance+`"}` {
		return fmt.Errorf("it prints %q: %w", out, err)
	}
	return nil
}

// checkYAML has a file read by what reads it.
func checkYAML(t *testing.T, b block) error {
	switch b.document {
	case "infra/docs/annotate.md":
		cfg := project.Config{Dir: t.TempDir(), Assembly: t.TempDir()}
		for name, text := range map[string]string{
			filepath.Join(cfg.Dir, "magewright.yml"):     b.text,
			filepath.Join(cfg.Assembly, "manifest.json"): `{"version":"48.0.0","artifacts":{}}`,
		} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				return err
			}
		}
		_, err := annotate.Find(t.Context(), cfg)
		// The stacks that it names are in no assembly; all else of it is understood.
		for line := range strings.Lines(fmt.Sprint(err)) {
			if !strings.Contains(line, "the assembly has no stack") && !strings.Contains(line, "next: ") {
				return err
			}
		}
		return nil
	case "infra/docs/smoke.md":
		_, err := probe.ParseFile("probes.yml", []byte(b.text))
		return err
	case "infra/docs/readiness.md", "infra/docs/rehearsal.md":
		// Of a key only the beginning is shown.
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(b.text, "MFkw...", base64.StdEncoding.EncodeToString(der))
		_, err = readiness.ParsePolicy("readiness.yml", []byte("required: [tests-pass]\nmaxAge: 24h\n"+text))
		return err
	}
	return fmt.Errorf("nobody knows what reads it")
}

// preludes declare what a block of Go takes from the text around it, by document.
var preludes = map[string]string{
	"infra/docs/localaws.md": `import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/localawstest"
)

func send(*testing.T, *sqs.Client, time.Duration) {}
func receive(*testing.T, *sqs.Client)             {}
`,
	"infra/docs/adopt.md": `import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/magewright/magewright/infra/delivery"
)

var (
	app               awscdk.App
	beta, gamma, prod awscdk.Stack

	deliveriesOfBeta, deliveriesOfGamma, deliveriesOfProd []*delivery.Delivery
)
`,
}

// checkGo compiles a block, in this directory and without a file.
func checkGo(t *testing.T, b block) error {
	text := b.text
	if !strings.HasPrefix(text, "func ") {
		text = "func _() {\n" + text + "}\n"
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "block.go")
	if err := os.WriteFile(source, []byte("package document\n"+preludes[b.document]+text), 0o600); err != nil {
		return err
	}
	place, err := filepath.Abs("document/block.go")
	if err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{place: source}})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return err
	}
	// With the environment of every other build, what the blocks import is compiled already.
	_, err = gocmd.In(".").Output(t.Context(), "build", "-overlay="+file, "./document")
	return err
}
