// Package codedeploy is AWS CodeDeploy for the Lambda compute platform: it
// shifts the traffic of an alias from one version of a function to another on
// the account's clock, runs the hooks of the AppSpec file, watches alarms, and
// takes a deployment that went wrong back by a deployment of its own.
//
// What a deployment looks like, its states, texts and events, follows runs
// recorded on AWS; see testdata.
package codedeploy

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"math/big"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// Functions is Lambda: the aliases that are shifted and the hooks.
type Functions interface {
	GetFunction(context.Context, *awslambda.GetFunctionInput) (*awslambda.GetFunctionOutput, error)
	GetAlias(context.Context, *awslambda.GetAliasInput) (*awslambda.GetAliasOutput, error)
	UpdateAlias(context.Context, *awslambda.UpdateAliasInput) (*awslambda.UpdateAliasOutput, error)
	Invoke(context.Context, *awslambda.InvokeInput) (*awslambda.InvokeOutput, error)
}

// Alarms is CloudWatch. If it is an [AlarmWatcher] too, a change of state is
// seen at once and not at the next poll.
type Alarms interface {
	DescribeAlarms(context.Context, *awscloudwatch.DescribeAlarmsInput) (*awscloudwatch.DescribeAlarmsOutput, error)
}

// An AlarmWatcher tells when alarms have changed their state.
type AlarmWatcher interface {
	WatchAlarms() (changes <-chan struct{}, stop func())
}

// Notifier publishes to the topics of a deployment group's triggers.
type Notifier interface {
	Publish(context.Context, *awssns.PublishInput) (*awssns.PublishOutput, error)
}

// Objects reads AppSpec files that are kept in S3.
type Objects interface {
	GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
}

// Deps are the services that CodeDeploy acts on. Notifier and Objects may be
// nil: triggers and revisions in S3 are then refused.
type Deps struct {
	Functions Functions
	Alarms    Alarms
	Notifier  Notifier
	Objects   Objects
}

// Service is CodeDeploy in one account and region.
type Service struct {
	account account.Account
	deps    Deps

	ctx     context.Context // ends with the service; its principal is CodeDeploy
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu           sync.Mutex
	applications map[string]*application
	configs      map[string]*types.DeploymentConfigInfo
	deployments  map[string]*deployment
	order        []*deployment // as they were created
	tags         map[string]map[string]string
}

// New returns a CodeDeploy with the deployment configurations that AWS
// predefines for Lambda and nothing else.
func New(a account.Account, d Deps) *Service {
	ctx, cancel := context.WithCancel(principal.Service(context.Background(), "codedeploy.amazonaws.com", a.ID))
	return &Service{
		account:      a,
		deps:         d,
		ctx:          ctx,
		cancel:       cancel,
		applications: map[string]*application{},
		configs:      predefinedConfigs(),
		deployments:  map[string]*deployment{},
		tags:         map[string]map[string]string{},
	}
}

// Close ends the work on all deployments. They stay as they are, as if the
// machine had been switched off.
func (s *Service) Close() error {
	s.mu.Lock() // nothing is started from here on
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// start runs f until the service closes. The service is locked.
func (s *Service) start(f func()) {
	if s.ctx.Err() == nil {
		s.running.Go(f)
	}
}

func unsupported(what string) error {
	return &types.InvalidInputException{Message: aws.String(what + " is not supported by the embedded AWS, which deploys to Lambda only")}
}

const idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// newDeploymentID returns an id such as d-RGSWBD91L.
func newDeploymentID() string {
	var b strings.Builder
	b.WriteString("d-")
	for range 9 {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(idAlphabet))))
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		b.WriteByte(idAlphabet[n.Int64()])
	}
	return b.String()
}

// newExecutionID returns the id of a hook's execution: opaque, and long enough
// that nobody guesses it.
func newExecutionID() string {
	encode := base64.StdEncoding.EncodeToString
	return encode([]byte(`{"encryptedData":"` + encode(random(48)) + `","ivParameterSpec":"` + encode(random(12)) + `","materialSetSerial":1}`))
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
