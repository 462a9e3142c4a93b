package codebuild

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/buildspec"
)

// A report is a report with its test cases.
type report struct {
	api   cbtypes.Report
	cases []cbtypes.TestCase
}

// Limits from
// https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html.
const (
	mostCases = 500
	keptFor   = 30 * 24 * time.Hour
)

// addReports stores the content of a build's reports. The caller holds the
// service's lock.
func (s *Service) addReports(b *build, reports []buildspec.Report) {
	for _, r := range reports {
		group := s.reportGroupOf(*b.project.Name, r.Group)
		arn := strings.Replace(*group.Arn, ":report-group/", ":report/", 1) + ":" + uuid.NewString()
		created := s.now()
		kept := &report{api: cbtypes.Report{
			Arn:            aws.String(arn),
			Name:           aws.String(lastPart(*group.Name)),
			ReportGroupArn: group.Arn,
			ExecutionId:    b.api.Arn,
			Created:        created,
			Expired:        aws.Time(created.Add(keptFor)),
			ExportConfig:   group.ExportConfig,
			Type:           cbtypes.ReportTypeTest,
			Status:         cbtypes.ReportStatusTypeSucceeded,
			Truncated:      aws.Bool(len(r.Cases) > mostCases),
		}}
		counts := map[string]int32{}
		var total time.Duration
		for i, c := range r.Cases {
			counts[c.Status]++
			total += c.Duration
			if i >= mostCases {
				continue
			}
			kept.cases = append(kept.cases, cbtypes.TestCase{
				ReportArn:             aws.String(arn),
				Name:                  aws.String(c.Name),
				Prefix:                aws.String(c.Prefix),
				TestSuiteName:         aws.String(c.Suite),
				Status:                aws.String(c.Status),
				Message:               aws.String(c.Message),
				DurationInNanoSeconds: aws.Int64(int64(c.Duration)),
				TestRawDataPath:       aws.String(c.File),
				Expired:               kept.api.Expired,
			})
		}
		if counts[buildspec.TestFailed]+counts[buildspec.TestError] > 0 {
			kept.api.Status = cbtypes.ReportStatusTypeFailed
		}
		kept.api.TestSummary = &cbtypes.TestReportSummary{
			Total: aws.Int32(int32(min(len(r.Cases), 1<<31-1))), StatusCounts: counts, DurationInNanoSeconds: aws.Int64(int64(total)), // #nosec G115 -- bounded
		}
		s.reports[arn] = kept
		b.api.ReportArns = append(b.api.ReportArns, arn)
	}
}

// reportGroupOf returns the group that a buildspec names. It is either an
// existing group that is named by its ARN, or a group of the project, which it
// creates if necessary.
func (s *Service) reportGroupOf(project, name string) *cbtypes.ReportGroup {
	arn := name
	if !strings.HasPrefix(name, "arn:") {
		arn = s.account.ARN("codebuild", "report-group/"+project+"-"+name)
	}
	if g, ok := s.groups[arn]; ok {
		return g
	}
	return s.addGroup(lastPart(arn), cbtypes.ReportTypeTest, &cbtypes.ReportExportConfig{ExportConfigType: cbtypes.ReportExportConfigTypeNoExport}, nil)
}

func (s *Service) addGroup(name string, kind cbtypes.ReportType, export *cbtypes.ReportExportConfig, tags []cbtypes.Tag) *cbtypes.ReportGroup {
	g := &cbtypes.ReportGroup{
		Arn:          aws.String(s.account.ARN("codebuild", "report-group/"+name)),
		Name:         aws.String(name),
		Created:      s.now(),
		LastModified: s.now(),
		ExportConfig: export,
		Status:       cbtypes.ReportGroupStatusTypeActive,
		Type:         kind,
		Tags:         slices.Clone(tags),
	}
	s.groups[*g.Arn] = g
	return g
}

// CreateReportGroup creates a group for test reports without export.
func (s *Service) CreateReportGroup(_ context.Context, in *awscodebuild.CreateReportGroupInput) (*awscodebuild.CreateReportGroupOutput, error) {
	name := aws.ToString(in.Name)
	switch {
	case name == "":
		return nil, invalid("Report group name is required")
	case in.Type != cbtypes.ReportTypeTest && in.Type != cbtypes.ReportTypeCodeCoverage:
		return nil, invalid("Invalid report group type: %q", in.Type)
	case in.ExportConfig == nil:
		return nil, invalid("Report group exportConfig is required")
	}
	if err := checkExport(in.ExportConfig); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := s.account.ARN("codebuild", "report-group/"+name)
	if _, exists := s.groups[arn]; exists {
		return nil, &cbtypes.ResourceAlreadyExistsException{Message: aws.String("Report group already exists: " + arn)}
	}
	return &awscodebuild.CreateReportGroupOutput{ReportGroup: new(*s.addGroup(name, in.Type, in.ExportConfig, in.Tags))}, nil
}

func checkExport(c *cbtypes.ReportExportConfig) error {
	if c.ExportConfigType == cbtypes.ReportExportConfigTypeS3 {
		return unsupported("exportConfig.exportConfigType S3")
	}
	return nil
}

