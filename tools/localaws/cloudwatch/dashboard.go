package cloudwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

type dashboard struct {
	body     string
	modified time.Time
}

func (s *Service) dashboardARN(name string) string {
	return s.account.GlobalARN("cloudwatch", "dashboard/"+name)
}

// PutDashboard creates or replaces a dashboard. Its body must be JSON with a
// list of widgets; the widgets' contents are not checked.
func (s *Service) PutDashboard(_ context.Context, in *awscloudwatch.PutDashboardInput) (*awscloudwatch.PutDashboardOutput, error) {
	name := aws.ToString(in.DashboardName)
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r != '-' && (r > 127 || !isWord(byte(r))) }) { // #nosec G115 -- r is checked to be ASCII first
		return nil, invalidDashboard("DashboardName", fmt.Sprintf("The value %q for field DashboardName is invalid: use 1 to 255 letters, digits, - and _.", name))
	}
	var body struct {
		Widgets []json.RawMessage `json:"widgets"`
	}
	if err := json.Unmarshal([]byte(aws.ToString(in.DashboardBody)), &body); err != nil {
		return nil, invalidDashboard("/", fmt.Sprintf("The field DashboardBody must be a valid JSON object: %v", err))
	}
	if len(body.Widgets) > 500 {
		return nil, invalidDashboard("/widgets", "Should NOT have more than 500 items")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.dashboards[name]; !exists {
		if err := s.tag(s.dashboardARN(name), in.Tags); err != nil {
			return nil, err
		}
	}
	s.dashboards[name] = dashboard{body: *in.DashboardBody, modified: s.account.Clock.Now()}
	return &awscloudwatch.PutDashboardOutput{}, nil
}

func invalidDashboard(path, message string) error {
	return &types.DashboardInvalidInputError{
		Message:                     aws.String(message),
		DashboardValidationMessages: []types.DashboardValidationMessage{{DataPath: aws.String(path), Message: aws.String(message)}},
	}
}

// GetDashboard returns a dashboard's body.
func (s *Service) GetDashboard(_ context.Context, in *awscloudwatch.GetDashboardInput) (*awscloudwatch.GetDashboardOutput, error) {
	name := aws.ToString(in.DashboardName)
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.dashboards[name]
	if !ok {
		return nil, noDashboard(name)
	}
	return &awscloudwatch.GetDashboardOutput{
		DashboardArn:  aws.String(s.dashboardARN(name)),
		DashboardBody: aws.String(d.body),
		DashboardName: aws.String(name),
	}, nil
}

func noDashboard(name string) error {
	return &types.DashboardNotFoundError{Message: aws.String("Dashboard " + name + " does not exist")}
}

// DeleteDashboards deletes dashboards. It deletes none if one does not exist.
func (s *Service) DeleteDashboards(_ context.Context, in *awscloudwatch.DeleteDashboardsInput) (*awscloudwatch.DeleteDashboardsOutput, error) {
	if len(in.DashboardNames) == 0 {
		return nil, missingParameter("DashboardNames")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range in.DashboardNames {
		if _, ok := s.dashboards[name]; !ok {
			return nil, noDashboard(name)
		}
	}
	for _, name := range in.DashboardNames {
		delete(s.dashboards, name)
		delete(s.tags, s.dashboardARN(name))
	}
	return &awscloudwatch.DeleteDashboardsOutput{}, nil
}

// ListDashboards lists dashboards by name.
func (s *Service) ListDashboards(_ context.Context, in *awscloudwatch.ListDashboardsInput) (*awscloudwatch.ListDashboardsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var entries []types.DashboardEntry
	for _, name := range slices.Sorted(maps.Keys(s.dashboards)) {
		if d := s.dashboards[name]; strings.HasPrefix(name, aws.ToString(in.DashboardNamePrefix)) {
			entries = append(entries, types.DashboardEntry{
				DashboardArn:  aws.String(s.dashboardARN(name)),
				DashboardName: aws.String(name),
				LastModified:  aws.Time(d.modified),
				Size:          aws.Int64(int64(len(d.body))),
			})
		}
	}
	page, next, err := paginate(entries, in.NextToken, 1000)
	if err != nil {
		return nil, err
	}
	return &awscloudwatch.ListDashboardsOutput{DashboardEntries: page, NextToken: next}, nil
}
