package readiness

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/agreed"
)

// maker is the action whose build makes what is deployed.
const maker = "Synth"

// Provenance returns the statement of how the deployment packages were made. It is derived
// from what CodeBuild says about the build and from the build information in the programs.
// Outside of the pipeline there is none, because nobody knows who made the packages.
func Provenance(statements []evidence.Statement) (s evidence.Statement, ok bool, err error) {
	in := Inputs{Statements: statements}
	var builds Builds
	var assembly Assembly
	var shipped Shipped
	var candidate Candidate
	for _, p := range []evidence.Predicate{&builds, &assembly, &shipped, &candidate} {
		if in.Read(p) != nil {
			// Something that could not be collected is a separate finding.
			return s, false, nil
		}
	}
	at := slices.IndexFunc(builds.Builds, func(b Build) bool { return strings.HasSuffix(b.Action, "/"+maker) })
	if at < 0 || builds.Builds[at].ARN == "" {
		return s, false, nil
	}
	build := builds.Builds[at]
	p := evidence.Provenance{
		BuildDefinition: evidence.BuildDefinition{
			BuildType:          evidence.BuildType,
			ExternalParameters: map[string]string{"commit": build.Commit},
			InternalParameters: map[string]string{
				"pipeline": builds.Pipeline, "execution": builds.Execution, "action": build.Action, "project": build.Project, "image": build.Image,
			},
			ResolvedDependencies: []evidence.Resource{{URI: "git+commit:" + build.Commit, Digest: map[string]string{evidence.GitCommit: build.Commit}}},
		},
		RunDetails: evidence.RunDetails{
			Builder:  evidence.Builder{ID: evidence.BuilderID},
			Metadata: evidence.BuildMetadata{InvocationID: build.ARN, StartedOn: build.StartedOn, FinishedOn: build.EndedOn},
		},
	}
	for _, m := range shipped.AllModules() {
		p.BuildDefinition.ResolvedDependencies = append(p.BuildDefinition.ResolvedDependencies, dependency(m))
	}
	if s, err = evidence.NewStatement(candidate.Commit, "", p); err != nil {
		return s, false, err
	}
	for _, f := range assembly.Functions {
		subject := evidence.Subject{Name: f.File, Digest: map[string]string{evidence.SHA256: f.SHA256}}
		if !slices.ContainsFunc(s.Subject, func(other evidence.Subject) bool { return other.Name == subject.Name }) {
			s.Subject = append(s.Subject, subject)
		}
	}
	slices.SortFunc(s.Subject[1:], func(a, b evidence.Subject) int { return cmp.Compare(a.Name, b.Name) })
	return s, true, nil
}

// dependency returns a module as a package URL. Its digest is the one in go.sum, in the form
// of https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md.
func dependency(m ShippedModule) evidence.Resource {
	r := evidence.Resource{URI: "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(m.Version, "+", "%2B"), Digest: map[string]string{}}
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) > 0 {
		r.Digest["dirHash"] = hex.EncodeToString(sum)
	}
	return r
}

// The levels of a summary, see https://slsa.dev/spec/v1.0/verification_summary.
const (
	levelFailed      = "FAILED"
	levelUnevaluated = "SLSA_BUILD_LEVEL_UNEVALUATED"
	levelRehearsed   = "SLSA_BUILD_LEVEL_1"
	levelHosted      = "SLSA_BUILD_LEVEL_2"
)

// Levels returns the SLSA levels for the summary of a verdict. A CodeBuild build whose
// provenance the judge has signed is at level 2. A rehearsal runs on somebody's machine, so
// its provenance merely exists, which is level 1.
func Levels(verdict string, statements []evidence.Statement) ([]string, error) {
	_, made, err := Provenance(statements)
	var candidate Candidate
	switch {
	case err != nil:
		return nil, err
	case verdict == NoGo:
		return []string{levelFailed}, nil
	case !made:
		return []string{levelUnevaluated}, nil
	case (Inputs{Statements: statements}).Read(&candidate) != nil || candidate.Account == agreed.RehearsalAccount:
		return []string{levelRehearsed}, nil
	}
	return []string{levelHosted}, nil
}
