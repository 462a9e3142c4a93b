package promote

import (
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/deliver/canary/picture/picturetest"
)

func TestChart(t *testing.T) {
	t.Parallel()
	want := []string{
		"canary d-EXAMPLE01  version 2 over 1, Stopped  weight ▂▁ 0 %",
		"  version 1        0/540 failed   0.0 %  p90    12 ms  ▁▁▁",
		"  version 2         2/60 failed   3.3 %  p90    38 ms  ▁▁█",
		"  FAIL: 2/60 invocations failed, compared with 0/540 of the old version: p = 0.0098",
	}
	plain, coloured := chart(picturetest.Failing(), false), chart(picturetest.Failing(), true)
	if got, want := strings.Join(plain, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("the chart is\n%s\nwant\n%s", got, want)
	}
	if got, want := chart(picturetest.Answering(), false)[2], "  version 2         0/60 failed   0.0 %  p90    38 ms  ▁▁█  HTTP 5xx 2/60"; got != want {
		t.Errorf("of a version that answers with HTTP 5xx it says %q, want %q", got, want)
	}
	if got, want := coloured[3], "  \x1b[31m"+strings.TrimSpace(want[3])+"\x1b[0m"; got != want {
		t.Errorf("in colour it is %q, want %q", got, want)
	}
}
