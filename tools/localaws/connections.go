package localaws

import (
	"context"

	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/localaws/codeconnections"
)

// usedConnections authorizes who uses a connection.
type usedConnections struct {
	*codeconnections.Service

	guard *access.Guard
}

// CloneURL returns where a repository is cloned from, if the principal of ctx may use the
// connection for it.
func (c usedConnections) CloneURL(ctx context.Context, connection, repository string) (string, error) {
	if err := c.guard.UseConnection(ctx, connection, repository); err != nil {
		return "", err //nolint:wrapcheck // it is AWS's error
	}
	return c.Service.CloneURL(connection, repository) //nolint:wrapcheck // it is the service's error
}
