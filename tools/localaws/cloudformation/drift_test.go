package cloudformation

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// While a detection reads a resource, an update begins. What is found then says nothing
// about the stack after the update.
func TestDriftDuringAnUpdate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	body := func(value string) string {
		return `Resources: {A: {Type: "Test::Thing", Properties: {Value: ` + value + `}}}`
	}
	var update func()
	thing := b.deps.Types["Test::Thing"]
	thing.Read = func(_ context.Context, r *resource.Request) (map[string]any, error) {
		update()
		return map[string]any{"Value": r.Properties["Value"]}, nil
	}
	b.deps.Types["Test::Thing"] = thing
	b.create("one", body("a"))
	for _, tt := range []struct {
		update func()
		want   types.StackDriftStatus
	}{
		{func() {}, types.StackDriftStatusInSync},
		{func() {
			if _, err := b.UpdateStack(t.Context(), &awscfn.UpdateStackInput{StackName: aws.String("one"), TemplateBody: aws.String(body("b"))}); err != nil {
				t.Error(err)
			}
		}, types.StackDriftStatusNotChecked},
	} {
		update = tt.update
		if _, err := b.DetectStackDrift(t.Context(), &awscfn.DetectStackDriftInput{StackName: aws.String("one")}); err != nil {
			t.Fatal(err)
		}
		if got := b.settled("one").DriftInformation.StackDriftStatus; got != tt.want {
			t.Errorf("the stack is %s, want %s", got, tt.want)
		}
	}
}
