package codedeploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"go.yaml.in/yaml/v3"
)

// The lifecycle events of a Lambda deployment, in order.
const (
	beforeAllowTraffic = "BeforeAllowTraffic"
	allowTraffic       = "AllowTraffic"
	afterAllowTraffic  = "AfterAllowTraffic"
)

// An appSpec says what is deployed.
// See https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html#reference-appspec-file-structure-resources-lambda.
type appSpec struct {
	resource string // the file's name for the function
	function string // name or ARN
	alias    string
	current  string // version that the alias points to
	target   string // version that it is going to point to
	hooks    map[string]string
}

// parseAppSpec reads an AppSpec file in YAML or JSON. It accepts only what AWS
// documents for Lambda.
func parseAppSpec(content string) (*appSpec, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(content), &document); err != nil {
		return nil, fmt.Errorf("it is neither YAML nor JSON: %w", err)
	}
	if len(document.Content) == 0 {
		return nil, errors.New("it is empty")
	}
	members, err := mapping(document.Content[0], "the file", "version", "Resources", "Hooks")
	if err != nil {
		return nil, err
	}
	version, err := scalar(members["version"], "version")
	if err != nil {
		return nil, err
	}
	if v, err := strconv.ParseFloat(version, 64); err != nil || v != 0 {
		return nil, fmt.Errorf("version is %s; it must be 0.0", version)
	}
	spec := &appSpec{hooks: map[string]string{}}
	resources := members["Resources"]
	if resources == nil || resources.Kind != yaml.SequenceNode || len(resources.Content) != 1 {
		return nil, errors.New("the Resources must be a list of exactly one Lambda function")
	}
	if err := spec.readResource(resources.Content[0]); err != nil {
		return nil, err
	}
	return spec, spec.readHooks(members["Hooks"])
}

func (spec *appSpec) readResource(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode || len(node.Content) != 2 {
		return fmt.Errorf("line %d: a resource must be a mapping with exactly one name", node.Line)
	}
	spec.resource = node.Content[0].Value
	members, err := mapping(node.Content[1], spec.resource, "Type", "Properties")
	if err != nil {
		return err
	}
	kind, err := scalar(members["Type"], spec.resource+".Type")
	if err != nil {
		return err
	}
	if kind != "AWS::Lambda::Function" {
		return fmt.Errorf("%s is of type %s; only AWS::Lambda::Function is supported", spec.resource, kind)
	}
	if members["Properties"] == nil {
		return fmt.Errorf("%s.Properties is missing", spec.resource)
	}
	properties, err := mapping(members["Properties"], spec.resource+".Properties", "Name", "Alias", "CurrentVersion", "TargetVersion")
	if err != nil {
		return err
	}
	for name, to := range map[string]*string{"Name": &spec.function, "Alias": &spec.alias, "CurrentVersion": &spec.current, "TargetVersion": &spec.target} {
		if *to, err = scalar(properties[name], spec.resource+".Properties."+name); err != nil {
			return err
		}
	}
	return nil
}

func (spec *appSpec) readHooks(node *yaml.Node) error {
	if node == nil {
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: Hooks must be a list", node.Line)
	}
	for _, item := range node.Content {
		members, err := mapping(item, "Hooks", beforeAllowTraffic, afterAllowTraffic)
		if err != nil {
			return err
		}
		for event, function := range members {
			if spec.hooks[event] != "" {
				return fmt.Errorf("line %d: %s has more than one hook", item.Line, event)
			}
			if spec.hooks[event], err = scalar(function, "Hooks."+event); err != nil {
				return err
			}
		}
	}
	return nil
}

// mapping returns the members of a mapping. Their names must be known.
func mapping(node *yaml.Node, what string, known ...string) (map[string]*yaml.Node, error) {
	if node.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: %s must be a mapping", node.Line, what)
	}
	members := map[string]*yaml.Node{}
	for i := 0; i < len(node.Content); i += 2 {
		name := node.Content[i].Value
		found := false
		for _, k := range known {
			found = found || k == name
		}
		if !found {
			return nil, fmt.Errorf("line %d: %s has an unknown member %q", node.Content[i].Line, what, name)
		}
		if members[name] != nil {
			return nil, fmt.Errorf("line %d: %s has %q twice", node.Content[i].Line, what, name)
		}
		members[name] = node.Content[i+1]
	}
	return members, nil
}

func scalar(node *yaml.Node, what string) (string, error) {
	if node == nil {
		return "", fmt.Errorf("%s is missing", what)
	}
	if node.Kind != yaml.ScalarNode || node.Value == "" {
		return "", fmt.Errorf("line %d: %s must be a non-empty text", node.Line, what)
	}
	return node.Value, nil
}

