package codepipeline

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// An artifact is a zip in the artifact store. Its object is written only once:
// an action that runs again writes another object.
type artifact struct {
	name     string
	bucket   string
	key      string
	revision string // commit or version of the source that it was made from
}

func (a artifact) detail() types.ArtifactDetail {
	return types.ArtifactDetail{Name: aws.String(a.name), S3location: &types.S3Location{Bucket: aws.String(a.bucket), Key: aws.String(a.key)}}
}

func details(artifacts []artifact) []types.ArtifactDetail {
	list := []types.ArtifactDetail{}
	for _, a := range artifacts {
		list = append(list, a.detail())
	}
	return list
}

// newArtifact returns an artifact whose object is named as CodePipeline does
// it: the first 20 characters of the pipeline's name, the first 10 of the
// artifact's name, and a unique part.
func newArtifact(pipeline, name, bucket string) artifact {
	return artifact{name: name, bucket: bucket, key: fmt.Sprintf("%.20s/%.10s/%.7s", pipeline, name, rand.Text())}
}

// put stores an artifact's zip with the encryption that the pipeline's store requires.
func (s *Service) put(ctx context.Context, j *job, a artifact, body io.Reader) error {
	in := &awss3.PutObjectInput{Bucket: aws.String(a.bucket), Key: aws.String(a.key), Body: body, ContentType: aws.String("application/zip")}
	if key := j.store.EncryptionKey; key != nil {
		in.ServerSideEncryption, in.SSEKMSKeyId = s3types.ServerSideEncryptionAwsKms, key.Id
	}
	if _, err := s.deps.Objects.PutObject(ctx, in); err != nil {
		return fmt.Errorf("storing artifact %s at s3://%s/%s: %w", a.name, a.bucket, a.key, err)
	}
	return nil
}
