package executeapi

import (
	"maps"
	"slices"
)

// AddTags returns tags with more of them. It leaves its arguments alone, because
// answers share them.
func AddTags(tags, more map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, tags)
	maps.Copy(all, more)
	return all
}

// RemoveTags returns tags without some keys. It leaves its arguments alone, because
// answers share them.
func RemoveTags(tags map[string]string, keys []string) map[string]string {
	rest := maps.Clone(tags)
	maps.DeleteFunc(rest, func(key, _ string) bool { return slices.Contains(keys, key) })
	return rest
}
