package cloudformation

import (
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// order lets resources wait for those of the same template that they only name, such as a
// policy whose bucket is written down, and buckets for the permissions that their
// notifications need. CloudFormation does not know that they belong
// together and begins both at once, so that it depends on luck there. The embedded AWS
// makes them in the order that works, and says what was assumed.
func (s *Service) order(d *deployment, resolved map[string]map[string]any) {
	type key struct{ typ, name string }
	owners := map[key]string{}
	for id, properties := range resolved {
		typ := d.active[id].Type
		if name, ok := properties[s.typeOf(typ).Identifier].(string); ok {
			owners[key{typ, name}] = id
		}
	}
	d.assumed = map[string][]string{}
	after := func(id, owner string) {
		if d.reaches(id, owner) || d.reaches(owner, id) {
			return
		}
		a := d.active[id]
		a.Needs = append(slices.Clone(a.Needs), owner)
		d.active[id] = a
		d.assumed[id] = append(d.assumed[id], owner)
	}
	for _, id := range slices.Sorted(maps.Keys(resolved)) {
		names := s.typeOf(d.active[id].Type).Names
		for _, property := range slices.Sorted(maps.Keys(names)) {
			for _, name := range namesIn(resolved[id][property]) {
				owner, ok := owners[key{names[property], name}]
				if ok {
					after(id, owner)
				}
			}
		}
	}
	for _, bucket := range slices.Sorted(maps.Keys(d.active)) {
		if d.active[bucket].Type != "AWS::S3::Bucket" {
			continue
		}
		notified := resources(d.active[bucket].Properties["NotificationConfiguration"])
		for _, id := range slices.Sorted(maps.Keys(d.active)) {
			permitted := resources(d.active[id].Properties[permits[d.active[id].Type]])
			if slices.ContainsFunc(permitted, func(name string) bool { return slices.Contains(notified, name) }) {
				after(bucket, id)
			}
		}
	}
}

// permits names the property of a permission that says whom others may call with it. S3
// asks whether it may, when a bucket gets its notifications.
var permits = map[string]string{"AWS::Lambda::Permission": "FunctionName", "AWS::SNS::TopicPolicy": "Topics", "AWS::SQS::QueuePolicy": "Queues"}

// resources returns the logical ids that a value refers to.
func resources(v any) []string {
	var names []string
	for _, ref := range template.References(v) {
		names = append(names, ref.Name)
	}
	return names
}

// reaches reports whether a resource is made after another one, or is it.
func (d *deployment) reaches(from, to string) bool {
	seen := map[string]bool{}
	next := []string{from}
	for len(next) > 0 {
		id := next[len(next)-1]
		next = next[:len(next)-1]
		if id == to {
			return true
		}
		if !seen[id] {
			seen[id] = true
			next = append(next, d.active[id].Needs...)
		}
	}
	return false
}

// namesIn returns the names that a value may stand for: itself, and the parts of ARNs and
// URLs.
func namesIn(v any) []string {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "arn:") || strings.HasPrefix(v, "http") {
			return strings.FieldsFunc(v, func(r rune) bool { return r == ':' || r == '/' })
		}
		name, _, _ := strings.Cut(v, ":")
		return []string{name}
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, namesIn(e)...)
		}
		return all
	}
	return nil
}

// unordered says what a resource waits for although the template does not say so.
func unordered(assumed []string) string {
	if len(assumed) == 0 {
		return ""
	}
	return "that " + strings.Join(assumed, ", ") + " exists before it: the template does not say so, and CloudFormation begins both at once. Refer to it with Ref, or add DependsOn"
}
