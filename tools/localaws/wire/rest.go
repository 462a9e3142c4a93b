package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
)

// restProtocol is REST-JSON: method and path name the operation.
// See https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html.
type restProtocol struct{}

// A route is the method and path of an operation.
type route struct {
	operation string
	method    string
	segments  []string // "{Name}" is a label
	query     url.Values
	status    int
	// parameters holds the query parameter of a field, for services whose SDK has no
	// schemas.
	parameters map[string]string
}

func newRoute(schema *smithy.Schema) (route, error) {
	t, ok := smithy.SchemaTrait[*traits.HTTP](schema)
	if !ok {
		return route{}, fmt.Errorf("operation %s has no path", schema.ID().Name)
	}
	path, query, _ := strings.Cut(t.URI, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return route{}, fmt.Errorf("reading the path of %s: %w", schema.ID().Name, err)
	}
	return route{
		operation: schema.ID().Name, method: t.Method,
		segments: segments(path), query: q, status: t.Code,
	}, nil
}

// segments splits a path and ignores a trailing slash.
func segments(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// score returns how specific a match is, or -1 if there is none. Paths of the
// same form differ in the number of literal segments.
func (rt route) score(method string, path []string, query url.Values) int {
	if method != rt.method || len(path) != len(rt.segments) {
		return -1
	}
	score := 0
	for k, v := range rt.query {
		if query.Get(k) != v[0] {
			return -1
		}
		score++
	}
	for i, s := range rt.segments {
		switch {
		case strings.HasPrefix(s, "{"):
			if path[i] == "" {
				return -1
			}
		case s != path[i]:
			return -1
		default:
			score++
		}
	}
	return score
}

// labels returns the label values in a path that the route matches.
func (rt route) labels(path []string) map[string]string {
	labels := map[string]string{}
	for i, s := range rt.segments {
		if name, label := strings.CutPrefix(s, "{"); label {
			value, err := url.PathUnescape(path[i])
			// url.URL.EscapedPath never returns such a path.
			if err != nil {
				value = path[i]
			}
			labels[strings.TrimSuffix(name, "}")] = value
		}
	}
	return labels
}

// operation stores the route and the labels in r. decode and encode need them.
func (restProtocol) operation(r *request) (string, error) {
	path, query, most := segments(r.URL.EscapedPath()), r.URL.Query(), -1
	for i := range r.service.routes {
		if score := r.service.routes[i].score(r.Method, path, query); score > most {
			r.route, most = &r.service.routes[i], score
		}
	}
	if r.route == nil {
		return "", unsupported(r.service.name, r.Method+" "+abbreviate(r.URL.Path))
	}
	r.labels = r.route.labels(path)
	return r.route.operation, nil
}

func (restProtocol) decode(r *request, op *operation, in reflect.Value) error {
	query := r.URL.Query()
	payload := false
	for _, f := range op.input.fields {
		dst := in.Field(f.index)
		var values []string
		switch f.location {
		case inLabel:
			values = []string{r.labels[f.bound]}
		case inQuery:
			values = query[f.bound]
		case inHeader:
			values = r.Header.Values(f.bound)
		case inPayload:
			payload = true
			if err := decodePayload(r.body, f, dst); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		if len(values) == 0 {
			continue
		}
		if err := decode(boundValues(values, f), f.shape, dst); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if payload {
		return nil
	}
	v, err := parseJSON(r.body)
	if err != nil {
		return err
	}
	return decodeInput(v, op.input, in)
}

// boundValues converts the values of a header or query to the input of decode.
func boundValues(values []string, f field) any {
	if f.shape.kind != list {
		return &node{value: values[0]}
	}
	if f.location == inHeader {
		values = strings.Split(strings.Join(values, ","), ",")
	}
	items := make([]any, len(values))
	for i, v := range values {
		items[i] = &node{value: strings.TrimSpace(v)}
	}
	return items
}

func decodePayload(body []byte, f field, dst reflect.Value) error {
	if f.shape.kind == stream {
		dst.Set(reflect.ValueOf(bytes.NewReader(body)))
		return nil
	}
	if len(body) == 0 {
		return nil
	}
	switch f.shape.kind {
	case blob:
		dst.SetBytes(body)
		return nil
	case text:
		return decode(string(body), f.shape, dst)
	default:
		v, err := parseJSON(body)
		if err != nil {
			return err
		}
		return decode(v, f.shape, dst)
	}
}

func (restProtocol) encode(r *request, op *operation, out reflect.Value) (response, error) {
	a := response{status: r.route.status, header: http.Header{"Content-Type": {"application/json"}}}
	payload, members := false, false
	for _, f := range op.output.fields {
		v := out.Field(f.index)
		switch f.location {
		case inBody:
			members = true
		case inPayload:
			payload = true
		}
		if absent(v) {
			continue
		}
		switch f.location {
		case inHeader:
			a.header.Set(f.bound, headerText(v, f))
		case inStatus:
			if code := int(reflect.Indirect(v).Int()); code != 0 {
				a.status = code
			}
		case inPayload:
			if err := a.payload(v, f); err != nil {
				return response{}, err
			}
		}
	}
	if payload || !members && a.status == http.StatusNoContent {
		return a, nil
	}
	var err error
	a.body, err = formatJSON(encode(out, op.output, "", jsonDialect{}))
	return a, err
}

func headerText(v reflect.Value, f field) string {
	format := f.format
	if format == "" {
		format = "http-date"
	}
	if f.shape.kind != list {
		return scalarText(v, f.shape.kind, format)
	}
	items := make([]string, v.Len())
	for i := range items {
		items[i] = scalarText(v.Index(i), f.shape.elem.kind, format)
	}
	return strings.Join(items, ",")
}

// payload makes a member the whole body.
func (a *response) payload(v reflect.Value, f field) (err error) {
	switch f.shape.kind {
	case blob:
		a.body = v.Bytes()
	case text:
		a.body = []byte(reflect.Indirect(v).String())
	case stream:
		a.stream, _ = reflect.TypeAssert[io.Reader](v.Elem())
	default:
		a.body, err = formatJSON(encode(v, f.shape, f.format, jsonDialect{}))
	}
	return err
}

func (restProtocol) fail(r *request, f failure) response {
	body := f.members(r.service.metadata, jsonDialect{})
	a := response{status: f.httpStatus(), header: http.Header{"Content-Type": {"application/json"}}}
	a.header.Set("X-Amzn-ErrorType", f.jsonCode())
	if f.typed != nil {
		v := reflect.ValueOf(f.typed).Elem()
		if s, err := newCompiler(r.service.metadata).top(v.Type()); err == nil {
			for _, m := range s.fields {
				if m.location == inHeader && !absent(v.Field(m.index)) {
					a.header.Set(m.bound, headerText(v.Field(m.index), m))
				}
			}
		}
	}
	var err error
	// The value contains nothing that JSON can't represent.
	if a.body, err = formatJSON(body); err != nil {
		a.body = []byte("{}")
	}
	return a
}
