package drill

import (
	"testing"

	app "github.com/magewright/magewright/app/drill"
)

// What is let through is what the app takes.
func TestCheckFault(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		"errors:0.5", "errors:1", "errors:0", "errors:1.1", "errors:-1", "errors:NaN", "errors:", "errors", "latency:4s", "latency:0s", "latency:soon", "latency", "crash", "sulk",
	} {
		_, err := app.Wrap(nil, fault, app.Stage, app.System{})
		if got := checkFault(fault); (got == nil) != (err == nil) {
			t.Errorf("%s: %v, and the app says %v", fault, got, err)
		}
	}
	if checkFault("") == nil { // to the app it is no fault
		t.Error("no fault is let through")
	}
}
