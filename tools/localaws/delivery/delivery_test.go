package delivery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/delivery"
)

// topics fails with an error, and counts.
type topics struct {
	err   error
	tries chan struct{}
}

func (f topics) Publish(context.Context, *awssns.PublishInput) (*awssns.PublishOutput, error) {
	f.tries <- struct{}{}
	return nil, f.err
}

func TestTriesEnd(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err             error
		retries, age    *int32
		tries           int
		exhausted, code string
	}{
		"refused":       {&smithy.GenericAPIError{Code: "NotFound", Fault: smithy.FaultClient}, nil, nil, 1, "", "NotFound"},
		"forbidden":     {&smithy.GenericAPIError{Code: "AccessDeniedException", Fault: smithy.FaultClient}, nil, nil, 1, "", "NO_PERMISSIONS"},
		"no retries":    {errors.New("x"), aws.Int32(0), nil, 1, "MaximumRetryAttempts", "SDK_CLIENT_ERROR"},
		"three retries": {errors.New("x"), aws.Int32(3), nil, 4, "MaximumRetryAttempts", "SDK_CLIENT_ERROR"},
		"a minute":      {errors.New("x"), nil, aws.Int32(60), 6, "MaximumEventAgeInSeconds", "SDK_CLIENT_ERROR"},
		"throttled":     {&smithy.GenericAPIError{Code: "ThrottlingException", Fault: smithy.FaultClient}, aws.Int32(1), nil, 2, "MaximumRetryAttempts", "ThrottlingException"},
		"the default":   {errors.New("x"), nil, nil, 186, "MaximumRetryAttempts", "SDK_CLIENT_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
			f := topics{tt.err, make(chan struct{}, 1)}
			a := account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: now}
			s := &delivery.Sender{Account: a, Deps: delivery.Deps{Topics: f}, Service: "events.amazonaws.com"}
			ended := make(chan *delivery.Failure)
			go func() {
				ended <- s.Deliver(t.Context(), delivery.Message{Target: a.ARN("sns", "t")}, delivery.NewPolicy(tt.retries, tt.age))
			}()
			delay := time.Second
			for range tt.tries - 1 {
				<-f.tries
				now.BlockUntil(1)
				now.Advance(delay)
				delay = min(2*delay, 8*time.Minute)
			}
			<-f.tries
			failed := <-ended
			if failed == nil || failed.Tries != tt.tries || failed.Exhausted != tt.exhausted || failed.Code() != tt.code {
				t.Errorf("%+v", failed)
			}
		})
	}
}
