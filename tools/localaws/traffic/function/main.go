// The function of a canary deployment. It answers with its own version. FAULT
// says what that version does wrong. With CANARY_ROLE=authorizer, it is a Lambda
// authorizer that allows everything.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// leaked holds memory.
var leaked [][]byte

// requests counts the requests of this process.
var requests atomic.Int64

func main() { lambda.Start(handle) }

func handle(ctx context.Context, _ json.RawMessage) (map[string]any, error) {
	n := requests.Add(1)
	switch os.Getenv("FAULT") {
	// This fails one request in five, whatever the number of processes.
	case "fail":
		if lc, ok := lambdacontext.FromContext(ctx); !ok || crc32.ChecksumIEEE([]byte(lc.AwsRequestID))%5 == 0 {
			return nil, errors.New("no luck")
		}
	// Each request leaks 16 MiB.
	case "leak":
		block := make([]byte, 16<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		leaked = append(leaked, block)
	case "hang":
		select {}
	// Every hundredth request ends the process.
	case "exit":
		if n%100 == 50 {
			os.Exit(1)
		}
	}
	if os.Getenv("CANARY_ROLE") == "authorizer" {
		return map[string]any{"isAuthorized": true, "principalId": "anybody", "policyDocument": map[string]any{
			"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}},
		}}, nil
	}
	return map[string]any{"statusCode": http.StatusOK, "body": os.Getenv("AWS_LAMBDA_FUNCTION_VERSION")}, nil
}
