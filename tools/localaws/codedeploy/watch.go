package codedeploy

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// A watch checks the alarms of a deployment.
type watch struct {
	service        *Service
	as             context.Context //nolint:containedctx // the deployment's
	names          []string        // nil if there is nothing to watch
	ignoreFailures bool
	changes        <-chan struct{}
	stop           func()
}

func (s *Service) watch(d *deployment) *watch {
	w := &watch{service: s, as: d.as, stop: func() {}}
	if d.alarms == nil || !d.alarms.Enabled {
		return w
	}
	for _, a := range d.alarms.Alarms {
		w.names = append(w.names, *a.Name)
	}
	w.ignoreFailures = d.alarms.IgnorePollAlarmFailure
	if watcher, ok := s.deps.Alarms.(AlarmWatcher); ok {
		w.changes, w.stop = watcher.WatchAlarms()
	}
	return w
}

// check returns a failure if an alarm is in the state ALARM. It also returns
// one if the state is unknown and the configuration says that this matters.
func (w *watch) check() *failure {
	if w.names == nil {
		return nil
	}
	out, err := w.service.deps.Alarms.DescribeAlarms(w.as, &awscloudwatch.DescribeAlarmsInput{
		AlarmNames: w.names,
		AlarmTypes: []cloudwatchtypes.AlarmType{cloudwatchtypes.AlarmTypeMetricAlarm, cloudwatchtypes.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return w.unknown(w.names, err.Error())
	}
	states := map[string]cloudwatchtypes.StateValue{}
	for _, a := range out.MetricAlarms {
		states[aws.ToString(a.AlarmName)] = a.StateValue
	}
	for _, a := range out.CompositeAlarms {
		states[aws.ToString(a.AlarmName)] = a.StateValue
	}
	var active, missing []string
	for _, name := range w.names {
		switch state, ok := states[name]; {
		case !ok:
			missing = append(missing, name)
		case state == cloudwatchtypes.StateValueAlarm:
			active = append(active, name)
		}
	}
	if active != nil {
		return activated(active)
	}
	if missing != nil {
		return w.unknown(missing, "there is no such alarm")
	}
	return nil
}

func (w *watch) unknown(names []string, why string) *failure {
	if w.service.ctx.Err() != nil {
		return closing
	}
	if w.ignoreFailures {
		w.service.account.Log.Warn("polling alarms of a deployment", "alarms", names, "error", why)
		return nil
	}
	return failed(types.ErrorCodeInternalError, "The state of the alarms %s could not be retrieved from CloudWatch: %s", strings.Join(names, ", "), why)
}
