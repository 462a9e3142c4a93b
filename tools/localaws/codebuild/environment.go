package codebuild

import (
	"context"
	"encoding/json"
	"fmt"
	gobuild "go/build"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/localaws/buildspec"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// provision makes a directory for the build and gets its role's credentials.
func (s *Service) provision(ctx context.Context, b *build, w *workplace) error {
	if err := os.MkdirAll(w.dir, 0o755); err != nil { // #nosec G301 -- as any checkout
		return fmt.Errorf("making a directory for the build: %w", err)
	}
	if err := makeHome(w.home()); err != nil {
		return err
	}
	if b.commands() == nil {
		if err := b.log.open(ctx); err != nil {
			return &phaseError{"CLIENT_ERROR", fmt.Errorf("creating the log stream: %w", err)}
		}
	}
	for _, line := range b.describe() {
		b.log.say("%s", line)
	}
	role := aws.ToString(b.project.ServiceRole)
	out, err := s.assume(ctx, b, role)
	if err != nil {
		return &phaseError{"ACCESS_DENIED", fmt.Errorf("assuming the service role %s: %w", role, err)}
	}
	c := out.Credentials
	w.credentials = []string{
		"AWS_ACCESS_KEY_ID=" + aws.ToString(c.AccessKeyId),
		"AWS_SECRET_ACCESS_KEY=" + aws.ToString(c.SecretAccessKey),
		"AWS_SESSION_TOKEN=" + aws.ToString(c.SessionToken),
	}
	w.mask = []string{aws.ToString(c.AccessKeyId), aws.ToString(c.SecretAccessKey), aws.ToString(c.SessionToken)}
	w.role = principal.Principal{Account: s.account.ID, AccessKeyID: aws.ToString(c.AccessKeyId), Role: role}
	if u := out.AssumedRoleUser; u != nil {
		w.role.ARN, w.role.UserID = aws.ToString(u.Arn), aws.ToString(u.AssumedRoleId)
	}
	if b.commands() != nil {
		if err := b.log.open(principal.NewContext(ctx, w.role)); err != nil {
			return &phaseError{"ACCESS_DENIED", fmt.Errorf("Service role %s does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams for build %s. Error message: %w", role, *b.api.Arn, err)}
		}
	}
	return nil
}

// assume issues the credentials of a build's role.
func (s *Service) assume(ctx context.Context, b *build, role string) (*awssts.AssumeRoleOutput, error) {
	session := "AWSCodeBuild-" + b.uuid
	if c := b.commands(); c != nil && c.Assume != nil {
		return c.Assume(session)
	}
	return s.deps.Roles.AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &session})
}

// places are the variables that say where the user's home and settings are. A build has its
// own.
var places = []string{"HOME", "XDG_CONFIG_HOME", "USERPROFILE"}

// hostEnviron returns those of this host's variables that a build may see: what programs
// need to run. It also exempts loopback from proxies.
func hostEnviron(host []string) []string {
	const loopback = "127.0.0.1,localhost,::1"
	var env []string
	proxied, exempt := false, false
	for _, v := range host {
		name, value, _ := strings.Cut(v, "=")
		switch upper := strings.ToUpper(name); {
		case !command.Needs(name) || slices.Contains(places, name):
			continue
		case upper == "NO_PROXY":
			exempt = true
			v = name + "=" + strings.TrimPrefix(value+","+loopback, ",")
		case strings.HasSuffix(upper, "_PROXY"):
			proxied = true
		}
		env = append(env, v)
	}
	if proxied && !exempt {
		env = append(env, "NO_PROXY="+loopback, "no_proxy="+loopback)
	}
	return env
}

// moduleCache returns where this user's Go modules are by default, or "" if there are none.
// Without -trimpath, which go tool does not have, the go command compiles a module again for
// each path that it is at, so builds must find modules where the user does.
// See https://go.dev/ref/mod#module-cache.
func moduleCache() string {
	for _, dir := range filepath.SplitList(gobuild.Default.GOPATH) {
		if modules := filepath.Join(dir, "pkg", "mod"); isDir(modules) {
			return modules
		}
	}
	return ""
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// environ returns the environment that the build's variables are added to.
// See https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html.
func (s *Service) environ(b *build, w *workplace) []string {
	env := append(hostEnviron(os.Environ()), s.awsEnviron(w)...)
	env = append(env, "HOME="+w.home(), "USERPROFILE="+w.home())
	chosen := slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "GOMODCACHE=") && v != "GOMODCACHE=" })
	if modules := moduleCache(); modules != "" && !chosen {
		env = append(env, "GOMODCACHE="+modules)
	}
	started := b.api.StartTime.UnixMilli()
	for name, value := range map[string]string{
		"CODEBUILD_BUILD_ARN":               *b.api.Arn,
		"CODEBUILD_BUILD_ID":                *b.api.Id,
		"CODEBUILD_BUILD_IMAGE":             *b.project.Environment.Image,
		"CODEBUILD_BUILD_NUMBER":            strconv.FormatInt(*b.api.BuildNumber, 10),
		"CODEBUILD_CI":                      "true",
		"CODEBUILD_INITIATOR":               *b.api.Initiator,
		"CODEBUILD_KMS_KEY_ID":              aws.ToString(b.project.EncryptionKey),
		"CODEBUILD_LOG_PATH":                b.log.stream,
		"CODEBUILD_PROJECT_ARN":             *b.project.Arn,
		"CODEBUILD_RESOLVED_SOURCE_VERSION": w.resolved,
		"CODEBUILD_SOURCE_REPO_URL":         w.repository,
		"CODEBUILD_SOURCE_VERSION":          aws.ToString(b.api.SourceVersion),
		"CODEBUILD_START_TIME":              strconv.FormatInt(started, 10),
	} {
		env = append(env, name+"="+value)
	}
	for name, dir := range w.secondary {
		env = append(env, "CODEBUILD_SRC_DIR_"+name+"="+dir)
	}
	return env
}

