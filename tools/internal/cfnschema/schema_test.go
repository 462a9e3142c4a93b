package cfnschema

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var (
	spec   = flag.String("spec", "", "the file db.json.gz of the npm package @aws-cdk/aws-service-spec, from which TestSchema writes schema.txt")
	source = flag.String("source", "", "the package with its version and the day of its publication")
	add    = flag.String("add", "", "types that schema.txt has to have, with commas between them")
)

// TestSchema writes schema.txt anew from what AWS publishes:
//
//	npm pack @aws-cdk/aws-service-spec && tar xzf aws-cdk-aws-service-spec-VERSION.tgz
//	go test ./tools/internal/cfnschema -spec=$PWD/package/db.json.gz -source='@aws-cdk/aws-service-spec VERSION of DAY' -add=AWS::New::Type
//
// Without -spec, it checks that the file can be read and is sorted.
func TestSchema(t *testing.T) {
	t.Parallel()
	known := read(schema)
	names := slices.Collect(maps.Keys(known.types))
	if *spec == "" {
		if len(names) < 200 || len(known.others) < 1000 || !strings.Contains(known.source, " of 20") {
			t.Errorf("%d types, %d others, %s", len(names), len(known.others), known.source)
		}
		return
	}
	if *add != "" {
		names = append(names, strings.Split(*add, ",")...)
	}
	if err := os.WriteFile("schema.txt", []byte(written(t, names)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A published type is one of AWS's list.
type published struct {
	CloudFormationType string
	Properties         map[string]struct {
		Required          bool
		CausesReplacement string
	}
	Attributes map[string]any
}

func written(t *testing.T, names []string) string {
	file, err := os.Open(*spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // only read
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Schema struct {
			Resource struct{ Entities []published }
		}
	}
	if err := json.NewDecoder(unzipped).Decode(&list); err != nil {
		t.Fatal(err)
	}
	all := list.Schema.Resource.Entities
	slices.SortFunc(all, func(a, b published) int { return cmp.Compare(a.CloudFormationType, b.CloudFormationType) })
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", cmp.Or(*source, Source()))
	others := map[string][]string{}
	for _, p := range all {
		if slices.Contains(names, p.CloudFormationType) {
			b.WriteString(line(p))
			continue
		}
		i := strings.LastIndex(p.CloudFormationType, "::")
		service := p.CloudFormationType[:i]
		others[service] = append(others[service], p.CloudFormationType[i+2:])
	}
	for _, service := range slices.Sorted(maps.Keys(others)) {
		fmt.Fprintf(&b, "%s|%s\n", service, strings.Join(others[service], " "))
	}
	return b.String()
}

func line(p published) string {
	var properties []string
	for _, name := range slices.Sorted(maps.Keys(p.Properties)) {
		marked := name
		if p.Properties[name].Required {
			marked += "!"
		}
		marked += map[string]string{"yes": "*", "maybe": "~"}[p.Properties[name].CausesReplacement]
		properties = append(properties, marked)
	}
	attributes := slices.Sorted(maps.Keys(p.Attributes))
	return fmt.Sprintf("%s|%s|%s\n", p.CloudFormationType, strings.Join(properties, " "), strings.Join(attributes, " "))
}
