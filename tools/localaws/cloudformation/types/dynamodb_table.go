package types

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// table is AWS::DynamoDB::Table.
func table(d Deps) definition {
	t := tables{d}
	return definition{
		required: []string{"KeySchema"},
		Type: resource.Type{
			Name: "AWS::DynamoDB::Table",
			Properties: []string{
				"AttributeDefinitions", "BillingMode", "DeletionProtectionEnabled", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes",
				"OnDemandThroughput", "PointInTimeRecoverySpecification", "ProvisionedThroughput", "SSESpecification", "StreamSpecification", "TableClass", "TableName",
				"Tags", "TimeToLiveSpecification",
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				return t.create(ctx, effectiveTable(r))
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				return t.update(ctx, effectiveTable(r))
			},
			Delete: t.delete,
		},
	}
}

// effectiveTable returns a copy of a request without what has no effect.
func effectiveTable(r *resource.Request) *resource.Request {
	e := *r
	e.Properties, _ = withoutInsights(r.Properties)
	e.OldProperties, _ = withoutInsights(r.OldProperties)
	return &e
}

type tables struct{ Deps }

func dynamodbTag(k, v *string) dynamodbtypes.Tag { return dynamodbtypes.Tag{Key: k, Value: v} }

// tablePropertiesApart are the properties that no request for a table has.
var tablePropertiesApart = []string{"PointInTimeRecoverySpecification", "StreamSpecification", "Tags", "TimeToLiveSpecification"}

func (t tables) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awsdynamodb.CreateTableInput{}
	if err := decode(r, in, tablePropertiesApart...); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	if in.StreamSpecification, err = streamIn(r.Properties); err != nil {
		return nil, err
	}
	in.TableName, in.Tags = nameOf(r, "TableName", 255), tagList(tags, dynamodbTag)
	if _, err := t.Tables.CreateTable(ctx, in); err != nil {
		return nil, err
	}
	made, err := t.result(ctx, in.TableName)
	if err != nil {
		return &resource.Result{PhysicalID: *in.TableName}, err
	}
	if err := t.setRecovery(ctx, r, in.TableName); err != nil {
		return made, err
	}
	return made, t.setTimeToLive(ctx, r, in.TableName)
}

// update makes one change of a table at a time, as the service wants it, and
// waits for each.
func (t tables) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	name := aws.String(r.PhysicalID)
	change := func(in *awsdynamodb.UpdateTableInput) error {
		in.TableName = name
		if _, err := t.Tables.UpdateTable(ctx, in); err != nil {
			return err
		}
		_, err := t.result(ctx, name)
		return err
	}
	in, old := &awsdynamodb.CreateTableInput{}, &awsdynamodb.CreateTableInput{}
	if err := decodeMap(restored(r, map[string]any{
		"BillingMode": "PROVISIONED", "DeletionProtectionEnabled": false, "TableClass": "STANDARD", "SSESpecification": map[string]any{"SSEEnabled": false},
		"OnDemandThroughput": map[string]any{"MaxReadRequestUnits": -1.0, "MaxWriteRequestUnits": -1.0},
	}), in, tablePropertiesApart...); err != nil {
		return nil, err
	}
	if err := decodeMap(r.OldProperties, old, tablePropertiesApart...); err != nil {
		return nil, err
	}
	indexes, err := indexUpdates(r, old, in)
	if err != nil {
		return nil, err
	}
	changes, err := streamUpdates(r)
	if err != nil {
		return nil, err
	}
	if changed(r, "BillingMode", "ProvisionedThroughput") {
		changes = append(changes, &awsdynamodb.UpdateTableInput{BillingMode: in.BillingMode, ProvisionedThroughput: in.ProvisionedThroughput, GlobalSecondaryIndexUpdates: indexes.throughputs})
	} else if len(indexes.throughputs) > 0 {
		changes = append(changes, &awsdynamodb.UpdateTableInput{GlobalSecondaryIndexUpdates: indexes.throughputs})
	}
	if indexes.online != nil {
		changes = append(changes, &awsdynamodb.UpdateTableInput{AttributeDefinitions: in.AttributeDefinitions, GlobalSecondaryIndexUpdates: []dynamodbtypes.GlobalSecondaryIndexUpdate{*indexes.online}})
	}
	for _, part := range []struct {
		property string
		update   *awsdynamodb.UpdateTableInput
	}{
		{"DeletionProtectionEnabled", &awsdynamodb.UpdateTableInput{DeletionProtectionEnabled: in.DeletionProtectionEnabled}},
		{"OnDemandThroughput", &awsdynamodb.UpdateTableInput{OnDemandThroughput: in.OnDemandThroughput}},
		{"SSESpecification", &awsdynamodb.UpdateTableInput{SSESpecification: in.SSESpecification}},
		{"TableClass", &awsdynamodb.UpdateTableInput{TableClass: in.TableClass}},
	} {
		if changed(r, part.property) {
			changes = append(changes, part.update)
		}
	}
	for _, c := range changes {
		if err := change(c); err != nil {
			return nil, err
		}
	}
	if err := t.setRecovery(ctx, r, name); err != nil {
		return nil, err
	}
	if err := t.setTimeToLive(ctx, r, name); err != nil {
		return nil, err
	}
	made, err := t.result(ctx, name)
	if err != nil {
		return nil, err
	}
	arn := aws.String(t.Account.ARN("dynamodb", "table/"+r.PhysicalID))
	return made, retag(r,
		func(tags map[string]string) error {
			_, err := t.Tables.TagResource(ctx, &awsdynamodb.TagResourceInput{ResourceArn: arn, Tags: tagList(tags, dynamodbTag)})
			return err
		},
		func(keys []string) error {
			_, err := t.Tables.UntagResource(ctx, &awsdynamodb.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
			return err
		})
}

