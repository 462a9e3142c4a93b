package delivery

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdaeventsources"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// A source says where events come from.
type source struct {
	kind string // queue, schedule or topic
	// of has the resource from which events come. A resource that is defined in another
	// place, such as an imported queue, has no logical id in the manifest.
	of constructs.IConstruct
}

// URL gives the alias a function URL, and defines an output with it and the alarms on HTTP
// 5xx.
func (d *Delivery) URL(options *awslambda.FunctionUrlOptions) awslambda.FunctionUrl {
	url := d.Alias.AddFunctionUrl(options)
	d.output("FunctionUrl", "where the stage answers", url.Url())
	d.serverErrors()
	return url
}

// Queue lets the alias process the messages of a queue. Like Schedule and Subscribe, it
// invokes the alias. Whatever invokes the function itself would run the newest code, before
// CodeDeploy has shifted anything to it.
func (d *Delivery) Queue(queue awssqs.IQueue, props *awslambdaeventsources.SqsEventSourceProps) {
	d.Alias.AddEventSource(awslambdaeventsources.NewSqsEventSource(queue, props))
	d.sources = append(d.sources, source{"queue", queue})
}

// Subscribe lets the alias process the notifications of a topic.
func (d *Delivery) Subscribe(topic awssns.ITopic, props *awslambdaeventsources.SnsEventSourceProps) {
	d.Alias.AddEventSource(awslambdaeventsources.NewSnsEventSource(topic, props))
	d.sources = append(d.sources, source{"topic", topic})
}

// Schedule invokes the alias with a rule that it defines.
func (d *Delivery) Schedule(id string, schedule awsevents.Schedule) awsevents.Rule {
	rule := awsevents.NewRule(d.scope, jsii.String(id), &awsevents.RuleProps{Schedule: schedule})
	rule.AddTarget(awseventstargets.NewLambdaFunction(d.Alias, nil))
	d.sources = append(d.sources, source{"schedule", rule})
	return rule
}
