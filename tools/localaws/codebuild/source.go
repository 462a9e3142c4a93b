package codebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/localaws/buildspec"
	"github.com/magewright/magewright/tools/localaws/mirror"
)

// checkSource returns what is wrong with a project's source. It accepts only
// repositories on this host.
func checkSource(source cbtypes.ProjectSource) error {
	location := aws.ToString(source.Location)
	switch source.Type {
	case cbtypes.SourceTypeCodepipeline, cbtypes.SourceTypeNoSource:
	case cbtypes.SourceTypeS3:
		if bucket, key, ok := strings.Cut(objectPath(location), "/"); !ok || bucket == "" || key == "" {
			return invalid("Invalid source location: %q is not bucket/key", location)
		}
	case cbtypes.SourceTypeGithub, cbtypes.SourceTypeGithubEnterprise, cbtypes.SourceTypeGitlab, cbtypes.SourceTypeGitlabSelfManaged, cbtypes.SourceTypeBitbucket:
		if location == "" {
			return invalid("Source of type %s requires a location", source.Type)
		}
		if connected(source) {
			// The connection locates the repository.
			return nil
		}
		if err := onThisHost(location); err != nil {
			return invalid("Source location %s: %v", location, err)
		}
	default:
		return unsupported("source type " + string(source.Type))
	}
	return nil
}

func connected(source cbtypes.ProjectSource) bool {
	return source.Auth != nil && source.Auth.Type == cbtypes.SourceAuthTypeCodeconnections
}

// onThisHost returns an error for a repository that is neither a directory on
// this host nor served on loopback.
func onThisHost(location string) error {
	if filepath.IsAbs(location) {
		return nil
	}
	u, err := url.Parse(location)
	if err != nil {
		return fmt.Errorf("reading the URL: %w", err)
	}
	ip := net.ParseIP(u.Hostname())
	switch {
	case u.Scheme == "file" && u.Host == "":
		return nil
	case u.Scheme != "" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()):
		return nil
	}
	return errors.New("the embedded AWS clones only from file:///path and loopback addresses, or through a connection whose host has such an address")
}

// download fetches the sources, reads the buildspec and resolves its variables.
func (s *Service) download(ctx context.Context, b *build, w *workplace) error {
	w.source = filepath.Join(w.dir, "src")
	w.secondary = map[string]string{}
	var err error
	if b.pipeline != nil {
		err = s.fetchInputs(ctx, b, w)
	} else {
		err = s.fetchSources(ctx, b, w)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	if w.resolved != "" {
		b.api.ResolvedSourceVersion = aws.String(w.resolved)
	}
	s.mu.Unlock()
	b.log.say("CODEBUILD_SRC_DIR=%s", w.source)
	if err := s.readSpec(ctx, b, w); err != nil {
		return &phaseError{buildspec.YAMLError, err}
	}
	b.log.say("Processing environment variables")
	if err := s.resolve(ctx, b, w); err != nil {
		return err
	}
	b.log.say("Moving to directory %s", w.source)
	return nil
}

// readSpec reads the buildspec. It is inline text, an object, or a file of the source.
func (s *Service) readSpec(ctx context.Context, b *build, w *workplace) error {
	source := b.project.Source
	text, name := []byte(aws.ToString(source.Buildspec)), "buildspec.yml"
	switch {
	case inline(string(text)):
		b.log.say("The buildspec is defined in the project")
	case strings.HasPrefix(string(text), "arn:"):
		name = string(text)
		body, err := s.object(ctx, objectPath(name), nil)
		if err != nil {
			return err
		}
		if text, err = io.ReadAll(body); err != nil {
			return errors.Join(fmt.Errorf("reading %s: %w", name, err), body.Close())
		}
		if err := body.Close(); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
	default:
		name = specFile(source)
		b.log.say("YAML location is %s", filepath.Join(w.source, name))
		root, err := os.OpenRoot(w.source)
		if err != nil {
			return err
		}
		text, err = root.ReadFile(filepath.FromSlash(name))
		if err := errors.Join(err, root.Close()); err != nil {
			return fmt.Errorf("YAML file does not exist: %w", err)
		}
	}
	spec, err := buildspec.Parse(name, text)
	if err != nil {
		return err
	}
	w.spec = spec
	return nil
}

// objectPath returns bucket/key. The location is an S3 ARN or already
// bucket/key.
func objectPath(location string) string { return strings.TrimPrefix(location, "arn:aws:s3:::") }

func (s *Service) object(ctx context.Context, location string, version *string) (io.ReadCloser, error) {
	bucket, key, _ := strings.Cut(location, "/")
	out, err := s.deps.Objects.GetObject(ctx, &awss3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), VersionId: version})
	if err != nil {
		return nil, fmt.Errorf("reading s3://%s: %w", location, err)
	}
	return out.Body, nil
}

