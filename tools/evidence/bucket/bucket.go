// Package bucket keeps the evidence of releases in a bucket, for a delivery whose stages are
// not release ledgers. The names are the same as in a ledger, so that a ledger can later show
// what is there:
//
//	releases/COMMIT/evidence/SHA256.intoto.jsonl   a signed bundle
//	releases/COMMIT/evidence/SHA256.html           the page about it, for the approver
//	releases/COMMIT/deployments/SHA256.json        a signed record of a deployment
package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// A Bucket is a bucket for evidence, which should have Object Lock.
type Bucket struct {
	Client *s3.Client
	Name   string
	Signer evidence.Signer
}

// Find returns the bucket in which a delivery's pipeline keeps evidence, and whether there is
// one. An error can be [stack.ErrNotDeployed] or [stack.ErrOtherAccount].
//
// In the pipeline, MAGEWRIGHT_EVIDENCE names the bucket. The manifest belongs to the
// candidate, which could say that evidence goes to staging, and then show the approver a page
// of its own.
func Find(ctx context.Context, cfg aws.Config, names manifest.Manifest, signer evidence.Signer) (b Bucket, found bool, err error) {
	if name := os.Getenv("MAGEWRIGHT_EVIDENCE"); name != "" {
		return Bucket{Client: s3.NewFromConfig(cfg), Name: name, Signer: signer}, true, nil
	}
	e := names.Pipeline.Evidence
	if e == nil {
		return b, false, nil
	}
	name, err := stack.Output(ctx, cfg, names.Pipeline.Place, e.Output)
	if err != nil {
		return b, false, err
	}
	return Bucket{Client: s3.NewFromConfig(stack.In(cfg, names.Pipeline.Place)), Name: name, Signer: signer}, true, nil
}

// Publish stores the bundle of a commit with its page. It returns the bundle's digest and a
// link to the page. Whoever has the link can read the page for as long as life says, but not
// after the credentials that signed it expire. See
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html.
func (b Bucket) Publish(ctx context.Context, commit string, bundle, page []byte, life time.Duration) (link, digest string, err error) {
	digest = evidence.Digest(bundle)
	name := "releases/" + commit + "/evidence/" + digest
	if err := b.put(ctx, name+".intoto.jsonl", "application/jsonl", bundle); err != nil {
		return "", "", err
	}
	if err := b.put(ctx, name+".html", "text/html; charset=utf-8", page); err != nil {
		return "", "", err
	}
	signed, err := s3.NewPresignClient(b.Client).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: aws.String(name + ".html")}, s3.WithPresignExpires(life))
	if err != nil {
		return "", "", fmt.Errorf("signing a link to %s: %w", b.location(name+".html"), err)
	}
	return signed.URL, digest, nil
}

// PutDeployment signs the record of a deployment and stores it.
func (b Bucket) PutDeployment(ctx context.Context, commit, pkg string, d evidence.Deployment) error {
	record, err := evidence.SealDeployment(ctx, b.Signer, commit, pkg, d)
	if err != nil {
		return err
	}
	return b.put(ctx, "releases/"+commit+"/deployments/"+evidence.Digest(record)+".json", "application/json", record)
}

func (b Bucket) location(name string) string { return "s3://" + b.Name + "/" + name }

// put writes a document once. S3 makes sure of that with a conditional write. It is no error
// if the same document exists already. See
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
func (b Bucket) put(ctx context.Context, name, mediaType string, document []byte) error {
	_, err := b.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.Name, Key: &name, Body: bytes.NewReader(document), ContentType: &mediaType, IfNoneMatch: aws.String("*"),
	})
	if err == nil {
		return nil
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != "PreconditionFailed" && api.ErrorCode() != "ConditionalRequestConflict" {
		return fmt.Errorf("writing %s: %w", b.location(name), err)
	}
	object, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &name})
	if err != nil {
		return fmt.Errorf("reading %s: %w", b.location(name), err)
	}
	kept, err := io.ReadAll(io.LimitReader(object.Body, int64(len(document))+1))
	if err := errors.Join(err, object.Body.Close()); err != nil {
		return fmt.Errorf("reading %s: %w", b.location(name), err)
	}
	if !bytes.Equal(kept, document) {
		return fmt.Errorf("writing %s: a different document exists there", b.location(name))
	}
	return nil
}
