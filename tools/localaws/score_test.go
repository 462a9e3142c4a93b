//go:build corpus

// How many templates of other people the embedded AWS deploys. It takes minutes, so
// `mage test` leaves it out:
//
//	go test -tags=corpus -timeout=60m -run TestScore ./tools/localaws -templates=DIR
//
// DIR has the templates, in JSON or YAML, at any depth. Each is deployed to an embedded
// AWS of its own. The code of functions is not in a template, so that functions get
// one of ours; parameters without a default get a value of their type.

package localaws_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/lambda"
)

var templates = flag.String("templates", "", "the directory of the templates that TestScore deploys")

// A scored template is one that was tried.
type scored struct {
	Name string `json:"name"`
	// State is "deployed"; "refused", before anything was created; or "wrong".
	State    string   `json:"state"`
	Reasons  []string `json:"reasons,omitempty"`
	Recorded []string `json:"recorded,omitempty"` // types that are not rehearsed
}

const (
	isDeployed = "deployed"
	isRefused  = "refused"
	isWrong    = "wrong"
)

// TestScore deploys templates, detects drift, updates, and deletes their stacks. It fails for each
// template that began to be created and did not end as on AWS.
func TestScore(t *testing.T) {
	if *templates == "" {
		t.Skip("no -templates=DIR")
	}
	names := templatesIn(t, *templates)
	results := make([]scored, len(names))
	work := make(chan int)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for i := range work {
				results[i] = score(t, names[i])
			}
		})
	}
	for i := range names {
		work <- i
	}
	close(work)
	workers.Wait()
	states, reasons := map[string]int{}, map[string]int{}
	for _, r := range results {
		states[r.State]++
		if len(r.Recorded) > 0 {
			states["of them with resources that are NOT REHEARSED"]++
		}
		if r.State == isWrong {
			t.Errorf("%s: %s", r.Name, strings.Join(r.Reasons, "; "))
		}
		for _, reason := range slices.Compact(slices.Sorted(slices.Values(r.Reasons))) {
			reasons[r.State+"  "+reason]++
		}
	}
	data, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*templates, "score.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, state := range slices.Sorted(maps.Keys(states)) {
		fmt.Fprintf(&b, "%6d %s\n", states[state], state)
	}
	most := slices.SortedFunc(maps.Keys(reasons), func(x, y string) int {
		return cmp.Or(reasons[y]-reasons[x], cmp.Compare(x, y))
	})
	for _, reason := range most {
		fmt.Fprintf(&b, "%6d %s\n", reasons[reason], reason)
	}
	fmt.Printf("%d templates\n%s", len(names), b.String())
}

// templatesIn returns the files below a directory that have resources.
func templatesIn(t *testing.T, dir string) []string {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".json", ".yaml", ".yml", ".template"}, filepath.Ext(path)) {
			return err
		}
		data, err := os.ReadFile(path)
		var doc yaml.Node
		if err == nil && yaml.Unmarshal(data, &doc) == nil && len(doc.Content) == 1 && member(doc.Content[0], "Resources") != nil {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func member(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func setMember(n *yaml.Node, name string, value any) {
	var v yaml.Node
	if err := v.Encode(value); err != nil {
		panic(err)
	}
	if old := member(n, name); old != nil {
		*old = v
		return
	}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, &v)
}

// each calls visit for each member of an object.
func each(n *yaml.Node, visit func(name string, v *yaml.Node)) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		visit(n.Content[i].Value, n.Content[i+1])
	}
}

func text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	return n.Value
}

