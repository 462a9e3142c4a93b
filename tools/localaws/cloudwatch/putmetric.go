package cloudwatch

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// Limits of PutMetricData, from
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html.
const (
	maxData       = 1000
	maxValues     = 150
	maxDimensions = 30
)

// PutMetricData adds data points. It accepts a request completely or not at
// all. It accepts the data of entities (EntityMetricData), but does not keep
// what they say about the entity.
func (s *Service) PutMetricData(ctx context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error) {
	namespace := aws.ToString(in.Namespace)
	switch {
	case namespace == "":
		return nil, missingParameter("Namespace")
	case strings.HasPrefix(namespace, ":") || len(namespace) > 255:
		return nil, invalidValue("The value %s for parameter Namespace is invalid.", namespace)
	case strings.HasPrefix(namespace, "AWS/") && principal.FromContext(ctx).AccessKeyID != "":
		return nil, invalidValue("The value AWS/ for parameter Namespace is invalid.")
	}
	data := in.MetricData
	for _, entity := range in.EntityMetricData {
		data = slices.Concat(data, entity.MetricData)
	}
	if len(data) == 0 {
		return nil, missingParameter("MetricData")
	}
	if len(data) > maxData {
		return nil, invalidValue("The collection MetricData must not have a size greater than %d.", maxData)
	}
	now := s.account.Clock.Now()
	summaries := make([]summary, len(data))
	for i := range data {
		if err := checkDatum(&data[i], fmt.Sprintf("MetricData.member.%d", i+1), now); err != nil {
			return nil, err
		}
		summaries[i] = summarize(&data[i])
	}
	for i := range data {
		if summaries[i].count == 0 {
			continue
		}
		d := &data[i]
		at := now
		if d.Timestamp != nil {
			at = *d.Timestamp
		}
		unit := d.Unit
		if unit == "" {
			unit = types.StandardUnitNone
		}
		s.metrics.metric(namespace, *d.MetricName, d.Dimensions).
			add(unit, at.Unix(), aws.ToInt32(d.StorageResolution) == 1, &summaries[i], now.Unix())
	}
	return &awscloudwatch.PutMetricDataOutput{}, nil
}

func checkDatum(d *types.MetricDatum, at string, now time.Time) error {
	if aws.ToString(d.MetricName) == "" {
		return missingParameter(at + ".MetricName")
	}
	if err := checkDimensions(d.Dimensions, at); err != nil {
		return err
	}
	if d.Unit != "" && !slices.Contains(d.Unit.Values(), d.Unit) {
		return invalidValue("The value %s for parameter %s.Unit is invalid.", d.Unit, at)
	}
	if r := d.StorageResolution; r != nil && *r != 1 && *r != 60 {
		return invalidValue("The value %d for parameter %s.StorageResolution is invalid.", *r, at)
	}
	if t := d.Timestamp; t != nil {
		if t.After(now.Add(2 * time.Hour)) {
			return invalidValue("The parameter %s.Timestamp must specify a time no more than two hours in the future.", at)
		}
		if t.Before(now.Add(-14 * 24 * time.Hour)) {
			return invalidValue("The parameter %s.Timestamp must specify a time within the past two weeks.", at)
		}
	}
	return checkValues(d, at)
}

func checkDimensions(dimensions []types.Dimension, at string) error {
	if len(dimensions) > maxDimensions {
		return invalidValue("The collection %s.Dimensions must not have a size greater than %d.", at, maxDimensions)
	}
	for i, dim := range dimensions {
		where := fmt.Sprintf("%s.Dimensions.member.%d", at, i+1)
		name, value := aws.ToString(dim.Name), aws.ToString(dim.Value)
		if name == "" || value == "" {
			part := ".Name"
			if name != "" {
				part = ".Value"
			}
			return missingParameter(where + part)
		}
		if strings.HasPrefix(name, ":") {
			return invalidValue("The value %s for parameter %s.Name is invalid.", name, where)
		}
		for _, other := range dimensions[:i] {
			if aws.ToString(other.Name) == name {
				return invalidValue("No dimension may have the same name as another: %s.Name is %s.", where, name)
			}
		}
	}
	return nil
}

func checkValues(d *types.MetricDatum, at string) error {
	given := 0
	for _, has := range []bool{d.Value != nil, len(d.Values) > 0, d.StatisticValues != nil} {
		if has {
			given++
		}
	}
	if given == 0 {
		return missingParameter(at + ".Value")
	}
	if given > 1 {
		return badCombination("The parameters %[1]s.Value, %[1]s.Values and %[1]s.StatisticValues are mutually exclusive and you have specified more than one.", at)
	}
	if len(d.Values) > maxValues {
		return invalidValue("The collection %s.Values must not have a size greater than %d.", at, maxValues)
	}
	if len(d.Counts) > 0 && len(d.Counts) != len(d.Values) {
		return badCombination("The parameters %[1]s.Values and %[1]s.Counts must be of the same size.", at)
	}
	numbers := slices.Concat(d.Values, d.Counts)
	if d.Value != nil {
		numbers = append(numbers, *d.Value)
	}
	if set := d.StatisticValues; set != nil {
		for name, v := range map[string]*float64{"SampleCount": set.SampleCount, "Sum": set.Sum, "Minimum": set.Minimum, "Maximum": set.Maximum} {
			if v == nil {
				return missingParameter(at + ".StatisticValues." + name)
			}
			numbers = append(numbers, *v)
		}
		if *set.SampleCount < 0 || *set.Minimum > *set.Maximum {
			return invalidValue("The value of parameter %s.StatisticValues is invalid: SampleCount must not be negative, nor Minimum greater than Maximum.", at)
		}
	}
	for _, v := range numbers {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return invalidValue("The value %v for parameter %s.Value is invalid.", v, at)
		}
	}
	for _, c := range d.Counts {
		if c < 0 {
			return invalidValue("The value %v for parameter %s.Counts is invalid.", c, at)
		}
	}
	return nil
}

// summarize returns the statistics of a checked datum.
func summarize(d *types.MetricDatum) summary {
	var s summary
	one := func(v, count float64) {
		if count > 0 {
			s.add(&summary{count: count, sum: v * count, min: v, max: v, dist: distribution{values: []weighted{{v, count}}}}, maxValues)
		}
	}
	switch set := d.StatisticValues; {
	case d.Value != nil:
		v := *d.Value
		return summary{count: 1, sum: v, min: v, max: v, dist: distribution{values: []weighted{{v, 1}}}}
	case set != nil:
		s = summary{count: *set.SampleCount, sum: *set.Sum, min: *set.Minimum, max: *set.Maximum}
		// The distribution is known if all values of a set are equal.
		if s.min == s.max && s.count > 0 {
			s.dist.values = []weighted{{s.min, s.count}}
		} else {
			s.opaque = true
		}
	default:
		for i, v := range d.Values {
			count := 1.0
			if len(d.Counts) > 0 {
				count = d.Counts[i]
			}
			one(v, count)
		}
	}
	return s
}
