// Package localaws is an AWS on one machine. It has the services that are
// needed to deploy and deliver a Lambda, behind one endpoint on loopback.
// Clients use it like AWS.
//
// Each service is a package of its own. Its operations have the signatures of
// aws-sdk-go-v2, and package wire speaks the protocols. State is in memory and
// ends with the server. What is not supported is refused by name.
package localaws

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/apigateway"
	"github.com/magewright/magewright/tools/localaws/apigatewayv2"
	"github.com/magewright/magewright/tools/localaws/cloudformation"
	"github.com/magewright/magewright/tools/localaws/cloudformation/types"
	"github.com/magewright/magewright/tools/localaws/cloudwatch"
	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/localaws/codeconnections"
	"github.com/magewright/magewright/tools/localaws/codedeploy"
	"github.com/magewright/magewright/tools/localaws/codepipeline"
	"github.com/magewright/magewright/tools/localaws/delivery"
	"github.com/magewright/magewright/tools/localaws/dynamodb"
	"github.com/magewright/magewright/tools/localaws/ecr"
	"github.com/magewright/magewright/tools/localaws/events"
	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/iam"
	"github.com/magewright/magewright/tools/localaws/isolation"
	"github.com/magewright/magewright/tools/localaws/kms"
	"github.com/magewright/magewright/tools/localaws/lambda"
	"github.com/magewright/magewright/tools/localaws/logs"
	"github.com/magewright/magewright/tools/localaws/mirror"
	"github.com/magewright/magewright/tools/localaws/principal"
	"github.com/magewright/magewright/tools/localaws/s3"
	"github.com/magewright/magewright/tools/localaws/scheduler"
	"github.com/magewright/magewright/tools/localaws/secretsmanager"
	"github.com/magewright/magewright/tools/localaws/sigv4"
	"github.com/magewright/magewright/tools/localaws/sns"
	"github.com/magewright/magewright/tools/localaws/sqs"
	"github.com/magewright/magewright/tools/localaws/ssm"
	"github.com/magewright/magewright/tools/localaws/sts"
	"github.com/magewright/magewright/tools/localaws/wire"
)

// DefaultRegion is the region of an embedded AWS that is given no other.
const DefaultRegion = "us-east-1"

// Config configures an embedded AWS. Its zero value is one on a free port, with IAM
// enforced, whose waits take as long as AWS's.
type Config struct {
	Addr string // host:port on loopback; if it is empty or the port is 0, a free port is used
	// Region is the one region served. If it is empty, it is DefaultRegion.
	Region string
	// Clock is the clock for AWS's waits. If it is nil, time passes Speed times as fast
	// while CodeDeploy shifts traffic or CloudFormation waits for a custom resource, and
	// at other times as it does; zero is 1.
	Clock clock.Clock
	Speed float64
	Log   *slog.Logger // nil discards everything

	Seed []byte // see [account.Account]; may be nil
	// IAM says what happens to requests that no policy allows.
	IAM access.Mode
	// Secret is the secret access key of the account's user. If it is empty, it is
	// random, and only who gets it from the server can use the endpoint.
	Secret string
	Builds int // how many builds run at once; zero means the default of package codebuild
	// Pushes is how often CodePipeline looks for pushes to the repositories of connections,
	// in real time. If it is zero, pushes start no pipelines.
	Pushes time.Duration
	// AnswerTime is how long CloudFormation delays its answer while a stack
	// changes, in real time.
	AnswerTime time.Duration
	// Node runs functions in JavaScript.
	Node lambda.Node
	// Forward hands the requests for services to other endpoints on this machine: URLs
	// by signing name, such as dynamodb. What they do is not rehearsed.
	Forward map[string]string
	// BuildDir holds a directory for each build project and action, so that
	// each build finds the same paths as the previous one. If it is empty, or
	// another endpoint uses it, builds have their own directories.
	BuildDir string
	// Isolation is what functions and builds run in. If it is nil, they run as this program
	// does.
	Isolation isolation.Isolation
}

// A ManualClock stands still until its Advance moves it. A test that steps it calls
// [Server.Flush] before each step.
type ManualClock = clock.Manual

