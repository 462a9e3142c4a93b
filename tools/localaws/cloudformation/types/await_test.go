package types

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
)

// late has an object from the second time on that it is asked for. Meanwhile all the time
// passes that there is.
type late struct {
	Responses
	clock *clock.Manual
	asked int
}

func (l *late) GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	if l.asked++; l.asked == 1 {
		l.clock.Advance(time.Hour)
		return nil, &s3types.NoSuchKey{}
	}
	return &awss3.GetObjectOutput{Body: io.NopCloser(strings.NewReader("answer"))}, nil
}

// An answer that arrives while the time runs out is found.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	by := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	c := customs{Deps{Account: account.Account{Clock: by}, Responses: &late{clock: by}}}
	go func() {
		by.BlockUntil(1)
		by.Advance(pollInterval)
	}()
	if got, err := c.await(t.Context(), "bucket", "key", time.Minute); err != nil || string(got) != "answer" {
		t.Errorf("%q, %v", got, err)
	}
}