// withCode gives the functions code that there is.
func withCode(root *yaml.Node) {
	object := map[string]any{"S3Bucket": "corpus", "S3Key": "code.zip"}
	uri := map[string]any{"Bucket": "corpus", "Key": "code.zip"}
	each(member(root, "Resources"), func(_ string, r *yaml.Node) {
		p := member(r, "Properties")
		switch text(member(r, "Type")) {
		case "AWS::Lambda::Function":
			if code := member(p, "Code"); code != nil && member(code, "ZipFile") == nil && member(code, "ImageUri") == nil {
				setMember(p, "Code", object)
			}
		case "AWS::Lambda::LayerVersion":
			setMember(p, "Content", object)
		case "AWS::Serverless::Function":
			if member(p, "InlineCode") == nil && text(member(p, "PackageType")) != "Image" && p != nil {
				setMember(p, "CodeUri", uri)
			}
		case "AWS::Serverless::LayerVersion":
			setMember(p, "ContentUri", uri)
		case "AWS::Serverless::StateMachine":
			if member(p, "DefinitionUri") != nil {
				setMember(p, "DefinitionUri", uri)
			}
		}
	})
	if f := member(member(root, "Globals"), "Function"); member(f, "CodeUri") != nil {
		setMember(f, "CodeUri", uri)
	}
}

var asset = regexp.MustCompile(`[0-9a-f]{64}\.(zip|json)`)

// parametersOf returns values for parameters that have none, and the names of the
// parameters that have to be in the Parameter Store.
func parametersOf(root *yaml.Node) (given []types.Parameter, stored []string) {
	each(member(root, "Parameters"), func(name string, p *yaml.Node) {
		typ, value := text(member(p, "Type")), text(member(p, "Default"))
		if member(p, "Default") == nil {
			value = guess(name, typ)
			if allowed := member(p, "AllowedValues"); allowed != nil && len(allowed.Content) > 0 {
				value = allowed.Content[0].Value
			}
			given = append(given, types.Parameter{ParameterKey: aws.String(name), ParameterValue: aws.String(value)})
		}
		if strings.HasPrefix(typ, "AWS::SSM::Parameter::Value") {
			stored = append(stored, value)
		}
	})
	return given, stored
}

func guess(name, typ string) string {
	lower := strings.ToLower(name)
	switch {
	case typ == "Number":
		return "1"
	case strings.Contains(typ, "Subnet::Id"):
		return "subnet-0123456789abcdef0"
	case strings.Contains(typ, "SecurityGroup::Id"):
		return "sg-0123456789abcdef0"
	case strings.Contains(typ, "VPC::Id"):
		return "vpc-0123456789abcdef0"
	case strings.Contains(typ, "AvailabilityZone"):
		return "us-east-1a"
	case strings.HasPrefix(typ, "AWS::SSM::Parameter::Value"):
		return "/corpus/" + name
	case strings.Contains(lower, "email"):
		return "a@example.com"
	case strings.Contains(lower, "account"):
		return "123456789012"
	case strings.Contains(lower, "arn"):
		return "arn:aws:iam::000000000000:role/corpus"
	case strings.Contains(lower, "domain"):
		return "example.com"
	}
	return "corpus" + strings.ToLower(strings.Map(func(r rune) rune {
		if r < 'a' || r > 'z' {
			return -1
		}
		return r
	}, lower))
}

// codeZip is a package that each runtime accepts.
func codeZip() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{
		"bootstrap": "#!/bin/sh\nexit 1\n",
		"index.js":  "exports.handler = async () => ({})\n",
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

var code = sync.OnceValue(codeZip)

// score tries one template.
func score(t *testing.T, path string) scored {
	name, _ := filepath.Rel(*templates, path)
	result := scored{Name: name, State: isWrong}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return result
	}
	server, err := localaws.Start(t.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: clock.NewElastic(600), Log: slog.New(slog.DiscardHandler), Node: lambda.Node{Program: node()}})
	if err != nil {
		t.Error(err)
		return result
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	state, reasons, recorded := tried(ctx, clientsOf(server), string(data))
	result.State, result.Reasons, result.Recorded = state, reasons, recorded
	return result
}

