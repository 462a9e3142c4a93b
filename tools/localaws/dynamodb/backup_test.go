package dynamodb_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awsstreams "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

func TestBackups(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	w.create("tab", func(in *awsdynamodb.CreateTableInput) {
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{IndexName: aws.String("reverse"), KeySchema: keys("sk"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}}
	})
	w.put("tab", itemKey("1"))
	w.put("tab", itemKey("2"))
	made := must(w.CreateBackup(ctx, &awsdynamodb.CreateBackupInput{TableName: aws.String("tab"), BackupName: aws.String("nightly")}))(t).BackupDetails
	if made.BackupStatus != types.BackupStatusAvailable || *made.BackupSizeBytes != 12 {
		t.Errorf("%+v", made)
	}
	// The backup has the items as they were.
	must(w.DeleteItem(ctx, &awsdynamodb.DeleteItemInput{TableName: aws.String("tab"), Key: itemKey("1")}))(t)
	must(w.DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: aws.String("tab")}))(t)
	w.settle()
	described := must(w.DescribeBackup(ctx, &awsdynamodb.DescribeBackupInput{BackupArn: made.BackupArn}))(t).BackupDescription
	if *described.SourceTableDetails.ItemCount != 2 || described.SourceTableDetails.BillingMode != types.BillingModePayPerRequest || len(described.SourceTableFeatureDetails.GlobalSecondaryIndexes) != 1 {
		t.Errorf("%+v %+v", described.SourceTableDetails, described.SourceTableFeatureDetails)
	}
	restored := must(w.RestoreTableFromBackup(ctx, &awsdynamodb.RestoreTableFromBackupInput{BackupArn: made.BackupArn, TargetTableName: aws.String("again")}))(t).TableDescription
	if restored.TableStatus != types.TableStatusCreating || *restored.RestoreSummary.SourceBackupArn != *made.BackupArn {
		t.Errorf("%+v", restored)
	}
	w.settle()
	same(t, "a restored item", w.get("again", itemKey("1")), itemKey("1"))
	out := must(w.Query(ctx, &awsdynamodb.QueryInput{TableName: aws.String("again"), IndexName: aws.String("reverse"), KeyConditionExpression: aws.String("sk = :sk"), ExpressionAttributeValues: item{":sk": s("2")}}))(t)
	same(t, "an item of the restored index", out.Items, []item{itemKey("2")})
	_, err := w.RestoreTableFromBackup(ctx, &awsdynamodb.RestoreTableFromBackupInput{BackupArn: made.BackupArn, TargetTableName: aws.String("again")})
	refused(t, "restoring it over a table", err, "TableAlreadyExistsException: Table already exists: again")
	if got := must(w.ListBackups(ctx, &awsdynamodb.ListBackupsInput{TableName: aws.String("tab")}))(t).BackupSummaries; len(got) != 1 || *got[0].BackupName != "nightly" {
		t.Errorf("%v", got)
	}
	if got := must(w.ListBackups(ctx, &awsdynamodb.ListBackupsInput{TableName: aws.String("again")}))(t).BackupSummaries; len(got) != 0 {
		t.Errorf("%v", got)
	}
	must(w.DeleteBackup(ctx, &awsdynamodb.DeleteBackupInput{BackupArn: made.BackupArn}))(t)
	_, err = w.DescribeBackup(ctx, &awsdynamodb.DescribeBackupInput{BackupArn: made.BackupArn})
	refused(t, "the deleted backup", err, "BackupNotFoundException: Backup not found: "+*made.BackupArn)
	_, err = w.RestoreTableToPointInTime(ctx, &awsdynamodb.RestoreTableToPointInTimeInput{SourceTableName: aws.String("again"), TargetTableName: aws.String("then"), UseLatestRestorableTime: aws.Bool(true)})
	refused(t, "point-in-time recovery", err, "UnknownOperationException: dynamodb RestoreTableToPointInTime is not supported by the embedded AWS")
}

// TestPagesOfLists holds that the pages of lists have each backup and stream once, in order.
func TestPagesOfLists(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	var backups, streams []string
	for _, name := range []string{"one", "two", "three"} {
		w.create(name, streamed(types.StreamViewTypeKeysOnly))
		made := must(w.CreateBackup(ctx, &awsdynamodb.CreateBackupInput{TableName: &name, BackupName: aws.String("nightly")}))(t)
		backups = append(backups, *made.BackupDetails.BackupArn)
		streams = append(streams, *must(w.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: &name}))(t).Table.LatestStreamArn)
	}
	slices.Sort(backups)
	slices.Sort(streams)
	var got []string
	in := &awsdynamodb.ListBackupsInput{Limit: aws.Int32(2)}
	for range 2 {
		out := must(w.ListBackups(ctx, in))(t)
		for _, b := range out.BackupSummaries {
			got = append(got, *b.BackupArn)
		}
		in.ExclusiveStartBackupArn = out.LastEvaluatedBackupArn
	}
	same(t, "backups", got, backups)
	if in.ExclusiveStartBackupArn != nil {
		t.Errorf("a third page of backups follows %s", *in.ExclusiveStartBackupArn)
	}
	got = nil
	from := &awsstreams.ListStreamsInput{Limit: aws.Int32(2)}
	for range 2 {
		out := must(awsstreams.NewFromConfig(w.config).ListStreams(ctx, from))(t)
		for _, st := range out.Streams {
			got = append(got, *st.StreamArn)
		}
		from.ExclusiveStartStreamArn = out.LastEvaluatedStreamArn
	}
	same(t, "streams", got, streams)
	if from.ExclusiveStartStreamArn != nil {
		t.Errorf("a third page of streams follows %s", *from.ExclusiveStartStreamArn)
	}
}
