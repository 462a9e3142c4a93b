package dynamodb_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	gostrings "strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
)

// environment returns the environment of a client that is another program.
func (w *world) environment() []string {
	home := w.t.TempDir()
	return append(os.Environ(),
		"AWS_ENDPOINT_URL="+aws.ToString(w.config.BaseEndpoint), "AWS_ACCESS_KEY_ID=MAGEWRIGHT", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(home, "credentials"), "AWS_PAGER=", "HOME="+home,
	)
}

// script uses boto3's resources, which have conversions and conditions of their own.
const script = `
import boto3, decimal
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError
db = boto3.resource("dynamodb")
table = db.create_table(
    TableName="boto", BillingMode="PAY_PER_REQUEST",
    KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"}])
print(table.table_status)
table.wait_until_exists()
with table.batch_writer() as batch:
    for i in range(30):
        batch.put_item(Item={"pk": "a", "at": i, "price": decimal.Decimal("1.50") * i, "tags": {"x", "y"}, "data": b"\x00", "deep": {"list": [1, None, True]}})
page = table.query(KeyConditionExpression=Key("pk").eq("a") & Key("at").between(3, 20), FilterExpression=Attr("price").gte(6) & Attr("tags").contains("x"), Limit=5)
print(page["Count"], page["ScannedCount"], page["LastEvaluatedKey"], page["Items"][0]["price"])
print(sum(p["Count"] for p in db.meta.client.get_paginator("scan").paginate(TableName="boto", PaginationConfig={"PageSize": 7})))
print(table.update_item(Key={"pk": "a", "at": 1}, UpdateExpression="SET #d.#l[1] = :v ADD price :p", ExpressionAttributeNames={"#d": "deep", "#l": "list"},
    ExpressionAttributeValues={":v": "set", ":p": decimal.Decimal("0.5")}, ReturnValues="UPDATED_NEW")["Attributes"])
try:
    table.put_item(Item={"pk": "a", "at": 1}, ConditionExpression=Attr("pk").not_exists())
except db.meta.client.exceptions.ConditionalCheckFailedException as e:
    print(e.response["Error"]["Message"], e.response["ResponseMetadata"]["HTTPStatusCode"])
try:
    db.meta.client.transact_write_items(TransactItems=[{"Delete": {"TableName": "boto", "Key": {"pk": "a", "at": 1}}}, {"ConditionCheck": {"TableName": "boto", "Key": {"pk": "a", "at": 99}, "ConditionExpression": "attribute_exists(pk)"}}])
except ClientError as e:
    print([r["Code"] for r in e.response["CancellationReasons"]])
table.delete()
table.wait_until_not_exists()
`

func TestBoto3(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	if testing.Short() {
		t.Skip("Python takes a second to start")
	}
	if err := exec.CommandContext(t.Context(), python, "-c", "import boto3").Run(); err != nil { // #nosec G204 -- the interpreter on the path
		t.Skip("boto3 is not installed for " + python)
	}
	w := startBy(t, clock.System())
	cmd := exec.CommandContext(t.Context(), python, "-c", script) // #nosec G204 -- the interpreter on the path
	cmd.Env = w.environment()
	out, err := cmd.CombinedOutput()
	want := gostrings.TrimLeft(`
CREATING
4 5 {'at': Decimal('7'), 'pk': 'a'} 6
30
{'deep': {'list': ['set']}, 'price': Decimal('2')}
The conditional request failed 400
['None', 'ConditionalCheckFailed']
`, "\n")
	if d := cmp.Diff(want, string(out)); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

func TestTheCommandLine(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command is not installed")
	}
	if testing.Short() {
		t.Skip("the aws command takes a second to start")
	}
	w := startBy(t, clock.System())
	env := w.environment()
	run := func(args ...string) map[string]any {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, append([]string{"dynamodb", "--output=json"}, args...)...) // #nosec G204 -- arguments of this file
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws dynamodb %v: %v\n%s", args, err, out)
		}
		var answer map[string]any
		if len(out) > 0 {
			if err := json.Unmarshal(out, &answer); err != nil {
				t.Fatalf("aws dynamodb %v: %v\n%s", args, err, out)
			}
		}
		return answer
	}
	run("create-table", "--table-name=cli", "--billing-mode=PAY_PER_REQUEST", "--key-schema=AttributeName=pk,KeyType=HASH", "--attribute-definitions=AttributeName=pk,AttributeType=S")
	run("wait", "table-exists", "--table-name=cli")
	run("put-item", "--table-name=cli", `--item={"pk": {"S": "a"}, "n": {"N": "1.0"}, "m": {"M": {"l": {"L": [{"NULL": true}]}}}}`)
	got := run("query", "--table-name=cli", "--key-condition-expression=pk = :pk", `--expression-attribute-values={":pk": {"S": "a"}}`, "--return-consumed-capacity=TOTAL")
	want := map[string]any{
		"Items": []any{map[string]any{"pk": map[string]any{"S": "a"}, "n": map[string]any{"N": "1"}, "m": map[string]any{"M": map[string]any{"l": map[string]any{"L": []any{map[string]any{"NULL": true}}}}}}},
		"Count": 1.0, "ScannedCount": 1.0, "ConsumedCapacity": map[string]any{"TableName": "cli", "CapacityUnits": 0.5},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
