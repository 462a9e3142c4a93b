package bucket_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/bucket"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

var commit = strings.Repeat("c", 40)

// names are those of a delivery whose pipeline keeps evidence.
var names = manifest.Manifest{Pipeline: manifest.Pipeline{Place: manifest.Place{Stack: "shop-pipeline"}, Evidence: &manifest.Evidence{Output: "Evidence"}}}

// TestFind holds that the bucket is found by the pipeline's output.
func TestFind(t *testing.T) {
	t.Parallel()
	cfg := localawstest.Start(t)
	if _, _, err := bucket.Find(t.Context(), cfg, names, nil); !errors.Is(err, stack.ErrNotDeployed) {
		t.Errorf("before it is deployed: %v", err)
	}
	localawstest.CreateStack(t, cfg, "shop-pipeline", `{"Resources":{"B":{"Type":"AWS::S3::Bucket"}},"Outputs":{"Evidence":{"Value":{"Ref":"B"}}}}`)
	b, found, err := bucket.Find(t.Context(), cfg, names, evidencetest.NewSigner(t))
	if err != nil || !found || !strings.HasPrefix(b.Name, "shop-pipeline-b-") {
		t.Fatalf("%+v, %v, %v", b, found, err)
	}
	if err := b.PutDeployment(t.Context(), commit, strings.Repeat("p", 64), evidence.Deployment{Stage: "production"}); err != nil {
		t.Error(err)
	}
	other := names
	other.Pipeline.Evidence = &manifest.Evidence{Output: "Other"}
	if _, _, err := bucket.Find(t.Context(), cfg, other, nil); !errors.Is(err, stack.ErrNotDeployed) || !strings.Contains(err.Error(), "has no output Other") {
		t.Errorf("without the output: %v", err)
	}
	if _, found, err := bucket.Find(t.Context(), cfg, manifest.Manifest{}, nil); found || err != nil {
		t.Errorf("of a pipeline that keeps none: %v, %v", found, err)
	}
}

// TestAttackByAnotherPlaceForEvidence has the candidate's manifest say that the pipeline
// keeps no evidence, or keeps it elsewhere.
func TestAttackByAnotherPlaceForEvidence(t *testing.T) {
	t.Setenv("MAGEWRIGHT_EVIDENCE", "locked")
	for _, said := range []manifest.Manifest{{}, names} {
		if b, found, err := bucket.Find(t.Context(), aws.Config{}, said, nil); err != nil || !found || b.Name != "locked" {
			t.Errorf("%+v: %+v, %v, %v", said.Pipeline, b, found, err)
		}
	}
}

// TestBucket holds that evidence is written once, under the names of a ledger, and that
// the link shows the page.
func TestBucket(t *testing.T) {
	t.Parallel()
	client := s3.NewFromConfig(localawstest.Start(t), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("evidence")}); err != nil {
		t.Fatal(err)
	}
	signer := evidencetest.NewSigner(t)
	b := bucket.Bucket{Client: client, Name: "evidence", Signer: signer}
	bundle, page := []byte("{}\n"), []byte("<p>GO</p>")
	for range 2 { // the second time nothing changes
		link, digest, err := b.Publish(t.Context(), commit, bundle, page, time.Hour)
		if err != nil || digest != evidence.Digest(bundle) {
			t.Fatalf("%s, %v", digest, err)
		}
		answer, err := http.Get(link) // #nosec G107 -- the test's own endpoint
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || !bytes.Equal(body, page) || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("the link shows %d %s (%v), %v", answer.StatusCode, body, err, answer.Header)
		}
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	record := evidence.Deployment{Stage: "production", Verdict: "GO"}
	if err := b.PutDeployment(t.Context(), commit, strings.Repeat("p", 64), record); err != nil {
		t.Fatal(err)
	}
	listed, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b.Name})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range listed.Contents {
		names = append(names, *o.Key)
	}
	kept := "releases/" + commit + "/evidence/" + evidence.Digest(bundle)
	if len(names) != 3 || !strings.HasPrefix(names[0], "releases/"+commit+"/deployments/") || !slices.Equal(names[1:], []string{kept + ".html", kept + ".intoto.jsonl"}) {
		t.Errorf("the bucket has %q", names)
	}
	object, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Name, Key: &names[0]})
	if err != nil {
		t.Fatal(err)
	}
	var sealed evidence.Envelope
	if err := json.NewDecoder(object.Body).Decode(&sealed); err != nil {
		t.Fatal(err)
	}
	if _, _, err := sealed.Open(t.Context(), signer.Key); err != nil {
		t.Errorf("the record: %v", err)
	}
	// Nothing is written over, and what can't be written is named.
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Name, Key: aws.String("releases/" + commit + "/evidence/" + evidence.Digest([]byte("x")) + ".intoto.jsonl"), Body: strings.NewReader("other")}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Publish(t.Context(), commit, []byte("x"), page, time.Hour); err == nil || !strings.Contains(err.Error(), "a different document exists there") {
		t.Errorf("over another document: %v", err)
	}
	b.Name = "nowhere"
	if err := b.PutDeployment(t.Context(), commit, "", record); err == nil || !strings.Contains(err.Error(), "writing s3://nowhere/releases/") {
		t.Errorf("in no bucket: %v", err)
	}
}
