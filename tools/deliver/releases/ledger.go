package releases

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/bucket"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// A ledger has everything that is kept about all releases. Only documents count that were
// signed by a key that was valid when they arrived.
type ledger struct {
	deployments []deployment // the oldest first
	assessments []assessment // the oldest first
	unreadable  []string     // the objects that don't count, each with the reason
}

// A deployment is the record of one deployment.
type deployment struct {
	evidence.Deployment
	commit, pkg string
	digest      string // of the record
}

// An assessment is the verdict on a release, together with its page.
type assessment struct {
	readiness.Assessment
	digest string // digest of the bundle
	page   string // HTML
}

// refused returns the reasons why the release was refused; none if it was not.
func (a assessment) refused() []string {
	var why []string
	for _, o := range a.Blocking() {
		why = append(why, o.Title+": "+o.Reason)
	}
	for _, w := range a.RefusedWaivers() {
		why = append(why, "the waiver of "+w.Check+": "+w.Refused)
	}
	return why
}

// object finds out the kind of an object that a ledger or a bucket of evidence keeps.
var object = regexp.MustCompile(`^releases/([0-9a-f]{40}|[0-9a-f]{64})/(evidence|deployments)(?:/[0-9a-f]{64})?\.(?:intoto\.jsonl|json)$`)

// open reads what a delivery keeps, as far as the pinned keys signed it. It also returns the
// names in the delivery's manifest.
func open(ctx context.Context, cfg project.Config, awsConfig aws.Config) (ledger, manifest.Manifest, error) {
	names, err := manifest.Read(cfg)
	if err != nil {
		return ledger{}, names, err
	}
	keys, err := cdk.PinnedKeys(cfg)
	if err != nil {
		return ledger{}, names, err
	}
	from, err := stores(ctx, awsConfig, names)
	if err != nil {
		return ledger{}, names, err
	}
	l, err := read(ctx, from, keys)
	return l, names, err
}

// stores returns the buckets in which a delivery keeps evidence: those of its stages and that
// of its pipeline. A stage that is not deployed has none.
func stores(ctx context.Context, cfg aws.Config, names manifest.Manifest) ([]bucket.Bucket, error) {
	var all []bucket.Bucket
	add := func(b bucket.Bucket) {
		if !slices.ContainsFunc(all, func(o bucket.Bucket) bool { return o.Name == b.Name }) {
			all = append(all, b)
		}
	}
	for _, stage := range names.Stages {
		if stage.Evidence == nil {
			continue
		}
		at := stage.Place
		if stage.Evidence.Stack != "" {
			at.Stack = stage.Evidence.Stack
		}
		name, err := stack.Output(ctx, cfg, at, stage.Evidence.Output)
		if errors.Is(err, stack.ErrNotDeployed) || errors.Is(err, stack.ErrOtherAccount) {
			continue
		}
		if err != nil {
			return nil, err
		}
		add(bucket.Bucket{Name: name, Client: s3.NewFromConfig(stack.In(cfg, stage.Place))})
	}
	if b, found, err := bucket.Find(ctx, cfg, names, nil); err == nil && found {
		add(b)
	} else if err != nil && !errors.Is(err, stack.ErrNotDeployed) && !errors.Is(err, stack.ErrOtherAccount) {
		return nil, err
	}
	if len(all) == 0 {
		return nil, exit.Missing("go tool mage deploy-staging", "no deployed stack keeps evidence of releases")
	}
	return all, nil
}

// read reads the contents of the buckets.
func read(ctx context.Context, from []bucket.Bucket, keys evidence.Keys) (ledger, error) {
	var l ledger
	seen := map[string]bool{} // a record may be in several buckets
	for _, b := range from {
		pages := s3.NewListObjectsV2Paginator(b.Client, &s3.ListObjectsV2Input{Bucket: &b.Name, Prefix: aws.String("releases/")})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return l, exit.Missing("aws s3 ls s3://"+b.Name+"/releases/", "listing what bucket %s keeps: %w", b.Name, err)
			}
			for _, o := range page.Contents {
				found := object.FindStringSubmatch(aws.ToString(o.Key))
				if found == nil {
					continue
				}
				document, err := get(ctx, b, *o.Key)
				if err != nil {
					return l, err
				}
				if digest := evidence.Digest(document); seen[digest] {
					continue
				} else {
					seen[digest] = true
				}
				if err := l.take(ctx, found[1], found[2], document, keys, aws.ToTime(o.LastModified)); err != nil {
					// A document that does not count must not hide the others.
					l.unreadable = append(l.unreadable, fmt.Sprintf("s3://%s/%s: %v", b.Name, *o.Key, err))
				}
			}
		}
	}
	slices.SortStableFunc(l.deployments, func(a, b deployment) int { return a.FinishedOn.Compare(b.FinishedOn) })
	slices.SortStableFunc(l.assessments, func(a, b assessment) int { return a.FinishedOn.Compare(b.FinishedOn) })
	l.deployments = once(l.deployments)
	return l, nil
}

