package dynamodb

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
)

// The items of a partition may have 10 GB in a table with local indexes.
func TestTooLargeACollection(t *testing.T) {
	t.Parallel()
	by, ctx, name := clock.NewManual(time.Unix(0, 0)), t.Context(), aws.String("tab")
	s := New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: by}, Deps{})
	definition := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	keys := func(sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	if _, err := s.CreateTable(ctx, &awsdynamodb.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest, KeySchema: keys("sk"), AttributeDefinitions: []types.AttributeDefinition{definition("pk"), definition("sk"), definition("x")},
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{{IndexName: aws.String("local"), KeySchema: keys("x"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll}}},
	}); err != nil {
		t.Fatal(err)
	}
	by.Advance(time.Second)
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	put := func(pk string) error {
		_, err := s.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: name, Item: map[string]types.AttributeValue{"pk": text(pk), "sk": text("1"), "x": text("x")}})
		return err
	}
	if err := put("a"); err != nil {
		t.Fatal(err)
	}
	table := s.tables["tab"]
	for partition, size := range table.collections {
		// The item is in the table and in the index.
		if size != 2*(3+3+2) {
			t.Errorf("the collection has %d bytes", size)
		}
		table.collections[partition] = maxCollection
	}
	if err := put("b"); err != nil {
		t.Errorf("another partition: %v", err)
	}
	if err := put("a"); err != nil {
		t.Errorf("an item of the same size: %v", err)
	}
	in := &awsdynamodb.PutItemInput{TableName: name, Item: map[string]types.AttributeValue{"pk": text("a"), "sk": text("2")}}
	_, err := s.PutItem(ctx, in)
	if _, ok := errors.AsType[*types.ItemCollectionSizeLimitExceededException](err); !ok {
		t.Errorf("one more item: %v", err)
	}
	_, err = s.TransactWriteItems(ctx, &awsdynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: name, Item: in.Item}}}})
	if c, ok := errors.AsType[*types.TransactionCanceledException](err); !ok || *c.CancellationReasons[0].Code != "ItemCollectionSizeLimitExceeded" {
		t.Errorf("a transaction: %v", err)
	}
}

// While a transaction writes an item, other requests that write it fail, and so
// do transactions that read it. Others see the item as it was.
func TestConflictsWithATransaction(t *testing.T) {
	t.Parallel()
	by, ctx, name := clock.NewManual(time.Unix(0, 0)), t.Context(), aws.String("tab")
	s := New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: by}, Deps{})
	if _, err := s.CreateTable(ctx, &awsdynamodb.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest, KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
	}); err != nil {
		t.Fatal(err)
	}
	by.Advance(time.Second)
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}}
	w, err := s.parse(writeRequest{kind: putting, table: name, item: key})
	if err != nil {
		t.Fatal(err)
	}
	at := []place{{w.table, w.bytes}}
	if err := begin(at); err != nil {
		t.Fatal(err)
	}
	_, err = s.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: name, Item: key})
	if c, ok := errors.AsType[*types.TransactionConflictException](err); !ok || *c.Message != "Transaction is ongoing for the item" {
		t.Errorf("a write: %v", err)
	}
	for what, err := range map[string]error{
		"another transaction": func() error {
			_, err := s.TransactWriteItems(ctx, &awsdynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{TableName: name, Item: key}}}})
			return err
		}(),
		"a transaction that reads": func() error {
			_, err := s.TransactGetItems(ctx, &awsdynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{{Get: &types.Get{TableName: name, Key: key}}}})
			return err
		}(),
	} {
		if c, ok := errors.AsType[*types.TransactionCanceledException](err); !ok || *c.CancellationReasons[0].Code != "TransactionConflict" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if out, err := s.GetItem(ctx, &awsdynamodb.GetItemInput{TableName: name, Key: key}); err != nil || out.Item != nil {
		t.Errorf("a read: %v, %v", out, err)
	}
	if _, err := s.commit([]*write{w}, at); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutItem(ctx, &awsdynamodb.PutItemInput{TableName: name, Item: key}); err != nil {
		t.Errorf("a write afterwards: %v", err)
	}
}
