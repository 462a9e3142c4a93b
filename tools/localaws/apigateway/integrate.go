package apigateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// render returns what the integration gets: the result of the template for the
// body's type, or the body itself.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html.
func (x *exchange) render() ([]byte, error) {
	if t := x.method.templates[x.mediaType()]; t != nil {
		text, err := t.Render(x.values(x.body))
		if err != nil {
			return nil, refused("BAD_REQUEST_BODY", err.Error())
		}
		return []byte(text), nil
	}
	behavior := *x.method.MethodIntegration.PassthroughBehavior
	if behavior == "NEVER" || behavior == "WHEN_NO_TEMPLATES" && len(x.method.templates) > 0 {
		return nil, refused("UNSUPPORTED_MEDIA_TYPE", "there is no mapping template for "+x.mediaType())
	}
	return x.body, nil
}

// mockStatus matches the status code that the template of a MOCK integration returns.
// API Gateway reads it leniently: the CDK writes { statusCode: 200 }.
var mockStatus = regexp.MustCompile(`["']?statusCode["']?\s*:\s*["']?(\d{3})\b`)

// mock answers without an integration.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html.
func (x *exchange) mock(w http.ResponseWriter) error {
	text, err := x.render()
	if err != nil {
		return err
	}
	m := mockStatus.FindSubmatch(text)
	if m == nil {
		return failed(http.StatusInternalServerError, "Execution failed due to configuration error: Unable to parse statusCode. It should be an integer that's defined in the request template.")
	}
	x.integration = 0
	return x.respond(w, string(m[1]), nil, text)
}

// respond maps the answer of an integration to a response. text is what the patterns
// of the responses match.
func (x *exchange) respond(w http.ResponseWriter, text string, header http.Header, body []byte) error {
	r := x.method.choose(text)
	if r == nil {
		return failed(http.StatusInternalServerError, "Execution failed due to configuration error: No match for output mapping and no default output mapping configured. Endpoint Response Status Code: "+text)
	}
	code, err := strconv.Atoi(*r.StatusCode)
	if err != nil {
		return fmt.Errorf("reading the status of a response: %w", err)
	}
	if x.integrated == 0 {
		x.integrated = code
	}
	h := w.Header()
	contentType := jsonType
	if given := header.Get("Content-Type"); given != "" && len(r.templates) == 0 {
		contentType = given
	}
	if len(r.templates) > 0 {
		names := slices.Sorted(maps.Keys(r.templates))
		contentType = names[0]
		if slices.Contains(names, jsonType) {
			contentType = jsonType
		}
		rendered, err := r.templates[contentType].Render(x.values(body))
		if err != nil {
			return failed(http.StatusInternalServerError, "mapping the response: "+err.Error())
		}
		body = []byte(rendered)
	} else if x.method.MethodIntegration.Type == types.IntegrationTypeMock {
		body = nil
	}
	h.Set("Content-Type", contentType)
	for _, to := range slices.Sorted(maps.Keys(r.ResponseParameters)) {
		h.Set(strings.TrimPrefix(to, "method.response.header."), x.mapped(r.ResponseParameters[to], header))
	}
	if code == http.StatusNoContent || code == http.StatusNotModified || code < http.StatusOK {
		w.WriteHeader(max(code, http.StatusOK))
		return nil
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	// An error means that the client has gone away.
	_, _ = w.Write(body)
	return nil
}

// custom calls a function or another service with a mapped request, and maps the
// answer.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-custom-integrations.html.
func (x *exchange) custom(w http.ResponseWriter) error {
	body, err := x.render()
	if err != nil {
		return err
	}
	if _, isFunction := executeapi.Function(*x.method.MethodIntegration.Uri); !isFunction {
		return x.call(w, body)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	if !json.Valid(body) {
		return refused("BAD_REQUEST_BODY", "the body is not JSON, which the function needs")
	}
	answer, err := x.invoke(json.RawMessage(body))
	if failure, ok := errors.AsType[*executeapi.FunctionError](err); ok {
		x.integrated = http.StatusOK
		message := failure.Kind()
		if message == "" {
			message = "null"
		}
		return x.respond(w, message, nil, failure.Payload)
	}
	if err != nil {
		return err
	}
	x.integrated = http.StatusOK
	return x.respond(w, "", nil, answer)
}

// A target is an operation of another service.
type target struct{ service, path, action string }

var targetURI = regexp.MustCompile(`^arn:aws:apigateway:[a-z0-9-]+:([a-z0-9.]+):(path|action)/(.*)$`)

func parseTarget(uri string) (target, bool) {
	m := targetURI.FindStringSubmatch(uri)
	if m == nil {
		return target{}, false
	}
	if m[2] == "action" {
		return target{service: m[1], path: "/", action: m[3]}, true
	}
	return target{service: m[1], path: "/" + strings.TrimPrefix(m[3], "/")}, true
}

// services are those that an integration can call, with the version of their query
// protocol. DynamoDB has the JSON protocol.
var services = map[string]string{"dynamodb": "", "sns": "2010-03-31", "sqs": "2012-11-05"}

// checkTarget checks an integration with another service.
func (s *Service) checkTarget(i *types.Integration) error {
	t, ok := parseTarget(aws.ToString(i.Uri))
	if !ok {
		return invalid("Invalid ARN specified in the request: %s", aws.ToString(i.Uri))
	}
	version, ok := services[t.service]
	switch {
	case !ok:
		return unsupported("An integration with the service " + t.service + " (it supports dynamodb, sns and sqs)")
	case version == "" && t.action == "":
		return invalid("An integration with DynamoDB needs an action: %s", *i.Uri)
	case aws.ToString(i.Credentials) == "":
		return invalid("Role ARN must be specified for AWS integrations")
	case strings.Contains(*i.Credentials, "*"):
		return unsupported("The caller's credentials (" + *i.Credentials + ")")
	}
	return nil
}

// call calls another service of the embedded AWS with the role of the integration.
func (x *exchange) call(w http.ResponseWriter, body []byte) error {
	s, i := x.api.service, x.method.MethodIntegration
	g := s.deps.Gateway
	ctx, cancel := context.WithTimeout(x.request.Context(), time.Duration(i.TimeoutInMillis)*time.Millisecond)
	defer cancel()
	r, err := x.serviceRequest(ctx, body)
	if err != nil {
		return err
	}
	began := g.Wall.Now()
	resp, err := serviceClient.Do(r)
	x.integration = g.Wall.Now().Sub(began)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return errors.Join(executeapi.ErrTimeout, err)
		}
		return fmt.Errorf("calling %s: %w", *i.Uri, err)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", *i.Uri, err)
	}
	x.integrated = resp.StatusCode
	return x.respond(w, strconv.Itoa(resp.StatusCode), resp.Header, answer)
}

