// Command app is the release ledger as an AWS Lambda function behind a function
// URL: it keeps, for each commit, the evidence of its readiness, and shows it
// to the person who must approve.
//
// It runs on provided.al2023 and is configured by environment variables:
// EVIDENCE_BUCKET, the S3 bucket that holds the evidence, EVIDENCE_KEY, the
// public keys of the pipeline with their periods, and STAGE, the dimension of its metrics.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/app/ledger"
	"github.com/magewright/magewright/tools/evidence"
)

// Set by the linker when the deployment package is built.
var (
	commit    = "unknown" // full hash
	version   = "unknown" // the nearest tag, as git describe prints it
	buildTime = "unknown" // time of the commit, RFC 3339: builds are reproducible
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	handler, err := handler(context.Background(), log)
	if err != nil {
		log.Error("starting", "error", err)
		os.Exit(1)
	}
	lambda.Start(measured(handler))
}

func handler(ctx context.Context, log *slog.Logger) (ledger.FunctionURLHandler, error) {
	bucket := os.Getenv("EVIDENCE_BUCKET")
	if bucket == "" {
		return nil, errors.New("EVIDENCE_BUCKET is not set: it names the bucket that holds the evidence")
	}
	var keys evidence.Keys
	if pinned := os.Getenv("EVIDENCE_KEY"); pinned != "" {
		var err error
		if keys, err = evidence.ParseKeys(pinned); err != nil {
			return nil, fmt.Errorf("EVIDENCE_KEY: %w", err)
		}
	} else {
		log.Warn("EVIDENCE_KEY is not set: no evidence is accepted and none is shown")
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	server := &ledger.Server{
		Store: ledger.S3{Client: s3.NewFromConfig(cfg), Bucket: bucket},
		Keys:  keys,
		Now:   time.Now,
		Stage: os.Getenv("STAGE"),
		Build: ledger.Build{
			Commit:          commit,
			Version:         version,
			BuildTime:       buildTime,
			FunctionVersion: os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"),
		},
	}
	return ledger.FunctionURL(ledger.Observe(server.Handler(), ledger.Observation{
		Log:     log,
		Metrics: os.Stdout,
		Stage:   os.Getenv("STAGE"),
		Now:     time.Now,
	})), nil
}
