// Package verify derives the verdict of an evidence bundle again. It only needs
// the bundle and the public key, so anybody can do it offline at any time.
package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// BundleFile is the bundle of an assessment in the evidence directory. It has
// the suffix of in-toto's bundles.
// See https://github.com/in-toto/attestation/blob/main/spec/v1/bundle.md.
const BundleFile = "readiness.intoto.jsonl"

// A Bundle is an evidence bundle with valid signatures.
type Bundle struct {
	Digest  string // SHA-256 of the file
	Summary evidence.Summary
	// Recorded is the signed assessment.
	Recorded readiness.Assessment
	// Statements are what the assessment was decided from.
	Statements []evidence.Statement
}

// ErrNoAssessment says that a bundle contains no verdict.
var ErrNoAssessment = errors.New("the bundle contains no assessment")

// Read reads a bundle that is signed with a key that is valid at a certain time.
func Read(ctx context.Context, data []byte, keys evidence.Keys, at time.Time) (Bundle, error) {
	b := Bundle{Digest: evidence.Digest(data)}
	statements, summary, err := evidence.ReadBundle(ctx, bytes.NewReader(data), keys, at)
	if err != nil {
		return b, err
	}
	b.Summary = summary
	found := 0
	for _, s := range statements {
		switch s.PredicateType {
		case b.Recorded.PredicateType():
			found++
			if err := s.Decode(&b.Recorded); err != nil {
				return b, fmt.Errorf("reading the bundle: %w", err)
			}
		// The page is for people.
		case evidence.Page{}.PredicateType():
		default:
			b.Statements = append(b.Statements, s)
		}
	}
	if found != 1 {
		return b, fmt.Errorf("reading the bundle: %w, or several", ErrNoAssessment)
	}
	return b, nil
}

// Replay decides the verdict again as of the original time. It returns an error
// if the result differs from what was signed.
func (b Bundle) Replay() (readiness.Assessment, error) {
	again, err := readiness.Evaluate(b.Statements, b.Summary.TimeVerified)
	if err != nil {
		return again, err
	}
	if again.Verdict != b.Recorded.Verdict {
		return again, fmt.Errorf("the statements give %s, but %s was signed: another version of the checks may have decided", again.Verdict, b.Recorded.Verdict)
	}
	for i, outcome := range again.Outcomes {
		if i >= len(b.Recorded.Outcomes) || b.Recorded.Outcomes[i].ID != outcome.ID || b.Recorded.Outcomes[i].State != outcome.State {
			return again, fmt.Errorf("the statements give %s for %s, but another state was signed: another version of the checks may have decided", outcome.State, outcome.ID)
		}
	}
	if passed := b.Summary.VerificationResult == evidence.SummaryPassed; passed != (again.Verdict != readiness.NoGo) {
		return again, fmt.Errorf("the summary says %s, but the verdict is %s", b.Summary.VerificationResult, again.Verdict)
	}
	return again, b.slsa(again.Verdict)
}

// slsa returns an error unless the bundle has the provenance that follows from its
// statements, and its summary has the right levels. An older bundle has neither.
func (b Bundle) slsa(verdict string) error {
	if b.Summary.SLSAVersion == "" {
		return nil
	}
	levels, err := readiness.Levels(verdict, b.Statements)
	if err != nil {
		return err
	}
	if !slices.Equal(levels, b.Summary.VerifiedLevels) {
		return fmt.Errorf("the summary names the levels %q, but the statements give %q", b.Summary.VerifiedLevels, levels)
	}
	made, ok, err := readiness.Provenance(b.Statements)
	if err != nil {
		return err
	}
	var want []evidence.Statement
	if ok {
		want = append(want, made)
	}
	if !slices.EqualFunc(b.provenances(), want, sameStatement) {
		return errors.New("the provenance in the bundle is not the one that CodeBuild's answers give")
	}
	return nil
}

func sameStatement(a, b evidence.Statement) bool {
	return bytes.Equal(a.Predicate, b.Predicate) && slices.EqualFunc(a.Subject, b.Subject, func(a, b evidence.Subject) bool {
		return a.Name == b.Name && maps.Equal(a.Digest, b.Digest)
	})
}

