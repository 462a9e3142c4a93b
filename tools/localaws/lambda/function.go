package lambda

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"
)

// timestamp is the layout of Lambda's times. They are always in UTC.
const timestamp = "2006-01-02T15:04:05.000-0700"

// A function is guarded by Service.mu, except for its counter.
type function struct {
	name      string
	latest    *version
	published []*version // sorted by number
	last      int        // the last number given; numbers are never reused
	aliases   map[string]*alias
	urls      map[string]*functionURL // by qualifier; "" is the unqualified function
	policies  map[string]*policy      // by qualifier, as in urls
	async     map[string]*eventConfig // by qualifier; "" means $LATEST
	tags      map[string]string
	reserved  *int32

	executions atomic.Int32
}

// A version is a function's code and configuration. Both are immutable: an
// update creates a new $LATEST for the function.
type version struct {
	name     string // of the function
	number   string // "$LATEST" or digits
	arn      string // includes the number, except for $LATEST
	code     *code
	settings settings
	// source is, for a published version, the settings of the $LATEST that it
	// was made from.
	source   settings
	revision string // guarded by Service.mu
	modified string
	function *function

	retired bool // its environments are no longer kept; guarded by host.mu
}

// version returns the version with a number, or nil. "" means $LATEST.
func (f *function) version(number string) *version {
	if number == "" || number == latest {
		return f.latest
	}
	for _, v := range f.published {
		if v.number == number {
			return v
		}
	}
	return nil
}

// newLatest returns a new $LATEST of f.
func (s *Service) newLatest(f *function, c *code, set settings) *version {
	return &version{
		name:     f.name,
		number:   latest,
		arn:      s.arn(f.name, ""),
		code:     c,
		settings: set,
		revision: uuid.NewString(),
		modified: s.account.Clock.Now().UTC().Format(timestamp),
		function: f,
	}
}

// configuration describes v in the API's terms.
func (s *Service) configuration(v *version) lambdatypes.FunctionConfiguration {
	set := v.settings
	c := lambdatypes.FunctionConfiguration{
		Architectures:    []lambdatypes.Architecture{set.Architecture},
		CodeSha256:       aws.String(base64.StdEncoding.EncodeToString(v.code.sha[:])),
		CodeSize:         v.code.size,
		Description:      aws.String(set.Description),
		EphemeralStorage: &lambdatypes.EphemeralStorage{Size: aws.Int32(set.Storage)},
		FunctionArn:      aws.String(v.arn),
		FunctionName:     aws.String(v.name),
		Handler:          aws.String(set.Handler),
		LastModified:     aws.String(v.modified),
		LastUpdateStatus: lambdatypes.LastUpdateStatusSuccessful,
		LoggingConfig:    &lambdatypes.LoggingConfig{LogFormat: set.LogFormat, LogGroup: aws.String(set.LogGroup)},
		MemorySize:       aws.Int32(set.Memory),
		PackageType:      lambdatypes.PackageTypeZip,
		RevisionId:       aws.String(v.revision),
		Role:             aws.String(set.Role),
		Runtime:          set.Runtime,
		RuntimeVersionConfig: &lambdatypes.RuntimeVersionConfig{
			RuntimeVersionArn: aws.String(s.runtimeARN(set.Runtime)),
		},
		SnapStart: &lambdatypes.SnapStartResponse{
			ApplyOn:            lambdatypes.SnapStartApplyOnNone,
			OptimizationStatus: lambdatypes.SnapStartOptimizationStatusOff,
		},
		State:         lambdatypes.StateActive,
		Timeout:       aws.Int32(set.Timeout),
		TracingConfig: &lambdatypes.TracingConfigResponse{Mode: set.Tracing},
		Version:       aws.String(v.number),
	}
	if set.LogFormat == lambdatypes.LogFormatJson {
		c.LoggingConfig.ApplicationLogLevel = set.ApplicationLevel
		c.LoggingConfig.SystemLogLevel = set.SystemLevel
	}
	if set.DeadLetter != "" {
		c.DeadLetterConfig = &lambdatypes.DeadLetterConfig{TargetArn: aws.String(set.DeadLetter)}
	}
	if set.KMSKey != "" {
		c.KMSKeyArn = aws.String(set.KMSKey)
	}
	// A map without variables also gives an environment.
	if set.Variables != nil {
		c.Environment = &lambdatypes.EnvironmentResponse{Variables: maps.Clone(set.Variables)}
	}
	return c
}

func (s *Service) runtimeARN(r lambdatypes.Runtime) string {
	return fmt.Sprintf("arn:aws:lambda:%s::runtime:%x", s.account.Region, sum([]byte(r)))
}

// output copies the configuration of a function or mapping into the output of an
// operation. The output has members with the same names.
func output[T, C any](c C) *T {
	out := new(T)
	from, to := reflect.ValueOf(c), reflect.ValueOf(out).Elem()
	for i := range from.NumField() {
		if field := from.Type().Field(i); field.IsExported() {
			to.FieldByName(field.Name).Set(from.Field(i))
		}
	}
	return out
}

