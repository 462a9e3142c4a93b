package local

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project/exit"
)

func TestForward(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]map[string]string{
		"":                               {},
		"dynamodb=http://127.0.0.1:8000": {"dynamodb": "http://127.0.0.1:8000"},
		"a=http://127.0.0.1:1/?b=c, d=http://localhost:2": {"a": "http://127.0.0.1:1/?b=c", "d": "http://localhost:2"},
	} {
		got, err := ReadForward("local", flag)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %v %v", flag, got, err)
		}
	}
	for _, flag := range []string{"dynamodb", "=http://127.0.0.1:1", "dynamodb=", "dynamodb=http://127.0.0.1:1,"} {
		if _, err := ReadForward("local", flag); err == nil || !strings.Contains(err.Error(), "it has the form SERVICE=URL") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	if _, err := ReadForward("local", "dynamodb=localhost:8000"); exit.Status(err) != exit.Usage || !strings.Contains(err.Error(), "localhost:8000 is no URL") {
		t.Errorf("without a scheme: %v", err)
	}
	var b bytes.Buffer
	DescribeForward(&b, map[string]string{"sqs": "http://127.0.0.1:2", "dynamodb": "http://127.0.0.1:1"})
	if want := "NOT OURS  dynamodb: its requests go to http://127.0.0.1:1, and what happens there is not rehearsed\n"; !strings.HasPrefix(b.String(), want) || strings.Count(b.String(), "\n") != 2 {
		t.Error(b.String())
	}
}
