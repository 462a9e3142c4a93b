package delivery_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdaeventsources"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/infra/delivery"
)

// defineWorker defines a worker: a function that nobody calls, behind a queue whose
// messages go to a dead-letter queue after one failure. fault is what the function
// does wrong.
func defineWorker(app awscdk.App, fault string) awscdk.Stack {
	// The architecture is that of the machine on which the template is deployed.
	stack := awscdk.NewStack(app, jsii.String("shop-worker"), &awscdk.StackProps{
		Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{GenerateBootstrapVersionRule: jsii.Bool(false)}),
	})
	architecture := awscdk.NewCfnParameter(stack, jsii.String("Architecture"), nil)
	packages := awss3.Bucket_FromBucketName(stack, jsii.String("Packages"), jsii.String("packages"))
	const minutes = 10
	function := awslambda.NewFunction(stack, jsii.String("Code"), &awslambda.FunctionProps{
		Runtime: awslambda.Runtime_PROVIDED_AL2023(), Handler: jsii.String("bootstrap"), Code: awslambda.Code_FromBucket(packages, jsii.String("worker.zip"), nil),
		Architecture: awslambda.Architecture_Custom(architecture.ValueAsString(), nil), Timeout: awscdk.Duration_Minutes(jsii.Number(minutes)),
		Environment: &map[string]*string{"FAULT": &fault},
	})
	dead := awssqs.NewQueue(stack, jsii.String("Dead"), nil)
	orders := awssqs.NewQueue(stack, jsii.String("Orders"), &awssqs.QueueProps{
		VisibilityTimeout: awscdk.Duration_Minutes(jsii.Number(minutes)),
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(1)},
	})
	worker := delivery.NewDelivery(stack, "", &delivery.DeliveryProps{
		Function: function, Topic: awssns.NewTopic(stack, jsii.String("Alarms"), nil), Shift: "CodeDeployDefault.LambdaCanary10Percent5Minutes",
	})
	worker.Queue(orders, &awslambdaeventsources.SqsEventSourceProps{BatchSize: jsii.Number(1), MaxConcurrency: jsii.Number(2)})
	for name, queue := range map[string]awssqs.Queue{"OrdersUrl": orders, "DeadUrl": dead} {
		awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{Value: queue.QueueUrl()})
	}
	return stack
}

// TestWorkerTemplates keeps the templates of a worker's good release and its bad
// one, by what is wrong with them. The embedded AWS's tests deploy them.
func TestWorkerTemplates(t *testing.T) {
	templates := map[string]any{}
	for _, fault := range []string{"", "fail"} {
		app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(t.TempDir()), AnalyticsReporting: jsii.Bool(false)})
		defined := defineWorker(app, fault)
		templates[fault] = app.Synth(nil).GetStackByName(defined.StackName()).Template()
	}
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(templates); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/worker.json"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got.Bytes()) {
		t.Errorf("the templates are not those in %s; run this test with -update and look at the difference", golden)
	}
}
