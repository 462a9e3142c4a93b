package localaws_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// Hooks are ordinary functions: they run as processes with their role's
// credentials, and report to CodeDeploy through the endpoint.
func TestHooksAreFunctions(t *testing.T) {
	t.Parallel()
	testinput.Read(t, "tools/localaws/testdata/hook", "go.mod", "go.sum")
	zip, err := traffic.BuildPackage(t.Context(), "github.com/magewright/magewright/tools/localaws/testdata/hook")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		status     string
		step       time.Duration
		deployment deploytypes.DeploymentStatus
		events     []string
	}{
		{"Succeeded", 15 * time.Second, deploytypes.DeploymentStatusSucceeded, []string{"BeforeAllowTraffic Succeeded", "AllowTraffic Succeeded", "AfterAllowTraffic Succeeded"}},
		{"Failed", 15 * time.Second, deploytypes.DeploymentStatusFailed, []string{"BeforeAllowTraffic Failed: The hook hook of BeforeAllowTraffic reported Failed.", "AllowTraffic Skipped", "AfterAllowTraffic Skipped"}},
		// If CodeDeploy refuses the status, the function fails and there is no report.
		{"Unknown", time.Minute, deploytypes.DeploymentStatusFailed, []string{"BeforeAllowTraffic Failed: The hook hook of BeforeAllowTraffic did not report within one hour.", "AllowTraffic Skipped", "AfterAllowTraffic Skipped"}},
	} {
		t.Run(test.status, func(t *testing.T) {
			t.Parallel()
			s := startStepped(t)
			cfg := s.aws
			functions := lambda.NewFromConfig(cfg)
			if err := traffic.Function(t.Context(), traffic.Config{AWS: cfg, Name: "hook", Zip: zip, Architecture: localaws.HostContext()["architecture"].(string)}); err != nil {
				t.Fatal(err)
			}
			if _, err := functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
				FunctionName: aws.String("hook"), Timeout: aws.Int32(patient), Environment: &lambdatypes.Environment{Variables: map[string]string{"STATUS": test.status}},
			}); err != nil {
				t.Fatal(err)
			}
			r := s.deploy(t, test.step, traffic.Config{Name: "hooked", Hook: "hook", Rate: 8})
			if r.Deployment.Status != test.deployment || r.Errors > 0 || (r.Answered["2"] > 0) != (test.status == "Succeeded") {
				t.Errorf("%s: %+v; %d errors, %v answered", r.Deployment.Status, r.Deployment.ErrorInformation, r.Errors, r.Answered)
			}
			target, err := codedeploy.NewFromConfig(cfg).GetDeploymentTarget(t.Context(), &codedeploy.GetDeploymentTargetInput{
				DeploymentId: r.Deployment.DeploymentId, TargetId: aws.String("hooked:live"),
			})
			if err != nil {
				t.Fatal(err)
			}
			var events []string
			for _, e := range target.DeploymentTarget.LambdaTarget.LifecycleEvents {
				event := fmt.Sprint(*e.LifecycleEventName, " ", e.Status)
				if e.Diagnostics != nil {
					event += ": " + *e.Diagnostics.Message
				}
				events = append(events, event)
			}
			if !slices.Equal(events, test.events) {
				t.Errorf("events %q, want %q", events, test.events)
			}
			hooked(t, cloudwatch.NewFromConfig(cfg), *r.Deployment.StartTime, test.status == "Unknown")
		})
	}
}

// hooked checks that the hook was invoked, and whether it failed.
func hooked(t *testing.T, metrics *cloudwatch.Client, since time.Time, fails bool) {
	t.Helper()
	sum := func(name string) (total float64) {
		out, err := metrics.GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("AWS/Lambda"), MetricName: aws.String(name), Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("FunctionName"), Value: aws.String("hook")}},
			StartTime: aws.Time(since.Add(-time.Hour)), EndTime: aws.Time(since.Add(2 * time.Hour)), Period: aws.Int32(60), Statistics: []cloudwatchtypes.Statistic{cloudwatchtypes.StatisticSum},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range out.Datapoints {
			total += *p.Sum
		}
		return total
	}
	if invocations, failed := sum("Invocations"), sum("Errors"); invocations == 0 || fails != (failed > 0) {
		t.Errorf("the hook was invoked %v times and failed %v times", invocations, failed)
	}
}