// provenances returns the statements of how the packages were made.
func (b Bundle) provenances() []evidence.Statement {
	return slices.DeleteFunc(slices.Clone(b.Statements), func(s evidence.Statement) bool {
		return s.PredicateType != evidence.Provenance{}.PredicateType()
	})
}

// checkProvenance returns an error if a build of the pipeline has made the packages but its
// provenance does not name each package that would be deployed.
func (b Bundle) checkProvenance(packages []string) error {
	for _, s := range b.provenances() {
		for _, digest := range packages {
			if !slices.ContainsFunc(s.Subject, func(of evidence.Subject) bool { return of.Digest[evidence.SHA256] == digest }) {
				return fmt.Errorf("the provenance names no file with the SHA-256 %.12s, of which the assembly makes a function", digest)
			}
		}
	}
	return nil
}

// A Release is what a bundle must be for to allow its deployment.
type Release struct {
	Commit  string
	Package string // SHA-256 of the zip to be deployed
	Account string // the account to deploy to
	// Packages are the SHA-256 of the zip files of the functions to be deployed.
	Packages []string
	// Files are all files of the cloud assembly to be deployed, with their SHA-256.
	Files map[string]string
}

// Allows returns nil if the bundle allows the release at the time now.
// Otherwise the error says why not.
func (b Bundle) Allows(release Release, now time.Time) error {
	if b.Recorded.Commit != release.Commit {
		return fmt.Errorf("the evidence is for commit %.12s, but the assembly is for %.12s", b.Recorded.Commit, release.Commit)
	}
	if b.Recorded.Package != release.Package {
		return fmt.Errorf("the evidence is for the deployment package %.12s, but the assembly contains %.12s", b.Recorded.Package, release.Package)
	}
	var candidate readiness.Candidate
	if err := (readiness.Inputs{Statements: b.Statements}).Read(&candidate); err != nil {
		return err
	}
	if candidate.Looking {
		return fmt.Errorf("the evidence is for looking only: -base has compared the commit with %.12s, which is not the release that it follows", candidate.Base)
	}
	if err := b.Seen(release.Files); err != nil {
		return err
	}
	assessed, err := b.Replay()
	if err != nil {
		return err
	}
	if err := b.checkProvenance(release.Packages); err != nil {
		return err
	}
	if assessed.Verdict == readiness.NoGo {
		return fmt.Errorf("the verdict is %s because of %s", assessed.Verdict, reasons(assessed))
	}
	if assessed.Verdict == readiness.GoRehearsal && release.Account != agreed.RehearsalAccount {
		return fmt.Errorf("the verdict is %s, but account %s is not a rehearsal account", assessed.Verdict, release.Account)
	}
	// Evidence that was fresh at the time of the assessment may be stale now.
	today, err := readiness.Evaluate(b.Statements, now)
	if err != nil {
		return err
	}
	if today.Verdict == readiness.NoGo {
		return fmt.Errorf("the evidence has expired since %s: %s", b.Summary.TimeVerified.UTC().Format(time.RFC3339), reasons(today))
	}
	return nil
}

// Seen returns an error that names the first file of an assembly that differs from what was
// assessed. The files have their SHA-256.
func (b Bundle) Seen(files map[string]string) error {
	var a readiness.Assembly
	if err := (readiness.Inputs{Statements: b.Statements}).Read(&a); err != nil {
		return fmt.Errorf("the evidence is not about a cloud assembly: %w", err)
	}
	if len(a.Files) == 0 {
		return errors.New("the evidence does not say which files the cloud assembly had: an older Magewright made it")
	}
	all := maps.Clone(a.Files)
	maps.Copy(all, files)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch was, is := a.Files[name], files[name]; {
		case was == "":
			return fmt.Errorf("the assembly has the file %s, which the evidence has not seen", name)
		case is == "":
			return fmt.Errorf("the assembly lacks the file %s, which the evidence has seen", name)
		case was != is:
			return fmt.Errorf("the assembly's file %s is not the one that the evidence has seen: its SHA-256 is %.12s, not %.12s", name, is, was)
		}
	}
	return nil
}