// streamIn returns the stream that the properties ask for, or nil.
func streamIn(properties map[string]any) (*dynamodbtypes.StreamSpecification, error) {
	var spec *dynamodbtypes.StreamSpecification
	if err := decodeProperty(properties, "StreamSpecification", &spec); err != nil || spec == nil {
		return nil, err
	}
	// To ask for a stream is to enable it.
	spec.StreamEnabled = aws.Bool(true)
	return spec, nil
}

// streamUpdates returns the updates that change a table's stream. A view can't be
// changed, so that there is a new stream.
func streamUpdates(r *resource.Request) ([]*awsdynamodb.UpdateTableInput, error) {
	if !changed(r, "StreamSpecification") {
		return nil, nil
	}
	wanted, err := streamIn(r.Properties)
	if err != nil {
		return nil, err
	}
	var updates []*awsdynamodb.UpdateTableInput
	if r.OldProperties["StreamSpecification"] != nil {
		updates = append(updates, &awsdynamodb.UpdateTableInput{StreamSpecification: &dynamodbtypes.StreamSpecification{StreamEnabled: aws.Bool(false)}})
	}
	if wanted != nil {
		updates = append(updates, &awsdynamodb.UpdateTableInput{StreamSpecification: wanted})
	}
	return updates, nil
}

// tableIndexes are the changes of a table's global indexes.
type tableIndexes struct {
	throughputs []dynamodbtypes.GlobalSecondaryIndexUpdate
	// online is the index to create or delete.
	online *dynamodbtypes.GlobalSecondaryIndexUpdate
}

// indexUpdates compares the global indexes of two templates. CloudFormation
// creates or deletes one index in an update.
func indexUpdates(r *resource.Request, old, in *awsdynamodb.CreateTableInput) (tableIndexes, error) {
	var updates tableIndexes
	byName := func(list []dynamodbtypes.GlobalSecondaryIndex) map[string]dynamodbtypes.GlobalSecondaryIndex {
		indexes := map[string]dynamodbtypes.GlobalSecondaryIndex{}
		for _, ix := range list {
			indexes[aws.ToString(ix.IndexName)] = ix
		}
		return indexes
	}
	before, after := byName(old.GlobalSecondaryIndexes), byName(in.GlobalSecondaryIndexes)
	var online []dynamodbtypes.GlobalSecondaryIndexUpdate
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, kept := after[name]; !kept {
			online = append(online, dynamodbtypes.GlobalSecondaryIndexUpdate{Delete: &dynamodbtypes.DeleteGlobalSecondaryIndexAction{IndexName: &name}})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		ix, was := after[name], before[name]
		_, existed := before[name]
		switch {
		case !existed:
			online = append(online, dynamodbtypes.GlobalSecondaryIndexUpdate{Create: &dynamodbtypes.CreateGlobalSecondaryIndexAction{
				IndexName: ix.IndexName, KeySchema: ix.KeySchema, Projection: ix.Projection,
				OnDemandThroughput: ix.OnDemandThroughput, ProvisionedThroughput: ix.ProvisionedThroughput, WarmThroughput: ix.WarmThroughput,
			}})
		case !reflect.DeepEqual(ix.KeySchema, was.KeySchema) || !reflect.DeepEqual(ix.Projection, was.Projection):
			return updates, failure(r, "InvalidRequest", "Cannot update GSI's properties other than Provisioned Throughput and Contributor Insights Specification. You can create a new GSI with a different name.")
		case ix.ProvisionedThroughput == nil && ix.OnDemandThroughput == nil:
			// The table's billing mode decides.
		case !reflect.DeepEqual(ix, was):
			updates.throughputs = append(updates.throughputs, dynamodbtypes.GlobalSecondaryIndexUpdate{Update: &dynamodbtypes.UpdateGlobalSecondaryIndexAction{
				IndexName: ix.IndexName, OnDemandThroughput: ix.OnDemandThroughput, ProvisionedThroughput: ix.ProvisionedThroughput, WarmThroughput: ix.WarmThroughput,
			}})
		}
	}
	if len(online) > 1 {
		return updates, failure(r, "InvalidRequest", "Cannot perform more than one GSI creation or deletion in a single update")
	}
	if len(online) == 1 {
		updates.online = &online[0]
	}
	return updates, nil
}

