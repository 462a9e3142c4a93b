package dev

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/assembly/build"
)

// TestSort holds what has to be done for each kind of file.
func TestSort(t *testing.T) {
	t.Parallel()
	api := made{build.Program{Dir: "api"}, sources{dirs: []string{"api", "shop"}, files: []string{"shop/page.html"}}}
	worker := made{build.Program{Dir: "worker"}, sources{dirs: []string{"worker", "shop"}}}
	typescript := layout{settings: "magewright", app: "cdk", programs: []made{api, worker}}
	atRoot := layout{settings: "magewright", app: ".", programs: []made{api}}
	inGo := layout{settings: "infra", app: "infra", programs: []made{api}, appCode: sources{dirs: []string{"infra", "infra/delivery", "names", "api"}}}
	for name, test := range map[string]struct {
		layout  layout
		changed []string
		want    duty
	}{
		"a function":                     {typescript, []string{"api/main.go"}, duty{programs: []string{"api"}}},
		"what two are made of":           {typescript, []string{"shop/shop.go"}, duty{programs: []string{"api", "worker"}}},
		"an embedded file":               {typescript, []string{"shop/page.html"}, duty{programs: []string{"api"}}},
		"no embedded file":               {typescript, []string{"shop/page.css"}, duty{}},
		"a test":                         {typescript, []string{"api/main_test.go"}, duty{}},
		"a document":                     {typescript, []string{"README.md", "cdk/README.md"}, duty{}},
		"versions of modules":            {typescript, []string{"go.mod"}, duty{programs: []string{"api", "worker"}}},
		"the app":                        {typescript, []string{"cdk/lib/stack.ts"}, duty{app: true}},
		"a new package of nothing":       {typescript, []string{"other/other.go"}, duty{}},
		"probes":                         {typescript, []string{"magewright/probes.yml"}, duty{smoke: true}},
		"the context":                    {typescript, []string{"magewright/cdk.json"}, duty{app: true}},
		"several":                        {typescript, []string{"worker/main.go", "cdk/app.ts", "api/main.go"}, duty{programs: []string{"api", "worker"}, app: true}},
		"an app at the root":             {atRoot, []string{"stack.ts"}, duty{app: true}},
		"a function below such an app":   {atRoot, []string{"api/main.go"}, duty{programs: []string{"api"}}},
		"an app in Go":                   {inGo, []string{"names/names.go"}, duty{app: true}},
		"a function that an app imports": {inGo, []string{"api/main.go"}, duty{programs: []string{"api"}, app: true}},
		"a file beside an app in Go":     {inGo, []string{"infra/canary.svg"}, duty{app: true}},
	} {
		got := test.layout.sort(test.changed)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(duty{})); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
