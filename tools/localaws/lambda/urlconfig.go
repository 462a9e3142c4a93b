package lambda

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/localaws/isolation"
)

// A functionURL answers HTTP requests by invoking a function or an alias. While
// it exists, it has its own port on loopback, so that any client can resolve its name.
// See https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html.
type functionURL struct {
	service *Service
	id      string // as in <id>.lambda-url.us-east-1.on.aws
	ref     reference
	url     string // with a slash at the end
	created time.Time
	server  *http.Server
	config  atomic.Pointer[urlConfig]
}

// A urlConfig holds the settings of a function URL that can be changed. A
// change replaces it with another urlConfig.
type urlConfig struct {
	auth     lambdatypes.FunctionUrlAuthType
	cors     *lambdatypes.Cors
	modified time.Time
}

// close closes the URL at once. Requests in progress are still answered.
func (u *functionURL) close() error {
	ended, end := context.WithCancel(u.service.life)
	// Otherwise Shutdown would wait for them.
	end()
	if err := u.server.Shutdown(ended); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// describe returns the URL in the API's form.
func (u *functionURL) describe() lambdatypes.FunctionUrlConfig {
	c := u.config.Load()
	return lambdatypes.FunctionUrlConfig{
		AuthType:         c.auth,
		Cors:             cloneCORS(c.cors),
		CreationTime:     aws.String(u.created.UTC().Format(urlTime)),
		LastModifiedTime: aws.String(c.modified.UTC().Format(urlTime)),
		FunctionArn:      aws.String(u.service.arn(u.ref.name, u.ref.qualifier)),
		FunctionUrl:      aws.String(u.url),
		InvokeMode:       lambdatypes.InvokeModeBuffered,
	}
}

const urlTime = "2006-01-02T15:04:05.000000000Z"

// cloneCORS returns a copy of c, or nil if c sets nothing: an empty
// configuration removes the present one.
func cloneCORS(c *lambdatypes.Cors) *lambdatypes.Cors {
	if c == nil || c.AllowCredentials == nil && c.MaxAge == nil && len(c.AllowHeaders)+len(c.AllowMethods)+len(c.AllowOrigins)+len(c.ExposeHeaders) == 0 {
		return nil
	}
	out := &lambdatypes.Cors{
		AllowHeaders: slices.Clone(c.AllowHeaders), AllowMethods: slices.Clone(c.AllowMethods),
		AllowOrigins: slices.Clone(c.AllowOrigins), ExposeHeaders: slices.Clone(c.ExposeHeaders),
	}
	if c.AllowCredentials != nil {
		out.AllowCredentials = aws.Bool(*c.AllowCredentials)
	}
	if c.MaxAge != nil {
		out.MaxAge = aws.Int32(*c.MaxAge)
	}
	return out
}

// parseURL parses the name of a function or alias that a function URL belongs to.
func (s *Service) parseURL(name, qualifier *string) (reference, error) {
	ref, err := s.parse(name, qualifier)
	if err == nil && (ref.qualifier == latest || versionNumber.MatchString(ref.qualifier)) {
		err = validation(`Value '%s' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)`, ref.qualifier)
	}
	return ref, err
}

func checkURL(auth lambdatypes.FunctionUrlAuthType, mode lambdatypes.InvokeMode, cors *lambdatypes.Cors) error {
	if mode == lambdatypes.InvokeModeResponseStream {
		return unsupported("InvokeMode RESPONSE_STREAM")
	}
	if !slices.Contains(auth.Values(), auth) {
		return validation("Value '%s' at 'authType' failed to satisfy constraint: Member must satisfy enum value set: [NONE, AWS_IAM]", auth)
	}
	if cors == nil {
		return nil
	}
	for _, method := range cors.AllowMethods {
		// AWS has this limit: OPTIONS can't be named, and need not be.
		if len(method) > 6 {
			return validation("Value '%v' at 'cors.allowMethods' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 6, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: .*, Member must not be null]", cors.AllowMethods)
		}
	}
	if cors.MaxAge != nil && (*cors.MaxAge < 0 || *cors.MaxAge > 86400) {
		return validation("Value '%d' at 'cors.maxAge' failed to satisfy constraint: Member must have value between 0 and 86400", *cors.MaxAge)
	}
	return nil
}

// CreateFunctionUrlConfig gives a function or an alias a URL.
// See https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html.
func (s *Service) CreateFunctionUrlConfig(_ context.Context, in *awslambda.CreateFunctionUrlConfigInput) (*awslambda.CreateFunctionUrlConfigOutput, error) {
	ref, err := s.parseURL(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := checkURL(in.AuthType, in.InvokeMode, in.Cors); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ended()
	}
	f, err := s.findForURL(ref)
	if err != nil {
		return nil, err
	}
	if f.urls[ref.qualifier] != nil {
		return nil, conflict("Failed to create function url config for [functionArn = %s]. Error message:  FunctionUrlConfig exists for this Lambda function", s.arn(ref.name, ref.qualifier))
	}
	l, err := isolation.Listen(s.life, s.account.Isolation, "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a function URL: %w", err)
	}
	now := s.account.Clock.Now()
	u := &functionURL{
		service: s, id: strings.ToLower(randomHex(16)), ref: ref, url: "http://" + l.Addr().String() + "/", created: now,
	}
	u.config.Store(&urlConfig{auth: in.AuthType, cors: cloneCORS(in.Cors), modified: now})
	u.server = &http.Server{Handler: u, ReadHeaderTimeout: time.Minute}
	s.background.Go(func() {
		if err := u.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.account.Log.Warn("serving a function URL", "function", ref.name, "error", err)
		}
	})
	f.urls[ref.qualifier] = u
	c := u.describe()
	return &awslambda.CreateFunctionUrlConfigOutput{
		AuthType: c.AuthType, Cors: c.Cors, CreationTime: c.CreationTime, FunctionArn: c.FunctionArn,
		FunctionUrl: c.FunctionUrl, InvokeMode: c.InvokeMode,
	}, nil
}

