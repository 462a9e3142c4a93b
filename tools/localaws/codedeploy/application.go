package codedeploy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/paging"
)

type application struct {
	info   types.ApplicationInfo
	groups map[string]*group
}

// maxName limits the characters of a name.
const maxName = 100

// CreateApplication creates an application on the Lambda platform.
func (s *Service) CreateApplication(_ context.Context, in *awscodedeploy.CreateApplicationInput) (*awscodedeploy.CreateApplicationOutput, error) {
	name := aws.ToString(in.ApplicationName)
	switch {
	case name == "":
		return nil, &types.ApplicationNameRequiredException{Message: aws.String("The application name was not specified.")}
	case len(name) > maxName:
		return nil, &types.InvalidApplicationNameException{Message: aws.String("The application name is longer than 100 characters.")}
	case in.ComputePlatform != types.ComputePlatformLambda:
		platform := in.ComputePlatform
		if platform == "" {
			platform = types.ComputePlatformServer
		}
		return nil, &types.InvalidComputePlatformException{Message: aws.String("The embedded AWS deploys only to Lambda and does not support the compute platform " + string(platform) + "")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.applications[name] != nil {
		return nil, &types.ApplicationAlreadyExistsException{Message: aws.String("Application already exists: " + name)}
	}
	if err := s.tag(s.account.ARN("codedeploy", "application:"+name), in.Tags); err != nil {
		return nil, err
	}
	s.applications[name] = &application{
		info: types.ApplicationInfo{
			ApplicationId:   aws.String(uuid.NewString()),
			ApplicationName: aws.String(name),
			ComputePlatform: types.ComputePlatformLambda,
			CreateTime:      aws.Time(s.account.Clock.Now()),
		},
		groups: map[string]*group{},
	}
	return &awscodedeploy.CreateApplicationOutput{ApplicationId: s.applications[name].info.ApplicationId}, nil
}

// application returns the named application. The caller holds the service's lock.
func (s *Service) application(name *string) (*application, error) {
	n := aws.ToString(name)
	if n == "" {
		return nil, &types.ApplicationNameRequiredException{Message: aws.String("The application name was not specified.")}
	}
	a := s.applications[n]
	if a == nil {
		return nil, &types.ApplicationDoesNotExistException{Message: aws.String("No application found for name: " + n)}
	}
	return a, nil
}

// GetApplication describes an application.
func (s *Service) GetApplication(_ context.Context, in *awscodedeploy.GetApplicationInput) (*awscodedeploy.GetApplicationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(in.ApplicationName)
	if err != nil {
		return nil, err
	}
	info := a.info
	return &awscodedeploy.GetApplicationOutput{Application: &info}, nil
}

// BatchGetApplications describes those named applications that exist.
func (s *Service) BatchGetApplications(_ context.Context, in *awscodedeploy.BatchGetApplicationsInput) (*awscodedeploy.BatchGetApplicationsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscodedeploy.BatchGetApplicationsOutput{}
	for _, name := range in.ApplicationNames {
		if a := s.applications[name]; a != nil {
			out.ApplicationsInfo = append(out.ApplicationsInfo, a.info)
		}
	}
	return out, nil
}

// ListApplications lists applications by name.
func (s *Service) ListApplications(_ context.Context, in *awscodedeploy.ListApplicationsInput) (*awscodedeploy.ListApplicationsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, next, err := paginate(slices.Sorted(maps.Keys(s.applications)), in.NextToken)
	if err != nil {
		return nil, err
	}
	return &awscodedeploy.ListApplicationsOutput{Applications: page, NextToken: next}, nil
}

// DeleteApplication deletes an application with its deployment groups.
// Deployments in progress continue. Deleting an application that does not exist
// is no error.
func (s *Service) DeleteApplication(_ context.Context, in *awscodedeploy.DeleteApplicationInput) (*awscodedeploy.DeleteApplicationOutput, error) {
	name := aws.ToString(in.ApplicationName)
	if name == "" {
		return nil, &types.ApplicationNameRequiredException{Message: aws.String("The application name was not specified.")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.applications, name)
	maps.DeleteFunc(s.tags, func(arn string, _ map[string]string) bool {
		return arn == s.account.ARN("codedeploy", "application:"+name) ||
			strings.HasPrefix(arn, s.account.ARN("codedeploy", "deploymentgroup:"+name+"/"))
	})
	return &awscodedeploy.DeleteApplicationOutput{}, nil
}

const pageSize = 100

// paginate returns the page of all that token names, and the token for the next page.
func paginate[T any](all []T, token *string) (page []T, next *string, err error) {
	page, next, ok := paging.Of(all, token, pageSize)
	if !ok {
		return nil, nil, &types.InvalidNextTokenException{Message: aws.String("The next token " + *token + " is invalid.")}
	}
	return page, next, nil
}