// tried deploys a template and deletes its stack.
func tried(ctx context.Context, cfg aws.Config, body string) (state string, reasons, recorded []string) {
	wrong := func(err error) (string, []string, []string) { return isWrong, []string{"test: " + err.Error()}, nil }
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(body), &doc); err != nil {
		return wrong(err)
	}
	root := doc.Content[0]
	// Text that begins with a brace would be read as JSON.
	root.Style = 0
	withCode(root)
	given, stored := parametersOf(root)
	adapted, err := yaml.Marshal(&doc)
	if err != nil {
		return wrong(err)
	}
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	put := func(bucket, key string, content []byte) {
		_, putErr := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)})
		err = errors.Join(err, putErr)
	}
	for _, bucket := range []string{"corpus", "cdk-hnb659fds-assets-000000000000-us-east-1"} {
		_, createErr := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)})
		err = errors.Join(err, createErr)
	}
	put("corpus", "code.zip", code())
	put("corpus", "template", adapted)
	for _, key := range asset.FindAllString(body, -1) {
		put("cdk-hnb659fds-assets-000000000000-us-east-1", key, code())
	}
	parameters := ssm.NewFromConfig(cfg)
	for _, name := range stored {
		// A name that the Parameter Store does not allow is refused below.
		_, _ = parameters.PutParameter(ctx, &ssm.PutParameterInput{
			Name: &name, Type: ssmtypes.ParameterTypeString, Value: aws.String("6"), Overwrite: aws.Bool(true),
		})
	}
	if err != nil {
		return wrong(err)
	}
	stacks := cloudformation.NewFromConfig(cfg)
	stack := aws.String("score")
	_, err = stacks.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: stack, TemplateURL: aws.String("https://corpus.s3.us-east-1.amazonaws.com/template"), Parameters: given,
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand},
	})
	if err != nil {
		return refusal(err)
	}
	status, err := ended(ctx, stacks, stack)
	if err != nil {
		return wrong(err)
	}
	if status != types.StackStatusCreateComplete {
		reasons := failures(ctx, stacks, stack)
		if slices.ContainsFunc(reasons, func(reason string) bool { return strings.Contains(reason, "No export named ") }) {
			return "in need of another stack", nil, nil
		}
		return isWrong, reasons, nil
	}
	if recorded, err = notRehearsed(ctx, stacks, stack); err != nil {
		return wrong(err)
	}
	if drifted, err := drifts(ctx, stacks, stack); err != nil || len(drifted) > 0 {
		if err != nil {
			return wrong(err)
		}
		return isWrong, drifted, recorded
	}
	// A stack's tags go to its resources, so that a new tag updates most of them.
	_, err = stacks.UpdateStack(ctx, &cloudformation.UpdateStackInput{
		StackName: stack, UsePreviousTemplate: aws.Bool(true), Parameters: given,
		Tags:         []types.Tag{{Key: aws.String("corpus"), Value: aws.String("updated")}},
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand},
	})
	if err != nil {
		return isWrong, []string{"update: " + err.Error()}, recorded
	}
	if status, err = ended(ctx, stacks, stack); err != nil || status != types.StackStatusUpdateComplete {
		return isWrong, append([]string{fmt.Sprintf("update: %s (%v)", status, err)}, failures(ctx, stacks, stack)...), recorded
	}
	if _, err := stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: stack}); err != nil {
		return wrong(err)
	}
	if status, err = ended(ctx, stacks, stack); err == nil && status != "" {
		return isWrong, append([]string{"delete: " + string(status)}, failures(ctx, stacks, stack)...), recorded
	}
	return isDeployed, nil, recorded
}

