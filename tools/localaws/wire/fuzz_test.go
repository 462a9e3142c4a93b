package wire

import (
	"net/url"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fuzzShape returns the shape of T in a service.
func fuzzShape[T any](f *testing.F, service string) *shape {
	f.Helper()
	s, err := newCompiler(services[service]).top(reflect.TypeFor[T]())
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// FuzzForm looks for forms that make the decoder panic.
func FuzzForm(f *testing.F) {
	s := fuzzShape[cloudformation.CreateChangeSetInput](f, "cloudformation")
	f.Add("Parameters.member.1.ParameterKey=a&Parameters.member.2.UsePreviousValue=true&Tags.member.10.Key=k")
	f.Add("Parameters=&RollbackConfiguration.MonitoringTimeInMinutes=1.5")
	f.Add("Capabilities.1=A&Capabilities.entry.1.key=x")
	f.Fuzz(func(_ *testing.T, form string) {
		values, err := url.ParseQuery(form)
		if err != nil {
			return
		}
		var in cloudformation.CreateChangeSetInput
		// Any error is fine, but a panic isn't.
		_ = decodeForm(values, s, reflect.ValueOf(&in).Elem())
	})
}

// FuzzJSON checks that decoded values are the same after encoding.
func FuzzJSON(f *testing.F) {
	s := fuzzShape[codepipeline.CreatePipelineInput](f, "codepipeline")
	f.Add([]byte(`{"pipeline":{"name":"a<b","roleArn":null,"stages":[{"name":"s","actions":[{"runOrder":1e0,"configuration":{"k":"v"}}]}]}}`))
	f.Add([]byte(`{"tags":[{}],"pipeline":{"version":-0}}`))
	f.Add([]byte(` `))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in, again codepipeline.CreatePipelineInput
		v, err := parseJSON(body)
		if err != nil || decode(v, s, reflect.ValueOf(&in).Elem()) != nil {
			return
		}
		b, err := formatJSON(encode(reflect.ValueOf(in), s, "", jsonDialect{}))
		if err != nil {
			t.Fatal(err)
		}
		if v, err = parseJSON(b); err != nil {
			t.Fatal(err)
		}
		if err := decode(v, s, reflect.ValueOf(&again).Elem()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, again, exact, cmpopts.EquateNaNs()); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzCBOR looks for CBOR that makes the decoder panic.
func FuzzCBOR(f *testing.F) {
	s := fuzzShape[cloudwatch.PutMetricDataInput](f, "monitoring")
	in := sample(reflect.TypeFor[cloudwatch.PutMetricDataInput]())
	f.Add(cborProtocol{}.response(200, encode(in, s, "", cborDialect{})).body)
	f.Add([]byte{0xa0})
	f.Fuzz(func(_ *testing.T, body []byte) {
		v, err := parseCBOR(body)
		if err != nil {
			return
		}
		var in cloudwatch.PutMetricDataInput
		// Any error is fine, but a panic isn't.
		_ = decode(v, s, reflect.ValueOf(&in).Elem())
	})
}
