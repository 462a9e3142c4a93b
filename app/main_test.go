package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func TestHandlerNeedsABucket(t *testing.T) {
	t.Setenv("EVIDENCE_BUCKET", "")
	if _, err := handler(t.Context(), slog.New(slog.NewTextHandler(io.Discard, nil))); err == nil || !strings.Contains(err.Error(), "EVIDENCE_BUCKET") {
		t.Errorf("without a bucket the error is %v", err)
	}
}

func TestTheNormalBuildMeasuresNothing(t *testing.T) {
	t.Parallel()
	want := errors.New("as it is")
	h := measured(func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
		return events.LambdaFunctionURLResponse{StatusCode: 7}, want
	})
	if response, err := h(t.Context(), events.LambdaFunctionURLRequest{}); response.StatusCode != 7 || !errors.Is(err, want) {
		t.Errorf("got %v, %v", response, err)
	}
}