// drifts returns what differs from the template of a stack that nobody has changed.
func drifts(ctx context.Context, stacks *cloudformation.Client, name *string) ([]string, error) {
	started, err := stacks.DetectStackDrift(ctx, &cloudformation.DetectStackDriftInput{StackName: name})
	if err != nil {
		return nil, err
	}
	for {
		out, err := stacks.DescribeStackDriftDetectionStatus(ctx, &cloudformation.DescribeStackDriftDetectionStatusInput{StackDriftDetectionId: started.StackDriftDetectionId})
		if err != nil {
			return nil, err
		}
		if out.DetectionStatus == types.StackDriftDetectionStatusDetectionFailed {
			return []string{"drift: " + aws.ToString(out.DetectionStatusReason)}, nil
		}
		if out.DetectionStatus == types.StackDriftDetectionStatusDetectionComplete {
			break
		}
		if err := clock.Sleep(ctx, clock.System(), 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
	out, err := stacks.DescribeStackResourceDrifts(ctx, &cloudformation.DescribeStackResourceDriftsInput{StackName: name})
	if err != nil {
		return nil, err
	}
	var found []string
	for _, r := range out.StackResourceDrifts {
		for _, d := range r.PropertyDifferences {
			found = append(found, fmt.Sprintf("drift: %s %s: %s instead of %s", *r.ResourceType, *d.PropertyPath, *d.ActualValue, *d.ExpectedValue))
		}
		if r.StackResourceDriftStatus == types.StackResourceDriftStatusDeleted {
			found = append(found, "drift: "+*r.ResourceType+" is DELETED")
		}
	}
	return found, nil
}

// notRehearsed returns the types of a stack that are recorded only.
func notRehearsed(ctx context.Context, stacks *cloudformation.Client, name *string) ([]string, error) {
	out, err := stacks.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: name})
	if err != nil {
		return nil, err
	}
	var recorded []string
	for _, r := range out.StackResources {
		if strings.HasPrefix(aws.ToString(r.ResourceStatusReason), "NOT REHEARSED") {
			recorded = append(recorded, *r.ResourceType)
		}
	}
	slices.Sort(recorded)
	return slices.Compact(recorded), nil
}

// ended waits for the end of an operation. The status is empty if the stack is gone.
func ended(ctx context.Context, stacks *cloudformation.Client, name *string) (types.StackStatus, error) {
	for {
		out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: name})
		if err != nil {
			if strings.Contains(err.Error(), "does not exist") {
				return "", nil
			}
			return "", err
		}
		if status := out.Stacks[0].StackStatus; !strings.HasSuffix(string(status), "IN_PROGRESS") {
			return status, nil
		}
		if err := clock.Sleep(ctx, clock.System(), 5*time.Millisecond); err != nil {
			return "", err
		}
	}
}

// failures returns why resources failed.
func failures(ctx context.Context, stacks *cloudformation.Client, name *string) []string {
	out, err := stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: name})
	if err != nil {
		return []string{err.Error()}
	}
	var reasons []string
	for _, e := range out.StackEvents {
		if reason := aws.ToString(e.ResourceStatusReason); strings.HasSuffix(string(e.ResourceStatus), "_FAILED") && !strings.Contains(reason, "cancelled") {
			reason, _, _ = strings.Cut(reason, " (RequestToken")
			reasons = append(reasons, aws.ToString(e.ResourceType)+": "+inResource.ReplaceAllString(reason, ""))
		}
	}
	return reasons
}

var (
	unknownTypes = regexp.MustCompile(`Unrecognized resource types: \[([^\]]*)\]`)
	inResource   = regexp.MustCompile(` for resource \w+`)
	unsupported  = regexp.MustCompile(`does not support ([A-Za-z, ]+) of ([A-Za-z0-9]+::[A-Za-z0-9:]+)`)
)

// refusal splits the error of a request into its reasons.
func refusal(err error) (state string, reasons, recorded []string) {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorFault() == smithy.FaultServer {
		return isWrong, []string{err.Error()}, nil
	}
	message := api.ErrorMessage()
	if strings.Contains(message, "panicked") {
		return isWrong, []string{message}, nil
	}
	for _, m := range unknownTypes.FindAllStringSubmatch(message, -1) {
		reasons = append(reasons, strings.Split(m[1], ", ")...)
	}
	for _, m := range unsupported.FindAllStringSubmatch(message, -1) {
		for p := range strings.SplitSeq(m[1], ", ") {
			reasons = append(reasons, m[2]+"."+p)
		}
	}
	if len(reasons) > 0 {
		return isRefused, reasons, nil
	}
	return isRefused, []string{message[:min(len(message), 600)]}, nil
}
