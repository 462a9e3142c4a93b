package console

import (
	"context"
	"time"
)

// Clock is how AWS's time stands.
type Clock struct {
	Now time.Time `json:"now"`
}

func (c *Console) readClock(context.Context) (any, error) {
	return Clock{Now: c.time.Now()}, nil
}
