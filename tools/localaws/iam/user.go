package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// GetUser returns the user that signs the request. There is no other user, and
// there are no other operations on users.
func (s *Service) GetUser(ctx context.Context, in *awsiam.GetUserInput) (*awsiam.GetUserOutput, error) {
	p := principal.FromContext(ctx)
	prefix := s.account.GlobalARN("iam", "user/")
	name, isUser := strings.CutPrefix(p.ARN, prefix)
	if in.UserName == nil && !isUser {
		return nil, invalid("Must specify userName when calling with non-User credentials")
	}
	if in.UserName != nil && (!isUser || *in.UserName != name) {
		return nil, noSuchEntity("The user with name %s cannot be found.", *in.UserName)
	}
	return &awsiam.GetUserOutput{User: &types.User{
		Arn: aws.String(p.ARN), Path: aws.String("/"), UserId: aws.String(p.UserID), UserName: aws.String(name),
		CreateDate: aws.Time(s.created),
	}}, nil
}
