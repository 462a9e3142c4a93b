package codebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// eventTime is the layout of the times in CodeBuild's events.
const eventTime = "Jan 2, 2006 3:04:05 PM"

// tell sends the event "CodeBuild Build State Change" with the build's state.
// See https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html.
func (s *Service) tell(ctx context.Context, b *build) {
	// A build of commands is none of the account's.
	if s.deps.Events == nil || b.commands() != nil {
		return
	}
	s.mu.Lock()
	build := b.copy()
	s.mu.Unlock()
	detail, err := json.Marshal(stateChange(build))
	if err == nil {
		ctx = principal.Service(ctx, "codebuild.amazonaws.com", s.account.ID)
		var out *awseventbridge.PutEventsOutput
		out, err = s.deps.Events.PutEvents(ctx, &awseventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
			Source:     aws.String("aws.codebuild"),
			DetailType: aws.String("CodeBuild Build State Change"),
			Detail:     aws.String(string(detail)),
			Resources:  []string{*build.Arn},
			Time:       s.now(),
		}}})
		if err == nil && out.FailedEntryCount > 0 {
			err = fmt.Errorf("%s: %s", aws.ToString(out.Entries[0].ErrorCode), aws.ToString(out.Entries[0].ErrorMessage))
		}
	}
	if err != nil {
		s.account.Log.Warn("sending an event", "build", *build.Id, "error", err)
	}
}

func stateChange(b *cbtypes.Build) map[string]any {
	phases := make([]map[string]any, 0, len(b.Phases))
	for _, p := range b.Phases {
		phase := map[string]any{"phase-type": p.PhaseType, "start-time": p.StartTime.Format(eventTime)}
		if p.EndTime != nil {
			phase["end-time"] = p.EndTime.Format(eventTime)
			phase["duration-in-seconds"] = aws.ToInt64(p.DurationInSeconds)
			phase["phase-status"] = p.PhaseStatus
		}
		var contexts []string
		for _, c := range p.Contexts {
			contexts = append(contexts, aws.ToString(c.StatusCode)+": "+aws.ToString(c.Message))
		}
		if contexts != nil {
			phase["phase-context"] = contexts
		}
		phases = append(phases, phase)
	}
	return map[string]any{
		"build-status":          b.BuildStatus,
		"project-name":          b.ProjectName,
		"build-id":              b.Arn,
		"current-phase":         b.CurrentPhase,
		"current-phase-context": "[]",
		"version":               "1",
		"additional-information": map[string]any{
			"artifact":           map[string]any{"location": b.Artifacts.Location, "sha256sum": b.Artifacts.Sha256sum, "md5sum": b.Artifacts.Md5sum},
			"build-complete":     b.BuildComplete,
			"build-number":       b.BuildNumber,
			"build-start-time":   b.StartTime.Format(eventTime),
			"initiator":          b.Initiator,
			"logs":               map[string]any{"group-name": b.Logs.GroupName, "stream-name": b.Logs.StreamName, "deep-link": b.Logs.DeepLink},
			"phases":             phases,
			"source":             map[string]any{"location": b.Source.Location, "type": b.Source.Type},
			"source-version":     b.SourceVersion,
			"timeout-in-minutes": b.TimeoutInMinutes,
			"environment": map[string]any{
				"image": b.Environment.Image, "type": b.Environment.Type, "compute-type": b.Environment.ComputeType,
				"privileged-mode": aws.ToBool(b.Environment.PrivilegedMode), "environment-variables": []any{},
			},
			"build-duration-in-seconds": duration(b),
		},
	}
}

func duration(b *cbtypes.Build) int64 {
	if b.EndTime == nil {
		return 0
	}
	return int64(b.EndTime.Sub(*b.StartTime) / time.Second)
}
