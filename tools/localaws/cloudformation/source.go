package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// The quotas for the size of a template in bytes.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html.
const (
	maxBody   = 51200
	maxObject = 1 << 20
)

// templateText returns the template of a request, which contains it or gives
// its URL. The text is empty if the request has neither.
func (s *Service) templateText(ctx context.Context, body, location *string) (string, error) {
	switch {
	case body != nil && location != nil:
		return "", validationErrorf("You cannot specify both Template Body and Template URL at the same time.")
	case body != nil:
		if len(*body) > maxBody {
			return "", validationErrorf("1 validation error detected: Value '...' at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", maxBody)
		}
		if *body == "" {
			return "", validationErrorf("1 validation error detected: Value '' at 'templateBody' failed to satisfy constraint: Member must have length greater than or equal to 1")
		}
		return *body, nil
	case location != nil:
		return s.fetch(ctx, *location)
	}
	return "", nil
}

func (s *Service) fetch(ctx context.Context, location string) (string, error) {
	in, err := s.objectAt(location)
	if err != nil {
		return "", err
	}
	return s.fetchObject(ctx, location, in)
}

func (s *Service) fetchObject(ctx context.Context, location string, in *awss3.GetObjectInput) (_ string, err error) {
	if s.deps.Objects == nil {
		return "", validationErrorf("S3 error: this endpoint has no S3 to read %s from", location)
	}
	out, err := s.deps.Objects.GetObject(ctx, in)
	if err != nil {
		return "", validationErrorf("S3 error: %s", message(err))
	}
	defer func() {
		if closeErr := out.Body.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("reading template %s: %w", location, closeErr)
		}
	}()
	text, err := io.ReadAll(io.LimitReader(out.Body, maxObject+1))
	if err != nil {
		return "", fmt.Errorf("reading template %s: %w", location, err)
	}
	if len(text) > maxObject {
		return "", validationErrorf("Template may not exceed %d bytes in size.", maxObject)
	}
	if len(text) == 0 {
		return "", validationErrorf("Template format error: unsupported structure.")
	}
	return string(text), nil
}

// include returns the file at an s3:// URI, which a template includes.
func (s *Service) include(ctx context.Context, location string) (string, error) {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(location, "s3://"), "/")
	if !ok || bucket == "" || key == "" {
		return "", errors.New("the URI has the form s3://bucket/key")
	}
	text, err := s.fetchObject(ctx, location, &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", plain(err)
	}
	return text, nil
}

var (
	pathStyleHost    = regexp.MustCompile(`^s3[.-]?([a-z0-9-]*)\.amazonaws\.com$`)
	virtualStyleHost = regexp.MustCompile(`^(.+)\.s3[.-]?([a-z0-9-]*)\.amazonaws\.com$`)
)

// objectAt finds the bucket and key in a TemplateURL. It accepts S3's own URL
// forms, and path-style URLs on a loopback endpoint.
func (s *Service) objectAt(location string) (*awss3.GetObjectInput, error) {
	refused := validationErrorf("TemplateURL must be a supported URL.")
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, refused
	}
	host, path := u.Hostname(), strings.TrimPrefix(u.Path, "/")
	var bucket, key string
	if m := virtualStyleHost.FindStringSubmatch(host); m != nil {
		bucket, key = m[1], path
	} else if pathStyleHost.MatchString(host) || s.loopback(host) {
		bucket, key, _ = strings.Cut(path, "/")
	}
	if bucket == "" || key == "" {
		return nil, refused
	}
	in := &awss3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}
	if version := u.Query().Get("versionId"); version != "" {
		in.VersionId = aws.String(version)
	}
	return in, nil
}

func (s *Service) loopback(host string) bool {
	if endpoint, err := url.Parse(s.account.Endpoint); err == nil && host == endpoint.Hostname() {
		return true
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
