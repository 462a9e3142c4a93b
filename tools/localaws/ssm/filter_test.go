package ssm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/ssm"
)

func stored(t *testing.T, names ...string) *ssm.Service {
	t.Helper()
	s := ssm.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.System()})
	for _, name := range names {
		kind, tier := types.ParameterTypeString, types.ParameterTierStandard
		if strings.Contains(name, "secret") {
			kind, tier = types.ParameterTypeSecureString, types.ParameterTierAdvanced
		}
		if _, err := s.PutParameter(t.Context(), &awsssm.PutParameterInput{
			Name: &name, Value: aws.String("v"), Type: kind, Tier: tier, Tags: []types.Tag{{Key: aws.String("app"), Value: aws.String(strings.Split(name, "/")[1])}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func failed(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	s := stored(t, "/shop/url", "/shop/db/secret", "/blog/url")
	for _, tt := range []struct{ key, option, values, want string }{
		{"Name", "", "/shop/url", "/shop/url"},
		{"Name", "Equals", "shop/url", "/shop/url"},
		{"Name", "BeginsWith", "/shop", "/shop/db/secret /shop/url"},
		{"Name", "Contains", "url", "/blog/url /shop/url"},
		{"Path", "OneLevel", "/shop", "/shop/url"},
		{"Path", "Recursive", "/shop/", "/shop/db/secret /shop/url"},
		{"Type", "Equals", "SecureString", "/shop/db/secret"},
		{"Type", "", "String,StringList", "/blog/url /shop/url"},
		{"Tier", "Equals", "Advanced", "/shop/db/secret"},
		{"KeyId", "BeginsWith", "alias/aws", "/shop/db/secret"},
		{"tag:app", "Equals", "blog", "/blog/url"},
		{"tag:app", "", "", "/blog/url /shop/db/secret /shop/url"},
		{"tag:none", "Equals", "x", ""},
		{"Owner", "", "x", "InvalidFilterKey"},
		{"Path", "Equals", "/shop", "InvalidFilterOption"},
		{"Name", "", "", "InvalidFilterValue"},
	} {
		f := types.ParameterStringFilter{Key: &tt.key}
		if tt.option != "" {
			f.Option = &tt.option
		}
		if tt.values != "" {
			f.Values = strings.Split(tt.values, ",")
		}
		out, err := s.DescribeParameters(t.Context(), &awsssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{f}})
		got := failed(err)
		if err == nil {
			var names []string
			for _, p := range out.Parameters {
				names = append(names, *p.Name)
			}
			got = strings.Join(names, " ")
		}
		if got != tt.want {
			t.Errorf("%s %s %s: %s, want %s", tt.key, tt.option, tt.values, got, tt.want)
		}
	}
	old, err := s.DescribeParameters(t.Context(), &awsssm.DescribeParametersInput{Filters: []types.ParametersFilter{{Key: types.ParametersFilterKeyName, Values: []string{"/blog"}}}})
	if err != nil || len(old.Parameters) != 1 {
		t.Errorf("%+v, %v", old, err)
	}
	below, err := s.GetParametersByPath(t.Context(), &awsssm.GetParametersByPathInput{
		Path: aws.String("/shop"), Recursive: aws.Bool(true), ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Type"), Values: []string{"String"}}},
	})
	if err != nil || len(below.Parameters) != 1 || *below.Parameters[0].Name != "/shop/url" {
		t.Errorf("%+v, %v", below, err)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	s := stored(t, "/shop/url")
	name := aws.String("/shop/url")
	if _, err := s.PutParameter(t.Context(), &awsssm.PutParameterInput{Name: name, Value: aws.String("w"), Overwrite: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	out, err := s.LabelParameterVersion(t.Context(), &awsssm.LabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(1), Labels: []string{"live", "1st", "aws-x", "stable"}})
	if err != nil || out.ParameterVersion != 1 || strings.Join(out.InvalidLabels, " ") != "1st aws-x" {
		t.Fatalf("%+v, %v", out, err)
	}
	value := func() string {
		got, err := s.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String("/shop/url:live")})
		if err != nil {
			return failed(err)
		}
		return *got.Parameter.Value + *got.Parameter.Selector
	}
	if got := value(); got != "v:live" {
		t.Errorf("labelled: %s", got)
	}
	// A label moves.
	if _, err := s.LabelParameterVersion(t.Context(), &awsssm.LabelParameterVersionInput{Name: name, Labels: []string{"live"}}); err != nil {
		t.Fatal(err)
	}
	if got := value(); got != "w:live" {
		t.Errorf("moved: %s", got)
	}
	history, err := s.GetParameterHistory(t.Context(), &awsssm.GetParameterHistoryInput{Name: name})
	if err != nil || fmt.Sprint(history.Parameters[0].Labels, history.Parameters[1].Labels) != "[stable] [live]" {
		t.Errorf("%+v, %v", history, err)
	}
	removed, err := s.UnlabelParameterVersion(t.Context(), &awsssm.UnlabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(2), Labels: []string{"live", "other"}})
	if err != nil || fmt.Sprint(removed.RemovedLabels, removed.InvalidLabels) != "[live] [other]" {
		t.Errorf("%+v, %v", removed, err)
	}
	if got := value(); got != "ParameterVersionNotFound" {
		t.Errorf("removed: %s", got)
	}
	many := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}
	if _, err := s.LabelParameterVersion(t.Context(), &awsssm.LabelParameterVersionInput{Name: name, Labels: many}); failed(err) != "ParameterVersionLabelLimitExceeded" {
		t.Errorf("eleven labels: %v", err)
	}
}
