// Package ecr is the part of Amazon Elastic Container Registry that a CDK
// bootstrap needs: repositories with their settings, policies and tags.
//
// It stores no images. A repository is always empty, and listing or describing
// its images says so. Pushing an image is an unknown operation.
// See https://docs.aws.amazon.com/AmazonECR/latest/APIReference/Welcome.html.
package ecr

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/magewright/magewright/tools/localaws/account"
)

// A Service holds the repositories of one account and region.
type Service struct {
	account account.Account

	mu           sync.Mutex
	repositories map[string]*repository
}

type repository struct {
	ecrtypes.Repository
	policy    *string
	lifecycle *string
	tags      map[string]string
}

// New returns an ECR without repositories.
func New(a account.Account) *Service {
	return &Service{account: a, repositories: map[string]*repository{}}
}

// namePattern is the API's pattern for RepositoryName.
var namePattern = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// CreateRepository creates an empty repository.
func (s *Service) CreateRepository(_ context.Context, in *awsecr.CreateRepositoryInput) (*awsecr.CreateRepositoryOutput, error) {
	name := aws.ToString(in.RepositoryName)
	if err := s.checkRegistry(in.RegistryId); err != nil {
		return nil, err
	}
	if len(name) < 2 || len(name) > 256 || !namePattern.MatchString(name) {
		return nil, invalid("Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression %q'", namePattern)
	}
	mutability, err := mutabilityOf(in.ImageTagMutability)
	if err != nil {
		return nil, err
	}
	encryption := ecrtypes.EncryptionConfiguration{EncryptionType: ecrtypes.EncryptionTypeAes256}
	if in.EncryptionConfiguration != nil {
		encryption = *in.EncryptionConfiguration
	}
	if !slices.Contains(encryption.EncryptionType.Values(), encryption.EncryptionType) {
		return nil, invalid("Invalid parameter at 'encryptionType': %q", encryption.EncryptionType)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.repositories[name]; exists {
		return nil, &ecrtypes.RepositoryAlreadyExistsException{Message: aws.String(fmt.Sprintf(
			"The repository with name '%s' already exists in the registry with id '%s'", name, s.account.ID))}
	}
	r := &repository{
		Repository: ecrtypes.Repository{
			CreatedAt:                          aws.Time(s.account.Clock.Now()),
			EncryptionConfiguration:            &encryption,
			ImageScanningConfiguration:         scanningOf(in.ImageScanningConfiguration),
			ImageTagMutability:                 mutability,
			ImageTagMutabilityExclusionFilters: slices.Clone(in.ImageTagMutabilityExclusionFilters),
			RegistryId:                         aws.String(s.account.ID),
			RepositoryArn:                      aws.String(s.account.ARN("ecr", "repository/"+name)),
			RepositoryName:                     aws.String(name),
			RepositoryUri:                      aws.String(s.account.ID + ".dkr.ecr." + s.account.Region + ".amazonaws.com/" + name),
		},
		tags: map[string]string{},
	}
	r.tag(in.Tags)
	s.repositories[name] = r
	return &awsecr.CreateRepositoryOutput{Repository: r.describe()}, nil
}

// DeleteRepository deletes a repository.
func (s *Service) DeleteRepository(_ context.Context, in *awsecr.DeleteRepositoryInput) (*awsecr.DeleteRepositoryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	delete(s.repositories, *r.RepositoryName)
	return &awsecr.DeleteRepositoryOutput{Repository: r.describe()}, nil
}

// DescribeRepositories returns the named repositories or all repositories,
// sorted by name. It returns one page, whatever MaxResults says.
func (s *Service) DescribeRepositories(_ context.Context, in *awsecr.DescribeRepositoriesInput) (*awsecr.DescribeRepositoriesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkRegistry(in.RegistryId); err != nil {
		return nil, err
	}
	names := in.RepositoryNames
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(s.repositories))
	}
	out := &awsecr.DescribeRepositoriesOutput{Repositories: []ecrtypes.Repository{}}
	for _, name := range names {
		r, err := s.find(nil, &name)
		if err != nil {
			return nil, err
		}
		out.Repositories = append(out.Repositories, *r.describe())
	}
	return out, nil
}

