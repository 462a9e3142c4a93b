package types_test

import (
	"fmt"
	"testing"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/types"
)

// A table of which the embedded AWS lacks a part is refused by name.
func TestGlobalTablesThatAreRefused(t *testing.T) {
	t.Parallel()
	here := map[string]any{"Region": "us-east-1"}
	for want, change := range map[string]map[string]any{
		"#/Replicas: the embedded AWS has one region, so a global table has one replica, in us-east-1":   {"Replicas": []any{here, map[string]any{"Region": "eu-west-1"}}},
		"#/BillingMode: the embedded AWS supports only global tables that are PAY_PER_REQUEST":           {"BillingMode": "PROVISIONED"},
		"#/Replicas/0/ContributorInsightsSpecification: the embedded AWS does not support this property": {"Replicas": []any{map[string]any{"Region": "us-east-1", "ContributorInsightsSpecification": map[string]any{"Enabled": true}}}},
	} {
		properties := map[string]any{"AttributeDefinitions": []any{}, "KeySchema": []any{}, "BillingMode": "PAY_PER_REQUEST", "Replicas": []any{here}}
		for name, v := range change {
			properties[name] = v
		}
		rec := newRecorder()
		_, err := types.Registry(rec.deps())["AWS::DynamoDB::GlobalTable"].Create(t.Context(), &resource.Request{LogicalID: "Table", Properties: properties})
		if got := fmt.Sprint(err); got != "Properties validation failed for resource Table with message: ["+want+"]" {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
