package codepipeline

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/localaws/mirror"
)

// The output formats of a connection source.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodestarConnectionSource.html.
const (
	formatZip   = "CODE_ZIP"
	formatClone = "CODEBUILD_CLONE_REF"
)

// cloneReferenceFile is the only file in a clone reference artifact.
const cloneReferenceFile = "codebuild-clone-ref.json"

// A cloneReference tells CodeBuild what to clone.
type cloneReference struct {
	ConnectionArn    string `json:"connectionArn"`
	FullRepositoryID string `json:"fullRepositoryId"`
	BranchName       string `json:"branchName"`
	CommitID         string `json:"commitId"`
	CloneURL         string `json:"cloneUrl"`
}

func checkConnectionSource(a *types.ActionDeclaration) error {
	switch format := a.Configuration["OutputArtifactFormat"]; format {
	case "", formatZip, formatClone:
		return nil
	default:
		return invalidAction("OutputArtifactFormat of action '%s' is '%s'. It must be %s or %s", aws.ToString(a.Name), format, formatZip, formatClone)
	}
}

// cloneSource runs a connection's source action. It finds the commit and stores
// either the commit or a reference to it.
func (s *Service) cloneSource(ctx context.Context, j *job) outcome {
	connection, repository, branch := j.configuration["ConnectionArn"], j.configuration["FullRepositoryId"], j.configuration["BranchName"]
	id := ""
	what := fmt.Sprintf("repository %s, branch %s", repository, branch)
	if j.override != nil {
		id = aws.ToString(j.override.RevisionValue)
		what += ", commit " + id
	}
	url, err := s.deps.Connections.CloneURL(ctx, connection, repository)
	if err != nil {
		return failure(codeConfiguration, "Connection %s to %s cannot be used: %v", connection, what, err)
	}
	out := j.outputs[0]
	var c commit
	var stored error
	err = s.deps.Mirrors.Use(ctx, url, func(m mirror.Mirror) (err error) {
		if c, err = find(ctx, m, branch, id); err != nil {
			return err
		}
		if j.configuration["OutputArtifactFormat"] == formatClone {
			stored = s.putReference(ctx, j, out, cloneReference{
				ConnectionArn: connection, FullRepositoryID: repository, BranchName: branch, CommitID: c.id, CloneURL: url,
			})
		} else {
			stored = s.putArchive(ctx, j, out, m, c)
		}
		return nil
	})
	if err != nil {
		return failure(codeUnavailable, "Unable to read the source from %s: %v", what, err)
	}
	if stored != nil {
		return failure(codeJobFailed, "Storing the source of %s: %v", what, stored)
	}
	summary, err := json.Marshal(map[string]string{"CommitMessage": c.message})
	if err != nil {
		return failure(codeJobFailed, "Describing commit %s: %v", c.id, err)
	}
	return outcome{
		summary:    string(summary),
		externalID: c.id,
		revision: &types.ArtifactRevision{
			Name: aws.String(out.name), RevisionId: aws.String(c.id), RevisionSummary: aws.String(string(summary)), Created: aws.Time(c.authored),
		},
		variables: map[string]string{
			"AuthorDate": c.authored.UTC().Format("2006-01-02T15:04:05Z"), "AuthorId": c.authorEmail, "AuthorDisplayName": c.author, "AuthorEmail": c.authorEmail,
			"BranchName": branch, "CommitId": c.id, "CommitMessage": c.message, "ConnectionArn": connection, "FullRepositoryName": repository,
		},
	}
}

func (s *Service) putReference(ctx context.Context, j *job, a artifact, ref cloneReference) error {
	var body bytes.Buffer
	w := zip.NewWriter(&body)
	f, err := w.Create(cloneReferenceFile)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(f).Encode(ref); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return s.put(ctx, j, a, bytes.NewReader(body.Bytes()))
}

func (s *Service) putArchive(ctx context.Context, j *job, a artifact, m mirror.Mirror, c commit) error {
	f, err := os.CreateTemp("", "source-*.zip")
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	if err := archive(ctx, m, c, f); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return s.put(ctx, j, a, f)
}

// fetchObject runs an S3 source action. It copies the version of the object.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-S3.html.
func (s *Service) fetchObject(ctx context.Context, j *job) outcome {
	in := &awss3.GetObjectInput{Bucket: aws.String(j.configuration["S3Bucket"]), Key: aws.String(j.configuration["S3ObjectKey"])}
	if j.override != nil {
		in.VersionId = j.override.RevisionValue
	}
	what := fmt.Sprintf("s3://%s/%s", *in.Bucket, *in.Key)
	got, err := s.deps.Objects.GetObject(ctx, in)
	if err != nil {
		return failure(codeUnavailable, "Unable to access the artifact %s, version %s: %v", what, aws.ToString(in.VersionId), err)
	}
	content, err := io.ReadAll(got.Body)
	_ = got.Body.Close()
	if err != nil {
		return failure(codeUnavailable, "Reading %s: %v", what, err)
	}
	out := j.outputs[0]
	if err := s.put(ctx, j, out, bytes.NewReader(content)); err != nil {
		return failure(codeJobFailed, "%v", err)
	}
	version := aws.ToString(got.VersionId)
	summary := "Amazon S3 version id: " + version
	return outcome{
		summary:    summary,
		externalID: version,
		revision: &types.ArtifactRevision{
			Name: aws.String(out.name), RevisionId: aws.String(version), RevisionChangeIdentifier: got.ETag, RevisionSummary: aws.String(summary), Created: got.LastModified,
		},
		variables: map[string]string{"BucketName": *in.Bucket, "ObjectKey": *in.Key, "VersionId": version, "ETag": aws.ToString(got.ETag)},
	}
}