// json returns the AppSpec file of a spec that has no hooks.
func (spec *appSpec) json() string {
	b, err := json.Marshal(map[string]any{
		"version": "0.0",
		"Resources": []any{map[string]any{spec.resource: map[string]any{
			"Type": "AWS::Lambda::Function",
			"Properties": map[string]string{
				"Name": spec.function, "Alias": spec.alias, "CurrentVersion": spec.current, "TargetVersion": spec.target,
			},
		}}},
	})
	if err != nil {
		// A map of strings can always be encoded.
		panic(err)
	}
	return string(b)
}

// maxAppSpec limits the bytes of an AppSpec file.
const maxAppSpec = 1 << 20

// readRevision returns the AppSpec file of a revision, and the revision
// including its digest.
func (s *Service) readRevision(ctx context.Context, r *types.RevisionLocation) (*appSpec, *types.RevisionLocation, error) {
	if r == nil {
		return nil, nil, &types.RevisionRequiredException{Message: aws.String("The revision was not specified.")}
	}
	invalid := func(err error) error {
		return &types.InvalidRevisionException{Message: aws.String("The AppSpec file is invalid: " + err.Error())}
	}
	kept := &types.RevisionLocation{RevisionType: r.RevisionType}
	raw := r.String_ //nolint:staticcheck // deprecated for AppSpecContent, but AWS and its clients still have it
	var content string
	switch {
	case r.RevisionType == types.RevisionLocationTypeAppSpecContent && r.AppSpecContent != nil:
		content = aws.ToString(r.AppSpecContent.Content)
		sum, err := checkDigest(content, r.AppSpecContent.Sha256)
		if err != nil {
			return nil, nil, invalid(err)
		}
		kept.AppSpecContent = &types.AppSpecContent{Content: aws.String(content), Sha256: sum}
	case r.RevisionType == types.RevisionLocationTypeString && raw != nil:
		content = aws.ToString(raw.Content)
		sum, err := checkDigest(content, raw.Sha256)
		if err != nil {
			return nil, nil, invalid(err)
		}
		kept.String_ = &types.RawString{Content: aws.String(content), Sha256: sum} //nolint:staticcheck // see above
	case r.RevisionType == types.RevisionLocationTypeS3 && r.S3Location != nil:
		location := *r.S3Location
		var err error
		if content, err = s.readObject(ctx, &location); err != nil {
			return nil, nil, err
		}
		kept.S3Location = &location
	case r.RevisionType == types.RevisionLocationTypeGitHub:
		return nil, nil, unsupported("a revision in GitHub")
	default:
		return nil, nil, &types.InvalidRevisionException{Message: aws.String(fmt.Sprintf("The revision of type %q has no location of that type.", r.RevisionType))}
	}
	spec, err := parseAppSpec(content)
	if err != nil {
		return nil, nil, invalid(err)
	}
	return spec, kept, nil
}

func checkDigest(content string, want *string) (*string, error) {
	sum := sha256.Sum256([]byte(content))
	got := hex.EncodeToString(sum[:])
	if aws.ToString(want) != "" && *want != got {
		return nil, fmt.Errorf("its SHA-256 is %s, not %s", got, *want)
	}
	return &got, nil
}

func (s *Service) readObject(ctx context.Context, at *types.S3Location) (_ string, err error) {
	if s.deps.Objects == nil {
		return "", unsupported("a revision in S3")
	}
	if at.BundleType != types.BundleTypeYaml && at.BundleType != types.BundleTypeJson {
		return "", &types.InvalidRevisionException{Message: aws.String("BundleType must be either YAML or JSON")}
	}
	where := "s3://" + aws.ToString(at.Bucket) + "/" + aws.ToString(at.Key)
	out, err := s.deps.Objects.GetObject(ctx, &awss3.GetObjectInput{Bucket: at.Bucket, Key: at.Key, VersionId: at.Version})
	if err != nil {
		return "", &types.RevisionDoesNotExistException{Message: aws.String("Reading the revision " + where + ": " + err.Error())}
	}
	defer func() { err = errors.Join(err, out.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxAppSpec+1))
	if err != nil {
		return "", fmt.Errorf("reading the revision %s: %w", where, err)
	}
	if len(body) > maxAppSpec {
		return "", &types.InvalidRevisionException{Message: aws.String("The revision " + where + " is larger than 1 MiB.")}
	}
	if at.ETag == nil {
		at.ETag = out.ETag
	}
	return string(body), nil
}
