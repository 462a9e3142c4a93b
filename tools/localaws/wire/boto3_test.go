package wire

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// boto3Names has the names of boto3's clients that differ from signing names.
var boto3Names = map[string]string{"monitoring": "cloudwatch"}

// unlike has what boto3 and the Go SDK see differently.
var unlike = map[string]string{
	"lambda Invoke": "its answer has text in headers, which boto3 reads as Latin-1",
}

// TestBoto3 calls each operation that the embedded AWS has with boto3. The input,
// which satisfies the constraints of AWS's models, must be accepted and arrive
// unchanged, and boto3 must read what the operation answers.
func TestBoto3(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	if err := exec.CommandContext(t.Context(), python, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is not installed")
	}
	if testing.Short() {
		t.Skip("boto3 takes seconds")
	}
	answers, arrived := map[string]reflect.Value{}, map[string]reflect.Value{}
	h, err := NewHandler(testAccount(), anybody{})
	if err != nil {
		t.Fatal(err)
	}
	var calls strings.Builder
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		var ops []*operation
		for _, op := range clientOperations(clients[name].client(aws.Config{})) {
			key := name + " " + op.name
			if models()[name].inputs[op.name] == "" || clients[name].except[op.name] != "" || unlike[key] != "" {
				continue
			}
			answers[key] = sample(op.out)
			op.call = func(_ context.Context, in reflect.Value) (reflect.Value, error) {
				arrived[key] = in
				return answers[key], nil
			}
			ops = append(ops, op)
			client := name
			if other := boto3Names[name]; other != "" {
				client = other
			}
			fmt.Fprintln(&calls, name, client, op.name)
		}
		if h.(*handler).services[name], err = compileService(name, ops); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(h)
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), python, "testdata/call_boto3.py", server.URL)
	cmd.Stdin = strings.NewReader(calls.String())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	n := 0
	for lines := bufio.NewReader(strings.NewReader(string(out))); ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		var r struct {
			Service, Operation, Error string
			Sent, Received            any
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		key := r.Service + " " + r.Operation
		if r.Error != "" {
			t.Errorf("%s: %.600s", key, r.Error)
			continue
		}
		var diffs []string
		compare(r.Sent, plainOf(arrived[key]), "sent", &diffs)
		compare(r.Received, plainOf(answers[key]), "received", &diffs)
		if len(diffs) > 0 {
			t.Errorf("%s: %s", key, strings.Join(diffs[:min(len(diffs), 5)], "\n\t"))
		}
	}
	if n < 400 {
		t.Errorf("only %d operations were called", n)
	}
}

// compare collects where what boto3 has differs from what we have. Members that only
// one of the two knows are not compared.
func compare(boto3, ours any, path string, diffs *[]string) {
	switch b := boto3.(type) {
	case map[string]any:
		o, ok := ours.(map[string]any)
		if !ok {
			*diffs = append(*diffs, fmt.Sprintf("%s: %v, ours is %v", path, boto3, ours))
			return
		}
		for name, value := range b {
			if own, ok := o[name]; ok || value == nil {
				compare(value, own, path+"."+name, diffs)
			}
		}
	case []any:
		o, _ := ours.([]any)
		if len(o) != len(b) {
			*diffs = append(*diffs, fmt.Sprintf("%s: %v, ours is %v", path, boto3, ours))
			return
		}
		for i := range b {
			compare(b[i], o[i], fmt.Sprintf("%s[%d]", path, i), diffs)
		}
	case nil:
		if ours != nil {
			*diffs = append(*diffs, fmt.Sprintf("%s: boto3 has nothing, ours is %v", path, ours))
		}
	default:
		if boto3 != ours && (boto3 != "" || ours != nil) {
			*diffs = append(*diffs, fmt.Sprintf("%s: %v (%[2]T), ours is %v (%[3]T)", path, boto3, ours))
		}
	}
}

// plainOf returns a value of the SDK as testdata/call_boto3.py prints it.
func plainOf(v reflect.Value) any {
	if !v.IsValid() || absent(v) {
		return nil
	}
	switch {
	case v.Type() == readerType || v.Type() == closerType:
		r, _ := reflect.TypeAssert[io.Reader](v)
		return base64.StdEncoding.EncodeToString([]byte(strings.TrimSuffix(content(r), "<nil>")))
	case v.Kind() == reflect.Interface:
		member := reflect.Indirect(v.Elem())
		name := strings.TrimPrefix(member.Type().Name(), v.Type().Name()+"Member")
		return map[string]any{strings.ToLower(name): plainOf(member.FieldByName("Value"))}
	case v.Kind() == reflect.Pointer:
		return plainOf(v.Elem())
	case v.Type() == timeType:
		at, _ := reflect.TypeAssert[time.Time](v)
		return float64(at.UnixMilli())
	}
	switch v.Kind() {
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type != metadataType {
				fields[strings.ToLower(strings.TrimSuffix(f.Name, "_"))] = plainOf(v.Field(i))
			}
		}
		return fields
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return base64.StdEncoding.EncodeToString(v.Bytes())
		}
		items := make([]any, v.Len())
		for i := range items {
			items[i] = plainOf(v.Index(i))
		}
		return items
	case reflect.Map:
		entries := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			entries[it.Key().String()] = plainOf(it.Value())
		}
		return entries
	case reflect.Bool:
		return v.Bool()
	case reflect.String:
		return v.String()
	default:
		if v.CanInt() {
			return float64(v.Int())
		}
		return v.Float()
	}
}
