package readiness

import (
	"fmt"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// Builds says what CodeBuild knows about the builds of a pipeline execution that have left
// evidence or tried the release.
type Builds struct {
	evidence.Made
	Pipeline  string  `json:"pipeline"`
	Execution string  `json:"execution"`
	Builds    []Build `json:"builds"`
}

// PredicateType implements [evidence.Predicate].
func (Builds) PredicateType() string { return base + "builds/v1" }

// A Build is one build of an action. The declarations are in the pipeline and in the project.
type Build struct {
	Action    string `json:"action"` // STAGE/ACTION
	ID        string `json:"id"`
	Status    string `json:"status"`
	Commit    string `json:"commit"`
	Initiator string `json:"initiator"`
	// Project is the build's project, and Declared the action's project.
	Project  string `json:"project"`
	Declared string `json:"declared"`
	// Overridden lists what differs from the project: buildspec, image, role and so on.
	Overridden []string `json:"overridden,omitempty"`
	// Variables lists the variables whose values come neither from the project nor from the
	// action.
	Variables []string `json:"variables,omitempty"`
	// ARN, Image and the times are needed for the provenance of what the build has made.
	ARN       string    `json:"arn,omitempty"`
	Image     string    `json:"image,omitempty"`
	StartedOn time.Time `json:"startedOn,omitzero"`
	EndedOn   time.Time `json:"endedOn,omitzero"`
}

// problems returns what is wrong with a build of a release.
func (b Build) problems(commit, pipeline string) []string {
	var all []string
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, b.Action+": build "+b.ID+" "+fmt.Sprintf(format, args...))
		}
	}
	say(b.Status != "SUCCEEDED", "is %s", b.Status)
	say(b.Commit != commit, "is of commit %.12s", b.Commit)
	say(b.Initiator != "codepipeline/"+pipeline, "was started by %s, not by the pipeline", b.Initiator)
	say(b.Project != b.Declared, "is of project %s, not of %s", b.Project, b.Declared)
	say(len(b.Overridden) > 0, "had another %s than its project", strings.Join(b.Overridden, ", "))
	say(len(b.Variables) > 0, "had other variables than its project and its action: %s", strings.Join(b.Variables, ", "))
	return all
}

// evidenced are the actions whose results decide about a release.
var evidenced = []string{"Lint", "Test", "Sec", "Synth", "Smoke"}

// builds checks that the evidence comes from builds that ran as declared.
func builds() Check {
	return Check{
		ID: "builds", Item: Infrastructure,
		Title: "The evidence is from builds of this commit, as the pipeline and its projects declare them",
		Doc: `CodeBuild is asked about each build of this execution that came before. It must be of
the action's project and of this commit, must have been started by the pipeline, and must
have succeeded. Its buildspec, image, role and variables must be those of the project and
of the action: whoever starts a build may choose others. Outside of the pipeline there are
no such builds.
Source: https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html.`,
		Inputs: []evidence.Predicate{Judge{}, Builds{}},
		Always: true,
		Next:   "aws codebuild batch-get-builds --ids ID, then go through the pipeline again",
		Decide: func(in Inputs) Result {
			b := read(in, &Builds{})
			if read(in, &Judge{}).Outside || b.Execution == "" {
				return Inapplicable("this was not decided in an execution of the pipeline")
			}
			var findings []string
			seen := map[string]bool{}
			for _, build := range b.Builds {
				findings = append(findings, build.problems(in.Candidate.Commit, b.Pipeline)...)
				seen[build.Action[strings.LastIndex(build.Action, "/")+1:]] = true
			}
			var undecided []string
			for _, action := range evidenced {
				if !seen[action] {
					undecided = append(undecided, "there was no build of "+action)
				}
			}
			return concluded(count(len(b.Builds), "build")+" of execution "+b.Execution, findings, undecided,
				"What a build with the right buildspec does: it runs the commit's own code.")
		},
	}
}