func (t tables) setRecovery(ctx context.Context, r *resource.Request, name *string) error {
	const property = "PointInTimeRecoverySpecification"
	if !changed(r, property) {
		return nil
	}
	in := &awsdynamodb.UpdateContinuousBackupsInput{TableName: name}
	properties := restored(r, map[string]any{property: map[string]any{"PointInTimeRecoveryEnabled": false}})
	if err := decodeProperty(properties, property, &in.PointInTimeRecoverySpecification); err != nil {
		return err
	}
	_, err := t.Tables.UpdateContinuousBackups(ctx, in)
	return err
}

// setTimeToLive turns time to live on or off. CloudFormation, too, can't change
// the attribute in one update.
func (t tables) setTimeToLive(ctx context.Context, r *resource.Request, name *string) error {
	const property = "TimeToLiveSpecification"
	var wanted, old dynamodbtypes.TimeToLiveSpecification
	if err := decodeProperty(r.Properties, property, &wanted); err != nil {
		return err
	}
	if err := decodeProperty(r.OldProperties, property, &old); err != nil {
		return err
	}
	if wanted.AttributeName == nil {
		wanted.AttributeName = old.AttributeName
	}
	wanted.Enabled = aws.Bool(aws.ToBool(wanted.Enabled))
	if *wanted.Enabled == aws.ToBool(old.Enabled) && (!*wanted.Enabled || aws.ToString(wanted.AttributeName) == aws.ToString(old.AttributeName)) {
		return nil
	}
	_, err := t.Tables.UpdateTimeToLive(ctx, &awsdynamodb.UpdateTimeToLiveInput{TableName: name, TimeToLiveSpecification: &wanted})
	return err
}

// result waits for a table and describes it.
func (t tables) result(ctx context.Context, name *string) (*resource.Result, error) {
	out, err := t.Tables.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: name})
	if err != nil {
		return nil, err
	}
	attributes := map[string]any{"Arn": aws.ToString(out.Table.TableArn)}
	if out.Table.LatestStreamArn != nil {
		attributes["StreamArn"] = *out.Table.LatestStreamArn
	}
	return &resource.Result{PhysicalID: *name, Attributes: attributes}, nil
}

func (t tables) delete(ctx context.Context, r *resource.Request) error {
	name := aws.String(r.PhysicalID)
	// A rollback may find the table while it is being created, when nobody can delete it.
	if _, err := t.Tables.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: name}); err != nil {
		return err
	}
	if _, err := t.Tables.DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: name}); err != nil {
		return err
	}
	// It waits for the end, when the table is not found.
	_, err := t.Tables.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: name})
	return err
}

// withoutInsights returns the properties of a table without the insights of its indexes,
// which have no effect, and whether there were any.
func withoutInsights(properties map[string]any) (map[string]any, bool) {
	indexes, _ := properties["GlobalSecondaryIndexes"].([]any)
	kept := make([]any, len(indexes))
	found := false
	for i, v := range indexes {
		kept[i] = v
		index, _ := v.(map[string]any)
		if _, has := index["ContributorInsightsSpecification"]; has {
			found = true
			index = maps.Clone(index)
			delete(index, "ContributorInsightsSpecification")
			kept[i] = index
		}
	}
	if !found {
		return properties, false
	}
	without := maps.Clone(properties)
	without["GlobalSecondaryIndexes"] = kept
	return without, true
}
