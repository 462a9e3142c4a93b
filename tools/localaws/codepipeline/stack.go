package codepipeline

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Stacks is the part of CloudFormation that deploys.
type Stacks interface {
	CreateStack(context.Context, *awscfn.CreateStackInput) (*awscfn.CreateStackOutput, error)
	UpdateStack(context.Context, *awscfn.UpdateStackInput) (*awscfn.UpdateStackOutput, error)
	DeleteStack(context.Context, *awscfn.DeleteStackInput) (*awscfn.DeleteStackOutput, error)
	DescribeStacks(context.Context, *awscfn.DescribeStacksInput) (*awscfn.DescribeStacksOutput, error)
	CreateChangeSet(context.Context, *awscfn.CreateChangeSetInput) (*awscfn.CreateChangeSetOutput, error)
	DescribeChangeSet(context.Context, *awscfn.DescribeChangeSetInput) (*awscfn.DescribeChangeSetOutput, error)
	DeleteChangeSet(context.Context, *awscfn.DeleteChangeSetInput) (*awscfn.DeleteChangeSetOutput, error)
	ExecuteChangeSet(context.Context, *awscfn.ExecuteChangeSetInput) (*awscfn.ExecuteChangeSetOutput, error)
}

// SetStacks gives CodePipeline the CloudFormation that its actions deploy with. It is
// called before the service is used, because CloudFormation makes pipelines.
func (s *Service) SetStacks(stacks Stacks) { s.deps.Stacks = stacks }

// Action modes of CloudFormation.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html.
const (
	modeCreateUpdate = "CREATE_UPDATE"
	modeReplace      = "REPLACE_ON_FAILURE"
	modeDelete       = "DELETE_ONLY"
	modeChangeSet    = "CHANGE_SET_REPLACE"
	modeExecute      = "CHANGE_SET_EXECUTE"
)

const (
	stackPoll    = 100 * time.Millisecond
	templateMost = 51200 // bytes of a template in a request
)

func checkStackAction(a *types.ActionDeclaration) error {
	name, c := aws.ToString(a.Name), a.Configuration
	needs := map[string][]string{
		modeCreateUpdate: {"TemplatePath", "RoleArn"}, modeReplace: {"TemplatePath", "RoleArn"}, modeDelete: {"RoleArn"},
		modeChangeSet: {"ChangeSetName", "TemplatePath", "RoleArn"}, modeExecute: {"ChangeSetName"},
	}
	required, known := needs[c["ActionMode"]]
	if !known {
		return invalidAction("The ActionMode '%s' of action '%s' must be one of %s", c["ActionMode"], name, strings.Join(slices.Sorted(maps.Keys(needs)), ", "))
	}
	for _, key := range required {
		if c[key] == "" {
			return invalidAction("Action configuration for action '%s' is missing required configuration '%s'", name, key)
		}
	}
	for _, key := range []string{"TemplatePath", "TemplateConfiguration"} {
		artifact, _, ok := strings.Cut(c[key], "::")
		if c[key] != "" && (!ok || !slices.ContainsFunc(a.InputArtifacts, func(i types.InputArtifact) bool { return aws.ToString(i.Name) == artifact })) {
			return invalidAction("%s '%s' of action '%s' must be ARTIFACT::FILE with one of the action's input artifacts", key, c[key], name)
		}
	}
	if (c["OutputFileName"] == "") != (len(a.OutputArtifacts) == 0) {
		return invalidAction("Action '%s' needs both an output artifact and OutputFileName, or neither", name)
	}
	return nil
}

// A stackAction is a CloudFormation action that runs.
type stackAction struct {
	*Service
	*job
	wanted stackSettings
}

// stackSettings are what a stack is made from.
type stackSettings struct {
	body, url    *string
	parameters   []cfntypes.Parameter
	tags         []cfntypes.Tag
	capabilities []cfntypes.Capability
}

// deployStack runs a CloudFormation action.
func (s *Service) deployStack(ctx context.Context, j *job) outcome {
	if s.deps.Stacks == nil {
		return failure(codeConfiguration, "There is no CloudFormation")
	}
	a := &stackAction{Service: s, job: j}
	mode := j.configuration["ActionMode"]
	if mode == modeCreateUpdate || mode == modeReplace || mode == modeChangeSet {
		if err := a.read(ctx); err != nil {
			return failure(codeConfiguration, "%v", err)
		}
	}
	var err error
	switch mode {
	case modeChangeSet:
		err = a.replaceChangeSet(ctx)
	case modeExecute:
		err = a.executeChangeSet(ctx)
	case modeDelete:
		err = a.remove(ctx)
	default:
		err = a.createOrUpdate(ctx, mode == modeReplace)
	}
	if err != nil {
		return failure(codeJobFailed, "%v", err)
	}
	return a.done(ctx, mode)
}

