package rehearse

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/project"
)

// writeAccess prints what IAM decided, and writes all of it to .magewright/access.json.
// Where the rehearsal has failed, the reason may be a call that was refused.
func writeAccess(cfg project.Config, s access.Summary, failed bool) error {
	path, err := cfg.Path("access.json")
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("writing what IAM decided: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing what IAM decided: %w", err)
	}
	fmt.Fprint(cfg.Stdout, described(s, failed))
	return nil
}

// described says in a line what IAM has decided. If refusals are to be listed, the calls
// follow, each with the statement that would allow it.
func described(s access.Summary, refusals bool) string {
	var lines []string
	used, unused, calls := 0, 0, 0
	for _, r := range s.Roles {
		used, unused = used+len(r.Used), unused+len(r.Unused)
		for _, f := range r.Refused {
			calls += f.Calls
			lines = append(lines, fmt.Sprintf("refused     %s: %s on %s, %d times: %s", shortName(r.Principal), f.Action, f.Resource, f.Calls, f.Reason))
			if f.Allow != nil {
				lines = append(lines, "            "+string(f.Allow))
			}
		}
	}
	first := fmt.Sprintf("permissions %d principals used %d statements and never used %d; %d calls were refused: .magewright/access.json", len(s.Roles), used, unused, calls)
	if !refusals {
		lines = nil
	}
	return strings.Join(append([]string{first}, lines...), "\n") + "\n"
}

// shortName returns what follows the account in an ARN.
func shortName(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return strings.TrimPrefix(parts[5], "role/")
	}
	return arn
}
