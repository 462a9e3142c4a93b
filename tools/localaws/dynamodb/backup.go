package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
	"github.com/magewright/magewright/tools/localaws/paging"
)

// A backup has a table as it was at one moment. Its items share the memory of
// the table's items.
type backup struct {
	name, arn string
	made      time.Time
	table     *types.TableDescription
	ttl       *types.TimeToLiveDescription
	items     []string // encoded
}

var validBackupName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)

// maxBackups is how many backups one answer lists.
const maxBackups = 100

// CreateBackup makes a backup of a table, which is AVAILABLE at once.
func (s *Service) CreateBackup(_ context.Context, in *awsdynamodb.CreateBackupInput) (*awsdynamodb.CreateBackupOutput, error) {
	name := aws.ToString(in.BackupName)
	if !validBackupName.MatchString(name) {
		return nil, validation("1 validation error detected: Value '%s' at 'backupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+ and have between 3 and 255 characters", name)
	}
	t, err := s.continuous(in.TableName)
	if err != nil {
		return nil, err
	}
	now := s.now().UTC()
	t.mu.RLock()
	b := &backup{
		name: name, arn: fmt.Sprintf("%s/backup/%014d-%s", t.arn, now.UnixMilli(), uuid.NewString()[:8]), made: now,
		table: t.describe(now), ttl: t.expiry.describe(now), items: make([]string, 0, t.items.Len()),
	}
	t.items.Ascend("", func(_, encoded string) bool {
		b.items = append(b.items, encoded)
		return true
	})
	t.mu.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backups[b.arn] = b
	return &awsdynamodb.CreateBackupOutput{BackupDetails: b.details(types.BackupStatusAvailable)}, nil
}

func (b *backup) details(status types.BackupStatus) *types.BackupDetails {
	return &types.BackupDetails{
		BackupArn: &b.arn, BackupName: &b.name, BackupCreationDateTime: &b.made, BackupSizeBytes: b.table.TableSizeBytes,
		BackupStatus: status, BackupType: types.BackupTypeUser,
	}
}

// describe returns the description of a backup.
func (b *backup) describe(status types.BackupStatus) *types.BackupDescription {
	d := b.table
	source := &types.SourceTableDetails{
		TableName: d.TableName, TableArn: d.TableArn, TableId: d.TableId, TableCreationDateTime: d.CreationDateTime, KeySchema: d.KeySchema,
		ItemCount: d.ItemCount, TableSizeBytes: d.TableSizeBytes, BillingMode: types.BillingModeProvisioned, OnDemandThroughput: d.OnDemandThroughput,
		ProvisionedThroughput: provisioned(d.ProvisionedThroughput),
	}
	if d.BillingModeSummary != nil {
		source.BillingMode = d.BillingModeSummary.BillingMode
	}
	features := &types.SourceTableFeatureDetails{SSEDescription: d.SSEDescription, StreamDescription: d.StreamSpecification, TimeToLiveDescription: b.ttl}
	for _, l := range d.LocalSecondaryIndexes {
		features.LocalSecondaryIndexes = append(features.LocalSecondaryIndexes, types.LocalSecondaryIndexInfo{IndexName: l.IndexName, KeySchema: l.KeySchema, Projection: l.Projection})
	}
	for _, g := range d.GlobalSecondaryIndexes {
		features.GlobalSecondaryIndexes = append(features.GlobalSecondaryIndexes, types.GlobalSecondaryIndexInfo{
			IndexName: g.IndexName, KeySchema: g.KeySchema, Projection: g.Projection, OnDemandThroughput: g.OnDemandThroughput, ProvisionedThroughput: provisioned(g.ProvisionedThroughput),
		})
	}
	return &types.BackupDescription{BackupDetails: b.details(status), SourceTableDetails: source, SourceTableFeatureDetails: features}
}

// provisioned returns the throughput of a description as it is in a request.
func provisioned(d *types.ProvisionedThroughputDescription) *types.ProvisionedThroughput {
	return &types.ProvisionedThroughput{ReadCapacityUnits: d.ReadCapacityUnits, WriteCapacityUnits: d.WriteCapacityUnits}
}

// backup returns a backup by its ARN. s is locked.
func (s *Service) backup(arn *string) (*backup, error) {
	if b := s.backups[aws.ToString(arn)]; b != nil {
		return b, nil
	}
	return nil, &types.BackupNotFoundException{Message: aws.String("Backup not found: " + aws.ToString(arn))}
}

// DescribeBackup describes a backup and the table that it is of.
func (s *Service) DescribeBackup(_ context.Context, in *awsdynamodb.DescribeBackupInput) (*awsdynamodb.DescribeBackupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.backup(in.BackupArn)
	if err != nil {
		return nil, err
	}
	return &awsdynamodb.DescribeBackupOutput{BackupDescription: b.describe(types.BackupStatusAvailable)}, nil
}

// DeleteBackup deletes a backup.
func (s *Service) DeleteBackup(_ context.Context, in *awsdynamodb.DeleteBackupInput) (*awsdynamodb.DeleteBackupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.backup(in.BackupArn)
	if err != nil {
		return nil, err
	}
	delete(s.backups, b.arn)
	return &awsdynamodb.DeleteBackupOutput{BackupDescription: b.describe(types.BackupStatusDeleted)}, nil
}