func (a *stackAction) name() *string { return aws.String(a.configuration["StackName"]) }

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// stack returns the stack of the action. It is nil if there is none.
func (a *stackAction) stack(ctx context.Context) (*cfntypes.Stack, error) {
	out, err := a.deps.Stacks.DescribeStacks(ctx, &awscfn.DescribeStacksInput{StackName: a.name()})
	if err != nil {
		if strings.Contains(err.Error(), "does not exist") {
			return nil, nil
		}
		return nil, err
	}
	return &out.Stacks[0], nil
}

// settle waits until an operation of the stack has ended, and fails if the stack is not in
// one of the wanted states.
func (a *stackAction) settle(ctx context.Context, wanted ...cfntypes.StackStatus) error {
	// A stack that has been rolled back no longer says why. What it said before may be
	// missed between two looks.
	why := ""
	for {
		st, err := a.stack(ctx)
		if st != nil && strings.Contains(string(st.StackStatus), "ROLLBACK") {
			why = cmp.Or(aws.ToString(st.StackStatusReason), why)
		}
		switch {
		case err != nil:
			return err
		case st == nil && slices.Contains(wanted, cfntypes.StackStatusDeleteComplete), st != nil && slices.Contains(wanted, st.StackStatus):
			return nil
		case st == nil:
			return fmt.Errorf("the stack %s does not exist any more", *a.name())
		case !strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS"):
			return fmt.Errorf("the stack %s is in the state %s: %s", *a.name(), st.StackStatus, cmp.Or(why, "see its events: aws cloudformation describe-stack-events --stack-name "+*a.name()))
		}
		if err := clock.Sleep(ctx, a.account.Clock, stackPoll); err != nil {
			return err
		}
	}
}

// made are the states of a stack after it was created or updated.
var made = []cfntypes.StackStatus{cfntypes.StackStatusCreateComplete, cfntypes.StackStatusUpdateComplete, cfntypes.StackStatusImportComplete}

