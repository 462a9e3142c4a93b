package console

import (
	"context"
	"os/user"
	"strings"

	"github.com/magewright/magewright/tools/internal/gitcmd"
)

// Person returns who runs this program: the name and address in git's configuration, or
// otherwise the user of the machine. It returns "" if neither is known.
func Person(ctx context.Context, dir string) string {
	git := gitcmd.AsUser(dir)
	name, _ := git.Output(ctx, "config", "user.name") // an error means that there is none
	address, _ := git.Output(ctx, "config", "user.email")
	if address != "" {
		address = "<" + address + ">"
	}
	if known := strings.TrimSpace(name + " " + address); known != "" {
		return known
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}
