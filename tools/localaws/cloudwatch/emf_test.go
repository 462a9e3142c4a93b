package cloudwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/go-cmp/cmp"
)

func TestEmbeddedMetrics(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	c.Advance(90 * time.Second) // since the events
	var events []logstypes.InputLogEvent
	log := func(text string) {
		events = append(events, logstypes.InputLogEvent{Message: aws.String(text), Timestamp: aws.Int64(noon.UnixMilli())})
	}
	document := func(namespace, dimensions, metrics, members string) string {
		return `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"` + namespace + `","Dimensions":` + dimensions + `,"Metrics":[` + metrics + `]}]},` + members + "}\n"
	}
	log(document("Shop", `[["Stage"],["Stage","Absent"],[]]`, `{"Name":"Sold","Unit":"Count"},{"Name":"Took","Unit":"Milliseconds","StorageResolution":1},{"Name":"Missing"},{"Name":"Null"},{"Name":"Text"}`,
		`"Stage":"live","Sold":2,"Took":[1.5,2.5],"Null":null,"Text":"7"`))
	// This directive has no dimensions.
	log(document("Shop", `[]`, `{"Name":"Sold","Unit":"Count"}`, `"Sold":3`))
	log(document("AWS/Lambda", `[[]]`, `{"Name":"Errors"}`, `"Errors":1`))
	log(document("Shop", `[[]]`, `{"Name":"Odd","Unit":"Furlongs"}`, `"Odd":1`))
	log(document("Shop", `[[]]`, `{"Name":"Many"}`, `"Many":[0`+strings.Repeat(",0", maxEMFValues)+`]`))
	log(document("Shop", `[[]]`, `{"Name":"Crowd"}`+strings.Repeat(`,{"Name":"Crowd"}`, maxEMFMetrics), `"Crowd":1`))
	log(`{"_aws": nonsense`)
	log(`a line with "_aws" in it`)
	s.Embedded("group", "stream", events)

	list, err := s.ListMetrics(t.Context(), &awscloudwatch.ListMetricsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range list.Metrics {
		out, err := s.GetMetricStatistics(t.Context(), &awscloudwatch.GetMetricStatisticsInput{
			Namespace: m.Namespace, MetricName: m.MetricName, Dimensions: m.Dimensions, Period: aws.Int32(60), StartTime: aws.Time(noon), EndTime: aws.Time(c.Now()),
			Statistics: []types.Statistic{types.StatisticSum, types.StatisticSampleCount},
		})
		if err != nil {
			t.Fatal(err)
		}
		line := *m.Namespace + " " + *m.MetricName
		for _, d := range m.Dimensions {
			line += " " + *d.Name + "=" + *d.Value
		}
		for _, p := range out.Datapoints {
			line += fmt.Sprint(" ", p.Timestamp.Format("15:04"), " ", *p.Sum, "/", *p.SampleCount, " ", p.Unit)
		}
		got = append(got, line)
	}
	want := []string{
		"Shop Sold 12:00 5/2 Count", "Shop Sold Stage=live 12:00 2/1 Count", "Shop Took 12:00 4/2 Milliseconds", "Shop Took Stage=live 12:00 4/2 Milliseconds",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