// once returns deployments without the records that repeat another one. A ledger keeps a
// record of what is deployed to it, beside the one that is kept with the evidence, and a
// deployment against the evidence is recorded before it begins, too.
func once(all []deployment) []deployment {
	newest := map[string]int{} // by stage, where the newest one is
	var kept []deployment
	for _, d := range all {
		i, known := newest[d.Stage]
		switch {
		case known && kept[i].commit == d.commit && kept[i].BreakGlass != nil && kept[i].Version == "" && kept[i].Stopped == "":
			kept[i] = d // it began, and this is how it ended
		case known && kept[i].commit == d.commit && kept[i].Version == d.Version && kept[i].Bundle == d.Bundle && kept[i].Stopped == d.Stopped:
			// What was read back is not in all of them.
			if kept[i].ReadBack == nil {
				kept[i].ReadBack = d.ReadBack
			}
		default:
			newest[d.Stage] = len(kept)
			kept = append(kept, d)
		}
	}
	return kept
}

// most is the size limit of an object in bytes.
const most = 64 << 20

func get(ctx context.Context, b bucket.Bucket, name string) ([]byte, error) {
	object, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &name})
	if err != nil {
		return nil, fmt.Errorf("reading s3://%s/%s: %w", b.Name, name, err)
	}
	data, err := io.ReadAll(io.LimitReader(object.Body, most))
	if err := errors.Join(err, object.Body.Close()); err != nil {
		return nil, fmt.Errorf("reading s3://%s/%s: %w", b.Name, name, err)
	}
	return data, nil
}

// take adds a document about a commit that arrived at a certain time.
func (l *ledger) take(ctx context.Context, commit, kind string, document []byte, keys evidence.Keys, at time.Time) error {
	if kind == "deployments" {
		return l.takeDeployment(ctx, commit, document, keys, at)
	}
	bundle, err := verify.Read(ctx, document, keys, at)
	if err != nil {
		return err
	}
	if bundle.Recorded.Commit != commit {
		return fmt.Errorf("it is about commit %.12s", bundle.Recorded.Commit)
	}
	a := assessment{Assessment: bundle.Recorded, digest: bundle.Digest}
	envelopes, err := evidence.Envelopes(document)
	if err != nil {
		return err
	}
	for _, e := range envelopes {
		var page evidence.Page
		if s, _, err := e.OpenAt(ctx, keys, at); err == nil && s.PredicateType == page.PredicateType() {
			if err := s.Decode(&page); err != nil {
				return err
			}
			a.page = page.HTML
		}
	}
	l.assessments = append(l.assessments, a)
	return nil
}

func (l *ledger) takeDeployment(ctx context.Context, commit string, document []byte, keys evidence.Keys, at time.Time) error {
	envelopes, err := evidence.Envelopes(document)
	if err != nil {
		return err
	}
	if len(envelopes) != 1 {
		return fmt.Errorf("a deployment must be recorded in one envelope, but there are %d", len(envelopes))
	}
	s, _, err := envelopes[0].OpenAt(ctx, keys, at)
	if err != nil {
		return err
	}
	if of := s.Digest(evidence.GitCommit); of != commit {
		return fmt.Errorf("it is about commit %.12s", of)
	}
	d := deployment{commit: commit, pkg: s.Digest(evidence.SHA256), digest: evidence.Digest(document)}
	if err := s.Decode(&d.Deployment); err != nil {
		return err
	}
	l.deployments = append(l.deployments, d)
	return nil
}

// to returns the deployments to a stage that got all of its traffic.
func (l ledger) to(stage string) []deployment {
	return slices.DeleteFunc(slices.Clone(l.deployments), func(d deployment) bool { return d.Stage != stage || d.Stopped != "" })
}

// of returns what is kept about a commit.
func (l ledger) of(commit string) (deployments []deployment, assessments []assessment) {
	for _, d := range l.deployments {
		if d.commit == commit {
			deployments = append(deployments, d)
		}
	}
	for _, a := range l.assessments {
		if a.Commit == commit {
			assessments = append(assessments, a)
		}
	}
	return deployments, assessments
}

// commits returns the commits about which something is kept, the newest first.
func (l ledger) commits() []string {
	newest := map[string]time.Time{}
	note := func(commit string, at time.Time) {
		if at.After(newest[commit]) {
			newest[commit] = at
		}
	}
	for _, d := range l.deployments {
		note(d.commit, d.FinishedOn)
	}
	for _, a := range l.assessments {
		note(a.Commit, a.FinishedOn)
	}
	var all []string
	for commit := range newest {
		all = append(all, commit)
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(newest[b].Compare(newest[a]), cmp.Compare(a, b))
	})
	return all
}
