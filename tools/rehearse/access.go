package rehearse

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/project"
)

// writeAccess prints what IAM decided about each role, and writes all of it to
// .magewright/access.json.
func writeAccess(cfg project.Config, s access.Summary) error {
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
	fmt.Fprint(cfg.Stdout, accessTable(s))
	return nil
}

// accessTable has a line for each role with the number of its statements that
// were used and never used, and of its calls that were refused. The refused calls
// follow, each with the statement that would allow it.
func accessTable(s access.Summary) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\nused\tunused\trefused\t  permissions of (statements in .magewright/access.json)")
	var refused []string
	for _, r := range s.Roles {
		calls := 0
		for _, f := range r.Refused {
			calls += f.Calls
			refused = append(refused, fmt.Sprintf("refused   %s: %s on %s, %d times: %s", shortName(r.Principal), f.Action, f.Resource, f.Calls, f.Reason))
			if f.Allow != nil {
				refused = append(refused, "          "+string(f.Allow))
			}
		}
		_, _ = fmt.Fprintf(w, "%d\t%d\t%d\t  %s\n", len(r.Used), len(r.Unused), calls, shortName(r.Principal))
	}
	_ = w.Flush()
	for _, line := range refused {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// shortName returns what follows the account in an ARN.
func shortName(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return strings.TrimPrefix(parts[5], "role/")
	}
	return arn
}
