// The function of a stack with a table. It counts its events in the table.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type event struct{ Name string }

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	tables := dynamodb.NewFromConfig(cfg)
	lambda.Start(func(ctx context.Context, e event) (string, error) {
		out, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(os.Getenv("TABLE")), Key: map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: e.Name}},
			UpdateExpression: aws.String("ADD hits :one"), ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
			ReturnValues: types.ReturnValueUpdatedNew,
		})
		if err != nil {
			return "", err
		}
		return out.Attributes["hits"].(*types.AttributeValueMemberN).Value, nil
	})
}
