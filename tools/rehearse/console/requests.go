package console

import (
	"context"

	"github.com/magewright/magewright/tools/localaws/trail"
)

// Requests are the next requests to AWS.
type Requests struct {
	Requests []trail.Request `json:"requests"`
}

// requests returns the source of the requests after the one with a number.
func (c *Console) requests(from int) source {
	return func(context.Context) (any, error) {
		got := c.aws.Requests.Since(from)
		if len(got) == 0 {
			return nil, nil //nolint:nilnil // nothing is new
		}
		from = got[len(got)-1].Number
		return Requests{got}, nil
	}
}
