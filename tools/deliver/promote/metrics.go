package promote

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/minutes"
	"github.com/magewright/magewright/tools/project/stack"
)

// readMinutes reads what the versions did in each minute from start on.
func readMinutes(ctx context.Context, client *cloudwatch.Client, o stack.Outputs, start time.Time, length time.Duration, versions ...string) (map[string][]canary.Minute, error) {
	var results []types.MetricDataResult
	pages := cloudwatch.NewGetMetricDataPaginator(client, minutes.Query(o.FunctionName, o.AliasName, start, length, versions...))
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the metrics of %s: %w", o.FunctionName, err)
		}
		results = append(results, page.MetricDataResults...)
	}
	return minutes.Of(results, versions...), nil
}
