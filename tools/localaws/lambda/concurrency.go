package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// The account's limit on concurrent executions, and the part of it that can't
// be reserved.
// See https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html.
const (
	accountConcurrency = 1000
	minUnreserved      = 100
)

// admit counts an execution of f, or returns the error for a throttled one. It
// returns the number of executions of f now, and a function to call at the end.
func (s *Service) admit(f *function, reserved *int32, unreservedLimit int32) (int32, func(), error) {
	n := f.executions.Add(1)
	s.executions.Add(1)
	leave := func() {
		f.executions.Add(-1)
		s.executions.Add(-1)
	}
	if reserved != nil {
		if n > *reserved {
			leave()
			return 0, nil, throttled(lambdatypes.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded)
		}
		return n, leave, nil
	}
	if s.unreserved.Add(1) > unreservedLimit {
		s.unreserved.Add(-1)
		leave()
		return 0, nil, throttled(lambdatypes.ThrottleReasonConcurrentInvocationLimitExceeded)
	}
	return n, func() { s.unreserved.Add(-1); leave() }, nil
}

// limited parses the name of a function and finds the function. If there is
// none, the error names the function with a qualifier. s.mu is held.
func (s *Service) limited(name *string, qualifier string) (*function, error) {
	ref, err := s.parse(name, nil)
	if err != nil {
		return nil, err
	}
	if ref.qualifier != "" && ref.qualifier != latest {
		return nil, invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	f := s.functions[ref.name]
	if f == nil {
		return nil, notFound("Function not found: %s", s.arn(ref.name, qualifier))
	}
	return f, nil
}

// PutFunctionConcurrency reserves concurrent executions for a function. The
// reservation is also the function's limit.
// See https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html.
func (s *Service) PutFunctionConcurrency(_ context.Context, in *awslambda.PutFunctionConcurrencyInput) (*awslambda.PutFunctionConcurrencyOutput, error) {
	if in.ReservedConcurrentExecutions == nil {
		return nil, missing("reservedConcurrentExecutions")
	}
	n := *in.ReservedConcurrentExecutions
	if n < 0 {
		return nil, validation("Value '%d' at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 0", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.limited(in.FunctionName, latest)
	if err != nil {
		return nil, err
	}
	others := s.reserved
	if f.reserved != nil {
		others -= *f.reserved
	}
	if n > accountConcurrency-minUnreserved-others {
		return nil, invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)
	}
	s.reserved = others + n
	f.reserved = aws.Int32(n)
	return &awslambda.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: aws.Int32(n)}, nil
}

// GetFunctionConcurrency returns a function's reserved concurrency.
// See https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html.
func (s *Service) GetFunctionConcurrency(_ context.Context, in *awslambda.GetFunctionConcurrencyInput) (*awslambda.GetFunctionConcurrencyOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := s.limited(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	out := &awslambda.GetFunctionConcurrencyOutput{}
	if f.reserved != nil {
		out.ReservedConcurrentExecutions = aws.Int32(*f.reserved)
	}
	return out, nil
}

// DeleteFunctionConcurrency removes a function's reserved concurrency.
// See https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionConcurrency.html.
func (s *Service) DeleteFunctionConcurrency(_ context.Context, in *awslambda.DeleteFunctionConcurrencyInput) (*awslambda.DeleteFunctionConcurrencyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.limited(in.FunctionName, latest)
	if err != nil {
		return nil, err
	}
	if f.reserved != nil {
		s.reserved -= *f.reserved
		f.reserved = nil
	}
	return &awslambda.DeleteFunctionConcurrencyOutput{}, nil
}

// GetAccountSettings returns the account's limits and usage.
// See https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html.
func (s *Service) GetAccountSettings(context.Context, *awslambda.GetAccountSettingsInput) (*awslambda.GetAccountSettingsOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	use := &lambdatypes.AccountUsage{FunctionCount: int64(len(s.functions))}
	for _, f := range s.functions {
		use.TotalCodeSize += f.latest.code.size
		for _, v := range f.published {
			use.TotalCodeSize += v.code.size
		}
	}
	return &awslambda.GetAccountSettingsOutput{
		AccountLimit: &lambdatypes.AccountLimit{
			CodeSizeUnzipped:               maxUnzipped,
			CodeSizeZipped:                 maxZip,
			ConcurrentExecutions:           accountConcurrency,
			TotalCodeSize:                  75 << 30,
			UnreservedConcurrentExecutions: aws.Int32(accountConcurrency - s.reserved),
		},
		AccountUsage: use,
	}, nil
}
