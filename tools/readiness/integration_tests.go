package readiness

import (
	"fmt"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

func integrationTests() Check {
	return Check{
		ID:    "integration-tests",
		Item:  Testing,
		Title: "The integration tests ran and pass",
		Doc: `Each pattern in the policy's integration, such as ./tools/localaws/..., matches
packages whose tests ran. In each package, at least one test passed and none failed. A
pattern that matches no package with tests fails, because the suite is missing. A
package whose tests were all skipped fails too. Without patterns in the policy, the
check is undecided. The policy's reviewers judge whether those tests integrate what
they should.`,
		Inputs: []evidence.Predicate{evidence.Tests{}},
		Next:   "go tool mage test",
		Decide: decideIntegrationTests,
	}
}

func decideIntegrationTests(in Inputs) Result {
	tests := read(in, &evidence.Tests{})
	if len(in.Policy.Integration) == 0 {
		r := Undecided("the policy names no integration tests")
		r.Next = "name their packages under integration in " + in.policyFile()
		return r
	}
	if tests.Module == "" {
		return Undecided("the evidence does not name the module of the packages")
	}
	var findings []string
	var total evidence.Suite
	matched := map[string]bool{}
	for _, pattern := range in.Policy.Integration {
		suites := 0
		for _, s := range tests.Suites {
			if !matchesPackage(tests.Module, pattern, s.Package) {
				continue
			}
			suites++
			if matched[s.Package] {
				continue
			}
			matched[s.Package] = true
			total.Passed, total.Failed, total.Skipped = total.Passed+s.Passed, total.Failed+s.Failed, total.Skipped+s.Skipped
			switch {
			case s.Failed > 0 || s.Broken:
				findings = append(findings, fmt.Sprintf("%s: %d failed, %d passed", s.Package, s.Failed, s.Passed))
			case s.Passed == 0:
				findings = append(findings, fmt.Sprintf("%s: no test passed, %d skipped", s.Package, s.Skipped))
			}
		}
		if suites == 0 {
			findings = append(findings, fmt.Sprintf("%s matches no package with tests", pattern))
		}
	}
	counted := fmt.Sprintf("%d passed, %d failed, %d skipped in %s of %s", total.Passed, total.Failed, total.Skipped,
		count(len(matched), "package"), count(len(in.Policy.Integration), "pattern"))
	switch {
	case len(findings) > 0:
		return Failed(counted, findings...)
	case tests.Problem != "" && len(tests.FailedTests) == 0:
		r := Undecided("the run did not finish, so packages may be missing: %s", tests.Problem)
		r.Counted = counted
		return r
	}
	return Passed("%s", counted)
}

// matchesPackage reports whether a pattern of the go command, relative to the
// module's root, matches a package: "./a" matches that package, "./a/..." also
// those below it.
func matchesPackage(module, pattern, pkg string) bool {
	pattern = strings.TrimSuffix(module+"/"+strings.TrimPrefix(strings.TrimPrefix(pattern, "."), "/"), "/")
	prefix, recursive := strings.CutSuffix(pattern, "/...")
	return pkg == prefix || recursive && strings.HasPrefix(pkg, prefix+"/")
}
