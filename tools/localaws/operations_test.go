package localaws

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// TestEveryOperationIsAuthorized holds that package access knows what each
// operation of each service needs, or names it as one that waits for its row.
func TestEveryOperationIsAuthorized(t *testing.T) {
	t.Parallel()
	server := &Server{}
	a := account.Account{ID: account.DefaultID, Region: DefaultRegion, Dir: t.TempDir(), Clock: clock.System(), Log: slog.New(slog.DiscardHandler)}
	services := server.services(a, Config{})
	t.Cleanup(func() {
		for _, c := range server.closers {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	ctx := principal.NewContext(t.Context(), principal.Principal{ARN: a.GlobalARN("iam", "user/rehearsal"), Account: a.ID, AccessKeyID: "AKIA"})
	n := 0
	for _, s := range services {
		impl := s.Impl
		if impl == nil {
			impl = s.Handler
		}
		for operation, in := range inputs(impl) {
			n++
			if err := server.guard.Authorize(ctx, s.Name, operation, in); err != nil {
				t.Errorf("%s %s: %v", s.Name, operation, err)
			}
		}
	}
	// The operations of APIs wait for their rows.
	for _, action := range server.guard.Summary().ByName {
		if !strings.HasPrefix(action, "apigateway:") {
			t.Errorf("%s: operations.tsv in tools/localaws/access has no row for it", action)
		}
	}
	if n < 350 {
		t.Errorf("there are only %d operations", n)
	}
}

// inputs returns an empty input for each operation among the methods of a service.
func inputs(impl any) map[string]any {
	all := map[string]any{}
	v := reflect.ValueOf(impl)
	for i := range v.NumMethod() {
		name, m := v.Type().Method(i).Name, v.Method(i).Type()
		if m.NumIn() == 2 && m.In(0) == reflect.TypeFor[context.Context]() && m.In(1).Kind() == reflect.Pointer && m.In(1).Elem().Name() == name+"Input" {
			all[name] = reflect.New(m.In(1).Elem()).Interface()
		}
	}
	return all
}