// serviceClient calls only the embedded AWS.
var serviceClient = &http.Client{Transport: &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 16}}

// serviceRequest returns the signed request to a service.
func (x *exchange) serviceRequest(ctx context.Context, body []byte) (*http.Request, error) {
	s, i := x.api.service, x.method.MethodIntegration
	t, _ := parseTarget(*i.Uri)
	query, header, path := url.Values{}, http.Header{}, t.path
	for _, to := range slices.Sorted(maps.Keys(i.RequestParameters)) {
		value := x.mapped(i.RequestParameters[to], nil)
		switch name := to[strings.LastIndex(to, ".")+1:]; {
		case strings.HasPrefix(to, "integration.request.querystring."):
			query.Set(strings.TrimPrefix(to, "integration.request.querystring."), value)
		case strings.HasPrefix(to, "integration.request.path."):
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
		default:
			header.Set(strings.TrimPrefix(to, "integration.request.header."), value)
		}
	}
	if version := services[t.service]; version == "" {
		header.Set("Content-Type", "application/x-amz-json-1.0")
		header.Set("X-Amz-Target", "DynamoDB_20120810."+t.action)
	} else {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, refused("BAD_REQUEST_BODY", "the form for "+t.service+": "+err.Error())
		}
		maps.Copy(form, query)
		if t.action != "" {
			form.Set("Action", t.action)
		}
		if !form.Has("Version") {
			form.Set("Version", version)
		}
		query, body = nil, []byte(form.Encode())
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	address := strings.TrimSuffix(s.account.Endpoint, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", *i.Uri, err)
	}
	maps.Copy(r.Header, header)
	return r, x.sign(ctx, r, t.service, body)
}

// sign signs a request with the role of the integration.
func (x *exchange) sign(ctx context.Context, r *http.Request, service string, body []byte) error {
	s, i := x.api.service, x.method.MethodIntegration
	if s.deps.Roles == nil {
		return errors.New("there are no roles")
	}
	asService := principal.Service(ctx, "apigateway.amazonaws.com", s.account.ID)
	out, err := s.deps.Roles.AssumeRole(asService, &awssts.AssumeRoleInput{RoleArn: i.Credentials, RoleSessionName: aws.String("BackplaneAssumeRoleSession")})
	if err != nil {
		return fmt.Errorf("assuming the role of the integration: %w", err)
	}
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken,
	}
	return v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), service, s.account.Region, clock.System().Now())
}
