package codeconnections_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodeconnections "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/codeconnections"
)

// TestSeededConnections checks that an endpoint that is started again with the
// same seed gives its connections the same names, and no name twice.
func TestSeededConnections(t *testing.T) {
	t.Parallel()
	names := func(seed string, deleteFirst bool) []string {
		a := account.Account{ID: account.DefaultID, Region: "us-east-1"}
		if seed != "" {
			a.Seed = []byte(seed)
		}
		s := codeconnections.New(a)
		var arns []string
		create := func() {
			t.Helper()
			c, err := s.CreateConnection(t.Context(), &awscodeconnections.CreateConnectionInput{ConnectionName: aws.String("source"), ProviderType: "GitHub"})
			if err != nil {
				t.Fatal(err)
			}
			arns = append(arns, *c.ConnectionArn)
		}
		create()
		create()
		if _, err := s.CreateConnection(t.Context(), &awscodeconnections.CreateConnectionInput{ConnectionName: aws.String("source")}); err == nil {
			t.Error("a connection to nothing was made")
		}
		if deleteFirst {
			if _, err := s.DeleteConnection(t.Context(), &awscodeconnections.DeleteConnectionInput{ConnectionArn: &arns[0]}); err != nil {
				t.Fatal(err)
			}
		}
		create()
		return arns
	}
	first := names("seed", false)
	if again := names("seed", true); !slices.Equal(first, again) {
		t.Errorf("%q and then %q", first, again)
	}
	all := slices.Concat(first, names("other", false), names("", false), names("", false))
	slices.Sort(all)
	if unique := slices.Compact(slices.Clone(all)); len(unique) != len(all) {
		t.Errorf("a name is there twice: %q", all)
	}
	for _, arn := range all {
		if _, err := uuid.Parse(arn[len(arn)-36:]); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
	}
}