func reasons(a readiness.Assessment) string {
	var why []string
	for _, o := range a.Blocking() {
		why = append(why, o.ID+" ("+o.Reason+")")
	}
	for _, w := range a.RefusedWaivers() {
		why = append(why, "the waiver of "+w.Check+" ("+w.Refused+")")
	}
	return strings.Join(why, ", ")
}

// Run verifies a bundle with a public key. An empty file means the last
// assessment here, and an empty keyFile means the pinned key. It prints the
// checklist as it was decided. It returns an error unless the verdict is a GO
// and the statements give the same verdict again.
func Run(ctx context.Context, cfg project.Config, file, keyFile string) error {
	next := named
	if file == "" {
		file, next = filepath.Join(cfg.Evidence, BundleFile), "go tool mage readiness"
	}
	data, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return exit.Missing(next, "reading the bundle: %w", err)
	}
	keys, err := PublicKeys(cfg, keyFile)
	if err != nil {
		return err
	}
	// A key that was replaced later still counts for what it signed in its time.
	claimed, keyID, err := evidence.Claimed(data)
	if err != nil {
		return unbelieved(file, err)
	}
	b, err := Read(ctx, data, keys, claimed)
	if err != nil {
		return unbelieved(file, err)
	}
	again, err := b.Replay()
	again.WriteTable(cfg.Stdout)
	if err != nil {
		return exit.Failed("git checkout "+b.Recorded.Commit+", then go tool mage verify", "%s: %w", file, err)
	}
	fmt.Fprintf(cfg.Stdout, "%s: sha256 %s, %d statements signed by key %.12s on %s; the verdict was decided again from them\n",
		file, b.Digest, len(b.Statements), keyID, b.Summary.TimeVerified.UTC().Format(time.RFC3339))
	if again.Verdict == readiness.NoGo {
		return exit.Failed("go tool mage readiness", "the verdict is %s because of %s", again.Verdict, reasons(again))
	}
	return nil
}

// named is the advice for a file that is no bundle.
const named = "name a bundle with -bundle=FILE, such as .magewright/" + BundleFile

// unbelieved says what to do about a bundle that is not accepted. None of its advice
// overwrites the bundle, because whoever investigates needs it.
func unbelieved(file string, err error) error {
	switch {
	case errors.Is(err, evidence.ErrWrongKey):
		return exit.Failed("go tool mage evidence:key, with credentials of the account that signed it, prints that key; put it into a file and name it with -key=FILE", "%s: %w", file, err)
	case errors.Is(err, evidence.ErrNoBundle) && filepath.Base(file) != BundleFile:
		return exit.Failed(named, "%s: %w", file, err)
	case errors.Is(err, evidence.ErrWrongTime):
		return exit.Failed("look at the periods of evidenceKey in the CDK context", "%s: %w", file, err)
	}
	return exit.Failed(fmt.Sprintf("mv %s %[1]s.refused, to keep it; then get the bundle again from where it was made", file), "%s: %w", file, err)
}

// File returns the function of a target that verifies a bundle.
func File(bundle, key string) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error { return Run(ctx, cfg, bundle, key) }
}

// PublicKeys returns the key in a file, or those that the CDK context pins if there is none.
func PublicKeys(cfg project.Config, file string) (evidence.Keys, error) {
	if file == "" {
		return cdk.PinnedKeys(cfg)
	}
	data, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, exit.Missing("go tool mage evidence:key prints the key; put it into a file and name that with -key=FILE", "reading the public key: %w", err)
	}
	key, err := evidence.ParseKey(data)
	if errors.Is(err, evidence.ErrPrivateKey) {
		return nil, exit.Missing("openssl pkey -pubout -in "+file+" prints the public key; put it into a file and name that with -key=FILE", "%s: %w", file, err)
	}
	if err != nil {
		return nil, exit.Missing("go tool mage evidence:key prints the key; put it into a file and name that with -key=FILE", "%s: %w", file, err)
	}
	return evidence.Trust(key), nil
}
