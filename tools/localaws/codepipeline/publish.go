package codepipeline

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func checkPublish(a *types.ActionDeclaration) error {
	name, c := aws.ToString(a.Name), a.Configuration
	switch {
	case c["Extract"] != "true" && c["Extract"] != "false":
		return invalidAction("Extract of action '%s' must be true or false", name)
	case c["Extract"] == "false" && c["ObjectKey"] == "":
		return invalidAction("Action configuration for action '%s' is missing required configuration 'ObjectKey'", name)
	case c["CannedACL"] != "" && c["CannedACL"] != "private" && c["CannedACL"] != "bucket-owner-full-control":
		return invalidAction("The embedded AWS does not support CannedACL %s of action '%s': use a bucket policy", c["CannedACL"], name)
	}
	return nil
}

// publish runs an S3 deploy action: it puts the artifact, or the files in it, into a bucket.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-S3Deploy.html.
func (s *Service) publish(ctx context.Context, j *job) outcome {
	bucket, key := j.configuration["BucketName"], j.configuration["ObjectKey"]
	put := func(key string, body io.Reader, kind string) error {
		in := &awss3.PutObjectInput{
			Bucket: &bucket, Key: &key, Body: body, CacheControl: optional(j.configuration["CacheControl"]), ContentType: optional(kind),
		}
		if id := j.configuration["KMSEncryptionKeyARN"]; id != "" {
			in.ServerSideEncryption, in.SSEKMSKeyId = s3types.ServerSideEncryptionAwsKms, &id
		}
		if _, err := s.deps.Objects.PutObject(ctx, in); err != nil {
			return fmt.Errorf("putting s3://%s/%s: %w", bucket, key, err)
		}
		return nil
	}
	if j.configuration["Extract"] == "false" {
		out, err := s.deps.Objects.GetObject(ctx, &awss3.GetObjectInput{Bucket: aws.String(j.inputs[0].bucket), Key: aws.String(j.inputs[0].key)})
		if err != nil {
			return failure(codeJobFailed, "Reading artifact %s: %v", j.inputs[0].name, err)
		}
		body, err := io.ReadAll(io.LimitReader(out.Body, artifactMost))
		_ = out.Body.Close()
		if err == nil {
			err = put(key, bytes.NewReader(body), "application/zip")
		}
		if err != nil {
			return failure(codeJobFailed, "%v", err)
		}
		return outcome{}
	}
	files, err := s.unzipped(ctx, j.inputs[0])
	if err != nil {
		return failure(codeJobFailed, "%v", err)
	}
	prefix := strings.TrimSuffix(key, "/") + "/"
	if key == "" {
		prefix = ""
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		content, err := contents(f)
		if err == nil {
			err = put(prefix+f.Name, bytes.NewReader(content), mime.TypeByExtension(path.Ext(f.Name)))
		}
		if err != nil {
			return failure(codeJobFailed, "%v", err)
		}
	}
	return outcome{}
}