// fetchInputs puts a pipeline's artifacts where the build expects them.
func (s *Service) fetchInputs(ctx context.Context, b *build, w *workplace) error {
	primary := b.pipeline.Primary
	if primary == "" {
		primary = b.pipeline.Inputs[0].Name
	}
	found := false
	for _, in := range b.pipeline.Inputs {
		dir := w.source
		if in.Name != primary {
			if !filepath.IsLocal(in.Name) || strings.ContainsAny(in.Name, "/\\") {
				return fmt.Errorf("the input artifact's name %q can't be the name of a directory", in.Name)
			}
			dir = filepath.Join(w.dir, "inputs", in.Name)
			w.secondary[in.Name] = dir
		}
		ref, err := s.fetchArtifact(ctx, w, in.Bucket+"/"+in.Key, nil, dir)
		if err != nil {
			return fmt.Errorf("downloading input artifact %s: %w", in.Name, err)
		}
		if in.Name != primary {
			continue
		}
		found = true
		w.resolved = b.pipeline.SourceVersion
		w.repository = in.Bucket + "/" + in.Key
		if ref != nil {
			w.resolved, w.repository = ref.CommitID, ref.CloneURL
		}
	}
	if !found {
		return fmt.Errorf("the input artifact %s, which should be the primary source, does not exist", primary)
	}
	return nil
}

// cloneRefFile is the only file in an artifact that stands for a repository.
const cloneRefFile = "codebuild-clone-ref.json"

// A cloneRef is what CodePipeline stores instead of a source if the action's
// OutputArtifactFormat is CODEBUILD_CLONE_REF.
type cloneRef struct {
	ConnectionARN    string `json:"connectionArn"`
	FullRepositoryID string `json:"fullRepositoryId"`
	BranchName       string `json:"branchName"`
	CommitID         string `json:"commitId"`
	CloneURL         string `json:"cloneUrl"`
}

