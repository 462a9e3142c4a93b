package lambda_test

import (
	"runtime"
	"strconv"
	"testing"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Each 1,769 MB of memory give the time of one processor, up to the number of
// the host's processors.
func TestProcessorsInProportionToMemory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		memory int32
		want   int
	}{{128, 1}, {1769, 1}, {1770, 2}, {3538, 2}, {10240, 6}} {
		t.Run(strconv.Itoa(int(c.memory)), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.create(t, func(in *awslambda.CreateFunctionInput) { in.MemorySize = aws.Int32(c.memory) })
			if got, want := string(f.invoke(t, `{"do":"cpus"}`).Payload), strconv.Itoa(min(c.want, runtime.NumCPU())); got != want {
				t.Errorf("%s processors, want %s", got, want)
			}
		})
	}
}
