package ssm_test

import (
	"context"

	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/magewright/magewright/tools/localaws/ssm"
)

// direct lets the SDK's paginators call the service without the wire.
type direct struct{ *ssm.Service }

func (d direct) GetParametersByPath(ctx context.Context, in *awsssm.GetParametersByPathInput, _ ...func(*awsssm.Options)) (*awsssm.GetParametersByPathOutput, error) {
	return d.Service.GetParametersByPath(ctx, in)
}
