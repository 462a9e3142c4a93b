package types

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// tagsOf returns the tags of a resource: those of the stack and its own. Its
// own take precedence. The aws:cloudformation: tags that AWS adds are left out.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html.
func tagsOf(r *resource.Request) (map[string]string, error) {
	own, err := tagsIn(r.Properties)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	maps.Copy(all, r.Tags)
	maps.Copy(all, own)
	return all, nil
}

// decodeTagged is decode for an input with tags, which it sets to those of tagsOf.
func decodeTagged(r *resource.Request, into any, tags *map[string]string, apart ...string) error {
	if err := decode(r, into, append(apart, "Tags")...); err != nil {
		return err
	}
	var err error
	*tags, err = tagsOf(r)
	return err
}

// tagsIn reads a Tags property: a list of Key and Value or, for some types, a map.
func tagsIn(properties map[string]any) (map[string]string, error) {
	tags := map[string]string{}
	if _, isMap := properties["Tags"].(map[string]any); isMap {
		return tags, decodeProperty(properties, "Tags", &tags)
	}
	var list []struct{ Key, Value string }
	if err := decodeProperty(properties, "Tags", &list); err != nil {
		return nil, err
	}
	for _, t := range list {
		tags[t.Key] = t.Value
	}
	return tags, nil
}

// tagList returns tags as a service's own type, sorted by key.
func tagList[T any](tags map[string]string, tag func(key, value *string) T) []T {
	var list []T
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tag(aws.String(key), aws.String(tags[key])))
	}
	return list
}

// retag changes the tags of a resource for an update. put sets tags, and remove
// deletes those that the resource no longer has.
func retag(r *resource.Request, put func(map[string]string) error, remove func(keys []string) error) error {
	wanted, err := tagsOf(r)
	if err != nil {
		return err
	}
	old, err := tagsIn(r.OldProperties)
	if err != nil {
		return err
	}
	var gone []string
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if _, kept := wanted[key]; kept {
			if old[key] == wanted[key] {
				delete(wanted, key)
			}
			continue
		}
		gone = append(gone, key)
	}
	if len(gone) > 0 {
		if err := remove(gone); err != nil {
			return err
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return put(wanted)
}
