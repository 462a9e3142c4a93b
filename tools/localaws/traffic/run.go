// Package traffic runs a canary deployment on an embedded AWS while requests
// arrive through the function URL, and accounts for every request.
//
// It uses the SDK's clients, like any program that deploys to AWS. [Run] sends
// load on the system's clock; [RunStepped] steps the endpoint's clock. A
// [Fault] is what the new version does wrong.
package traffic

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/internal/clock"
)

// A Fault is what the new version does wrong.
type Fault string

// The faults that the function knows.
const (
	None Fault = ""
	Fail Fault = "fail" // fails one request in five
	Leak Fault = "leak" // keeps 16 MiB of each request; the function has 128 MB
	Hang Fault = "hang" // never answers, and runs into its timeout
	Exit Fault = "exit" // exits in every hundredth request
)

// Weight is the share of the requests that the new version gets. The
// configuration is CodeDeployDefault.LambdaCanary10Percent5Minutes.
const Weight = 0.1

// A Config says what to deploy and how much traffic it gets.
type Config struct {
	AWS  aws.Config // reaches the embedded AWS
	Name string     // name of the function and of everything made for it
	Zip  []byte     // the function's package, from [Build]
	// Architecture is the architecture of the package.
	Architecture string
	Fault        Fault
	// Hook is the function that CodeDeploy invokes before and after the shift.
	// It may be empty.
	Hook string
	// Timeout is the function's timeout in seconds. Zero means 1.
	Timeout int32
	// MaxErrorPercent is the alarm's threshold: the percentage of the new
	// version's invocations in a minute that may fail. Zero means 5, as in the
	// alarms of the service's own stack.
	MaxErrorPercent float64
	// Rate is how many requests are sent per second, or between two steps. Zero
	// means 200.
	Rate  int
	Clock clock.Clock // the system's clock, or the one that is stepped
}

// A Report is the outcome of a deployment and of the requests during it.
type Report struct {
	Requests int
	Answered map[string]int // requests answered with status 200, by the version that answered
	Errors   int            // requests that the function URL answered with an error, as users saw it
	Statuses map[int]int    // the same requests, by status
	Lost     []string       // requests without an answer, or answered by neither version; empty if all is well

	Shift Share // split of the requests while both versions had traffic

	Deployment *deploytypes.DeploymentInfo
	Took       time.Duration   // duration of the deployment and its rollback, by the endpoint's clock
	Latencies  []time.Duration // latencies of all requests, sorted
}

// RolledBack reports whether an alarm stopped the deployment and the rollback
// succeeded.
func (r *Report) RolledBack() bool {
	d := r.Deployment
	return d.Status == deploytypes.DeploymentStatusStopped && d.ErrorInformation != nil &&
		d.ErrorInformation.Code == deploytypes.ErrorCodeAlarmActive && d.RollbackInfo != nil && d.RollbackInfo.RollbackDeploymentId != nil
}

// A run is a canary deployment in progress.
type run struct {
	Config
	functions   *lambda.Client
	deployments *codedeploy.Client
	alarms      *cloudwatch.Client
	identities  *iam.Client
	objects     *s3.Client
	url         string

	wait func(ctx context.Context, d time.Duration) error // waits between two polls of the deployment
}

func newRun(c Config) *run {
	c.MaxErrorPercent = cmp.Or(c.MaxErrorPercent, 5)
	c.Rate = cmp.Or(c.Rate, 200)
	c.Timeout = cmp.Or(c.Timeout, 1)
	return &run{
		Config: c, functions: lambda.NewFromConfig(c.AWS), deployments: codedeploy.NewFromConfig(c.AWS),
		alarms: cloudwatch.NewFromConfig(c.AWS), identities: iam.NewFromConfig(c.AWS),
		objects: s3.NewFromConfig(c.AWS, func(o *s3.Options) { o.UsePathStyle = true }),
		wait:    func(ctx context.Context, d time.Duration) error { return clock.Sleep(ctx, c.Clock, d) },
	}
}

// margin is how long requests are sent before and after the deployment.
const margin = time.Second

// Run deploys the first version of a function, and then the second version as a
// canary while requests arrive. It returns when the deployment and its
// rollback, if there is one, have ended. The report covers all requests from a
// second before to a second after.
func Run(ctx context.Context, c Config) (*Report, error) {
	r := newRun(c)
	if err := r.prepare(ctx); err != nil {
		return nil, fmt.Errorf("preparing the canary %s: %w", c.Name, err)
	}
	traffic := r.startTraffic(ctx)
	weights := r.watchWeights(ctx)
	report := &Report{}
	err := r.deploy(ctx, report)
	samples := traffic.end()
	first, last, watchErr := weights.end()
	if err == nil {
		err = watchErr
	}
	return r.counted(report, samples, first, last, err)
}

// counted completes a report.
func (r *run) counted(report *Report, samples []sample, first, last time.Time, err error) (*Report, error) {
	if err != nil {
		return nil, fmt.Errorf("deploying the canary %s: %w", r.Name, err)
	}
	report.count(samples, first, last)
	return report, nil
}

// deploy starts the deployment and waits until it has ended.
func (r *run) deploy(ctx context.Context, report *Report) error {
	if err := r.wait(ctx, margin); err != nil {
		return err
	}
	created, err := r.deployments.CreateDeployment(ctx, &codedeploy.CreateDeploymentInput{
		ApplicationName: &r.Name, DeploymentGroupName: &r.Name,
		Revision: &deploytypes.RevisionLocation{
			RevisionType:   deploytypes.RevisionLocationTypeAppSpecContent,
			AppSpecContent: &deploytypes.AppSpecContent{Content: aws.String(r.appSpec())},
		},
	})
	if err != nil {
		return err
	}
	if report.Deployment, err = r.await(ctx, created.DeploymentId); err != nil {
		return err
	}
	end := report.Deployment
	if back := report.Deployment.RollbackInfo; back != nil && back.RollbackDeploymentId != nil {
		if end, err = r.await(ctx, back.RollbackDeploymentId); err != nil {
			return err
		}
	}
	report.Took = end.CompleteTime.Sub(*report.Deployment.StartTime)
	return r.wait(ctx, margin)
}

func (r *run) appSpec() string {
	spec := fmt.Sprintf(`version: 0.0
Resources:
  - %s: {Type: AWS::Lambda::Function, Properties: {Name: %s, Alias: %s, CurrentVersion: "1", TargetVersion: "2"}}
`, r.Name, r.Name, alias)
	if r.Hook != "" {
		spec += fmt.Sprintf("Hooks:\n  - BeforeAllowTraffic: %s\n  - AfterAllowTraffic: %s\n", r.Hook, r.Hook)
	}
	return spec
}

// pollInterval is the time between two polls of the deployment and the alias.
const pollInterval = 50 * time.Millisecond

// await waits until a deployment has ended and returns it.
func (r *run) await(ctx context.Context, id *string) (*deploytypes.DeploymentInfo, error) {
	for {
		out, err := r.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: id})
		if err != nil {
			return nil, err
		}
		if out.DeploymentInfo.CompleteTime != nil {
			return out.DeploymentInfo, nil
		}
		if err := r.wait(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}
