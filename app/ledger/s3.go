package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// S3 is a [Store] in a bucket. That a document is written once is decided by S3
// itself, with a conditional write, so that two writers can't both win.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
type S3 struct {
	Client *s3.Client
	Bucket string
}

// Put implements [Store].
func (s S3) Put(ctx context.Context, name string, document []byte) (bool, error) {
	_, err := s.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      &s.Bucket,
		Key:         &name,
		Body:        bytes.NewReader(document),
		ContentType: aws.String("application/json"),
		IfNoneMatch: aws.String("*"),
	})
	if err == nil {
		return true, nil
	}
	// PreconditionFailed: an object is there. ConditionalRequestConflict:
	// another writer was at it in the same moment.
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != "PreconditionFailed" && api.ErrorCode() != "ConditionalRequestConflict" {
		return false, fmt.Errorf("writing %s: %w", name, err)
	}
	kept, err := s.Get(ctx, name)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(kept, document) {
		return false, ErrExists
	}
	return false, nil
}

// Get implements [Store].
func (s S3) Get(ctx context.Context, name string) ([]byte, error) {
	object, err := s.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: &name})
	if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	document, err := io.ReadAll(object.Body)
	if err := errors.Join(err, object.Body.Close()); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return document, nil
}

// List implements [Store].
func (s S3) List(ctx context.Context, prefix string) ([]Object, error) {
	var objects []Object
	pages := s3.NewListObjectsV2Paginator(s.Client, &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", prefix, err)
		}
		for _, object := range page.Contents {
			objects = append(objects, Object{Name: aws.ToString(object.Key), Recorded: aws.ToTime(object.LastModified), Size: aws.ToInt64(object.Size)})
		}
	}
	return objects, nil
}
