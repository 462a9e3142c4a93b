package codepipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The namespaces that do not belong to an action.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html.
const (
	reservedNamespace   = "codepipeline"
	variablesNamespace  = "variables"
	executionIDVariable = "PipelineExecutionId"
)

var referencePattern = regexp.MustCompile(`#\{([^{}.]+)\.([^{}]+)\}`)

// A reference to a variable, written as #{namespace.key}.
type reference struct{ namespace, key string }

func (r reference) String() string { return r.namespace + "." + r.key }

func references(text string) []reference {
	var refs []reference
	for _, match := range referencePattern.FindAllStringSubmatch(text, -1) {
		refs = append(refs, reference{match[1], match[2]})
	}
	return refs
}

// variables holds the values of an execution by namespace.
type variables map[string]map[string]string

// resolve returns an action's configuration with all references replaced, and a
// message that names each reference without a value.
func (v variables) resolve(configuration map[string]string) (resolved map[string]string, complaint string) {
	resolved = make(map[string]string, len(configuration))
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(configuration)) {
		text, unresolved := v.expand(key, configuration[key])
		resolved[key] = text
		for _, ref := range unresolved {
			missing = append(missing, fmt.Sprintf("%s (in %s)", ref, key))
		}
	}
	if len(missing) > 0 {
		complaint = "The following variables referenced in the action configuration could not be resolved: " + strings.Join(missing, ", ")
	}
	return resolved, complaint
}

// expand replaces the references in one value. EnvironmentVariables is a JSON
// document: a value with quotes or newlines, such as a commit message, must not
// break it. Its strings are therefore expanded one by one.
func (v variables) expand(key, text string) (string, []string) {
	if key == environmentVariables {
		var list []environmentVariable
		if err := json.Unmarshal([]byte(text), &list); err == nil {
			var missing []string
			for i := range list {
				value, unresolved := v.replace(list[i].Value)
				list[i].Value = value
				missing = append(missing, unresolved...)
			}
			if encoded, err := json.Marshal(list); err == nil {
				return string(encoded), missing
			}
		}
	}
	return v.replace(text)
}

func (v variables) replace(text string) (string, []string) {
	var missing []string
	resolved := referencePattern.ReplaceAllStringFunc(text, func(found string) string {
		match := referencePattern.FindStringSubmatch(found)
		value, ok := v[match[1]][match[2]]
		if !ok {
			missing = append(missing, found)
		}
		return value
	})
	return resolved, missing
}

// fill replaces the references in texts that may also have other text in this form,
// which stays as it is.
func (v variables) fill(texts []string) []string {
	filled := make([]string, len(texts))
	for i, text := range texts {
		filled[i] = referencePattern.ReplaceAllStringFunc(text, func(found string) string {
			match := referencePattern.FindStringSubmatch(found)
			if value, ok := v[match[1]][match[2]]; ok {
				return value
			}
			return found
		})
	}
	return filled
}

// copy returns variables that can be extended without changing v.
func (v variables) copy() variables {
	c := make(variables, len(v))
	for namespace, values := range v {
		c[namespace] = maps.Clone(values)
	}
	return c
}
