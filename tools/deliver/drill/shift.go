package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/deliver/appspec"
)

const allAtOnce = "CodeDeployDefault.LambdaAllAtOnce"

// shift starts a deployment that moves the alias. The alarms replace those of the group for
// this one deployment only, so that nothing has to be put back. If alarms is nil, those of
// the group apply. See
// https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html.
func (d *drill) shift(ctx context.Context, from, to version, config string, alarms *types.AlarmConfiguration) (string, error) {
	move := appspec.Move{Function: d.outputs.FunctionName, Alias: d.outputs.AliasName, From: from.number, To: to.number}
	created, err := d.deployments.CreateDeployment(ctx, &codedeploy.CreateDeploymentInput{
		ApplicationName: &d.outputs.DeploymentApplication, DeploymentGroupName: &d.outputs.DeploymentGroup,
		DeploymentConfigName: &config, Description: aws.String("rollback drill"), OverrideAlarmConfiguration: alarms,
		Revision: move.Revision(),
	})
	if err != nil {
		return "", fmt.Errorf("deploying version %s over %s: %w", to.number, from.number, err)
	}
	d.deployment = aws.ToString(created.DeploymentId)
	d.say("deployment %s moves traffic from version %s to %s by %s", d.deployment, from.number, to.number, strings.TrimPrefix(config, "CodeDeployDefault."))
	return d.deployment, nil
}

// move gives a version all traffic, as a person would who takes a release back. It reports
// whether that succeeded.
func (d *drill) move(ctx context.Context, from, to version) (bool, error) {
	id, err := d.shift(ctx, from, to, allAtOnce, nil)
	if err != nil {
		return false, err
	}
	info, err := d.await(ctx, id)
	if err != nil {
		return false, err
	}
	if info.Status != types.DeploymentStatusSucceeded {
		d.failed("deployment %s of version %s over %s ended with %s%s", id, to.number, from.number, info.Status, because(info))
		return false, nil
	}
	return true, nil
}

// awaitUnderTraffic waits until a deployment has ended, and sends requests meanwhile. An
// alarm on a version that nobody calls stays quiet. CodeDeploy shifts traffic some time after
// the deployment was created, and requests before that would not reach the bad version.
func (d *drill) awaitUnderTraffic(ctx context.Context, id string) (*types.DeploymentInfo, error) {
	token, err := d.token(ctx)
	if err != nil {
		return nil, err
	}
	traffic := d.traffic(token)
	sending, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		traffic.Run(sending)
	}()
	info, err := d.await(ctx, id, func() error {
		number, weights, err := d.alias(ctx)
		if number == d.bad.number || len(weights) > 0 {
			traffic.Want(d.enough)
		}
		return err
	})
	stop()
	<-done
	d.say("%s", traffic)
	return info, err
}

// token lets the drill read what staging's release ledger keeps.
func (d *drill) token(ctx context.Context) (string, error) {
	const life = time.Hour // a drill takes less
	return d.ledger.Token(ctx, d.commit, d.clock.Now().Add(life))
}

// An answer is a stage's answer to a request for a release.
type answer struct {
	status  int
	records []string // digests of the deployments in the answer, in order
}

// read gets a path below the stage's URL.
func (d *drill) read(ctx context.Context, path string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(d.outputs.FunctionURL, "/")+"/"+path, nil)
	if err != nil {
		return answer{}, err
	}
	token, err := d.token(ctx)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := (&http.Client{Timeout: 15 * time.Second}).Do(r) // #nosec G704 -- the URL is the stack's own output
	if err != nil {
		return answer{}, fmt.Errorf("reading %s: %w", path, err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 6<<20)) // a function's answer is no larger
	_ = response.Body.Close()
	if err != nil {
		return answer{}, fmt.Errorf("reading %s: %w", path, err)
	}
	var release struct{ Deployments []struct{ Digest string } }
	if err := json.Unmarshal(body, &release); err != nil {
		return answer{}, fmt.Errorf("reading %s: %w", path, err)
	}
	a := answer{status: response.StatusCode}
	for _, deployment := range release.Deployments {
		a.records = append(a.records, deployment.Digest)
	}
	return a, nil
}
