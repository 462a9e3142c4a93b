package localaws_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/localaws"
)

// Another endpoint has the tables: the calls of clients and those of CloudFormation go
// there, and CloudFormation says that they are not rehearsed.
func TestForward(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, operation)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch operation {
		case "GetItem":
			fmt.Fprintf(w, `{"Item": {"id": {"S": "theirs"}, "sent": {"N": "%d"}}}`, len(body))
		default:
			fmt.Fprint(w, `{"TableDescription": {"TableName": "t", "TableStatus": "ACTIVE", "TableArn": "arn:t"}, "Table": {"TableName": "t", "TableStatus": "ACTIVE", "TableArn": "arn:t"}, "ContinuousBackupsDescription": {}, "TimeToLiveDescription": {}}`)
		}
	}))
	t.Cleanup(other.Close)
	server, err := localaws.Start(t.Context(), localaws.Config{Forward: map[string]string{"dynamodb": other.URL, "cognito-idp": "http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := clientsOf(server)
	out, err := dynamodb.NewFromConfig(cfg).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("t"), Key: map[string]dynamodbtypes.AttributeValue{"id": &dynamodbtypes.AttributeValueMemberS{Value: "1"}},
	})
	if err != nil || out.Item["id"].(*dynamodbtypes.AttributeValueMemberS).Value != "theirs" || out.Item["sent"].(*dynamodbtypes.AttributeValueMemberN).Value == "0" {
		t.Errorf("%v %v", out, err)
	}
	wrong := cfg.Copy()
	guessed := aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "guessed"}
	wrong.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return guessed, nil })
	if _, err := dynamodb.NewFromConfig(wrong).ListTables(t.Context(), &dynamodb.ListTablesInput{}); err == nil {
		t.Error("a request with another signature was forwarded")
	}
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("a service that is not forwarded: %v", err)
	}
	d := deployer{t, server, cloudformation.NewFromConfig(cfg)}
	status, reasons := d.apply("forwarded", "Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {TableName: t, BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: id, AttributeType: S}], KeySchema: [{AttributeName: id, KeyType: HASH}]}}}")
	want := "T: NOT REHEARSED: requests to dynamodb go to " + other.URL + ", which is not the embedded AWS"
	if !strings.HasSuffix(string(status), "CREATE_COMPLETE") || !strings.Contains(reasons, want) {
		t.Errorf("%s\n%s", status, reasons)
	}
	mu.Lock()
	defer mu.Unlock()
	all := strings.Join(asked, " ")
	if !strings.HasPrefix(all, "GetItem CreateTable") || strings.Contains(all, "ListTables") {
		t.Errorf("the other endpoint was asked %s", all)
	}
	for forward, want := range map[string]string{
		"iam=http://127.0.0.1:1":         "the embedded AWS needs it itself",
		"dynamodb=http://example.com":    "no request may leave this machine",
		"dynamodb=127.0.0.1:8000":        "it has to be a URL",
		"dynamodb=ftp://127.0.0.1:8000/": "it has to be a URL",
	} {
		service, url, _ := strings.Cut(forward, "=")
		if _, err := localaws.Start(t.Context(), localaws.Config{Forward: map[string]string{service: url}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", forward, err, want)
		}
	}
}