// CreateFunction creates a function from a zip file.
// See https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html.
func (s *Service) CreateFunction(ctx context.Context, in *awslambda.CreateFunctionInput) (*awslambda.CreateFunctionOutput, error) {
	ref, err := s.parse(in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if ref.qualifier != "" {
		return nil, badName(*in.FunctionName)
	}
	set, err := created(in, ref.name)
	if err != nil {
		return nil, err
	}
	if err := s.CheckRuntime(string(in.Runtime)); err != nil {
		return nil, err
	}
	if in.Code == nil {
		return nil, missing("code")
	}
	exists := func() error {
		if s.functions[ref.name] != nil {
			return conflict("Function already exist: %s", ref.name)
		}
		return nil
	}
	s.mu.RLock()
	err = exists()
	s.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	if err := s.checkRole(ctx, ref.name, set.Role); err != nil {
		return nil, err
	}
	c, err := s.fetch(ctx, source{
		zip: in.Code.ZipFile, bucket: in.Code.S3Bucket, key: in.Code.S3Key,
		version: in.Code.S3ObjectVersion, image: in.Code.ImageUri,
	})
	if err != nil {
		return nil, err
	}
	if err := set.runnable(c); err != nil {
		return nil, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ended()
	}
	if err := exists(); err != nil {
		return nil, err
	}
	f := &function{
		name:     ref.name,
		aliases:  map[string]*alias{},
		urls:     map[string]*functionURL{},
		policies: map[string]*policy{},
		async:    map[string]*eventConfig{},
		tags:     maps.Clone(in.Tags),
	}
	if f.tags == nil {
		f.tags = map[string]string{}
	}
	f.latest = s.newLatest(f, c, set)
	s.functions[f.name] = f
	v := f.latest
	if in.Publish {
		v = s.publish(f, set.Description)
	}
	return output[awslambda.CreateFunctionOutput](s.configuration(v)), nil
}

// GetFunction describes a function. It also returns a URL from which the code
// can be downloaded while this process runs.
// See https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html.
func (s *Service) GetFunction(_ context.Context, in *awslambda.GetFunctionInput) (*awslambda.GetFunctionOutput, error) {
	ref, err := s.parse(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, v, err := s.resolve(ref)
	if err != nil {
		return nil, err
	}
	location, err := s.packages.url(v.code)
	if err != nil {
		return nil, err
	}
	c := s.qualified(v, ref)
	out := &awslambda.GetFunctionOutput{
		Code:          &lambdatypes.FunctionCodeLocation{RepositoryType: aws.String("S3"), Location: aws.String(location)},
		Configuration: &c,
	}
	if len(f.tags) > 0 {
		out.Tags = maps.Clone(f.tags)
	}
	if f.reserved != nil {
		out.Concurrency = &lambdatypes.Concurrency{ReservedConcurrentExecutions: aws.Int32(*f.reserved)}
	}
	return out, nil
}

// qualified describes v under the name that the request used. Lambda puts the
// qualifier into the ARN, even if it is $LATEST or an alias.
func (s *Service) qualified(v *version, ref reference) lambdatypes.FunctionConfiguration {
	c := s.configuration(v)
	c.FunctionArn = aws.String(s.arn(ref.name, ref.qualifier))
	return c
}

// GetFunctionConfiguration describes a function.
// See https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html.
func (s *Service) GetFunctionConfiguration(_ context.Context, in *awslambda.GetFunctionConfigurationInput) (*awslambda.GetFunctionConfigurationOutput, error) {
	ref, err := s.parse(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, v, err := s.resolve(ref)
	if err != nil {
		return nil, err
	}
	return output[awslambda.GetFunctionConfigurationOutput](s.qualified(v, ref)), nil
}

// UpdateFunctionCode replaces the code of $LATEST.
// See https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html.
func (s *Service) UpdateFunctionCode(ctx context.Context, in *awslambda.UpdateFunctionCodeInput) (*awslambda.UpdateFunctionCodeOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if in.PublishTo != "" {
		return nil, unsupported("PublishTo")
	}
	s.mu.RLock()
	_, err = s.find(ref)
	s.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	c, err := s.fetch(ctx, source{
		zip: in.ZipFile, bucket: in.S3Bucket, key: in.S3Key, version: in.S3ObjectVersion, image: in.ImageUri,
	})
	if err != nil {
		return nil, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	if err := checkRevision(in.RevisionId, f.latest.revision); err != nil {
		return nil, err
	}
	set := f.latest.settings
	if len(in.Architectures) > 0 {
		if set.Architecture, err = architecture(in.Architectures); err != nil {
			return nil, err
		}
	}
	if err := set.runnable(c); err != nil {
		return nil, err
	}
	v := s.newLatest(f, c, set)
	if !in.DryRun {
		s.replace(f, v)
		if in.Publish {
			v = s.publish(f, set.Description)
		}
	}
	return output[awslambda.UpdateFunctionCodeOutput](s.configuration(v)), nil
}

// UpdateFunctionConfiguration changes the settings of $LATEST.
// See https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, in *awslambda.UpdateFunctionConfigurationInput) (*awslambda.UpdateFunctionConfigurationOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if in.Role != nil {
		if err := s.checkRole(ctx, ref.name, *in.Role); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	if err := checkRevision(in.RevisionId, f.latest.revision); err != nil {
		return nil, err
	}
	set, err := f.latest.settings.updated(in, ref.name)
	if err != nil {
		return nil, err
	}
	if err := s.CheckRuntime(string(set.Runtime)); err != nil {
		return nil, err
	}
	s.replace(f, s.newLatest(f, f.latest.code, set))
	return output[awslambda.UpdateFunctionConfigurationOutput](s.configuration(f.latest)), nil
}

// replace makes v the $LATEST of f. s.mu is held.
func (s *Service) replace(f *function, v *version) {
	old := f.latest
	f.latest = v
	s.host.retire(old)
}

// unqualified parses the name of a function, which must have no qualifier.
func (s *Service) unqualified(name *string) (reference, error) {
	ref, err := s.parse(name, nil)
	if err == nil && ref.qualifier != "" && ref.qualifier != latest {
		err = invalid("This operation does not permit the use of a function ARN qualifier ('%s').", ref.qualifier)
	}
	ref.qualifier = ""
	return ref, err
}

// DeleteFunction deletes a function with all its versions, or one version.
// Invocations in progress still complete.
// See https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html.
func (s *Service) DeleteFunction(_ context.Context, in *awslambda.DeleteFunctionInput) (*awslambda.DeleteFunctionOutput, error) {
	ref, err := s.parse(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The error of this operation names no qualifier.
	f, err := s.find(reference{name: ref.name})
	if err != nil {
		return nil, err
	}
	out := &awslambda.DeleteFunctionOutput{StatusCode: 204}
	if ref.qualifier == "" {
		s.host.retire(append(slices.Clone(f.published), f.latest)...)
		for _, u := range f.urls {
			err = errors.Join(err, u.close())
		}
		if f.reserved != nil {
			s.reserved -= *f.reserved
		}
		delete(s.functions, f.name)
		return out, err
	}
	if ref.qualifier == latest {
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	if !versionNumber.MatchString(ref.qualifier) {
		return nil, invalid("Deletion of aliases is not currently supported.")
	}
	v := f.version(ref.qualifier)
	if v == nil {
		return out, nil
	}
	for _, a := range f.aliases {
		if _, weighted := a.weights[v.number]; weighted || a.version == v.number {
			return nil, conflict("Version %s is currently associated with alias %s, which must be deleted or pointed elsewhere first.", v.arn, a.name)
		}
	}
	f.published = slices.DeleteFunc(f.published, func(p *version) bool { return p == v })
	delete(f.policies, v.number)
	delete(f.async, v.number)
	s.host.retire(v)
	return out, nil
}

// ListFunctions lists functions by name. With FunctionVersion ALL, it also
// lists their versions. It leaves out states and runtime versions, which
// GetFunction returns.
// See https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html.
func (s *Service) ListFunctions(_ context.Context, in *awslambda.ListFunctionsInput) (*awslambda.ListFunctionsOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []lambdatypes.FunctionConfiguration
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		f := s.functions[name]
		if in.FunctionVersion != lambdatypes.FunctionVersionAll {
			all = append(all, s.configuration(f.latest))
			continue
		}
		all = append(all, s.qualified(f.latest, reference{f.name, latest}))
		for _, v := range f.published {
			all = append(all, s.configuration(v))
		}
	}
	page, next, err := paginate(listed(all), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awslambda.ListFunctionsOutput{Functions: page, NextMarker: next}, nil
}

// listed removes from configurations what lists leave out.
func listed(all []lambdatypes.FunctionConfiguration) []lambdatypes.FunctionConfiguration {
	for i := range all {
		all[i].State, all[i].LastUpdateStatus, all[i].RuntimeVersionConfig = "", "", nil
	}
	return all
}

// paginate returns the page of all that begins at marker. A page has 50 items,
// even if the caller asks for more. The marker is an opaque form of the first
// item's number.
func paginate[T any](all []T, marker *string, maxItems *int32) ([]T, *string, error) {
	const prefix = "item-"
	const most = 50
	start, size := 0, most
	if marker != nil && *marker != "" {
		text, err := base64.StdEncoding.DecodeString(*marker)
		if err == nil {
			_, err = fmt.Sscanf(strings.TrimPrefix(string(text), prefix), "%d", &start)
		}
		if err != nil || start < 0 {
			return nil, nil, invalid("Invalid Marker")
		}
	}
	if maxItems != nil {
		size = int(min(max(1, *maxItems), most))
	}
	start = min(start, len(all))
	end := min(start+size, len(all))
	if end == len(all) {
		return all[start:end], nil, nil
	}
	return all[start:end], aws.String(base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s%d", prefix, end))), nil
}
