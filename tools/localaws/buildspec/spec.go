package buildspec

import "fmt"

// A Spec is a buildspec as its file declares it.
type Spec struct {
	File      string // name of the file, for messages
	Env       Env
	Phases    []Phase // install, pre_build, build and post_build, in this order, where declared
	Reports   []ReportGroup
	Artifacts *Artifacts // nil where none are declared
	Cache     *Cache     // nil where none is declared

	// Warnings are what this file asks for and a host can't do, and what is
	// likely to be a mistake.
	Warnings []Warning
}

// A Pos is a place in the file; both numbers start at 1.
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
	Shell     string // bash, /bin/sh, powershell.exe or cmd.exe; empty takes bash
	ShellPos  Pos
	Variables []Variable // of all three sources, in the file's order
	Exported  []string   // names of variables whose values the build hands out
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

// A Variable is an environment variable: its value itself, the name of a
// parameter, or a reference to a secret as [ParseSecretRef] reads it.
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
	Name      string // such as PRE_BUILD
	Pos       Pos
	OnFailure OnFailure
	Commands  []string
	Finally   []string
	Runtimes  []Runtime // install only
}

// A Runtime is an entry of runtime-versions.
type Runtime struct {
	Name    string // such as golang
	Version string // such as 1.26, 1.x, latest, or $VARIABLE
	Pos     Pos
}

// Artifacts declare files to keep. Secondary artifacts have an identifier.
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
	Secondary      []Artifacts // primary only
}

// Artifact returns the declaration with an identifier; the empty identifier is
// the primary artifact's.
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
	Format        string // upper case; JUNITXML where none is declared
	BaseDirectory string
	DiscardPaths  bool
}

// Cache declares what a build would like to find again.
type Cache struct {
	Pos          Pos
	Key          string
	FallbackKeys []string
	Action       string // restore, save, or empty for both
	Paths        []string
}