// fetchArtifact extracts a zip into dir. If the artifact stands for a
// repository, it clones that repository and returns its cloneRef.
func (s *Service) fetchArtifact(ctx context.Context, w *workplace, location string, version *string, dir string) (*cloneRef, error) {
	zip := filepath.Join(w.dir, "input.zip")
	if err := s.save(ctx, location, version, zip); err != nil {
		return nil, err
	}
	if err := extract(zip, dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 || entries[0].Name() != cloneRefFile {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, cloneRefFile)) // #nosec G304 -- in the build's own directory
	if err != nil {
		return nil, err
	}
	ref := &cloneRef{}
	if err := json.Unmarshal(text, ref); err != nil {
		return nil, fmt.Errorf("reading %s: %w", cloneRefFile, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	// The URL in the artifact is whatever its writer says.
	if ref.CloneURL, err = s.deps.Connections.CloneURL(ctx, ref.ConnectionARN, ref.FullRepositoryID); err != nil {
		return nil, fmt.Errorf("asking the connection for %s: %w", ref.FullRepositoryID, err)
	}
	if ref.CommitID, err = s.clone(ctx, w, ref.CloneURL, ref.CommitID, dir); err != nil {
		return nil, err
	}
	return ref, nil
}

// save writes an object to a file.
func (s *Service) save(ctx context.Context, location string, version *string, name string) (err error) {
	body, err := s.object(ctx, location, version)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // #nosec G304 -- in the build's own directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, body); err != nil {
		return fmt.Errorf("reading s3://%s: %w", location, err)
	}
	return nil
}

// fetchSources puts a project's own sources where the build expects them.
func (s *Service) fetchSources(ctx context.Context, b *build, w *workplace) error {
	var err error
	w.repository = aws.ToString(b.project.Source.Location)
	if w.resolved, err = s.fetchSource(ctx, w, *b.project.Source, aws.ToString(b.project.SourceVersion), w.source); err != nil {
		return fmt.Errorf("downloading the source: %w", err)
	}
	for _, source := range b.project.SecondarySources {
		id := aws.ToString(source.SourceIdentifier)
		if id == "" || !filepath.IsLocal(id) || strings.ContainsAny(id, "/\\") {
			return fmt.Errorf("the secondary source's identifier %q can't be the name of a directory", id)
		}
		version := ""
		for _, v := range b.project.SecondarySourceVersions {
			if aws.ToString(v.SourceIdentifier) == id {
				version = aws.ToString(v.SourceVersion)
			}
		}
		dir := filepath.Join(w.dir, "inputs", id)
		w.secondary[id] = dir
		if _, err := s.fetchSource(ctx, w, source, version, dir); err != nil {
			return fmt.Errorf("downloading the secondary source %s: %w", id, err)
		}
	}
	return nil
}

// fetchSource fetches a source and returns its version.
func (s *Service) fetchSource(ctx context.Context, w *workplace, source cbtypes.ProjectSource, version, dir string) (string, error) {
	location := aws.ToString(source.Location)
	switch source.Type {
	case cbtypes.SourceTypeNoSource:
		return "", os.MkdirAll(dir, 0o755) // #nosec G301 -- as any checkout
	case cbtypes.SourceTypeS3:
		var id *string
		if version != "" {
			id = aws.String(version)
		}
		if _, err := s.fetchArtifact(ctx, w, objectPath(location), id, dir); err != nil {
			return "", err
		}
		return version, nil
	}
	if connected(source) {
		u, err := url.Parse(location)
		if err != nil {
			return "", fmt.Errorf("reading the source's location: %w", err)
		}
		repository := strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
		if location, err = s.deps.Connections.CloneURL(ctx, aws.ToString(source.Auth.Resource), repository); err != nil {
			return "", fmt.Errorf("asking the connection for %s: %w", repository, err)
		}
	}
	return s.clone(ctx, w, location, version, dir)
}

// clone makes a full clone, checks out the version (detached), and returns its
// commit. The version is a commit, a branch or a tag. If it is empty, clone
// checks out the repository's default.
func (s *Service) clone(ctx context.Context, w *workplace, location, version, dir string) (commit string, err error) {
	if err := onThisHost(location); err != nil {
		return "", fmt.Errorf("cloning %s: %w", location, err)
	}
	var git command.Cmd
	err = s.deps.Mirrors.Use(ctx, location, func(m mirror.Mirror) error {
		if commit, err = m.Commit(ctx, version); err != nil {
			return fmt.Errorf("finding %q in %s: %w", version, location, err)
		}
		if git, err = m.Clone(ctx, dir); err != nil {
			return fmt.Errorf("cloning %s: %w", location, err)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if err := w.checkOut(ctx, git, commit); err != nil {
		return "", fmt.Errorf("checking out %s of %s: %w", commit, location, err)
	}
	return commit, nil
}

// checkOut checks out a commit in a clone that has no files yet.
func (w *workplace) checkOut(ctx context.Context, git command.Cmd, commit string) error {
	if git.Dir == w.source && w.kept != "" {
		var err error
		if w.checkedOut, err = readTree(ctx, git, commit); err != nil {
			return err
		}
		if _, err := os.Lstat(w.kept); err == nil {
			if err := reuse(ctx, git, commit, w.kept, w.checkedOut); err != nil {
				return err
			}
		}
	}
	if _, err := git.Output(ctx, "git", "checkout", "--quiet", "--force", "--detach", commit); err != nil {
		return err
	}
	return setTimes(ctx, git)
}
