package dynamodb_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/dynamodb"
)

// small is an item of about 100 bytes.
func small(i int) item {
	return item{"pk": s(fmt.Sprint("customer-", i%1000)), "sk": s(fmt.Sprint("order-", i)), "cents": n(fmt.Sprint(i)), "state": s("delivered"), "note": s("left at the door of the neighbour")}
}

// BenchmarkPutItem measures writes of small items by the service itself, on all
// processors.
func BenchmarkPutItem(b *testing.B) {
	service := filled(b, 0)
	var next atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := service.PutItem(context.Background(), &awsdynamodb.PutItemInput{TableName: aws.String("bench"), Item: small(int(next.Add(1)))}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}

// BenchmarkPutItemOverTheWire measures writes of small items by real clients
// over 8 connections, including the clients' own work.
func BenchmarkPutItemOverTheWire(b *testing.B) {
	w := start(b)
	w.create("bench")
	const connections = 8
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	client := awsdynamodb.NewFromConfig(w.config, func(o *awsdynamodb.Options) { o.HTTPClient = &http.Client{Transport: transport} })
	var next atomic.Int64
	b.SetParallelism(connections)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.PutItem(context.Background(), &awsdynamodb.PutItemInput{TableName: aws.String("bench"), Item: small(int(next.Add(1)))}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}

// BenchmarkQuery measures queries of ten items of a table of 100,000, with a filter.
func BenchmarkQuery(b *testing.B) {
	service := filled(b, 100_000)
	b.ResetTimer()
	for i := range b.N {
		out, err := service.Query(context.Background(), &awsdynamodb.QueryInput{
			TableName: aws.String("bench"), KeyConditionExpression: aws.String("pk = :pk AND begins_with(sk, :o)"), FilterExpression: aws.String("cents >= :zero"), Limit: aws.Int32(10),
			ExpressionAttributeValues: item{":pk": s(fmt.Sprint("customer-", i%1000)), ":o": s("order-"), ":zero": n("0")},
		})
		if err != nil || out.Count != 10 {
			b.Fatalf("%d items: %v", out.Count, err)
		}
	}
}

// BenchmarkItems measures the time and the memory of tables of small items with a global
// index. The cost of an item must not depend on how many there are.
func BenchmarkItems(b *testing.B) {
	for _, items := range []int{250_000, 500_000, 1_000_000} {
		b.Run(fmt.Sprint(items), func(b *testing.B) {
			for range b.N {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				service := filled(b, items)
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(items), "bytes/item")
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB")
				b.ReportMetric(float64(after.Sys)/(1<<20), "MB-of-the-process")
				runtime.KeepAlive(service)
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*items), "µs/item")
		})
	}
}

// filled returns a service with a table of small items.
func filled(b *testing.B, items int) *dynamodb.Service {
	b.Helper()
	by := clock.NewManual(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
	service := dynamodb.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: by}, dynamodb.Deps{})
	if _, err := service.CreateTable(b.Context(), &awsdynamodb.CreateTableInput{
		TableName: aws.String("bench"), BillingMode: types.BillingModePayPerRequest, KeySchema: keys("pk", "sk"), AttributeDefinitions: strings("pk", "sk", "state"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("by-state"), KeySchema: keys("state", "sk"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}},
	}); err != nil {
		b.Fatal(err)
	}
	by.Advance(time.Second)
	for i := range items {
		if _, err := service.PutItem(b.Context(), &awsdynamodb.PutItemInput{TableName: aws.String("bench"), Item: small(i)}); err != nil {
			b.Fatal(err)
		}
	}
	return service
}
