//go:build e2e

package localaws_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// theirTest is a test in a module of others. infra/docs/localaws.md shows the same.
const theirTest = `package shop

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/localawstest"
)

func TestReminder(t *testing.T) {
	clock := localaws.NewManualClock(time.Now())
	queues := sqs.NewFromConfig(localawstest.Start(t, func(c *localaws.Config) { c.Clock = clock }))
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("reminders")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String("pay"), DelaySeconds: 900}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, 1} {
		got, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
		if err != nil || len(got.Messages) != want {
			t.Errorf("received %+v (%v), want %d messages", got, err, want)
		}
		clock.Advance(15 * time.Minute)
	}
}

func TestDefaults(t *testing.T) {
	server, err := localaws.Start(t.Context(), localaws.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqs.NewFromConfig(server.Client()).ListQueues(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}
`

// TestModulesOfOthers holds that a test of another module can start the embedded AWS
// with nothing but its own imports, and step its clock.
func TestModulesOfOthers(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum")) // #nosec G304 -- this module's own
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"shop_test.go": theirTest, "go.sum": string(sums),
		"go.mod": "module example.com/shop\n\ngo 1.26\n\nrequire github.com/magewright/magewright v0.0.0\n\nreplace github.com/magewright/magewright => " + root + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-v", "-mod=mod", "-trimpath", "-buildvcs=false", "./...")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != 2 {
		t.Errorf("%v: %s", err, out)
	}
}
