package dynamodb

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
	"github.com/magewright/magewright/tools/localaws/paging"
)

// Quotas from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html.
const (
	maxTables           = 2500
	maxGlobalIndexes    = 20
	maxLocalIndexes     = 5
	maxTags             = 50
	maxNonKeyAttributes = 20  // of one index
	maxIncluded         = 100 // of all indexes
	maxTableUnits       = 40000
)

var validName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`)

// CreateTable creates a table, which becomes ACTIVE a moment later.
func (s *Service) CreateTable(_ context.Context, in *awsdynamodb.CreateTableInput) (*awsdynamodb.CreateTableOutput, error) {
	switch {
	case in.ResourcePolicy != nil:
		return nil, unsupported("ResourcePolicy")
	case len(in.VectorIndexes) > 0:
		return nil, unsupported("VectorIndexes")
	case in.GlobalTableSourceArn != nil || in.GlobalTableSettingsReplicationMode != "":
		return nil, unsupported("a global table")
	case in.WarmThroughput != nil:
		return nil, unsupported("WarmThroughput")
	}
	t, err := s.newTable(in)
	if err != nil {
		return nil, err
	}
	// Once it is known, others may change it.
	described := t.describe(t.created)
	if err := s.add(t); err != nil {
		return nil, err
	}
	return &awsdynamodb.CreateTableOutput{TableDescription: described}, nil
}

// add makes a new table known.
func (s *Service) add(t *table) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(t.name) != nil {
		return inUse("Table already exists: %s", t.name)
	}
	if len(s.tables) >= maxTables {
		return &types.LimitExceededException{Message: aws.String(fmt.Sprintf("Too many tables are in the account: the quota is %d", maxTables))}
	}
	s.tables[t.name] = t
	if t.stream != nil {
		s.addStream(t.stream)
	}
	return nil
}

// newTable checks a request and returns the table.
func (s *Service) newTable(in *awsdynamodb.CreateTableInput) (*table, error) {
	name := aws.ToString(in.TableName)
	if err := checkName(name); err != nil {
		return nil, err
	}
	now := s.now().UTC()
	t := &table{
		name: name, arn: s.account.ARN("dynamodb", "table/"+name), id: uuid.NewString(), created: now,
		definitions: in.AttributeDefinitions, onDemand: in.OnDemandThroughput, protected: aws.ToBool(in.DeletionProtectionEnabled), tags: map[string]string{},
	}
	t.become(types.TableStatusCreating, now)
	kinds, err := attributeKinds(in.AttributeDefinitions)
	if err != nil {
		return nil, err
	}
	if t.schema, err = parseSchema(in.KeySchema, kinds); err != nil {
		return nil, err
	}
	if err := t.setBilling(in.BillingMode, in.ProvisionedThroughput, now); err != nil {
		return nil, err
	}
	if err := t.setClass(in.TableClass); err != nil {
		return nil, err
	}
	if err := s.setEncryption(t, in.SSESpecification); err != nil {
		return nil, err
	}
	view, err := streamOf(in.StreamSpecification)
	if err != nil {
		return nil, err
	}
	if view != "" {
		t.stream = s.newStream(t, view, now)
	}
	if len(in.LocalSecondaryIndexes) > maxLocalIndexes {
		return nil, validation("One or more parameter values were invalid: Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLocalIndexes)
	}
	if len(in.GlobalSecondaryIndexes) > maxGlobalIndexes {
		return nil, validation("One or more parameter values were invalid: GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobalIndexes)
	}
	if len(in.LocalSecondaryIndexes) > 0 && t.schema.sort.name == "" {
		return nil, validation("One or more parameter values were invalid: Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	}
	if len(in.LocalSecondaryIndexes) > 0 {
		t.collections = map[string]int64{}
	}
	for _, l := range in.LocalSecondaryIndexes {
		ix, err := t.addIndex(aws.ToString(l.IndexName), l.KeySchema, l.Projection, kinds)
		if err != nil {
			return nil, err
		}
		if ix.schema.partition != t.schema.partition {
			return nil, validation("One or more parameter values were invalid: Index KeySchema does not have the same leading hash key as table KeySchema for index: %s. index hash key: %s, table hash key: %s", ix.name, ix.schema.partition.name, t.schema.partition.name)
		}
		if ix.schema.sort.name == "" {
			return nil, validation("One or more parameter values were invalid: Index KeySchema does not have a range key for index: %s", ix.name)
		}
	}
	for _, g := range in.GlobalSecondaryIndexes {
		if g.WarmThroughput != nil {
			return nil, unsupported("WarmThroughput")
		}
		ix, err := t.addIndex(aws.ToString(g.IndexName), g.KeySchema, g.Projection, kinds)
		if err != nil {
			return nil, err
		}
		ix.global, ix.onDemand = true, g.OnDemandThroughput
		ix.status, ix.settled = types.IndexStatusCreating, t.settled
		if err := t.setIndexThroughput(ix, g.ProvisionedThroughput); err != nil {
			return nil, err
		}
	}
	if err := t.checkDefinitions(); err != nil {
		return nil, err
	}
	return t, setTags(t.tags, in.Tags)
}

func checkName(name string) error {
	if !validName.MatchString(name) {
		return validation("Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'")
	}
	return nil
}

// attributeKinds returns the types of attributes that definitions give.
func attributeKinds(definitions []types.AttributeDefinition) (map[string]value.Kind, error) {
	kinds := map[string]value.Kind{}
	for _, d := range definitions {
		name := aws.ToString(d.AttributeName)
		if err := oneOf("attributeDefinitions.member.attributeType", d.AttributeType); err != nil {
			return nil, err
		}
		if _, twice := kinds[name]; twice || name == "" || len(name) > 255 || d.AttributeType == "" {
			return nil, validation("One or more parameter values were invalid: Duplicate or incomplete AttributeDefinition: %q", name)
		}
		kinds[name] = value.KindOf(string(d.AttributeType))
	}
	return kinds, nil
}

func parseSchema(elements []types.KeySchemaElement, kinds map[string]value.Kind) (schema, error) {
	var s schema
	switch {
	case len(elements) == 0:
		return s, validation("1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case len(elements) > 2:
		return s, validation("a KeySchema with more than one partition key and one sort key is not supported by the embedded DynamoDB")
	case elements[0].KeyType != types.KeyTypeHash:
		return s, validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	case len(elements) == 2 && elements[1].KeyType != types.KeyTypeRange:
		return s, validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	for i, e := range elements {
		name := aws.ToString(e.AttributeName)
		kind, ok := kinds[name]
		if !ok {
			return s, validation("One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]", name, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		}
		if i == 0 {
			s.partition = attribute{name, kind}
		} else {
			s.sort = attribute{name, kind}
		}
	}
	if s.partition.name == s.sort.name {
		return s, validation("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	return s, nil
}

// addIndex adds an empty index to a table.
func (t *table) addIndex(name string, elements []types.KeySchemaElement, projection *types.Projection, kinds map[string]value.Kind) (*index, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if t.index(name) != nil {
		return nil, validation("One or more parameter values were invalid: Duplicate index name: %s", name)
	}
	if projection == nil {
		return nil, validation("One or more parameter values were invalid: Unknown ProjectionType: null")
	}
	if err := oneOf("projection.projectionType", projection.ProjectionType); err != nil {
		return nil, err
	}
	include := projection.ProjectionType == types.ProjectionTypeInclude
	switch {
	case projection.ProjectionType == "":
		return nil, validation("One or more parameter values were invalid: Unknown ProjectionType: null")
	case include && len(projection.NonKeyAttributes) == 0:
		return nil, validation("One or more parameter values were invalid: ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	case !include && len(projection.NonKeyAttributes) > 0:
		return nil, validation("One or more parameter values were invalid: ProjectionType is %s, but NonKeyAttributes is specified", projection.ProjectionType)
	case len(projection.NonKeyAttributes) > maxNonKeyAttributes:
		return nil, validation("One or more parameter values were invalid: Number of NonKeyAttributes exceeds the limit of %d", maxNonKeyAttributes)
	}
	s, err := parseSchema(elements, kinds)
	if err != nil {
		return nil, err
	}
	ix := &index{name: name, arn: t.arn + "/index/" + name, schema: s, projection: *projection}
	ix.project(t.schema)
	t.indexes = append(t.indexes, ix)
	included := 0
	for _, other := range t.indexes {
		included += len(other.projection.NonKeyAttributes)
	}
	if included > maxIncluded {
		return nil, validation("One or more parameter values were invalid: Number of attributes projected into all indexes exceeds the limit of %d", maxIncluded)
	}
	return ix, nil
}

// checkDefinitions refuses attributes that no key has.
func (t *table) checkDefinitions() error {
	used := map[string]bool{}
	for _, a := range t.schema.attributes() {
		used[a.name] = true
	}
	for _, ix := range t.indexes {
		for _, a := range ix.schema.attributes() {
			used[a.name] = true
		}
	}
	var defined []string
	for _, d := range t.definitions {
		defined = append(defined, *d.AttributeName)
	}
	if len(defined) == len(used) {
		return nil
	}
	if len(t.indexes) == 0 {
		return validation("One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	slices.Sort(defined)
	return validation("One or more parameter values were invalid: Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys used: [%s]", strings.Join(defined, ", "), strings.Join(slices.Sorted(maps.Keys(used)), ", "))
}

// setBilling sets how a table is paid for. t is locked or not yet shared.
func (t *table) setBilling(mode types.BillingMode, p *types.ProvisionedThroughput, now time.Time) error {
	if err := oneOf("billingMode", mode); err != nil {
		return err
	}
	if mode == types.BillingModePayPerRequest {
		if p != nil && (aws.ToInt64(p.ReadCapacityUnits) != 0 || aws.ToInt64(p.WriteCapacityUnits) != 0) {
			return validation("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		t.billing, t.throughput, t.onDemandSince = mode, throughput{}, now
		return nil
	}
	if p == nil {
		return validation("One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	if err := checkUnits(p); err != nil {
		return err
	}
	t.billing = types.BillingModeProvisioned
	t.throughput = throughput{read: *p.ReadCapacityUnits, write: *p.WriteCapacityUnits}
	return nil
}

func checkUnits(p *types.ProvisionedThroughput) error {
	for name, units := range map[string]*int64{"readCapacityUnits": p.ReadCapacityUnits, "writeCapacityUnits": p.WriteCapacityUnits} {
		if aws.ToInt64(units) < 1 {
			return validation("1 validation error detected: Value '%d' at 'provisionedThroughput.%s' failed to satisfy constraint: Member must have value greater than or equal to 1", aws.ToInt64(units), name)
		}
		if *units > maxTableUnits {
			return &types.LimitExceededException{Message: aws.String(fmt.Sprintf("Subscriber limit exceeded: Provisioned throughput of a table is limited to %d units; this request asks for %d of %s", maxTableUnits, *units, name))}
		}
	}
	return nil
}

// setIndexThroughput sets the throughput of a global index, which the table's
// billing mode decides about.
func (t *table) setIndexThroughput(ix *index, p *types.ProvisionedThroughput) error {
	if t.billing == types.BillingModePayPerRequest {
		if p != nil && (aws.ToInt64(p.ReadCapacityUnits) != 0 || aws.ToInt64(p.WriteCapacityUnits) != 0) {
			return validation("One or more parameter values were invalid: ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", ix.name)
		}
		return nil
	}
	if p == nil {
		return validation("One or more parameter values were invalid: ProvisionedThroughput must be specified for index: %s", ix.name)
	}
	if err := checkUnits(p); err != nil {
		return err
	}
	ix.throughput = throughput{read: *p.ReadCapacityUnits, write: *p.WriteCapacityUnits}
	return nil
}

func (t *table) setClass(class types.TableClass) error {
	if err := oneOf("tableClass", class); err != nil {
		return err
	}
	if class != "" {
		t.class = class
	}
	return nil
}

// setEncryption sets the key that encrypts a table. The data is in memory only,
// so that only the description changes.
func (s *Service) setEncryption(t *table, e *types.SSESpecification) error {
	if e == nil {
		return nil
	}
	if !aws.ToBool(e.Enabled) {
		if e.KMSMasterKeyId != nil || e.SSEType != "" {
			return validation("One or more parameter values were invalid: SSEType and KMSMasterKeyId can only be specified if SSEEnabled is true")
		}
		t.encryption = nil
		return nil
	}
	if e.SSEType != "" && e.SSEType != types.SSETypeKms {
		return validation("One or more parameter values were invalid: SSEType %s is not supported", e.SSEType)
	}
	key := aws.ToString(e.KMSMasterKeyId)
	switch {
	case key == "":
		key = "alias/aws/dynamodb"
		fallthrough
	case strings.HasPrefix(key, "alias/"):
		key = s.account.ARN("kms", key)
	case !strings.HasPrefix(key, "arn:"):
		key = s.account.ARN("kms", "key/"+key)
	}
	t.encryption = &types.SSEDescription{Status: types.SSEStatusEnabled, SSEType: types.SSETypeKms, KMSMasterKeyArn: &key}
	return nil
}

// DescribeTable describes a table. While the table changes its state, the answer
// waits for the end of the change. Clients that wait for a table ask again only
// after 20 seconds.
func (s *Service) DescribeTable(ctx context.Context, in *awsdynamodb.DescribeTableInput) (*awsdynamodb.DescribeTableOutput, error) {
	t, err := s.lookup(in.TableName)
	if err != nil {
		return nil, err
	}
	t.mu.RLock()
	rest := t.settled.Sub(s.now())
	t.mu.RUnlock()
	if rest > 0 {
		if err := clock.Sleep(ctx, s.account.Clock, rest); err != nil {
			return nil, fmt.Errorf("waiting for the table %s: %w", t.name, err)
		}
		if t, err = s.lookup(in.TableName); err != nil {
			return nil, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := s.now()
	t.sweep(now)
	return &awsdynamodb.DescribeTableOutput{Table: t.describe(now)}, nil
}

// ListTables lists the names of tables, up to 100 at a time.
func (s *Service) ListTables(_ context.Context, in *awsdynamodb.ListTablesInput) (*awsdynamodb.ListTablesOutput, error) {
	limit := 100
	if in.Limit != nil {
		if limit = int(*in.Limit); limit < 1 || limit > 100 {
			return nil, validation("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and 100", limit)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.tables)), func(name string) bool { return s.find(name) == nil })
	names, last := paging.After(names, in.ExclusiveStartTableName, limit)
	return &awsdynamodb.ListTablesOutput{TableNames: names, LastEvaluatedTableName: last}, nil
}

// DeleteTable deletes a table with its items, which are gone a moment later.
func (s *Service) DeleteTable(_ context.Context, in *awsdynamodb.DeleteTableInput) (*awsdynamodb.DeleteTableOutput, error) {
	t, err := s.lookup(in.TableName)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := s.now()
	switch status := t.statusAt(now); {
	case status == types.TableStatusCreating:
		return nil, inUse("Attempt to change a resource which is still in use: Table is being created: %s", t.name)
	case status == types.TableStatusUpdating:
		return nil, inUse("Attempt to change a resource which is still in use: Table is being updated: %s", t.name)
	case status == types.TableStatusDeleting:
		return nil, inUse("Attempt to change a resource which is still in use: Table is being deleted: %s", t.name)
	case t.protected:
		return nil, validation("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	}
	t.become(types.TableStatusDeleting, now)
	if t.stream != nil {
		t.stream.close(now)
	}
	return &awsdynamodb.DeleteTableOutput{TableDescription: t.describe(now)}, nil
}