func (a *stackAction) createOrUpdate(ctx context.Context, replace bool) error {
	st, err := a.stack(ctx)
	if err != nil {
		return err
	}
	if st != nil && replace && slices.Contains([]cfntypes.StackStatus{
		cfntypes.StackStatusRollbackComplete, cfntypes.StackStatusRollbackFailed, cfntypes.StackStatusCreateFailed,
		cfntypes.StackStatusDeleteFailed, cfntypes.StackStatusUpdateRollbackFailed,
	}, st.StackStatus) {
		if err := a.remove(ctx); err != nil {
			return err
		}
		st = nil
	}
	role, w := optional(a.configuration["RoleArn"]), a.wanted
	if st == nil || st.StackStatus == cfntypes.StackStatusReviewInProgress {
		_, err = a.deps.Stacks.CreateStack(ctx, &awscfn.CreateStackInput{
			StackName: a.name(), TemplateBody: w.body, TemplateURL: w.url, Parameters: w.parameters, Tags: w.tags, Capabilities: w.capabilities, RoleARN: role,
		})
	} else {
		_, err = a.deps.Stacks.UpdateStack(ctx, &awscfn.UpdateStackInput{
			StackName: a.name(), TemplateBody: w.body, TemplateURL: w.url, Parameters: w.parameters, Tags: w.tags, Capabilities: w.capabilities, RoleARN: role,
		})
		if err != nil && strings.Contains(err.Error(), "No updates are to be performed") {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return a.settle(ctx, made...)
}

func (a *stackAction) remove(ctx context.Context) error {
	if _, err := a.deps.Stacks.DeleteStack(ctx, &awscfn.DeleteStackInput{StackName: a.name(), RoleARN: optional(a.configuration["RoleArn"])}); err != nil {
		return err
	}
	return a.settle(ctx, cfntypes.StackStatusDeleteComplete)
}

// replaceChangeSet makes a change set. One without changes is a success.
func (a *stackAction) replaceChangeSet(ctx context.Context) error {
	st, err := a.stack(ctx)
	if err != nil {
		return err
	}
	set := aws.String(a.configuration["ChangeSetName"])
	kind := cfntypes.ChangeSetTypeCreate
	if st != nil {
		if _, err := a.deps.Stacks.DeleteChangeSet(ctx, &awscfn.DeleteChangeSetInput{StackName: a.name(), ChangeSetName: set}); err != nil {
			return err
		}
		if st.StackStatus != cfntypes.StackStatusReviewInProgress {
			kind = cfntypes.ChangeSetTypeUpdate
		}
	}
	w := a.wanted
	if _, err := a.deps.Stacks.CreateChangeSet(ctx, &awscfn.CreateChangeSetInput{
		StackName: a.name(), ChangeSetName: set, ChangeSetType: kind, TemplateBody: w.body, TemplateURL: w.url,
		Parameters: w.parameters, Tags: w.tags, Capabilities: w.capabilities, RoleARN: optional(a.configuration["RoleArn"]),
	}); err != nil {
		return err
	}
	for {
		out, err := a.deps.Stacks.DescribeChangeSet(ctx, &awscfn.DescribeChangeSetInput{StackName: a.name(), ChangeSetName: set})
		switch {
		case err != nil:
			return err
		case out.Status == cfntypes.ChangeSetStatusCreateComplete || unchanged(out):
			return nil
		case out.Status == cfntypes.ChangeSetStatusFailed:
			return fmt.Errorf("the change set %s failed: %s", *set, aws.ToString(out.StatusReason))
		}
		if err := clock.Sleep(ctx, a.account.Clock, stackPoll); err != nil {
			return err
		}
	}
}

// unchanged reports whether a change set failed only because there is nothing to change.
func unchanged(out *awscfn.DescribeChangeSetOutput) bool {
	reason := aws.ToString(out.StatusReason)
	return out.Status == cfntypes.ChangeSetStatusFailed &&
		(strings.Contains(reason, "didn't contain changes") || strings.Contains(reason, "No updates are to be performed"))
}

func (a *stackAction) executeChangeSet(ctx context.Context) error {
	set := aws.String(a.configuration["ChangeSetName"])
	out, err := a.deps.Stacks.DescribeChangeSet(ctx, &awscfn.DescribeChangeSetInput{StackName: a.name(), ChangeSetName: set})
	if err != nil {
		return err
	}
	if unchanged(out) {
		return nil
	}
	if _, err := a.deps.Stacks.ExecuteChangeSet(ctx, &awscfn.ExecuteChangeSetInput{StackName: a.name(), ChangeSetName: set}); err != nil {
		return err
	}
	return a.settle(ctx, made...)
}

// done returns the outputs of the stack as variables, and in the output artifact.
func (a *stackAction) done(ctx context.Context, mode string) outcome {
	result := outcome{variables: map[string]string{}}
	if mode == modeDelete || mode == modeChangeSet {
		return result
	}
	st, err := a.stack(ctx)
	if err != nil {
		return failure(codeJobFailed, "%v", err)
	}
	if st == nil {
		return result
	}
	result.externalID = aws.ToString(st.StackId)
	for _, o := range st.Outputs {
		result.variables[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	if len(a.outputs) == 0 {
		return result
	}
	text, err := json.Marshal(result.variables)
	if err != nil {
		return failure(codeJobFailed, "%v", err)
	}
	packed, err := zipOf(a.configuration["OutputFileName"], text)
	if err == nil {
		err = a.put(ctx, a.job, a.outputs[0], bytes.NewReader(packed))
	}
	if err != nil {
		return failure(codeJobFailed, "%v", err)
	}
	return result
}

func zipOf(name string, content []byte) ([]byte, error) {
	var body bytes.Buffer
	archive := zip.NewWriter(&body)
	f, err := archive.Create(name)
	if err == nil {
		_, err = f.Write(content)
	}
	if err := errors.Join(err, archive.Close()); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

// read reads the template and the settings from the input artifacts.
func (a *stackAction) read(ctx context.Context) error {
	body, err := a.file(ctx, a.configuration["TemplatePath"])
	if err != nil {
		return err
	}
	if len(body) <= templateMost {
		a.wanted.body = aws.String(string(body))
	} else {
		kept := newArtifact(a.pipeline, "template", aws.ToString(a.store.Location))
		if err := a.put(ctx, a.job, kept, bytes.NewReader(body)); err != nil {
			return err
		}
		a.wanted.url = aws.String("https://" + kept.bucket + ".s3." + a.account.Region + ".amazonaws.com/" + kept.key)
	}
	for name := range strings.SplitSeq(a.configuration["Capabilities"], ",") {
		if name = strings.TrimSpace(name); name != "" {
			a.wanted.capabilities = append(a.wanted.capabilities, cfntypes.Capability(name))
		}
	}
	values := map[string]any{}
	if place := a.configuration["TemplateConfiguration"]; place != "" {
		text, err := a.file(ctx, place)
		if err != nil {
			return err
		}
		var settings struct {
			Parameters  map[string]any
			Tags        map[string]string
			StackPolicy any
		}
		if err := json.Unmarshal(text, &settings); err != nil {
			return fmt.Errorf("reading TemplateConfiguration %s: %w", place, err)
		}
		if settings.StackPolicy != nil {
			return fmt.Errorf("the embedded AWS does not support StackPolicy in TemplateConfiguration %s", place)
		}
		maps.Copy(values, settings.Parameters)
		for _, key := range slices.Sorted(maps.Keys(settings.Tags)) {
			a.wanted.tags = append(a.wanted.tags, cfntypes.Tag{Key: aws.String(key), Value: aws.String(settings.Tags[key])})
		}
	}
	if text := a.configuration["ParameterOverrides"]; text != "" {
		var overrides map[string]any
		if err := json.Unmarshal([]byte(text), &overrides); err != nil {
			return fmt.Errorf("reading ParameterOverrides: %w", err)
		}
		maps.Copy(values, overrides)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value, err := a.parameter(ctx, values[name])
		if err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		a.wanted.parameters = append(a.wanted.parameters, cfntypes.Parameter{ParameterKey: aws.String(name), ParameterValue: &value})
	}
	return nil
}

// parameter returns the text of a parameter's value. A list has commas, and a function
// takes something from an artifact.
func (a *stackAction) parameter(ctx context.Context, v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case []any:
		texts := make([]string, len(v))
		for i, e := range v {
			text, err := a.parameter(ctx, e)
			if err != nil {
				return "", err
			}
			texts[i] = text
		}
		return strings.Join(texts, ","), nil
	case map[string]any:
		return a.function(ctx, v)
	default:
		text, err := json.Marshal(v)
		return string(text), err
	}
}

// function evaluates Fn::GetArtifactAtt and Fn::GetParam.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-parameter-override-functions.html.
func (a *stackAction) function(ctx context.Context, v map[string]any) (string, error) {
	var name string
	var args []string
	for key, list := range v {
		name = key
		values, _ := list.([]any)
		for _, e := range values {
			text, _ := e.(string)
			args = append(args, text)
		}
	}
	switch {
	case len(v) == 1 && name == "Fn::GetArtifactAtt" && len(args) == 2:
		i := slices.IndexFunc(a.inputs, func(in artifact) bool { return in.name == args[0] })
		if i < 0 {
			return "", fmt.Errorf("%s is not an input artifact of the action", args[0])
		}
		in := a.inputs[i]
		switch args[1] {
		case "BucketName":
			return in.bucket, nil
		case "ObjectKey":
			return in.key, nil
		case "URL":
			return "https://" + in.bucket + ".s3." + a.account.Region + ".amazonaws.com/" + in.key, nil
		}
		return "", fmt.Errorf("an artifact has no attribute %s", args[1])
	case len(v) == 1 && name == "Fn::GetParam" && len(args) == 3:
		text, err := a.file(ctx, args[0]+"::"+args[1])
		if err != nil {
			return "", err
		}
		var values map[string]any
		if err := json.Unmarshal(text, &values); err != nil {
			return "", fmt.Errorf("reading %s: %w", args[1], err)
		}
		value, ok := values[args[2]]
		if !ok {
			return "", fmt.Errorf("%s has no %s", args[1], args[2])
		}
		return a.parameter(ctx, value)
	}
	return "", errors.New("a value must be text, a list, Fn::GetArtifactAtt or Fn::GetParam")
}

// file reads a file of an input artifact: ARTIFACT::FILE.
func (a *stackAction) file(ctx context.Context, place string) ([]byte, error) {
	name, path, _ := strings.Cut(place, "::")
	i := slices.IndexFunc(a.inputs, func(in artifact) bool { return in.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%s is not an input artifact of the action", name)
	}
	files, err := a.unzipped(ctx, a.inputs[i])
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Name == strings.TrimPrefix(path, "./") {
			return contents(f)
		}
	}
	return nil, fmt.Errorf("File [%s] does not exist in artifact [%s]", path, name) //nolint:staticcheck // AWS's text
}

// artifactMost limits what an action reads of an artifact into memory.
const artifactMost = 1 << 30

// unzipped returns the files of an artifact.
func (s *Service) unzipped(ctx context.Context, in artifact) ([]*zip.File, error) {
	out, err := s.deps.Objects.GetObject(ctx, &awss3.GetObjectInput{Bucket: aws.String(in.bucket), Key: aws.String(in.key)})
	if err != nil {
		return nil, fmt.Errorf("reading artifact %s: %w", in.name, err)
	}
	body, err := io.ReadAll(io.LimitReader(out.Body, artifactMost))
	if err := errors.Join(err, out.Body.Close()); err != nil {
		return nil, fmt.Errorf("reading artifact %s: %w", in.name, err)
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, fmt.Errorf("reading artifact %s: %w", in.name, err)
	}
	return archive.File, nil
}

func contents(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name, err)
	}
	content, err := io.ReadAll(io.LimitReader(r, artifactMost))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name, err)
	}
	return content, nil
}
