package lambda

import (
	"context"
	"encoding/base64"
	"reflect"
	"strconv"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"
)

// PublishVersion makes an immutable copy of $LATEST and gives $LATEST a new
// revision. If neither code nor configuration has changed since the last
// published version, it returns that version.
// See https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html.
func (s *Service) PublishVersion(_ context.Context, in *awslambda.PublishVersionInput) (*awslambda.PublishVersionOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if in.PublishTo != "" {
		return nil, unsupported("PublishTo")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	if err := checkRevision(in.RevisionId, f.latest.revision); err != nil {
		return nil, err
	}
	sha := base64.StdEncoding.EncodeToString(f.latest.code.sha[:])
	if in.CodeSha256 != nil && *in.CodeSha256 != "" && *in.CodeSha256 != sha {
		return nil, invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", *in.CodeSha256, sha)
	}
	description := f.latest.settings.Description
	if in.Description != nil {
		description = *in.Description
	}
	return output[awslambda.PublishVersionOutput](s.configuration(s.publish(f, description))), nil
}

// publish returns the version of f that equals $LATEST. s.mu is held.
func (s *Service) publish(f *function, description string) *version {
	if n := len(f.published); n > 0 {
		last := f.published[n-1]
		if last.number == strconv.Itoa(f.last) && last.code == f.latest.code && reflect.DeepEqual(last.source, f.latest.settings) {
			return last
		}
	}
	f.last++
	f.latest.revision = uuid.NewString()
	v := *f.latest
	v.number = strconv.Itoa(f.last)
	v.arn = s.arn(f.name, v.number)
	v.source = v.settings
	v.settings.Description = description
	v.revision = uuid.NewString()
	v.retired = false
	f.published = append(f.published, &v)
	return &v
}

// ListVersionsByFunction lists $LATEST and the published versions.
// See https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html.
func (s *Service) ListVersionsByFunction(_ context.Context, in *awslambda.ListVersionsByFunctionInput) (*awslambda.ListVersionsByFunctionOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	all := []lambdatypes.FunctionConfiguration{s.qualified(f.latest, reference{f.name, latest})}
	for _, v := range f.published {
		all = append(all, s.configuration(v))
	}
	page, next, err := paginate(listed(all), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awslambda.ListVersionsByFunctionOutput{Versions: page, NextMarker: next}, nil
}
