package lambda

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"
)

// An alias is a name for a version, or for two versions that share its traffic
// by weight.
type alias struct {
	name        string
	description string
	version     string
	weights     map[string]float64 // the additional version, if any; never modified in place
	revision    string
}

// choose returns the version that the next invocation goes to.
func (a *alias) choose(rand func() float64) string {
	for number, weight := range a.weights {
		if rand() < weight {
			return number
		}
	}
	return a.version
}

func (s *Service) describeAlias(f *function, a *alias) lambdatypes.AliasConfiguration {
	c := lambdatypes.AliasConfiguration{
		AliasArn:        aws.String(s.arn(f.name, a.name)),
		Description:     aws.String(a.description),
		FunctionVersion: aws.String(a.version),
		Name:            aws.String(a.name),
		RevisionId:      aws.String(a.revision),
	}
	if len(a.weights) > 0 {
		c.RoutingConfig = &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: maps.Clone(a.weights)}
	}
	return c
}

// check reports what is wrong with an alias of f.
// See https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html.
func (s *Service) check(f *function, a *alias) error {
	if f.version(a.version) == nil || a.version == "" {
		return notFound("Function not found: %s", s.arn(f.name, a.version))
	}
	if len(a.weights) > 1 {
		return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for number, weight := range a.weights {
		switch {
		case !versionNumber.MatchString(number):
			return validation(`Value '{%s=%v}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]`, number, weight)
		// The condition is negated because it must also refuse NaN.
		case !(weight >= 0 && weight <= 1):
			return validation(`Value '{%s=%v}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]`, number, weight)
		case number == a.version:
			return invalid("Invalid function version %s. Function version %s is already included in routing configuration.", number, number)
		case a.version == latest:
			return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
		case f.version(number) == nil:
			return notFound("Function not found: %s", s.arn(f.name, number))
		}
		if err := together(f.version(a.version).settings, f.version(number).settings); err != nil {
			return err
		}
	}
	return nil
}

// together reports why an alias can't split its traffic between two versions.
// Their roles and dead-letter configurations must be the same. The wording for
// dead-letter configurations is ours.
func together(main, additional settings) error {
	switch {
	case main.Role != additional.Role:
		return invalid("Specified versions must be associated with the same execution role")
	case main.DeadLetter != additional.DeadLetter:
		return invalid("Specified versions must be associated with the same dead-letter configuration")
	}
	return nil
}

// CreateAlias creates an alias.
// See https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html.
func (s *Service) CreateAlias(_ context.Context, in *awslambda.CreateAliasInput) (*awslambda.CreateAliasOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Name == nil:
		return nil, missing("name")
	case in.FunctionVersion == nil:
		return nil, missing("functionVersion")
	case !aliasName.MatchString(*in.Name) || versionNumber.MatchString(*in.Name):
		return nil, validation(`Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)`, *in.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	a := &alias{name: *in.Name, description: aws.ToString(in.Description), version: *in.FunctionVersion, revision: uuid.NewString()}
	if in.RoutingConfig != nil {
		a.weights = maps.Clone(in.RoutingConfig.AdditionalVersionWeights)
	}
	if f.aliases[a.name] != nil {
		return nil, conflict("Alias already exists: %s", s.arn(f.name, a.name))
	}
	if err := s.check(f, a); err != nil {
		return nil, err
	}
	f.aliases[a.name] = a
	c := s.describeAlias(f, a)
	return &awslambda.CreateAliasOutput{
		AliasArn: c.AliasArn, Description: c.Description, FunctionVersion: c.FunctionVersion,
		Name: c.Name, RevisionId: c.RevisionId, RoutingConfig: c.RoutingConfig,
	}, nil
}

// findAlias returns an alias and its function. s.mu is held.
func (s *Service) findAlias(ref reference, name *string) (*function, *alias, error) {
	if name == nil {
		return nil, nil, missing("name")
	}
	f, err := s.find(ref)
	if err != nil {
		return nil, nil, err
	}
	a := f.aliases[*name]
	if a == nil {
		return f, nil, noAlias(s.arn(f.name, *name))
	}
	return f, a, nil
}

// UpdateAlias points an alias to another version, or changes its weights.
// Absent members stay unchanged. An empty AdditionalVersionWeights ends
// weighted routing.
// See https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html.
func (s *Service) UpdateAlias(_ context.Context, in *awslambda.UpdateAliasInput) (*awslambda.UpdateAliasOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, old, err := s.findAlias(ref, in.Name)
	if err != nil {
		return nil, err
	}
	if err := checkRevision(in.RevisionId, old.revision); err != nil {
		return nil, err
	}
	a := *old
	if in.Description != nil {
		a.description = *in.Description
	}
	if in.FunctionVersion != nil {
		a.version = *in.FunctionVersion
	}
	if in.RoutingConfig != nil {
		a.weights = maps.Clone(in.RoutingConfig.AdditionalVersionWeights)
	}
	if err := s.check(f, &a); err != nil {
		return nil, err
	}
	a.revision = uuid.NewString()
	f.aliases[a.name] = &a
	c := s.describeAlias(f, &a)
	return &awslambda.UpdateAliasOutput{
		AliasArn: c.AliasArn, Description: c.Description, FunctionVersion: c.FunctionVersion,
		Name: c.Name, RevisionId: c.RevisionId, RoutingConfig: c.RoutingConfig,
	}, nil
}

// GetAlias describes an alias.
// See https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html.
func (s *Service) GetAlias(_ context.Context, in *awslambda.GetAliasInput) (*awslambda.GetAliasOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, a, err := s.findAlias(ref, in.Name)
	if err != nil {
		return nil, err
	}
	c := s.describeAlias(f, a)
	return &awslambda.GetAliasOutput{
		AliasArn: c.AliasArn, Description: c.Description, FunctionVersion: c.FunctionVersion,
		Name: c.Name, RevisionId: c.RevisionId, RoutingConfig: c.RoutingConfig,
	}, nil
}

// DeleteAlias deletes an alias with its URL and permissions. Deleting one that
// doesn't exist succeeds.
// See https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html.
func (s *Service) DeleteAlias(_ context.Context, in *awslambda.DeleteAliasInput) (*awslambda.DeleteAliasOutput, error) {
	ref, err := s.unqualified(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if in.Name == nil {
		return nil, missing("name")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	if u := f.urls[*in.Name]; u != nil {
		if err := u.close(); err != nil {
			return nil, err
		}
		delete(f.urls, *in.Name)
	}
	delete(f.policies, *in.Name)
	delete(f.async, *in.Name)
	delete(f.aliases, *in.Name)
	return &awslambda.DeleteAliasOutput{}, nil
}

// ListAliases lists a function's aliases by name.
// See https://docs.aws.amazon.com/lambda/latest/api/API_ListAliases.html.
func (s *Service) ListAliases(_ context.Context, in *awslambda.ListAliasesInput) (*awslambda.ListAliasesOutput, error) {
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
	var all []lambdatypes.AliasConfiguration
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		a := f.aliases[name]
		_, weighted := a.weights[aws.ToString(in.FunctionVersion)]
		if in.FunctionVersion == nil || a.version == *in.FunctionVersion || weighted {
			all = append(all, s.describeAlias(f, a))
		}
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &awslambda.ListAliasesOutput{Aliases: page, NextMarker: next}, nil
}