// PutImageScanningConfiguration sets whether images are scanned on push.
func (s *Service) PutImageScanningConfiguration(_ context.Context, in *awsecr.PutImageScanningConfigurationInput) (*awsecr.PutImageScanningConfigurationOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	r.ImageScanningConfiguration = scanningOf(in.ImageScanningConfiguration)
	return &awsecr.PutImageScanningConfigurationOutput{
		ImageScanningConfiguration: scanningOf(r.ImageScanningConfiguration),
		RegistryId:                 r.RegistryId,
		RepositoryName:             r.RepositoryName,
	}, nil
}

// PutImageTagMutability sets whether an image tag can be moved.
func (s *Service) PutImageTagMutability(_ context.Context, in *awsecr.PutImageTagMutabilityInput) (*awsecr.PutImageTagMutabilityOutput, error) {
	mutability, err := mutabilityOf(in.ImageTagMutability)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	r.ImageTagMutability = mutability
	r.ImageTagMutabilityExclusionFilters = slices.Clone(in.ImageTagMutabilityExclusionFilters)
	return &awsecr.PutImageTagMutabilityOutput{
		ImageTagMutability:                 mutability,
		ImageTagMutabilityExclusionFilters: slices.Clone(r.ImageTagMutabilityExclusionFilters),
		RegistryId:                         r.RegistryId,
		RepositoryName:                     r.RepositoryName,
	}, nil
}

// ListImages returns an empty list, because a repository holds no images.
func (s *Service) ListImages(_ context.Context, in *awsecr.ListImagesInput) (*awsecr.ListImagesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(in.RegistryId, in.RepositoryName); err != nil {
		return nil, err
	}
	return &awsecr.ListImagesOutput{ImageIds: []ecrtypes.ImageIdentifier{}}, nil
}

// DescribeImages returns an empty list, or an error if the request names
// images, because a repository holds none.
func (s *Service) DescribeImages(_ context.Context, in *awsecr.DescribeImagesInput) (*awsecr.DescribeImagesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if len(in.ImageIds) > 0 {
		return nil, &ecrtypes.ImageNotFoundException{Message: aws.String(fmt.Sprintf(
			"The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in the registry with id '%s'",
			aws.ToString(in.ImageIds[0].ImageDigest), aws.ToString(in.ImageIds[0].ImageTag), *r.RepositoryName, s.account.ID))}
	}
	return &awsecr.DescribeImagesOutput{ImageDetails: []ecrtypes.ImageDetail{}}, nil
}

// find returns a repository by name. The caller holds the service's lock.
func (s *Service) find(registry, name *string) (*repository, error) {
	if err := s.checkRegistry(registry); err != nil {
		return nil, err
	}
	r, ok := s.repositories[aws.ToString(name)]
	if !ok {
		return nil, &ecrtypes.RepositoryNotFoundException{Message: aws.String(fmt.Sprintf(
			"The repository with name '%s' does not exist in the registry with id '%s'", aws.ToString(name), s.account.ID))}
	}
	return r, nil
}

func (s *Service) checkRegistry(id *string) error {
	if id == nil || *id == s.account.ID {
		return nil
	}
	return invalid("Invalid parameter at 'registryId': the embedded AWS has only the registry %s", s.account.ID)
}

// describe returns a copy. The caller may modify it.
func (r *repository) describe() *ecrtypes.Repository {
	d := r.Repository
	encryption := *d.EncryptionConfiguration
	d.EncryptionConfiguration = &encryption
	d.ImageScanningConfiguration = scanningOf(d.ImageScanningConfiguration)
	d.ImageTagMutabilityExclusionFilters = slices.Clone(d.ImageTagMutabilityExclusionFilters)
	return &d
}

func scanningOf(c *ecrtypes.ImageScanningConfiguration) *ecrtypes.ImageScanningConfiguration {
	return &ecrtypes.ImageScanningConfiguration{ScanOnPush: c != nil && c.ScanOnPush}
}

func mutabilityOf(m ecrtypes.ImageTagMutability) (ecrtypes.ImageTagMutability, error) {
	if m == "" {
		return ecrtypes.ImageTagMutabilityMutable, nil
	}
	if !slices.Contains(m.Values(), m) {
		return "", invalid("Invalid parameter at 'imageTagMutability': %q", m)
	}
	return m, nil
}

func invalid(format string, args ...any) error {
	return &ecrtypes.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}
