package localaws

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// TestGuardedRefuses calls each operation for another service, as a role that
// may do nothing. The services behind it do not exist.
func TestGuardedRefuses(t *testing.T) {
	t.Parallel()
	server := &Server{}
	a := account.Account{ID: account.DefaultID, Region: DefaultRegion, Dir: t.TempDir(), Clock: clock.System()}
	server.services(a, Config{})
	t.Cleanup(func() {
		for _, c := range server.closers {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	g := &gatekeeper{Guard: server.guard}
	ctx := principal.NewContext(t.Context(), principal.Principal{
		ARN: "arn:aws:sts::000000000000:assumed-role/none/s", Role: "arn:aws:iam::000000000000:role/none", Account: a.ID, AccessKeyID: "ASIA",
	})
	n := 0
	for _, wrapper := range []any{
		guardedCloudwatch{guard: g}, guardedCodebuild{guard: g}, guardedCodeconnections{guard: g}, guardedCodedeploy{guard: g}, guardedCodepipeline{guard: g},
		guardedEcr{guard: g}, guardedEvents{guard: g}, guardedIam{guard: g}, guardedKms{guard: g}, guardedLambda{guard: g}, guardedLogs{guard: g},
		guardedS3{guard: g}, guardedSecretsmanager{guard: g}, guardedSns{guard: g}, guardedSsm{guard: g},
		guardedSqs{guard: g}, guardedScheduler{guard: g}, guardedDynamodb{server.tables, g}, guardedStreams{guard: g},
	} {
		v := reflect.ValueOf(wrapper)
		for name, in := range inputs(wrapper) {
			n++
			out := v.MethodByName(name).Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
			err, _ := reflect.TypeAssert[error](out[1])
			// These name their tables in their items, of which there are none.
			if code := apiCode(err); code == "ValidationException" && (strings.HasPrefix(name, "Batch") || strings.HasPrefix(name, "Transact")) {
				continue
			}
			if apiCode(err) != "AccessDeniedException" {
				t.Errorf("%T %s: %v", wrapper, name, err)
			}
		}
	}
	if n < 250 {
		t.Errorf("there are only %d operations", n)
	}
}

func apiCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
