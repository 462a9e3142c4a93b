package lambda

import (
	"encoding/json"
	"strings"

	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// levels lists the levels of application logs, from the most to the least verbose.
var levels = map[lambdatypes.ApplicationLogLevel]int{
	lambdatypes.ApplicationLogLevelTrace: 0, lambdatypes.ApplicationLogLevelDebug: 1, lambdatypes.ApplicationLogLevelInfo: 2,
	lambdatypes.ApplicationLogLevelWarn: 3, lambdatypes.ApplicationLogLevelError: 4, lambdatypes.ApplicationLogLevelFatal: 5,
}

// logs reports whether to keep a line that a function with JSON logs wrote. A
// JSON object has the level that it names, or INFO by default. Any other line is kept.
// See https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html.
func (set settings) logs(line []byte) bool {
	least := levels[set.ApplicationLevel]
	if least == 0 {
		return true
	}
	var object struct{ Level any }
	if json.Unmarshal(line, &object) != nil {
		return true
	}
	name, _ := object.Level.(string)
	level, known := levels[lambdatypes.ApplicationLogLevel(strings.ToUpper(name))]
	if !known {
		level = levels[lambdatypes.ApplicationLogLevelInfo]
	}
	return level >= least
}
