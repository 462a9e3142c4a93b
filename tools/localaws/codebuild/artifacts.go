package codebuild

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5" // #nosec G501 -- what the API shows, no protection
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/localaws/buildspec"
)

// outputs returns the identifiers of the artifacts that the build has to make.
// If a pipeline has one output, that is the primary artifact. If it has
// several, each is the secondary artifact with that name.
func (b *build) outputs() []string {
	var ids []string
	switch {
	case b.pipeline != nil && len(b.pipeline.Outputs) == 1:
		ids = []string{""}
	case b.pipeline != nil:
		for _, o := range b.pipeline.Outputs {
			ids = append(ids, o.Name)
		}
	default:
		if b.project.Artifacts.Type == cbtypes.ArtifactsTypeS3 {
			ids = append(ids, "")
		}
		for _, a := range b.project.SecondaryArtifacts {
			if a.Type == cbtypes.ArtifactsTypeS3 {
				ids = append(ids, aws.ToString(a.ArtifactIdentifier))
			}
		}
	}
	return ids
}

// destinations returns the artifacts in the API's form.
func (s *Service) destinations(b *build) (*cbtypes.BuildArtifacts, []cbtypes.BuildArtifacts) {
	primary := &cbtypes.BuildArtifacts{}
	var secondary []cbtypes.BuildArtifacts
	for _, id := range b.outputs() {
		a := cbtypes.BuildArtifacts{Location: aws.String("arn:aws:s3:::" + b.bucketAndKey(id, buildspec.Artifact{}))}
		if id == "" {
			primary = &a
			continue
		}
		a.ArtifactIdentifier = aws.String(id)
		secondary = append(secondary, a)
	}
	return primary, secondary
}

// definition returns the project's own definition of an artifact.
func (b *build) definition(id string) cbtypes.ProjectArtifacts {
	for _, a := range b.project.SecondaryArtifacts {
		if id != "" && aws.ToString(a.ArtifactIdentifier) == id {
			return a
		}
	}
	return *b.project.Artifacts
}

// bucketAndKey returns the destination of an artifact as bucket/key.
// See https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectArtifacts.html.
func (b *build) bucketAndKey(id string, made buildspec.Artifact) string {
	if b.pipeline != nil {
		for _, o := range b.pipeline.Outputs {
			if id == "" || o.Name == id {
				return o.Bucket + "/" + o.Key
			}
		}
	}
	d := b.definition(id)
	name := aws.ToString(d.Name)
	if name == "" {
		name = *b.project.Name
	}
	if aws.ToBool(d.OverrideArtifactName) && made.Name != "" {
		name = made.Name
	}
	parts := []string{objectPath(aws.ToString(d.Location)), made.S3Prefix, aws.ToString(d.Path)}
	if d.NamespaceType == cbtypes.ArtifactNamespaceBuildId {
		parts = append(parts, b.uuid)
	}
	return path.Join(append(parts, name)...)
}

// store puts an artifact into its bucket: as one zip, or file by file if the
// project's packaging is not ZIP.
func (s *Service) store(ctx context.Context, b *build, a buildspec.Artifact) error {
	location := b.bucketAndKey(a.Identifier, a)
	var err error
	if b.pipeline != nil || b.definition(a.Identifier).Packaging == cbtypes.ArtifactPackagingZip {
		err = s.putFile(ctx, b, location, a.Path)
	} else {
		err = s.putFiles(ctx, b, location, a.Path)
	}
	if err != nil {
		return fmt.Errorf("uploading artifact to s3://%s: %w", location, err)
	}
	sha, sum, err := digests(a.Path)
	if err != nil {
		return fmt.Errorf("reading the artifact: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := b.api.Artifacts
	for i := range b.api.SecondaryArtifacts {
		if a.Identifier != "" && aws.ToString(b.api.SecondaryArtifacts[i].ArtifactIdentifier) == a.Identifier {
			shown = &b.api.SecondaryArtifacts[i]
		}
	}
	shown.Location = aws.String("arn:aws:s3:::" + location)
	shown.Sha256sum, shown.Md5sum = aws.String(sha), aws.String(sum)
	return nil
}

func digests(name string) (sha, sum string, err error) {
	f, err := os.Open(name) // #nosec G304 -- in the build's own directory
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, m := sha256.New(), md5.New() // #nosec G401 -- what the API shows, no protection
	if _, err := io.Copy(io.MultiWriter(h, m), f); err != nil {
		return "", "", err
	}
	return hex.EncodeToString(h.Sum(nil)), hex.EncodeToString(m.Sum(nil)), nil
}

func (s *Service) put(ctx context.Context, b *build, location string, body io.Reader, size int64) error {
	bucket, key, _ := strings.Cut(location, "/")
	_, err := s.deps.Objects.PutObject(ctx, &awss3.PutObjectInput{
		Bucket:        aws.String(bucket),
		Key:           aws.String(key),
		Body:          body,
		ContentLength: aws.Int64(size),
		Metadata:      map[string]string{"codebuild-buildarn": *b.api.Arn},
	})
	return err
}

func (s *Service) putFile(ctx context.Context, b *build, location, name string) (err error) {
	f, err := os.Open(name) // #nosec G304 -- in the build's own directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return s.put(ctx, b, location, f, info.Size())
}

func (s *Service) putFiles(ctx context.Context, b *build, location, name string) (err error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
		if err := s.put(ctx, b, location+"/"+f.Name, bytes.NewReader(data), int64(len(data))); err != nil {
			return err
		}
	}
	return nil
}
