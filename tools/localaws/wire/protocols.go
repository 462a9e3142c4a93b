package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
)

// jsonProtocol is awsJson 1.0 or 1.1.
// See https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html.
type jsonProtocol struct{ version string }

// targetOf returns the service and the operation in the X-Amz-Target of a request.
// Some clients write the namespace of the service's model before its name.
func targetOf(r *http.Request) (service, operation string) {
	target := r.Header.Get("X-Amz-Target")
	i := strings.LastIndexByte(target, '.')
	if i < 0 {
		return target, ""
	}
	service, operation = target[:i], target[i+1:]
	return service[strings.LastIndexByte(service, '.')+1:], operation
}

func (p jsonProtocol) operation(r *request) (string, error) {
	target, op := targetOf(r.Request)
	if op == "" || r.service.target != target {
		return "", unsupported(r.service.name, r.Header.Get("X-Amz-Target"))
	}
	return op, nil
}

func (p jsonProtocol) decode(r *request, op *operation, in reflect.Value) error {
	v, err := parseJSON(r.body)
	if err != nil {
		return err
	}
	return decodeInput(v, op.input, in)
}

func (p jsonProtocol) encode(_ *request, op *operation, out reflect.Value) (response, error) {
	b, err := formatJSON(encode(out, op.output, "", jsonDialect{}))
	return p.response(http.StatusOK, b), err
}

func (p jsonProtocol) fail(r *request, f failure) response {
	body := f.members(r.service.metadata, jsonDialect{})
	body["__type"] = f.jsonCode()
	b, err := formatJSON(body)
	// The value contains nothing that JSON can't represent.
	if err != nil {
		b = []byte("{}")
	}
	a := p.response(f.jsonStatus(), b)
	if r.service.queryErrors {
		a.header.Set("X-Amzn-Query-Error", f.queryHeader())
	}
	return a
}

func (p jsonProtocol) response(status int, body []byte) response {
	return response{status: status, header: http.Header{"Content-Type": {jsonType + p.version}}, body: body}
}

// parseJSON reads one JSON value and keeps numbers as they are written. An
// empty body is an empty structure.
func parseJSON(b []byte) (any, error) {
	if len(bytes.TrimSpace(b)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading JSON: there is more than one value")
	}
	return v, nil
}

func formatJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// cborProtocol is rpc-v2-CBOR.
// See https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html.
type cborProtocol struct{}

func (cborProtocol) operation(r *request) (string, error) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/service/"+r.service.target+"/operation/")
	if !ok {
		return "", unsupported(r.service.name, r.URL.Path)
	}
	return rest, nil
}

func (cborProtocol) decode(r *request, op *operation, in reflect.Value) error {
	v, err := parseCBOR(r.body)
	if err != nil {
		return err
	}
	return decodeInput(v, op.input, in)
}

func parseCBOR(b []byte) (any, error) {
	if len(b) == 0 {
		return map[string]any{}, nil
	}
	v, err := cbor.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("reading CBOR: %w", err)
	}
	return fromCBOR(v)
}

func (p cborProtocol) encode(_ *request, op *operation, out reflect.Value) (response, error) {
	return p.response(http.StatusOK, encode(out, op.output, "", cborDialect{})), nil
}

func (p cborProtocol) fail(r *request, f failure) response {
	body := f.members(r.service.metadata, cborDialect{})
	body["__type"] = f.jsonCode()
	a := p.response(f.httpStatus(), body)
	if r.service.queryErrors {
		a.header.Set("X-Amzn-Query-Error", f.queryHeader())
	}
	return a
}

func (cborProtocol) response(status int, body any) response {
	return response{
		status: status,
		header: http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}},
		body:   cbor.Encode(toCBOR(body)),
	}
}

// queryProtocol is awsQuery: forms in, XML out.
// See https://smithy.io/2.0/aws/protocols/aws-query-protocol.html.
type queryProtocol struct{}

// form returns a request's parameters from its body or its URL.
func (queryProtocol) form(r *request) (url.Values, error) {
	if len(r.body) == 0 {
		return r.URL.Query(), nil
	}
	v, err := url.ParseQuery(string(r.body))
	if err != nil {
		return nil, fmt.Errorf("reading the form: %w", err)
	}
	return v, nil
}

func (p queryProtocol) operation(r *request) (string, error) {
	form, err := p.form(r)
	if err != nil {
		return "", err
	}
	return form.Get("Action"), nil
}

func (p queryProtocol) decode(r *request, op *operation, in reflect.Value) error {
	form, err := p.form(r)
	if err != nil {
		return err
	}
	if name := r.service.resource; name != "" && !form.Has(name) && r.URL.Path != "/" {
		form.Set(name, r.URL.Path)
	}
	return decodeForm(form, op.input, in)
}

func decodeForm(form url.Values, s *shape, dst reflect.Value) error {
	var root node
	for name, values := range form {
		if err := root.add(name, values[0]); err != nil {
			return err
		}
	}
	return decode(&root, s, dst)
}

func (queryProtocol) encode(r *request, op *operation, out reflect.Value) (response, error) {
	w := xmlWriter{}
	w.open(op.name+"Response", r.service.namespace)
	w.open(op.name+"Result", "")
	w.structure(out, op.output)
	w.close(op.name + "Result")
	w.open("ResponseMetadata", "")
	w.element("RequestId", r.id)
	w.close("ResponseMetadata")
	w.close(op.name + "Response")
	return xmlResponse(http.StatusOK, w.text), nil
}

func (queryProtocol) fail(r *request, f failure) response {
	code, status := f.query()
	// See https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html.
	if r.service.name == "sns" && code == "AccessDenied" {
		code = "AuthorizationError"
	}
	w := xmlWriter{}
	// S3's errors have no wrapper element.
	if r.service.name == "s3" {
		w.open("Error", "")
		w.element("Code", code)
		w.element("Message", f.message)
		w.element("RequestId", r.id)
		w.close("Error")
		return xmlResponse(status, w.text)
	}
	w.open("ErrorResponse", r.service.namespace)
	w.open("Error", "")
	w.element("Type", f.fault())
	w.element("Code", code)
	w.element("Message", f.message)
	w.close("Error")
	w.element("RequestId", r.id)
	w.close("ErrorResponse")
	return xmlResponse(status, w.text)
}

func xmlResponse(status int, body []byte) response {
	return response{status: status, header: http.Header{"Content-Type": {"text/xml"}}, body: body}
}