// NewManualClock returns a clock that stands at now.
func NewManualClock(now time.Time) *ManualClock { return clock.NewManual(now) }

// regionName matches the names of AWS's regions, present and future.
var regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]$`)

// CheckRegion returns an error if a name can't be a region's.
func CheckRegion(name string) error {
	if !regionName.MatchString(name) {
		return fmt.Errorf("%q is not the name of a region, such as %s", name, DefaultRegion)
	}
	return nil
}

// A Server is a running embedded AWS.
type Server struct {
	URL    string // the endpoint, for example http://127.0.0.1:4566
	Region string // the region served

	secret string // of the account's user
	dir    string
	tables *dynamodb.Service
	http   *http.Server
	served chan error
	guard  *access.Guard

	signatures sigv4.Verifier
	sessions   *sts.Service
	shown      Services
	console    atomic.Pointer[http.Handler]
	life       context.Context // ends when Close begins
	end        context.CancelFunc
	lambda     *lambda.Service
	queues     *sqs.Service
	gateway    *executeapi.Gateway
	closers    []io.Closer // in the order in which they must be closed
	stopping   atomic.Bool
}

// A gate refuses all requests once the server is stopping, and asks the guard
// about the others. The refusal is a
// client fault, because SDKs would retry a server fault for minutes.
type gate struct {
	wire.Authenticator
	*access.Guard

	server *Server
}

func (g gate) Verify(r *http.Request, body []byte) (principal.Principal, error) {
	if g.server.stopping.Load() {
		return principal.Principal{}, &smithy.GenericAPIError{
			Code: "ServiceUnavailableException", Fault: smithy.FaultClient,
			Message: "The embedded AWS is stopping. Its state is in memory and is lost.",
		}
	}
	return g.Authenticator.Verify(r, body)
}

// Start starts an embedded AWS. Close ends it and every process that it has started.
func Start(ctx context.Context, c Config) (_ *Server, err error) {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	c.Region = cmp.Or(c.Region, DefaultRegion)
	if err := CheckRegion(c.Region); err != nil {
		return nil, err
	}
	if c.Clock == nil {
		c.Clock = clock.NewElastic(cmp.Or(c.Speed, 1))
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	listener, err := listen(ctx, c.Isolation, c.Addr)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "magewright-aws-")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a directory for the embedded AWS: %w", err), listener.Close())
	}
	s := &Server{URL: "http://" + listener.Addr().String(), Region: c.Region, secret: cmp.Or(c.Secret, rand.Text()), dir: dir, served: make(chan error, 1)}
	s.life, s.end = context.WithCancel(context.Background())
	a := account.Account{
		ID:       account.DefaultID,
		Region:   c.Region,
		Endpoint: s.URL,
		Dir:      dir,
		Clock:    c.Clock,
		Log:      c.Log,
		Seed:     c.Seed,

		Isolation: c.Isolation,
	}
	services := s.services(a, c)
	if err := checkForward(c.Forward, services); err != nil {
		return nil, errors.Join(err, listener.Close(), os.RemoveAll(dir))
	}
	handler, err := wire.NewHandler(a, gate{s.signatures, s.guard, s}, forwarded(services, c.Forward)...)
	if err != nil {
		return nil, errors.Join(err, listener.Close(), os.RemoveAll(dir))
	}
	s.http = &http.Server{Handler: s.gateway.Hosts(s.consoleOr(guard(handler))), ReadHeaderTimeout: 10 * time.Second}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// listen refuses an address that other machines can reach.
func listen(ctx context.Context, i isolation.Isolation, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("listening on %q: the embedded AWS is only for this machine; use an address in 127.0.0.0/8", addr)
	}
	listener, err := isolation.Listen(ctx, i, addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", addr, err)
	}
	return listener, nil
}

// lateFunctions stands for Lambda before it exists: SNS and Lambda need each other.
type lateFunctions struct{ guardedLambda }

// lateMetrics stands for CloudWatch before it exists: alarms notify topics, which
// deliver to queues, which have metrics.
type lateMetrics struct{ *cloudwatch.Service }

// services creates the services and connects them.
func (s *Server) services(a account.Account, c Config) []wire.Service {
	identities := iam.New(a)
	sessions := sts.New(a, s.secret)
	s.guard = access.New(a, c.IAM, identities)
	sessions.Roles, sessions.Guard = identities, s.guard
	objects := s3.New(a)
	objects.Authorize = s.guard.Authorize
	logGroups := logs.New(a)
	parameters := ssm.New(a)
	secrets := secretsmanager.New(a)
	keys := kms.New(a)
	repositories := ecr.New(a)
	connections := codeconnections.New(a)

	// What one service does to another is authorized, too.
	g := s.gatekeeper(c.Forward)
	guardedObjects, guardedParameters, guardedSecrets := guardedS3{objects, g}, guardedSsm{parameters, g}, guardedSecretsmanager{secrets, g}

	functions := &lateFunctions{guardedLambda{guard: g}}
	measured := &lateMetrics{}
	queues := sqs.New(a, sqs.Deps{Metrics: measured})
	guardedQueues := guardedSqs{queues, g}
	topics := sns.New(a, sns.Deps{Functions: functions, Queues: guardedQueues})
	guardedTopics := guardedSns{topics, g}
	targets := delivery.Deps{Topics: guardedTopics, Functions: functions, Queues: guardedQueues, Roles: sessions}
	bus := events.New(a, events.Deps{Deps: targets, Metrics: measured})
	metrics := cloudwatch.New(a, cloudwatch.Deps{Notifier: guardedTopics, Functions: functions})
	measured.Service = metrics
	logGroups.Observe(metrics.Embedded)
	logGroups.Targets = logs.Targets{Metrics: metrics, Functions: functions}
	tables := dynamodb.New(a, dynamodb.Deps{Metrics: metrics})
	s.tables = tables
	s.signatures = sigv4.Verifier{Region: a.Region, Keys: sessions, Clock: clock.System()}
	functions.Service = lambda.New(a, lambda.Deps{
		Objects: guardedObjects, Metrics: metrics, Logs: logGroups, Roles: sessions, Topics: guardedTopics, Queues: guardedQueues,
		Streams: guardedStreams{tables.Streams(), g}, Verifier: s.signatures, Access: s.guard, Node: c.Node,
	})
	deployments := codedeploy.New(a, codedeploy.Deps{
		Roles: sessions, Functions: functions, Alarms: guardedCloudwatch{metrics, g}, Notifier: guardedTopics, Objects: guardedObjects,
	})
	s.gateway = executeapi.New(a, executeapi.Deps{Functions: functions, Metrics: metrics, Logs: logGroups})
	restAPIs := apigateway.New(a, apigateway.Deps{Gateway: s.gateway, Verifier: s.signatures, Roles: sessions})
	httpAPIs := apigatewayv2.New(a, apigatewayv2.Deps{Gateway: s.gateway, Verifier: s.signatures, Objects: objects})
	mirrors := mirror.New(a.Dir)
	builds := codebuild.New(a, codebuild.Deps{
		Objects: guardedObjects, Parameters: guardedParameters, Secrets: guardedSecrets, Logs: guardedLogs{logGroups, g},
		Roles: sessions, Connections: usedConnections{connections, s.guard}, Events: bus, Mirrors: mirrors,
		Concurrency: c.Builds, Dir: c.BuildDir,
	})
	pipelines := codepipeline.New(a, codepipeline.Deps{
		Roles: sessions, Objects: guardedObjects, Builds: guardedBuilds{guardedCodebuild{builds, g}}, Connections: usedConnections{connections, s.guard},
		Deployments: guardedDeployments{guardedCodedeploy{deployments, g}}, Functions: functions, Alarms: guardedCloudwatch{metrics, g}, Notifier: guardedTopics, Events: bus, Mirrors: mirrors, Pushes: c.Pushes,
	})
	bus.SetPipelines(guardedCodepipeline{pipelines, g})
	targets.Buses, targets.Pipelines = guardedEvents{bus, g}, guardedCodepipeline{pipelines, g}
	objects.Sender = &delivery.Sender{Account: a, Deps: targets, Service: s3.ServicePrincipal}
	schedules := scheduler.New(a, scheduler.Deps{Deps: targets, Metrics: measured})
	stacks := cloudformation.New(a, cloudformation.Deps{
		Parameters: guardedParameters,
		Secrets:    guardedSecrets,
		Objects:    guardedObjects,
		Roles:      sessions,
		Addresses:  s.gateway.Addresses,
		AnswerTime: c.AnswerTime,
		Authorize: func(ctx context.Context, operation string, in any) error {
			return g.Internal(ctx, "cloudformation", operation, in)
		},
		Types: types.Registry(types.Deps{
			Account: a, Buckets: guardedObjects, Repositories: guardedEcr{repositories, g}, Identities: guardedIam{identities, g},
			Keys: guardedKms{keys, g}, Parameters: guardedParameters, Secrets: guardedSecrets, Tables: guardedDynamodb{tables, g}, Functions: functions,
			Logs: guardedLogs{logGroups, g}, Alarms: guardedCloudwatch{metrics, g}, Topics: guardedTopics, Queues: guardedQueues, Events: guardedEvents{bus, g}, Schedules: guardedScheduler{schedules, g},
			Deployments: guardedCodedeploy{deployments, g}, Builds: guardedCodebuild{builds, g},
			Pipelines: guardedCodepipeline{pipelines, g}, Connections: guardedCodeconnections{connections, g}, HTTPAPIs: httpAPIs, RestAPIs: restAPIs,
			Objects: guardedObjects, Responses: s.responses(objects), CheckPipelineStep: codepipeline.CheckStep, CheckRuntime: functions.CheckRuntime, Forward: c.Forward,
		}),
	})
	pipelines.SetStacks(guardedCloudformation{stacks, g})
	s.guard.Connect(access.World{
		Roles: identities, Keys: keys, Secrets: secrets, Stacks: stacks, Deployments: deployments,
		Functions: functions.Service, Buckets: objects, Topics: topics, Queues: queues, Streams: tables.Streams(), Repositories: repositories, Buses: bus,
	})
	s.lambda, s.queues, s.sessions = functions.Service, queues, sessions
	s.shown = Services{
		Pipelines: pipelines, Builds: builds, Deployments: deployments, Stacks: stacks, Functions: functions.Service, Metrics: metrics,
		Logs: logGroups, Topics: topics, Queues: queues, Tables: tables, Parameters: parameters, Buckets: objects, Requests: s.guard.Requests(),
	}
	// Services that start work are closed before the services that do it.
	s.closers = []io.Closer{s.gateway, schedules, pipelines, builds, stacks, objects, logGroups, deployments, metrics, bus, functions, topics, queues, tables}
	return []wire.Service{
		{Name: "sts", Impl: sessions},
		{Name: "iam", Impl: identities},
		{Name: "s3", Handler: objects, Refuse: objects.Refuse},
		{Name: "kms", Impl: keys},
		{Name: "ssm", Impl: parameters},
		{Name: "secretsmanager", Impl: secrets},
		{Name: "sns", Impl: topics},
		{Name: "sqs", Impl: queues},
		{Name: "logs", Impl: logGroups},
		{Name: "events", Impl: bus},
		{Name: "scheduler", Impl: schedules},
		{Name: "dynamodb", Impl: tables},
		{Name: "dynamodbstreams", Impl: tables.Streams()},
		{Name: "ecr", Impl: repositories},
		{Name: "monitoring", Impl: metrics},
		{Name: "lambda", Impl: functions.Service},
		{Name: "apigateway", Impl: restAPIs},
		{Name: "apigatewayv2", Impl: httpAPIs},
		{Name: "cloudformation", Impl: stacks},
		{Name: "codedeploy", Impl: deployments},
		{Name: "codebuild", Impl: builds},
		{Name: "codepipeline", Impl: pipelines},
		{Name: "codeconnections", Impl: connections},
		{Name: "codestar-connections", Impl: connections.CodeStar()},
	}
}

// responses returns where custom resources put their answers. The URLs are signed as
// the account's user.
func (s *Server) responses(objects *s3.Service) types.Responses {
	client := awss3.NewFromConfig(s.Client(), func(o *awss3.Options) { o.UsePathStyle = true })
	return responses{objects, awss3.NewPresignClient(client)}
}

type responses struct {
	*s3.Service
	urls *awss3.PresignClient
}

// PresignPut returns a URL for one day.
func (r responses) PresignPut(ctx context.Context, bucket, key string) (string, error) {
	request, err := r.urls.PresignPutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: &key}, awss3.WithPresignExpires(24*time.Hour))
	if err != nil {
		return "", fmt.Errorf("signing the URL of %s: %w", key, err)
	}
	return request.URL, nil
}

// answerTime is how long requests in progress may take to write their answers
// after the services have ended.
const answerTime = 2 * time.Second

// Close refuses new requests, and ends the services and their processes. It
// lets the requests in progress answer with their errors, and then ends the
// endpoint. All state is then gone: an endpoint that is started again at the
// same address has none of its resources.
func (s *Server) Close() error {
	s.stopping.Store(true)
	s.end()
	var errs []error
	for _, closer := range s.closers {
		errs = append(errs, closer.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	// A client does not read its answer.
	if err := s.http.Shutdown(ctx); err != nil {
		errs = append(errs, s.http.Close())
	}
	if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// Flush waits until functions have processed the messages that they can receive.
// Then it sends the metrics of queues and APIs, access logs, and the metrics and log
// lines of all answered invocations, which would otherwise arrive a moment later. A
// test that steps the endpoint's clock must call it before each step, or they would
// be late.
func (s *Server) Flush(ctx context.Context) {
	// The context has ended, so there is nothing more to wait for.
	_ = s.lambda.Settle(ctx)
	s.lambda.Flush(ctx)
	s.queues.Flush(ctx)
	s.tables.Flush(ctx)
	s.gateway.Flush(ctx)
}

// Access returns what IAM decided so far.
func (s *Server) Access() access.Summary { return s.guard.Summary() }

// Without takes a statement, given by its text, away from a role until it is called
// again, with "" for no statement. It is for tests that ask what a statement is needed for.
func (s *Server) Without(role, statement string) { s.guard.Without(role, statement) }

// Credentials returns the key of the account's user. The secret is another one
// for each server: who does not know it can't use the endpoint, even on this
// machine.
func (s *Server) Credentials() aws.Credentials {
	return aws.Credentials{
		// The key contains the endpoint, because clients cache accounts by
		// access key and must not confuse two endpoints.
		AccessKeyID: "MAGEWRIGHT" + strings.Map(digits, s.URL), SecretAccessKey: s.secret, Source: "the embedded AWS",
	}
}

// Client returns the configuration of an SDK's client of the endpoint.
func (s *Server) Client() aws.Config {
	key := s.Credentials()
	return aws.Config{
		Region: s.Region, BaseEndpoint: aws.String(s.URL),
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	}
}

// Environment returns the environment variables that make unmodified clients
// use the embedded AWS, and nothing else.
func (s *Server) Environment() map[string]string {
	return Environment(s.URL, s.Region, s.Credentials())
}

// Environment returns the environment variables that make unmodified clients
// use an endpoint with a key, and nothing else.
func Environment(endpoint, region string, key aws.Credentials) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":            endpoint,
		"AWS_ACCESS_KEY_ID":           key.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":       key.SecretAccessKey,
		"AWS_REGION":                  region,
		"AWS_DEFAULT_REGION":          region,
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	}
}

func digits(r rune) rune {
	if r >= '0' && r <= '9' {
		return r
	}
	return -1
}

// Exports returns [Environment] and the CDK context as shell commands.
func Exports(endpoint, region string, key aws.Credentials, context map[string]any) string {
	variables := Environment(endpoint, region, key)
	encoded, err := json.Marshal(context)
	if err != nil {
		// A map of strings can always be encoded.
		panic(err)
	}
	variables["CDK_CONTEXT_JSON"] = "'" + string(encoded) + "'"
	var names []string
	for name := range variables {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		// This never fails.
		_, _ = fmt.Fprintf(&b, "export %s=%s\n", name, variables[name])
	}
	return b.String()
}

// HostContext returns the CDK context for building functions that run on this
// machine. The embedded AWS runs functions as processes.
func HostContext() map[string]any {
	return map[string]any{"architecture": string(lambda.HostArchitecture()), "goos": runtime.GOOS}
}
