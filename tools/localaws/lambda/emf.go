package lambda

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// maxEMF bounds the embedded metrics that wait to be sent.
const maxEMF = 10000

// emfDocument is a log line in CloudWatch's embedded metric format.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.
type emfDocument struct {
	AWS struct {
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct {
				Name              string
				Unit              string
				StorageResolution *int32
			}
		}
	} `json:"_aws"`
}

// embedded records the metrics in a log line, if it holds any. They count for
// the present: a process has the system's time, and metrics the account's.
func (r *recorder) embedded(line []byte) {
	if line[0] != '{' || !bytes.Contains(line, []byte(`"_aws"`)) {
		return
	}
	var document emfDocument
	var members map[string]json.RawMessage
	if json.Unmarshal(line, &document) != nil || json.Unmarshal(line, &members) != nil {
		return // not the format: just a log line
	}
	now := r.service.account.Clock.Now()
	found := map[string][]cwtypes.MetricDatum{}
	for _, directive := range document.AWS.CloudWatchMetrics {
		sets := directive.Dimensions
		if len(sets) == 0 {
			sets = [][]string{nil}
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
				d := cwtypes.MetricDatum{
					MetricName: aws.String(m.Name), Dimensions: dimensions, Timestamp: aws.Time(now),
					Unit: cwtypes.StandardUnitNone, Values: values, StorageResolution: m.StorageResolution,
				}
				if m.Unit != "" {
					d.Unit = cwtypes.StandardUnit(m.Unit)
				}
				found[directive.Namespace] = append(found[directive.Namespace], d)
			}
		}
	}
	if len(found) == 0 {
		return
	}
	r.mu.Lock()
	for namespace, data := range found {
		r.emf[namespace] = append(r.emf[namespace], data...)
		r.emfSize += len(data)
	}
	full := r.emfSize >= maxEMF
	r.mu.Unlock()
	if full {
		r.flush(r.service.life) // who writes more than CloudWatch takes is held up here
		return
	}
	signal(r.wake)
}

func emfDimensions(names []string, members map[string]json.RawMessage) ([]cwtypes.Dimension, bool) {
	var dimensions []cwtypes.Dimension
	for _, name := range names {
		var value string
		if json.Unmarshal(members[name], &value) != nil || strings.TrimSpace(value) == "" {
			return nil, false // CloudWatch drops the set
		}
		dimensions = append(dimensions, cwtypes.Dimension{Name: aws.String(name), Value: aws.String(value)})
	}
	return dimensions, true
}

func emfValues(raw json.RawMessage) []float64 {
	var one float64
	if json.Unmarshal(raw, &one) == nil {
		return []float64{one}
	}
	var many []float64
	if json.Unmarshal(raw, &many) != nil || len(many) > 100 {
		return nil
	}
	return many
}
