// Package codedeploy is AWS CodeDeploy for the Lambda compute platform. It
// shifts the traffic of an alias from one version of a function to another on
// the account's clock, runs the hooks of the AppSpec file, and watches alarms.
// A deployment that fails is rolled back by another deployment.
//
// The states, texts and events of a deployment follow runs that were recorded
// on AWS; see testdata.
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

// Functions is Lambda: the aliases whose traffic is shifted, and the hooks.
type Functions interface {
	GetFunction(context.Context, *awslambda.GetFunctionInput) (*awslambda.GetFunctionOutput, error)
	GetAlias(context.Context, *awslambda.GetAliasInput) (*awslambda.GetAliasOutput, error)
	UpdateAlias(context.Context, *awslambda.UpdateAliasInput) (*awslambda.UpdateAliasOutput, error)
	Invoke(context.Context, *awslambda.InvokeInput) (*awslambda.InvokeOutput, error)
}

// Alarms is CloudWatch. If it is also an [AlarmWatcher], changes of state are
// noticed at once instead of at the next poll.
type Alarms interface {
	DescribeAlarms(context.Context, *awscloudwatch.DescribeAlarmsInput) (*awscloudwatch.DescribeAlarmsOutput, error)
}

// An AlarmWatcher reports when alarms have changed their state.
type AlarmWatcher interface {
	WatchAlarms() (changes <-chan struct{}, stop func())
}

// Notifier publishes to the topics of a deployment group's triggers.
type Notifier interface {
	Publish(context.Context, *awssns.PublishInput) (*awssns.PublishOutput, error)
}

// Objects reads AppSpec files from S3.
type Objects interface {
	GetObject(context.Context, *awss3.GetObjectInput) (*awss3.GetObjectOutput, error)
}

// Roles gives a deployment the service role of its group. session names what the
// role is assumed for.
type Roles interface {
	As(ctx context.Context, role, session string) (context.Context, error)
}

// Deps are the services that CodeDeploy uses. Notifier and Objects may be nil;
// triggers and revisions in S3 are then refused. If Roles is nil, CodeDeploy acts
// as itself.
type Deps struct {
	Roles     Roles
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
	order        []*deployment // in order of creation
	tags         map[string]map[string]string
}

// New returns a CodeDeploy that only has AWS's predefined deployment
// configurations for Lambda.
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
	// From here on, nothing is started.
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// start runs f in the background until the service closes. The caller holds the
// service's lock.
func (s *Service) start(f func()) {
	if s.ctx.Err() == nil {
		s.running.Go(f)
	}
}

func unsupported(what string) error {
	return &types.InvalidInputException{Message: aws.String(what + " is not supported by the embedded AWS, which deploys to Lambda only")}
}

const idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// newDeploymentID returns an id, for example d-RGSWBD91L.
func newDeploymentID() string {
	var b strings.Builder
	b.WriteString("d-")
	for range 9 {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(idAlphabet))))
		if err != nil {
			// crypto/rand never fails.
			panic(err)
		}
		b.WriteByte(idAlphabet[n.Int64()])
	}
	return b.String()
}

// newExecutionID returns the id of a hook's execution. It is opaque, and too
// long to guess.
func newExecutionID() string {
	encode := base64.StdEncoding.EncodeToString
	return encode([]byte(`{"encryptedData":"` + encode(random(48)) + `","ivParameterSpec":"` + encode(random(12)) + `","materialSetSerial":1}`))
}

func random(n int) []byte {
	b := make([]byte, n)
	// This never fails.
	_, _ = rand.Read(b)
	return b
}
