package template

import (
	"regexp"
	"strings"
)

// A DynamicReference is a part of a text that another service has the value of:
// {{resolve:service:key}}.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html.
type DynamicReference struct {
	Text    string // with the braces
	Service string // ssm, ssm-secure or secretsmanager
	Key     string // in the service's own form
}

var dynamicReference = regexp.MustCompile(`\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]*)\}\}`)

// DynamicReferences returns the dynamic references in a text.
func DynamicReferences(text string) []DynamicReference {
	// Most texts have none.
	if !strings.Contains(text, "{{resolve:") {
		return nil
	}
	var refs []DynamicReference
	for _, m := range dynamicReference.FindAllStringSubmatch(text, -1) {
		refs = append(refs, DynamicReference{Text: m[0], Service: m[1], Key: m[2]})
	}
	return refs
}

// dereference replaces the dynamic references in a text with what the scope
// makes of them.
func (s *Scope) dereference(text string) (string, error) {
	refs := DynamicReferences(text)
	if s.Reference == nil || len(refs) == 0 {
		return text, nil
	}
	var b strings.Builder
	for _, ref := range refs {
		before, after, _ := strings.Cut(text, ref.Text)
		value, err := s.Reference(ref)
		if err != nil {
			return "", err
		}
		b.WriteString(before)
		b.WriteString(value)
		text = after
	}
	return b.String() + text, nil
}
