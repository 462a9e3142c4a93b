// Package pipeline defines the stages through which this repository's pipeline takes the
// service:
//
//	Source      the commit, through a connection to the source provider
//	Verify      lint | test | sec | synth, in parallel
//	Staging     deploy-staging, smoke, drill; returns to the last release on failure
//	Approval    the plan is sent, readiness decides from the evidence of all
//	            that, then a person
//	Production  promote: a canary with CodeDeploy, with automatic rollback
//	Update      the pipeline updates itself
package pipeline

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/magewright/magewright/infra/delivery"
	"github.com/magewright/magewright/infra/service"
	"github.com/magewright/magewright/infra/settings"
)

// NewStack defines the pipeline in app. It delivers the given staging and production.
func NewStack(app awscdk.App, s settings.Settings, staging, production service.Service) (awscdk.Stack, error) {
	context, err := s.JSON()
	if err != nil {
		return nil, err
	}
	first, last := s.Staging.Name, s.Production.Name
	return delivery.NewPipeline(app, &delivery.PipelineProps{
		Name:              settings.Name,
		Repository:        s.Repository,
		Branch:            s.Branch,
		ConnectionARN:     s.ConnectionARN,
		Context:           context,
		Judge:             "go run ./tools/magewright",
		Description:       "Delivers the release ledger from a commit to production",
		Env:               s.Pipeline.Env(),
		NotificationEmail: s.NotificationEmail,
		VerifyBuilds:      s.VerifyBuilds,
		Untagged:          true,
		Stages: []delivery.Stage{
			stage(first, staging, nil, delivery.Trial()),
			stage(last, production, delivery.Readiness(first, last, s.ReviewTokenSecret), delivery.Promotion()),
		},
	})
}

// stage returns one of the stages. The stage without an approval returns to the last release
// if it fails. CodeDeploy returns production.
func stage(name string, s service.Service, approval *delivery.Approval, actions []delivery.Action) delivery.Stage {
	return delivery.Stage{
		Name: name, Stack: s.Stack, Functions: []*delivery.Delivery{s.Function}, Evidence: s.Evidence,
		Approval: approval, Actions: actions, ReturnOnFailure: approval == nil,
	}
}
