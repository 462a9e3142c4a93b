package codedeploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/google/go-cmp/cmp"
)

// TestRecordedRuns repeats deployments that were recorded on AWS and compares
// what is visible of them. The golden file comes from the recordings. Ids are
// replaced with d-A and d-B, and AWS's own delays of a few seconds are removed.
func TestRecordedRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	var out bytes.Buffer
	ids := map[string]string{}
	short := func(text string) string {
		for id, name := range ids {
			text = strings.ReplaceAll(text, id, name)
		}
		return text
	}
	show := func(title, spec string, during func(now time.Time)) {
		b.lambda.mu.Lock()
		b.lambda.begun = b.clock.Now()
		b.lambda.routes = b.lambda.routes[len(b.lambda.routes)-1:]
		b.lambda.got = nil
		b.lambda.mu.Unlock()
		b.clock.mu.Lock()
		b.clock.passed = during
		b.clock.mu.Unlock()
		info := b.deploy(spec)
		ids[*info.DeploymentId] = "d-" + string(rune('A'+len(ids)))
		fmt.Fprintln(&out, title)
		for i, r := range b.lambda.routes {
			if i > 0 {
				fmt.Fprint(&out, r.after, " ")
			}
			fmt.Fprintln(&out, r)
		}
		infos := []*types.DeploymentInfo{info}
		if info.RollbackInfo != nil {
			ids[*info.RollbackInfo.RollbackDeploymentId] = "d-" + string(rune('A'+len(ids)))
			back, err := b.Wait(t.Context(), *info.RollbackInfo.RollbackDeploymentId)
			if err != nil {
				t.Fatal(err)
			}
			infos = append(infos, back)
		}
		for i, info := range infos {
			if i > 0 {
				fmt.Fprintln(&out, "rolled back by")
			}
			fmt.Fprintln(&out, short(summary(t, info)))
			target := b.target(*info.DeploymentId)
			for _, e := range target.LifecycleEvents {
				fmt.Fprintln(&out, *e.LifecycleEventName, e.Status)
			}
			f := target.LambdaFunctionInfo
			fmt.Fprintln(&out, marshal(t, struct {
				Function, Current, Target, Alias string
				Pct                              float64
			}{*f.FunctionName, *f.CurrentVersion, *f.TargetVersion, *f.FunctionAlias, f.TargetVersionWeight}))
		}
		for _, line := range b.lambda.got {
			fmt.Fprintln(&out, line)
		}
	}
	b.lambda.hooks["pre"] = b.report(types.LifecycleEventStatusSucceeded)
	b.lambda.hooks["post"] = b.report(types.LifecycleEventStatusSucceeded)
	show("A canary that succeeds, with hooks (E4.2, E4.3, E4.4)", appspec("1", "2", "pre", "post"), nil)

	fmt.Fprintln(&out)
	start := b.clock.Now()
	show("An alarm in the middle of the next one (E4.5)", appspec("2", "3", "pre", "post"), func(now time.Time) {
		if now.Sub(start) == 20*time.Second {
			b.alarms.set(cloudwatchtypes.StateValueAlarm)
		}
	})

	fmt.Fprintln(&out)
	b.alarms.set(cloudwatchtypes.StateValueOk)
	b.lambda.hooks["post"] = b.report(types.LifecycleEventStatusFailed)
	show("A hook that fails after the shift (another recorded run)", appspec("2", "3", "pre", "post"), nil)

	want, err := os.ReadFile("testdata/recorded.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
}

// String formats a route as the recordings do: `["1",{"2":0.1}]`.
func (r route) String() string {
	weights := "null"
	if len(r.weights) > 0 {
		text, err := json.Marshal(r.weights)
		if err != nil {
			panic(err)
		}
		weights = string(text)
	}
	return fmt.Sprintf("[%q,%s]", r.version, weights)
}

func summary(t *testing.T, info *types.DeploymentInfo) string {
	t.Helper()
	type failure struct {
		Code    types.ErrorCode `json:"code"`
		Message *string         `json:"message"`
	}
	type rollback struct {
		Triggering *string `json:"rollbackTriggeringDeploymentId,omitempty"`
		Deployment *string `json:"rollbackDeploymentId,omitempty"`
		Message    *string `json:"rollbackMessage"`
	}
	shown := struct {
		Status          types.DeploymentStatus
		Config, Creator string
		Error           *failure  `json:",omitempty"`
		Rollback        *rollback `json:",omitempty"`
	}{Status: info.Status, Config: aws.ToString(info.DeploymentConfigName), Creator: string(info.Creator)}
	if e := info.ErrorInformation; e != nil {
		shown.Error = &failure{e.Code, e.Message}
	}
	if r := info.RollbackInfo; r != nil {
		shown.Rollback = &rollback{r.RollbackTriggeringDeploymentId, r.RollbackDeploymentId, r.RollbackMessage}
	}
	return marshal(t, shown)
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
