package buildspec

import "fmt"

// A Spec is a buildspec as declared in its file.
type Spec struct {
	File string // name of the file, for messages
	// Isolated is true for version 0.1, in which each command has a shell of its
	// own.
	Isolated bool
	Env      Env
	// Phases holds those that are declared of install, pre_build, build and
	// post_build, in this order.
	Phases    []Phase
	Reports   []ReportGroup
	Artifacts *Artifacts // nil if none are declared
	Cache     *Cache     // nil if none is declared

	// Warnings names what this file requests and a host can't do, and what is
	// probably a mistake.
	Warnings []Warning
}

// A Pos is a position in the file; both numbers start at 1.
type Pos struct{ Line, Column int }

// A Warning names something in the file that is not honoured.
type Warning struct {
	File string
	Pos  Pos
	Text string
}

// String returns the warning with its file, line and column.
func (w Warning) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", w.File, w.Pos.Line, w.Pos.Column, w.Text)
}

// Env declares environment variables.
type Env struct {
	Shell     string // bash, /bin/sh, powershell.exe or cmd.exe; empty means /bin/sh
	ShellPos  Pos
	Variables []Variable // from all three sources, in the file's order
	Exported  []string   // names of variables whose values the build exports
}

// A Source says where a variable's value comes from. The values are the API's.
// See https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html.
type Source string

// The sources of variables.
const (
	Plaintext      Source = "PLAINTEXT"
	ParameterStore Source = "PARAMETER_STORE"
	SecretsManager Source = "SECRETS_MANAGER"
)

// A Variable is an environment variable. It holds the value itself, the name of
// a parameter, or a reference to a secret, which [ParseSecretRef] reads.
type Variable struct {
	Name  string
	Value string
	From  Source
}

// The names of the phases that a buildspec declares, as CodeBuild reports them.
const (
	Install   = "INSTALL"
	PreBuild  = "PRE_BUILD"
	BuildStep = "BUILD"
	PostBuild = "POST_BUILD"
)

// A Phase is a list of commands.
type Phase struct {
	Name      string // for example PRE_BUILD
	Pos       Pos
	OnFailure OnFailure
	Commands  []string
	Finally   []string
	Runtimes  []Runtime // only for install
}

// A Runtime is an entry of runtime-versions.
type Runtime struct {
	Name    string // for example golang
	Version string // for example 1.26, 1.x, latest, or $VARIABLE
	Pos     Pos
}

// Artifacts declares files to keep. Secondary artifacts have an identifier. The
// primary artifact has no files where a buildspec declares only secondary ones.
type Artifacts struct {
	Identifier     string // empty for the primary artifact
	Pos            Pos
	Files          []string
	Name           string // in shell syntax
	DiscardPaths   bool
	BaseDirectory  string
	ExcludePaths   []string
	EnableSymlinks bool
	S3Prefix       string
	Secondary      []Artifacts // only for the primary artifact
}

// Artifact returns the declaration with an identifier. The empty identifier is
// that of the primary artifact.
func (s *Spec) Artifact(identifier string) (Artifacts, bool) {
	if s.Artifacts == nil {
		return Artifacts{}, false
	}
	if identifier == "" {
		return *s.Artifacts, true
	}
	for _, a := range s.Artifacts.Secondary {
		if a.Identifier == identifier {
			return a, true
		}
	}
	return Artifacts{}, false
}

// A ReportGroup declares files with test results or coverage.
type ReportGroup struct {
	Name          string // a name, an ARN, or either in shell syntax
	Pos           Pos
	Files         []string
	Format        string // upper case; JUNITXML by default
	BaseDirectory string
	DiscardPaths  bool
}

// Cache declares what a build would like to reuse.
type Cache struct {
	Pos          Pos
	Key          string
	FallbackKeys []string
	Action       string // restore, save, or empty for both
	Paths        []string
}
