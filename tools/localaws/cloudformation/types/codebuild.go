package types

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	codebuildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

func codebuildTag(k, v *string) codebuildtypes.Tag { return codebuildtypes.Tag{Key: k, Value: v} }

// project is AWS::CodeBuild::Project. It does not support webhooks (Triggers),
// VPCs, batches, badges and automatic retries.
func project(d Deps) definition {
	p := projects{d}
	return definition{
		required: []string{"Artifacts", "Environment", "ServiceRole", "Source"},
		Type: resource.Type{
			Name: "AWS::CodeBuild::Project",
			Properties: []string{
				"Artifacts", "Cache", "ConcurrentBuildLimit", "Description", "EncryptionKey", "Environment",
				"LogsConfig", "Name", "QueuedTimeoutInMinutes", "SecondaryArtifacts", "SecondarySourceVersions",
				"SecondarySources", "ServiceRole", "Source", "SourceVersion", "Tags", "TimeoutInMinutes",
			},
			Create: p.create,
			Update: p.update,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.Builds.DeleteProject(ctx, &awscodebuild.DeleteProjectInput{Name: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

type projects struct{ Deps }

func (p projects) create(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awscodebuild.CreateProjectInput{}
	if err := decode(r, in, "Tags"); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.Tags = tagList(tags, codebuildTag)
	if in.Name == nil {
		in.Name = aws.String(generatedLocalName(r, 255))
	}
	if _, err := p.Builds.CreateProject(ctx, in); err != nil {
		return nil, err
	}
	return p.result(*in.Name), nil
}

func (p projects) update(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awscodebuild.UpdateProjectInput{}
	properties := restored(r, map[string]any{
		"Cache":                   map[string]any{"Type": "NO_CACHE"},
		"ConcurrentBuildLimit":    -1.0,
		"Description":             "",
		"EncryptionKey":           "",
		"LogsConfig":              map[string]any{"CloudWatchLogs": map[string]any{"Status": "ENABLED"}},
		"QueuedTimeoutInMinutes":  480.0,
		"SecondaryArtifacts":      []any{},
		"SecondarySourceVersions": []any{},
		"SecondarySources":        []any{},
		"SourceVersion":           "",
		"TimeoutInMinutes":        60.0,
	})
	if err := decodeMap(properties, in, "Tags"); err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	in.Name = aws.String(r.PhysicalID)
	// This replaces all tags.
	in.Tags = append([]codebuildtypes.Tag{}, tagList(tags, codebuildTag)...)
	if _, err := p.Builds.UpdateProject(ctx, in); err != nil {
		return nil, err
	}
	return p.result(r.PhysicalID), nil
}

func (p projects) result(name string) *resource.Result {
	return &resource.Result{PhysicalID: name, Attributes: map[string]any{"Arn": p.Account.ARN("codebuild", "project/"+name)}}
}

// reportGroup is AWS::CodeBuild::ReportGroup.
func reportGroup(d Deps) definition {
	return definition{
		required: []string{"ExportConfig", "Type"},
		Type: resource.Type{
			Name:       "AWS::CodeBuild::ReportGroup",
			Properties: []string{"DeleteReports", "ExportConfig", "Name", "Tags", "Type"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awscodebuild.CreateReportGroupInput{}
				if err := decode(r, in, "DeleteReports", "Tags"); err != nil {
					return nil, err
				}
				tags, err := tagsOf(r)
				if err != nil {
					return nil, err
				}
				in.Tags = tagList(tags, codebuildTag)
				if in.Name == nil {
					in.Name = aws.String(generatedLocalName(r, 128))
				}
				out, err := d.Builds.CreateReportGroup(ctx, in)
				if err != nil {
					return nil, err
				}
				return reportGroupResult(aws.ToString(out.ReportGroup.Arn)), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awscodebuild.UpdateReportGroupInput{Arn: aws.String(r.PhysicalID)}
				if err := decode(r, in, "DeleteReports", "Name", "Tags", "Type"); err != nil {
					return nil, err
				}
				tags, err := tagsOf(r)
				if err != nil {
					return nil, err
				}
				in.Tags = append([]codebuildtypes.Tag{}, tagList(tags, codebuildTag)...)
				if _, err := d.Builds.UpdateReportGroup(ctx, in); err != nil {
					return nil, err
				}
				return reportGroupResult(r.PhysicalID), nil
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				in := &awscodebuild.DeleteReportGroupInput{Arn: aws.String(r.PhysicalID)}
				if err := decodeProperty(r.Properties, "DeleteReports", &in.DeleteReports); err != nil {
					return err
				}
				_, err := d.Builds.DeleteReportGroup(ctx, in)
				return err
			},
		},
	}
}

func reportGroupResult(arn string) *resource.Result {
	return &resource.Result{PhysicalID: arn, Attributes: map[string]any{"Arn": arn}}
}
