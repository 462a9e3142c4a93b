package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const (
	prefix = "releases/"
	suffix = "/evidence.json"
)

// S3 is a [Store] in a bucket. That evidence is written once is decided by S3
// itself, with a conditional write, so that two writers can't both win.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
type S3 struct {
	Client *s3.Client
	Bucket string
}

// Put implements [Store].
func (s S3) Put(ctx context.Context, commit string, evidence []byte) (bool, error) {
	_, err := s.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      &s.Bucket,
		Key:         key(commit),
		Body:        bytes.NewReader(evidence),
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
		return false, fmt.Errorf("writing evidence of %s: %w", commit, err)
	}
	kept, err := s.Get(ctx, commit)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(kept, evidence) {
		return false, ErrExists
	}
	return false, nil
}

// Get implements [Store].
func (s S3) Get(ctx context.Context, commit string) ([]byte, error) {
	object, err := s.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: key(commit)})
	if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading evidence of %s: %w", commit, err)
	}
	evidence, err := io.ReadAll(object.Body)
	if err := errors.Join(err, object.Body.Close()); err != nil {
		return nil, fmt.Errorf("reading evidence of %s: %w", commit, err)
	}
	return evidence, nil
}

// List implements [Store].
func (s S3) List(ctx context.Context) ([]Release, error) {
	releases := []Release{}
	pages := s3.NewListObjectsV2Paginator(s.Client, &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: aws.String(prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing releases: %w", err)
		}
		for _, object := range page.Contents {
			commit, isPrefixed := strings.CutPrefix(aws.ToString(object.Key), prefix)
			commit, isEvidence := strings.CutSuffix(commit, suffix)
			if isPrefixed && isEvidence && fullHash.MatchString(commit) {
				releases = append(releases, Release{Commit: commit, Recorded: aws.ToTime(object.LastModified), Size: aws.ToInt64(object.Size)})
			}
		}
	}
	slices.SortStableFunc(releases, func(a, b Release) int { return b.Recorded.Compare(a.Recorded) })
	return releases, nil
}

func key(commit string) *string { return aws.String(prefix + commit + suffix) }
