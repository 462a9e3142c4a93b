// Package cfnschema has what AWS says about CloudFormation's resource types: their
// properties, which of them are required or can't be updated, and their attributes.
// Readiness uses it to determine what a release replaces, and the embedded AWS to
// check templates and to decide what to replace.
package cfnschema

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// schema has a line for each type that the kit knows. The types of the other services
// follow, as names only. It is generated from a package in which AWS publishes the
// schemas of CloudFormation's registry; TestSchema of
// tools/localaws/cloudformation/types says how.
//
//go:embed schema.txt
var schema string

// A Type is what AWS says about a resource type.
type Type struct {
	Properties []string
	Required   []string
	// CreateOnly are the properties that replace a resource if they change: "Update
	// requires: Replacement".
	CreateOnly []string
	// Maybe are those that replace it under some conditions.
	Maybe      []string
	Attributes []string // of Fn::GetAtt
}

type table struct {
	source string
	types  map[string]Type
	others map[string]bool // types of which only the name is known
}

var tables = sync.OnceValue(func() table { return read(schema) })

func read(text string) table {
	t := table{types: map[string]Type{}, others: map[string]bool{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		fields := strings.Split(line, "|")
		switch {
		case strings.HasPrefix(line, "# "):
			t.source = line[2:]
		case len(fields) == 3:
			t.types[fields[0]] = readType(fields[1], fields[2])
		case len(fields) == 2:
			for _, name := range strings.Fields(fields[1]) {
				t.others[fields[0]+"::"+name] = true
			}
		}
	}
	// What the schemas leave out, and the documentation of the types has.
	for name, properties := range map[string][]string{
		"AWS::DynamoDB::GlobalTable":         {"AttributeDefinitions"},
		"AWS::DynamoDB::Table":               {"LocalSecondaryIndexes"},
		"AWS::ElastiCache::CacheCluster":     {"AZMode", "NumCacheNodes", "PreferredAvailabilityZone", "PreferredAvailabilityZones"},
		"AWS::ElastiCache::ReplicationGroup": {"AuthToken", "NodeGroupConfiguration", "NumNodeGroups"},
		"AWS::RDS::DBInstance":               {"DBSnapshotIdentifier", "Engine"},
	} {
		known := t.types[name]
		known.CreateOnly = slices.Sorted(slices.Values(append(known.CreateOnly, properties...)))
		t.types[name] = known
	}
	return t
}

// readType reads the properties, each with its marks behind it, and the attributes.
func readType(properties, attributes string) Type {
	t := Type{Attributes: strings.Fields(attributes)}
	for _, p := range strings.Fields(properties) {
		name := strings.TrimRight(p, "!*~")
		marks := p[len(name):]
		t.Properties = append(t.Properties, name)
		if strings.Contains(marks, "!") {
			t.Required = append(t.Required, name)
		}
		if strings.Contains(marks, "*") {
			t.CreateOnly = append(t.CreateOnly, name)
		}
		if strings.Contains(marks, "~") {
			t.Maybe = append(t.Maybe, name)
		}
	}
	return t
}

// Source says which list of AWS's it is, and its date.
func Source() string { return tables().source }

// Lookup returns what AWS says about a type, if the kit knows the type.
func Lookup(name string) (Type, bool) {
	t, ok := tables().types[name]
	return t, ok
}

// Exists reports whether AWS has a type, whether or not the kit knows it.
func Exists(name string) bool {
	t := tables()
	_, known := t.types[name]
	return known || t.others[name]
}

// Names returns the names of all types that AWS has, sorted.
func Names() []string {
	t := tables()
	return slices.Sorted(func(yield func(string) bool) {
		for name := range t.types {
			if !yield(name) {
				return
			}
		}
		for name := range t.others {
			if !yield(name) {
				return
			}
		}
	})
}

// without are types that AWS's list does not have: a no-op of CloudFormation's, and
// custom resources of the CDK. A change of their properties replaces none of them. All
// but the last keep nothing and delete nothing; that one empties its bucket.
var without = []string{
	"AWS::CDK::Metadata", "Custom::LogRetention", "Custom::S3BucketNotifications", "Custom::VpcRestrictDefaultSG", "Custom::S3AutoDeleteObjects",
}

// Known reports whether it is known which properties replace a resource of a type.
func Known(name string) bool {
	_, ok := tables().types[name]
	return ok || slices.Contains(without, name)
}

// CreateOnly returns the properties of a type that replace a resource if they change.
func CreateOnly(name string) []string { return tables().types[name].CreateOnly }

// refused lists the properties whose changes CloudFormation refuses: "Update
// requires: Updates are not supported".
var refused = map[string][]string{
	"AWS::KMS::Key": {"KeySpec", "KeyUsage", "MultiRegion", "Origin"},
}

// Refused returns the properties of a type whose changes are refused.
func Refused(name string) []string { return refused[name] }
