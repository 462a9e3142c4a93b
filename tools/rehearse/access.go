package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
)

// writeAccess prints one line about what IAM decided. It writes a table of the roles to
// .magewright/access.txt, and everything to .magewright/access.json. If the rehearsal failed,
// a refused call may be the reason.
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
	table, err := cfg.Path("access.txt")
	if err != nil {
		return err
	}
	if err := os.WriteFile(table, []byte(accessTable(s)), 0o600); err != nil {
		return fmt.Errorf("writing what IAM decided: %w", err)
	}
	fmt.Fprint(cfg.Stdout, described(s, failed))
	return nil
}

// accessName is the name of the statement that keepAccess leaves.
const accessName = "access"

// keepAccess leaves evidence about which statements of the stacks' roles were needed. Only a
// successful rehearsal shows that.
func (r *rehearsal) keepAccess(ctx context.Context, s access.Summary) error {
	roles, err := r.rolesOfStacks(ctx)
	if err != nil {
		return err
	}
	return evidence.Keep(r.cfg.Evidence, accessName, r.report.Commit, readiness.Access{
		Made: evidence.Made{FinishedOn: clock.System().Now()}, Roles: neededBy(s, roles),
	})
}

// rolesOfStacks returns the names of the roles that the stacks have made, with the
// stack and the logical id of each.
func (r *rehearsal) rolesOfStacks(ctx context.Context) (map[string]string, error) {
	stacks := cloudformation.NewFromConfig(r.aws)
	roles := map[string]string{}
	for _, stack := range r.names.Stacks() {
		pages := cloudformation.NewListStackResourcesPaginator(stacks, &cloudformation.ListStackResourcesInput{StackName: &stack})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("listing the roles of %s: %w", stack, err)
			}
			for _, resource := range page.StackResourceSummaries {
				if aws.ToString(resource.ResourceType) == "AWS::IAM::Role" {
					roles[aws.ToString(resource.PhysicalResourceId)] = stack + "/" + aws.ToString(resource.LogicalResourceId)
				}
			}
		}
	}
	return roles, nil
}

// neededBy returns the roles' own statements that allow something, in the order of the roles'
// names in the stacks.
func neededBy(s access.Summary, roles map[string]string) []readiness.AccessRole {
	var all []readiness.AccessRole
	for _, r := range s.Roles {
		name, ours := roles[shortRole(r.Principal)]
		if !ours {
			continue
		}
		role := readiness.AccessRole{Role: name}
		for _, used := range slices.Concat(r.Used, r.Unused) {
			var read struct{ Effect string }
			if !used.Own || json.Unmarshal(used.Statement, &read) == nil && read.Effect == "Deny" {
				continue
			}
			role.Statements = append(role.Statements, readiness.AccessStatement{Policy: used.Policy, Statement: used.Statement, Calls: used.Calls})
		}
		all = append(all, role)
	}
	slices.SortFunc(all, func(a, b readiness.AccessRole) int { return strings.Compare(a.Role, b.Role) })
	return all
}

// shortRole returns the name of a role in its ARN.
func shortRole(arn string) string { return path.Base(arn) }

// accessTable has a line for each role: how many of its statements were used and never used,
// and how many of its calls were refused. The refused calls follow, each with the statement
// that would allow it.
func accessTable(s access.Summary) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "used\tunused\trefused\t  permissions of (statements in .magewright/access.json)")
	for _, r := range s.Roles {
		calls := 0
		for _, f := range r.Refused {
			calls += f.Calls
		}
		_, _ = fmt.Fprintf(w, "%d\t%d\t%d\t  %s\n", len(r.Used), len(r.Unused), calls, shortName(r.Principal))
	}
	_ = w.Flush()
	return b.String() + refusals(s, "refused   ")
}

// refusals lists each refused call after a label, followed by the statement that would allow
// it.
func refusals(s access.Summary, label string) string {
	var b strings.Builder
	for _, r := range s.Roles {
		for _, f := range r.Refused {
			fmt.Fprintf(&b, "%s%s: %s on %s, %d times: %s\n", label, shortName(r.Principal), f.Action, f.Resource, f.Calls, f.Reason)
			if f.Allow != nil {
				fmt.Fprintf(&b, "%*s%s\n", len(label), "", f.Allow)
			}
		}
	}
	return b.String()
}

// described says in one line what IAM decided. After a failure, the refused calls follow.
func described(s access.Summary, failed bool) string {
	used, unused, calls := 0, 0, 0
	for _, r := range s.Roles {
		used, unused = used+len(r.Used), unused+len(r.Unused)
		for _, f := range r.Refused {
			calls += f.Calls
		}
	}
	text := fmt.Sprintf("permissions %d principals used %d statements and never used %d; %d calls were refused: .magewright/access.txt\n", len(s.Roles), used, unused, calls)
	if failed {
		text += refusals(s, "refused     ")
	}
	return text
}

// shortName returns the part of an ARN after the account.
func shortName(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return strings.TrimPrefix(parts[5], "role/")
	}
	return arn
}
