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
