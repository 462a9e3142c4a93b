package types

import (
	"context"
	"maps"
	"slices"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// globalTable is AWS::DynamoDB::GlobalTable, which the CDK's TableV2 makes. There
// is one region, so that it is a table with one replica. It has to be paid for on
// demand, because its provisioned capacity scales by itself.
func globalTable(d Deps) definition {
	t := tables{d}
	return definition{
		required: []string{"AttributeDefinitions", "KeySchema", "Replicas"},
		Type: resource.Type{
			Name: "AWS::DynamoDB::GlobalTable",
			Properties: []string{
				"AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes", "Replicas", "SSESpecification",
				"StreamSpecification", "TableName", "TimeToLiveSpecification", "WriteOnDemandThroughputSettings",
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				plain, err := t.plain(r)
				if err != nil {
					return nil, err
				}
				return t.create(ctx, plain)
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				plain, err := t.plain(r)
				if err != nil {
					return nil, err
				}
				return t.update(ctx, plain)
			},
			Delete: t.delete,
		},
	}
}

// plain returns a request for a global table as one for AWS::DynamoDB::Table.
func (t tables) plain(r *resource.Request) (*resource.Request, error) {
	plain := *r
	var err error
	if plain.Properties, err = t.plainProperties(r.Properties); err != nil {
		return nil, err
	}
	if r.OldProperties != nil {
		plain.OldProperties, err = t.plainProperties(r.OldProperties)
	}
	return &plain, err
}

func (t tables) plainProperties(properties map[string]any) (map[string]any, error) {
	plain := maps.Clone(properties)
	for _, name := range []string{"GlobalSecondaryIndexes", "Replicas", "WriteOnDemandThroughputSettings"} {
		delete(plain, name)
	}
	if mode := stringOf(properties, "BillingMode"); mode != "PAY_PER_REQUEST" {
		return nil, &propertyError{"/BillingMode", "the embedded AWS supports only global tables that are PAY_PER_REQUEST"}
	}
	replicas, _ := properties["Replicas"].([]any)
	replica := map[string]any{}
	if len(replicas) == 1 {
		replica, _ = replicas[0].(map[string]any)
	}
	if len(replicas) != 1 || stringOf(replica, "Region") != t.Account.Region {
		return nil, &propertyError{"/Replicas", "the embedded AWS has one region, so a global table has one replica, in " + t.Account.Region}
	}
	for _, name := range slices.Sorted(maps.Keys(replica)) {
		switch name {
		case "Region":
		case "DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "TableClass", "Tags":
			plain[name] = replica[name]
		case "SSESpecification":
			// The replica names the key, and the table says that there is one.
			merged := map[string]any{}
			for _, from := range []any{properties[name], replica[name]} {
				if part, ok := from.(map[string]any); ok {
					maps.Copy(merged, part)
				}
			}
			plain[name] = merged
		default:
			return nil, unsupported("/Replicas/0/" + name)
		}
	}
	if write, ok := onDemand(properties); ok {
		plain["OnDemandThroughput"] = write
	}
	indexes, ok := properties["GlobalSecondaryIndexes"].([]any)
	if !ok {
		return plain, nil
	}
	plainIndexes := make([]any, len(indexes))
	for i, ix := range indexes {
		index, _ := ix.(map[string]any)
		index = maps.Clone(index)
		if write, ok := onDemand(index); ok {
			index["OnDemandThroughput"] = write
		}
		delete(index, "WriteOnDemandThroughputSettings")
		plainIndexes[i] = index
	}
	plain["GlobalSecondaryIndexes"] = plainIndexes
	return plain, nil
}

// onDemand returns the largest throughput of a global table or its index as
// AWS::DynamoDB::Table has it.
func onDemand(properties map[string]any) (map[string]any, bool) {
	settings, ok := properties["WriteOnDemandThroughputSettings"].(map[string]any)
	return settings, ok
}
