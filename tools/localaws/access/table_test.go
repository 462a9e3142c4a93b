package access

import (
	_ "embed"
	"slices"
	"strings"
	"testing"
)

// referenceTable is AWS's own. Only tests compare ours with it.
//
//go:embed reference.tsv
var referenceTable string

// keyNames returns the condition keys that AWS's reference lists for an action,
// in lower case.
func keyNames(action string) []string {
	for fields := range rows(referenceTable) {
		if fields[0] == "action" && fields[1] == action && len(fields) > 4 {
			names := strings.Split(strings.ToLower(fields[4]), ",")
			slices.Sort(names)
			return names
		}
	}
	return nil
}

// withoutResource has actions that AWS's reference lists with a resource type
// that the embedded AWS has none of, or that lists them all.
var withoutResource = map[string]bool{
	"cloudwatch:GetMetricData":             true, // datasets
	"cloudwatch:ListMetrics":               true,
	"cloudwatch:PutMetricData":             true,
	"codeconnections:ListConnections":      true, // all connections
	"codestar-connections:ListConnections": true,
}

// TestTable holds the table of operations against AWS's reference: its actions
// exist, and have resources where the reference says so.
func TestTable(t *testing.T) {
	t.Parallel()
	types, arns := map[string]string{}, map[string]string{}
	for fields := range rows(referenceTable) {
		switch fields[0] {
		case "action":
			types[fields[1]] = ""
			if len(fields) > 3 {
				types[fields[1]] = fields[3]
			}
		case "resource":
			arns[fields[1]+" "+fields[2]] = fields[3]
		default:
			t.Errorf("reference.tsv has %q", fields)
		}
	}
	for name, rows := range operations() {
		for _, o := range rows {
			listed, ok := types[o.action]
			if !ok {
				t.Errorf("%s needs %s, which is not in AWS's reference", name, o.action)
			}
			if o.none || o.service {
				continue
			}
			if none := o.resources[0].kind == "*"; none != (listed == "") && !withoutResource[o.action] {
				t.Errorf("%s: the resources are %v, AWS's reference has %q", name, o.resources, listed)
			}
		}
	}
	for action, listed := range types {
		service, _, _ := strings.Cut(action, ":")
		for kind := range strings.SplitSeq(listed, ",") {
			if kind = strings.TrimSuffix(kind, "*"); kind != "" && arns[service+" "+kind] == "" {
				t.Errorf("reference.tsv has no ARN of %s %s", service, kind)
			}
		}
	}
	// A key that the reference does not list for any action is misspelt.
	known := map[string]bool{}
	for action := range types {
		for _, key := range keyNames(action) {
			known[key] = true
		}
	}
	for fields := range rows(keysTable) {
		if key := strings.ToLower(fields[1]); !known[key] {
			t.Errorf("keys.tsv: AWS's reference has no key %s", key)
		}
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	type item struct{ Key *string }
	type inner struct{ Items []item }
	key, empty := "k", ""
	in := &struct {
		Name   *string
		Empty  *string
		None   *string
		Names  []string
		Blob   []byte
		Number int
		Inner  *inner
		Map    map[string]item
	}{&key, &empty, nil, []string{"a", "b"}, []byte("x"), 3, &inner{[]item{{&key}, {nil}, {&key}}}, map[string]item{"n": {}, "m": {}}}
	for path, want := range map[string]string{
		"Name": "k", "Empty": "", "None": "", "Names": "a b", "Blob": "x", "Number": "3", "Inner.Items.Key": "k k", "Map": "m n", "Missing": "", "Name.Missing": "",
	} {
		if got := strings.Join(values(in, path), " "); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
