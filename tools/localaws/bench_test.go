package localaws_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// BenchmarkInvoke measures invocations of a trivial handler through the
// endpoint over 8 connections, including the client's own work; ns/op is the
// inverse of the throughput.
func BenchmarkInvoke(b *testing.B) {
	zip, err := function()
	if err != nil {
		b.Fatal(err)
	}
	cfg := start(b)
	if err := traffic.Function(b.Context(), traffic.Config{AWS: cfg, Name: "trivial", Zip: zip, Architecture: localaws.HostContext()["architecture"].(string)}); err != nil {
		b.Fatal(err)
	}
	const connections = 8
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	functions := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.HTTPClient = &http.Client{Transport: transport} })
	work := make(chan struct{}, connections)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for range work {
				out, err := functions.Invoke(b.Context(), &lambda.InvokeInput{FunctionName: aws.String("trivial"), Payload: []byte(`{"a":1}`)})
				if err != nil || out.FunctionError != nil {
					b.Errorf("Invoke: %+v, %v", out, err)
				}
			}
		})
	}
	b.ResetTimer()
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invocations/s")
}

// BenchmarkFirstAnswer measures how long an embedded AWS with all its services takes from
// its start to its first answer, and what it holds in memory then.
func BenchmarkFirstAnswer(b *testing.B) {
	var live float64
	for range b.N {
		var before, after runtime.MemStats
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.StartTimer()
		server, err := localaws.Start(b.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: clock.NewElastic(1), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := sts.NewFromConfig(clientsOf(server)).GetCallerIdentity(b.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		live += (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / (1 << 20)
		if err := server.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(live/float64(b.N), "MiB-idle")
}

// BenchmarkChain creates stacks in which each resource needs the one before it. The cost of
// a resource must not depend on how many there are.
func BenchmarkChain(b *testing.B) {
	for _, resources := range []int{125, 250, 450} {
		b.Run(fmt.Sprint(resources), func(b *testing.B) {
			var body strings.Builder
			body.WriteString("Resources:\n  P0: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: v}}\n")
			for i := 1; i < resources; i++ {
				fmt.Fprintf(&body, "  P%d: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !GetAtt P%d.Value}}\n", i, i-1)
			}
			stacks := cloudformation.NewFromConfig(start(b))
			b.ResetTimer()
			for i := range b.N {
				created(b, stacks, fmt.Sprintf("chain-%d", i), body.String())
			}
			b.StopTimer()
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*resources), "µs/resource")
		})
	}
}

func created(b *testing.B, stacks *cloudformation.Client, name, body string) {
	b.Helper()
	if _, err := stacks.CreateStack(b.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &body}); err != nil {
		b.Fatal(err)
	}
	for {
		out, err := stacks.DescribeStacks(b.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			b.Fatal(err)
		}
		switch status := out.Stacks[0].StackStatus; status {
		case types.StackStatusCreateComplete:
			return
		case types.StackStatusCreateInProgress:
		default:
			b.Fatalf("%s: %s", status, aws.ToString(out.Stacks[0].StackStatusReason))
		}
		pause(b)
	}
}

// BenchmarkFunctions creates functions. The cost of one must not depend on how many there
// are.
func BenchmarkFunctions(b *testing.B) {
	zip, err := io.ReadAll(zipped(b, map[string]string{"bootstrap": "#!/bin/sh\nexit 1\n"}))
	if err != nil {
		b.Fatal(err)
	}
	for _, count := range []int{250, 500, 1000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				server, err := localaws.Start(b.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: clock.NewElastic(1), Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				cfg := clientsOf(server)
				role := makeRole(b, cfg, "many", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`, "")
				b.StartTimer()
				if err := manyFunctions(b.Context(), cfg, role, zip, count); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := server.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*count), "µs/function")
		})
	}
}

func manyFunctions(ctx context.Context, cfg aws.Config, role string, zip []byte, count int) error {
	functions := lambda.NewFromConfig(cfg)
	for i := range count {
		if _, err := functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
			FunctionName: aws.String(fmt.Sprintf("many-%d", i)), Role: &role, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
			Architectures: []lambdatypes.Architecture{lambdatypes.Architecture(localaws.HostContext()["architecture"].(string))},
			Code:          &lambdatypes.FunctionCode{ZipFile: zip},
		}); err != nil {
			return err
		}
	}
	return nil
}