// UpdateReportGroup changes a group's export and tags.
func (s *Service) UpdateReportGroup(_ context.Context, in *awscodebuild.UpdateReportGroupInput) (*awscodebuild.UpdateReportGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[aws.ToString(in.Arn)]
	if !ok {
		return nil, notFound("Report group cannot be found: %s", aws.ToString(in.Arn))
	}
	if in.ExportConfig != nil {
		if err := checkExport(in.ExportConfig); err != nil {
			return nil, err
		}
		g.ExportConfig = in.ExportConfig
	}
	if in.Tags != nil {
		g.Tags = slices.Clone(in.Tags)
	}
	g.LastModified = s.now()
	return &awscodebuild.UpdateReportGroupOutput{ReportGroup: new(*g)}, nil
}

// DeleteReportGroup deletes a group and, if requested, its reports.
func (s *Service) DeleteReportGroup(_ context.Context, in *awscodebuild.DeleteReportGroupInput) (*awscodebuild.DeleteReportGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := aws.ToString(in.Arn)
	reports := s.reportsOf(arn, "")
	if len(reports) > 0 && !in.DeleteReports {
		return nil, invalid("Report group has %d reports: delete them first or set deleteReports: %s", len(reports), arn)
	}
	for _, r := range reports {
		delete(s.reports, r)
	}
	delete(s.groups, arn)
	return &awscodebuild.DeleteReportGroupOutput{}, nil
}

// BatchGetReportGroups returns the groups with the ARNs.
func (s *Service) BatchGetReportGroups(_ context.Context, in *awscodebuild.BatchGetReportGroupsInput) (*awscodebuild.BatchGetReportGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscodebuild.BatchGetReportGroupsOutput{}
	for _, arn := range in.ReportGroupArns {
		if g, ok := s.groups[arn]; ok {
			out.ReportGroups = append(out.ReportGroups, *g)
		} else {
			out.ReportGroupsNotFound = append(out.ReportGroupsNotFound, arn)
		}
	}
	return out, nil
}

// ListReportGroups returns the ARNs of all groups.
func (s *Service) ListReportGroups(_ context.Context, in *awscodebuild.ListReportGroupsInput) (*awscodebuild.ListReportGroupsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arns := slices.Sorted(maps.Keys(s.groups))
	if in.SortOrder == cbtypes.SortOrderTypeDescending {
		slices.Reverse(arns)
	}
	arns, next, err := page(arns, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &awscodebuild.ListReportGroupsOutput{ReportGroups: arns, NextToken: next}, nil
}

// reportsOf returns the ARNs of a group's reports, or of all reports if group
// is empty, oldest first. The caller holds the service's lock.
func (s *Service) reportsOf(group string, status cbtypes.ReportStatusType) []string {
	var arns []string
	for arn, r := range s.reports {
		if (group == "" || *r.api.ReportGroupArn == group) && (status == "" || r.api.Status == status) {
			arns = append(arns, arn)
		}
	}
	slices.SortFunc(arns, func(a, b string) int {
		if c := s.reports[a].api.Created.Compare(*s.reports[b].api.Created); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return arns
}

// ListReports returns the ARNs of all reports, newest first.
func (s *Service) ListReports(_ context.Context, in *awscodebuild.ListReportsInput) (*awscodebuild.ListReportsOutput, error) {
	arns, next, err := s.listReports("", in.Filter, in.SortOrder, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &awscodebuild.ListReportsOutput{Reports: arns, NextToken: next}, nil
}

// ListReportsForReportGroup returns the ARNs of a group's reports, newest first.
func (s *Service) ListReportsForReportGroup(_ context.Context, in *awscodebuild.ListReportsForReportGroupInput) (*awscodebuild.ListReportsForReportGroupOutput, error) {
	if aws.ToString(in.ReportGroupArn) == "" {
		return nil, invalid("Report group ARN is required")
	}
	arns, next, err := s.listReports(*in.ReportGroupArn, in.Filter, in.SortOrder, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &awscodebuild.ListReportsForReportGroupOutput{Reports: arns, NextToken: next}, nil
}

func (s *Service) listReports(group string, filter *cbtypes.ReportFilter, order cbtypes.SortOrderType, token *string, size *int32) ([]string, *string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.groups[group]; group != "" && !known {
		return nil, nil, notFound("Report group cannot be found: %s", group)
	}
	var status cbtypes.ReportStatusType
	if filter != nil {
		status = filter.Status
	}
	return page(sorted(s.reportsOf(group, status), order), token, size)
}

// BatchGetReports returns the reports with the ARNs.
func (s *Service) BatchGetReports(_ context.Context, in *awscodebuild.BatchGetReportsInput) (*awscodebuild.BatchGetReportsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscodebuild.BatchGetReportsOutput{}
	for _, arn := range in.ReportArns {
		if r, ok := s.reports[arn]; ok {
			out.Reports = append(out.Reports, r.api)
		} else {
			out.ReportsNotFound = append(out.ReportsNotFound, arn)
		}
	}
	return out, nil
}

// DescribeTestCases returns a report's test cases. There are at most 500, as on AWS.
func (s *Service) DescribeTestCases(_ context.Context, in *awscodebuild.DescribeTestCasesInput) (*awscodebuild.DescribeTestCasesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.reports[aws.ToString(in.ReportArn)]
	if !ok {
		return nil, notFound("Report cannot be found: %s", aws.ToString(in.ReportArn))
	}
	cases := slices.DeleteFunc(slices.Clone(r.cases), func(c cbtypes.TestCase) bool {
		f := in.Filter
		return f != nil && (f.Status != nil && *f.Status != *c.Status || f.Keyword != nil && !strings.Contains(*c.Name, *f.Keyword))
	})
	cases, next, err := page(cases, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &awscodebuild.DescribeTestCasesOutput{TestCases: cases, NextToken: next}, nil
}
