package drill

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// checkFault refuses what the app does not understand: it would not start, and
// the drill would be of another fault than the one that was asked for. The app's
// package drill says what there is.
func checkFault(fault string) error {
	kind, value, _ := strings.Cut(fault, ":")
	switch kind {
	case "errors":
		if share, err := strconv.ParseFloat(value, 64); err == nil && share > 0 && share <= 1 {
			return nil
		}
		return fmt.Errorf("-fault=%s: the share of errors must be above 0 and at most 1", fault)
	case "latency":
		if d, err := time.ParseDuration(value); err == nil && d > 0 {
			return nil
		}
		return fmt.Errorf("-fault=%s: the latency must be a duration above 0, such as 4s", fault)
	case "crash":
		return nil
	}
	return fmt.Errorf("-fault=%s: there are errors:SHARE, latency:DURATION and crash", fault)
}
