package cfnschema_test

import (
	"slices"
	"testing"

	"github.com/magewright/magewright/tools/internal/cfnschema"
)

func TestTables(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                string
		known               bool
		createOnly, refused []string
	}{
		{"AWS::Lambda::Alias", true, []string{"FunctionName", "Name"}, nil},
		{"AWS::SNS::TopicPolicy", true, nil, nil},
		{"AWS::KMS::Key", true, nil, []string{"KeySpec", "KeyUsage", "MultiRegion", "Origin"}},
		{"AWS::Lambda::EventSourceMapping", true, []string{"AmazonManagedKafkaEventSourceConfig", "EventSourceArn", "SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig", "StartingPosition", "StartingPositionTimestamp"}, nil},
		{"AWS::ApiGateway::RestApi", true, nil, nil},
		{"Custom::S3AutoDeleteObjects", true, nil, nil},
		{"AWS::No::Type", false, nil, nil},
	} {
		if got := cfnschema.Known(tt.name); got != tt.known {
			t.Errorf("%s is known: %t", tt.name, got)
		}
		if got := cfnschema.CreateOnly(tt.name); !slices.Equal(got, tt.createOnly) {
			t.Errorf("%s is replaced by a change of %v, want %v", tt.name, got, tt.createOnly)
		}
		if got := cfnschema.Refused(tt.name); !slices.Equal(got, tt.refused) {
			t.Errorf("%s refuses a change of %v, want %v", tt.name, got, tt.refused)
		}
	}
}