// ListBackups lists the backups of a table, or of all tables, by their ARNs. All
// of them are of the type USER.
func (s *Service) ListBackups(_ context.Context, in *awsdynamodb.ListBackupsInput) (*awsdynamodb.ListBackupsOutput, error) {
	if err := oneOf("backupType", in.BackupType); err != nil {
		return nil, err
	}
	limit := maxBackups
	if in.Limit != nil {
		if limit = int(*in.Limit); limit < 1 || limit > maxBackups {
			return nil, validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and %d", limit, maxBackups)
		}
	}
	table := ""
	if in.TableName != nil {
		var err error
		if table, err = s.nameOf(in.TableName); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arns := slices.DeleteFunc(slices.Sorted(maps.Keys(s.backups)), func(arn string) bool {
		b := s.backups[arn]
		return table != "" && *b.table.TableName != table ||
			in.TimeRangeLowerBound != nil && b.made.Before(*in.TimeRangeLowerBound) || in.TimeRangeUpperBound != nil && !b.made.Before(*in.TimeRangeUpperBound) ||
			in.BackupType == types.BackupTypeFilterSystem || in.BackupType == types.BackupTypeFilterAwsBackup
	})
	arns, last := paging.After(arns, in.ExclusiveStartBackupArn, limit)
	out := &awsdynamodb.ListBackupsOutput{LastEvaluatedBackupArn: last}
	for _, arn := range arns {
		b := s.backups[arn]
		out.BackupSummaries = append(out.BackupSummaries, types.BackupSummary{
			BackupArn: &b.arn, BackupName: &b.name, BackupCreationDateTime: &b.made, BackupSizeBytes: b.table.TableSizeBytes, BackupStatus: types.BackupStatusAvailable,
			BackupType: types.BackupTypeUser, TableName: b.table.TableName, TableArn: b.table.TableArn, TableId: b.table.TableId,
		})
	}
	return out, nil
}

// RestoreTableFromBackup creates a table with the keys, indexes and items of a
// backup. Tags, streams, time to live and point-in-time recovery are not restored.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CreateBackup.html.
func (s *Service) RestoreTableFromBackup(_ context.Context, in *awsdynamodb.RestoreTableFromBackupInput) (*awsdynamodb.RestoreTableFromBackupOutput, error) {
	if in.GlobalSecondaryIndexOverride != nil || in.LocalSecondaryIndexOverride != nil || in.VectorIndexOverride != nil {
		return nil, unsupported("restoring a table with other indexes")
	}
	s.mu.Lock()
	b, err := s.backup(in.BackupArn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	t, err := s.newTable(b.request(in))
	if err != nil {
		return nil, err
	}
	t.restored = &types.RestoreSummary{SourceBackupArn: &b.arn, SourceTableArn: b.table.TableArn, RestoreDateTime: &t.created, RestoreInProgress: aws.Bool(false)}
	for _, encoded := range b.items {
		item := value.Decode(encoded)
		t.store(string(t.schema.bytes(item)), nil, item, "", t.created)
	}
	described := t.describe(t.created)
	if err := s.add(t); err != nil {
		if _, exists := errors.AsType[*types.ResourceInUseException](err); exists {
			return nil, &types.TableAlreadyExistsException{Message: aws.String("Table already exists: " + t.name)}
		}
		return nil, err
	}
	return &awsdynamodb.RestoreTableFromBackupOutput{TableDescription: described}, nil
}

// request returns the request that creates the table of a backup.
func (b *backup) request(in *awsdynamodb.RestoreTableFromBackupInput) *awsdynamodb.CreateTableInput {
	d := b.table
	request := &awsdynamodb.CreateTableInput{
		TableName: in.TargetTableName, AttributeDefinitions: d.AttributeDefinitions, KeySchema: d.KeySchema, BillingMode: in.BillingModeOverride,
		OnDemandThroughput: d.OnDemandThroughput, ProvisionedThroughput: in.ProvisionedThroughputOverride, SSESpecification: in.SSESpecificationOverride,
	}
	if in.OnDemandThroughputOverride != nil {
		request.OnDemandThroughput = in.OnDemandThroughputOverride
	}
	if request.BillingMode == "" && d.BillingModeSummary != nil {
		request.BillingMode = d.BillingModeSummary.BillingMode
	}
	onDemand := request.BillingMode == types.BillingModePayPerRequest
	if !onDemand && request.ProvisionedThroughput == nil {
		request.ProvisionedThroughput = provisioned(d.ProvisionedThroughput)
	}
	for _, l := range d.LocalSecondaryIndexes {
		request.LocalSecondaryIndexes = append(request.LocalSecondaryIndexes, types.LocalSecondaryIndex{IndexName: l.IndexName, KeySchema: l.KeySchema, Projection: l.Projection})
	}
	for _, g := range d.GlobalSecondaryIndexes {
		ix := types.GlobalSecondaryIndex{IndexName: g.IndexName, KeySchema: g.KeySchema, Projection: g.Projection, OnDemandThroughput: g.OnDemandThroughput}
		if !onDemand {
			ix.ProvisionedThroughput = provisioned(g.ProvisionedThroughput)
		}
		request.GlobalSecondaryIndexes = append(request.GlobalSecondaryIndexes, ix)
	}
	return request
}