// findForURL returns the function that owns a URL, or whose alias does. The URL
// need not exist yet. s.mu is held.
func (s *Service) findForURL(ref reference) (*function, error) {
	f := s.functions[ref.name]
	if f == nil || ref.qualifier != "" && f.aliases[ref.qualifier] == nil {
		return nil, notFound("Function does not exist")
	}
	return f, nil
}

// findURL returns a function URL. s.mu is held.
func (s *Service) findURL(ref reference) (*function, *functionURL, error) {
	f := s.functions[ref.name]
	if f == nil || f.urls[ref.qualifier] == nil {
		return nil, nil, notFound("The resource you requested does not exist.")
	}
	return f, f.urls[ref.qualifier], nil
}

// GetFunctionUrlConfig describes a function URL.
// See https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionUrlConfig.html.
func (s *Service) GetFunctionUrlConfig(_ context.Context, in *awslambda.GetFunctionUrlConfigInput) (*awslambda.GetFunctionUrlConfigOutput, error) {
	ref, err := s.parseURL(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, u, err := s.findURL(ref)
	if err != nil {
		return nil, err
	}
	c := u.describe()
	return &awslambda.GetFunctionUrlConfigOutput{
		AuthType: c.AuthType, Cors: c.Cors, CreationTime: c.CreationTime, FunctionArn: c.FunctionArn,
		FunctionUrl: c.FunctionUrl, InvokeMode: c.InvokeMode, LastModifiedTime: c.LastModifiedTime,
	}, nil
}

// UpdateFunctionUrlConfig changes the settings of a function URL. Its address
// stays the same.
// See https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionUrlConfig.html.
func (s *Service) UpdateFunctionUrlConfig(_ context.Context, in *awslambda.UpdateFunctionUrlConfigInput) (*awslambda.UpdateFunctionUrlConfigOutput, error) {
	ref, err := s.parseURL(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.findForURL(ref); err != nil {
		return nil, err
	}
	_, u, err := s.findURL(ref)
	if err != nil {
		return nil, err
	}
	next := *u.config.Load()
	if in.AuthType != "" {
		next.auth = in.AuthType
	}
	if in.Cors != nil {
		next.cors = cloneCORS(in.Cors)
	}
	if err := checkURL(next.auth, in.InvokeMode, next.cors); err != nil {
		return nil, err
	}
	next.modified = s.account.Clock.Now()
	u.config.Store(&next)
	c := u.describe()
	return &awslambda.UpdateFunctionUrlConfigOutput{
		AuthType: c.AuthType, Cors: c.Cors, CreationTime: c.CreationTime, FunctionArn: c.FunctionArn,
		FunctionUrl: c.FunctionUrl, InvokeMode: c.InvokeMode, LastModifiedTime: c.LastModifiedTime,
	}, nil
}

// DeleteFunctionUrlConfig deletes a function URL and closes its port.
// See https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionUrlConfig.html.
func (s *Service) DeleteFunctionUrlConfig(_ context.Context, in *awslambda.DeleteFunctionUrlConfigInput) (*awslambda.DeleteFunctionUrlConfigOutput, error) {
	ref, err := s.parseURL(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, u, err := s.findURL(ref)
	if err != nil {
		return nil, err
	}
	delete(f.urls, ref.qualifier)
	return &awslambda.DeleteFunctionUrlConfigOutput{}, u.close()
}

// ListFunctionUrlConfigs lists the URLs of a function and its aliases.
// See https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionUrlConfigs.html.
func (s *Service) ListFunctionUrlConfigs(_ context.Context, in *awslambda.ListFunctionUrlConfigsInput) (*awslambda.ListFunctionUrlConfigsOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := s.findForURL(ref)
	if err != nil {
		return nil, err
	}
	var all []lambdatypes.FunctionUrlConfig
	for _, key := range slices.Sorted(maps.Keys(f.urls)) {
		all = append(all, f.urls[key].describe())
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awslambda.ListFunctionUrlConfigsOutput{FunctionUrlConfigs: page, NextMarker: next}, nil
}