// awsEnviron returns the variables that direct every AWS client of the build to
// this embedded AWS, as the build's role. They also hide the user's own
// configuration, so that no client falls back to it.
func (s *Service) awsEnviron(w *workplace) []string {
	return append([]string{
		"AWS_ENDPOINT_URL=" + s.account.Endpoint,
		"AWS_REGION=" + s.account.Region,
		"AWS_DEFAULT_REGION=" + s.account.Region,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}, w.credentials...)
}

// resolve reads the values of the build's variables. It refuses variables that
// would direct a client away from this embedded AWS.
func (s *Service) resolve(ctx context.Context, b *build, w *workplace) error {
	var overrides []buildspec.Variable
	for _, v := range b.variables {
		from := buildspec.Source(v.Type)
		if from == "" {
			from = buildspec.Plaintext
		}
		overrides = append(overrides, buildspec.Variable{Name: aws.ToString(v.Name), Value: aws.ToString(v.Value), From: from})
	}
	env, err := w.spec.Resolve(ctx, lookup{s}, overrides...)
	if err != nil {
		return err
	}
	fixed := map[string]bool{}
	for _, v := range s.awsEnviron(w) {
		name, _, _ := strings.Cut(v, "=")
		fixed[name] = true
	}
	for name := range env.Values {
		if fixed[name] || strings.HasPrefix(name, "AWS_ENDPOINT_URL") || name == "AWS_PROFILE" {
			b.log.say("Warning: %s is not set, because it would direct clients away from the embedded AWS", name)
			delete(env.Values, name)
		}
	}
	w.environment = env
	return nil
}

// A lookup reads parameters and secrets from this account's services.
type lookup struct{ s *Service }

// Parameter implements [buildspec.Lookup].
func (l lookup) Parameter(ctx context.Context, name string) (string, error) {
	out, err := l.s.deps.Parameters.GetParameters(ctx, &awsssm.GetParametersInput{Names: []string{name}, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("reading parameter %s: %w", name, err)
	}
	if len(out.Parameters) == 0 {
		return "", fmt.Errorf("reading parameter %s: Parameter does not exist", name)
	}
	return aws.ToString(out.Parameters[0].Value), nil
}

// Secret implements [buildspec.Lookup].
func (l lookup) Secret(ctx context.Context, ref buildspec.SecretRef) (string, error) {
	in := &awssecretsmanager.GetSecretValueInput{SecretId: aws.String(ref.ID)}
	if ref.Stage != "" {
		in.VersionStage = aws.String(ref.Stage)
	}
	if ref.Version != "" {
		in.VersionId = aws.String(ref.Version)
	}
	out, err := l.s.deps.Secrets.GetSecretValue(ctx, in)
	if err != nil {
		return "", fmt.Errorf("reading secret %s: %w", ref.ID, err)
	}
	if out.SecretString == nil {
		return "", fmt.Errorf("reading secret %s: it is binary", ref.ID)
	}
	if ref.JSONKey == "" {
		return *out.SecretString, nil
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(*out.SecretString), &values); err != nil {
		return "", fmt.Errorf("reading key %s of secret %s: the secret is not a JSON object", ref.JSONKey, ref.ID)
	}
	switch v := values[ref.JSONKey].(type) {
	case string:
		return v, nil
	case nil:
		return "", fmt.Errorf("reading secret %s: it has no key %s", ref.ID, ref.JSONKey)
	default:
		text, err := json.Marshal(v)
		return string(text), err
	}
}

// inline reports whether a project's buildspec is the text itself, not a file name.
func inline(text string) bool {
	return strings.Contains(text, "\n") || strings.HasPrefix(text, "{") || strings.HasPrefix(text, "version:")
}

// specFile returns the name and location of a project's buildspec.
func specFile(source *cbtypes.ProjectSource) string {
	if name := aws.ToString(source.Buildspec); name != "" {
		return path.Clean(name)
	}
	return "buildspec.yml"
}
