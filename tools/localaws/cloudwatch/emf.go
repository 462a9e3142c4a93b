package cloudwatch

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// emfDocument is a log event in CloudWatch's embedded metric format.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.
type emfDocument struct {
	AWS struct {
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct {
				Name              string
				Unit              types.StandardUnit
				StorageResolution *int32
			}
		}
	} `json:"_aws"`
}

// The limits of a document, from the specification.
const (
	maxEMFMetrics = 100 // per directive
	maxEMFValues  = 100 // per metric
)

// Embedded extracts the metrics from log events that are being stored. They get
// the time of their event. The time in the document is the system's, not the account's.
func (s *Service) Embedded(group, stream string, events []logstypes.InputLogEvent) {
	for _, e := range events {
		if !strings.HasPrefix(*e.Message, "{") || !strings.Contains(*e.Message, `"_aws"`) {
			continue
		}
		var document emfDocument
		var members map[string]json.RawMessage
		if text := []byte(*e.Message); json.Unmarshal(text, &document) != nil || json.Unmarshal(text, &members) != nil {
			// Not in the embedded metric format: an ordinary log event.
			continue
		}
		for namespace, data := range document.metrics(members, time.UnixMilli(*e.Timestamp)) {
			var err error
			// PutMetricData refuses these, too.
			if strings.HasPrefix(namespace, "AWS/") {
				err = invalidValue("The value AWS/ for parameter Namespace is invalid.")
			} else {
				_, err = s.PutMetricData(context.Background(), &awscloudwatch.PutMetricDataInput{Namespace: aws.String(namespace), MetricData: data})
			}
			if err != nil {
				s.account.Log.Warn("taking embedded metrics from a log event", "group", group, "stream", stream, "error", err)
			}
		}
	}
}

// metrics returns a document's data by namespace.
func (d *emfDocument) metrics(members map[string]json.RawMessage, at time.Time) map[string][]types.MetricDatum {
	found := map[string][]types.MetricDatum{}
	for _, directive := range d.AWS.CloudWatchMetrics {
		sets := directive.Dimensions
		if len(sets) == 0 {
			sets = [][]string{nil}
		}
		if len(directive.Metrics) > maxEMFMetrics {
			continue
		}
		for _, set := range sets {
			dimensions, ok := emfDimensions(set, members)
			if !ok {
				continue
			}
			for _, m := range directive.Metrics {
				values := emfValues(members[m.Name])
				if len(values) == 0 {
					continue
				}
				found[directive.Namespace] = append(found[directive.Namespace], types.MetricDatum{
					MetricName: aws.String(m.Name), Dimensions: dimensions, Timestamp: aws.Time(at),
					Unit: m.Unit, Values: values, StorageResolution: m.StorageResolution,
				})
			}
		}
	}
	return found
}

func emfDimensions(names []string, members map[string]json.RawMessage) ([]types.Dimension, bool) {
	var dimensions []types.Dimension
	for _, name := range names {
		var value string
		if json.Unmarshal(members[name], &value) != nil || strings.TrimSpace(value) == "" {
			// CloudWatch drops the dimension set.
			return nil, false
		}
		dimensions = append(dimensions, types.Dimension{Name: aws.String(name), Value: aws.String(value)})
	}
	return dimensions, true
}

func emfValues(raw json.RawMessage) []float64 {
	var one *float64
	if json.Unmarshal(raw, &one) == nil && one != nil {
		return []float64{*one}
	}
	var many []float64
	if json.Unmarshal(raw, &many) != nil || len(many) > maxEMFValues {
		return nil
	}
	return many
}
