package readiness

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A canonicaliser puts a template into a form in which two deployments of one
// definition have the same text. Names that depend only on the place become
// pseudo-parameters, logical ids lose the hashes that the CDK appends, and each
// text is written in one way, that of Fn::Sub. Metadata is left out, because it
// changes nothing. The canonical form of a canonical template is that template.
type canonicaliser struct {
	names map[string]string // account, region and stack name, and their replacements
	ids   map[string]string // logical ids and the same ids without hashes
	// token matches a variable of Fn::Sub, or one of names.
	token *regexp.Regexp
}

// canonicalBeside returns the canonical form of a stack's template for a comparison
// with the template of another stage, or alone if that is nil. The environment is
// aws://ACCOUNT/REGION, as in the manifest. The CDK writes the name of the stack into some
// logical ids, such as those of permissions and event source mappings. Ids that the
// other template does not have lose it.
func canonicalBeside(template, other json.RawMessage, stack, environment string) (map[string]any, error) {
	var document map[string]any
	if err := json.Unmarshal(template, &document); err != nil {
		return nil, fmt.Errorf("reading a template: %w", err)
	}
	resources, _ := document["Resources"].(map[string]any)
	if len(resources) == 0 {
		return nil, fmt.Errorf("reading a template: it has no resources")
	}
	parameters, _ := document["Parameters"].(map[string]any)
	c := newCanonicaliser(slices.Sorted(maps.Keys(resources)), parameters, stack, environment)
	if other != nil {
		if err := c.forget(stackWords(resources, stack), other); err != nil {
			return nil, err
		}
	}
	out := map[string]any{}
	for section, v := range document {
		switch section {
		case "Metadata":
		case "Resources":
			out[section] = c.resources(resources)
		default:
			out[section] = c.value(v)
		}
	}
	return out, nil
}

func newCanonicaliser(ids []string, parameters map[string]any, stack, environment string) canonicaliser {
	c := canonicaliser{names: map[string]string{}, ids: map[string]string{}}
	account, region, _ := strings.Cut(strings.TrimPrefix(environment, "aws://"), "/")
	c.names[stack] = "${AWS::StackName}"
	if account != "unknown-account" {
		c.names[account] = "${AWS::AccountId}"
	}
	if region != "unknown-region" {
		c.names[region] = "${AWS::Region}"
	}
	delete(c.names, "")
	alternatives := []string{`\$\{[^}]*\}`}
	for _, name := range slices.Sorted(maps.Keys(c.names)) {
		alternatives = append(alternatives, `\b`+regexp.QuoteMeta(name)+`\b`)
	}
	c.token = regexp.MustCompile(strings.Join(alternatives, "|"))
	// An id stays unchanged if it would become equal to another id or to a parameter.
	shared := map[string]int{}
	for name := range parameters {
		shared[name]++
	}
	for _, id := range ids {
		shared[withoutHash(id)]++
	}
	for _, id := range ids {
		c.ids[id] = id
		if plain := withoutHash(id); shared[plain] == 1 {
			c.ids[id] = plain
		}
	}
	return c
}

// stackWords returns what the CDK writes into logical ids for a stack, the longest
// first: its name, and the ids of its construct and of the Stage around that. The
// paths in the resources' metadata begin with these.
func stackWords(resources map[string]any, stack string) []string {
	var common []string
	first := true
	for _, r := range resources {
		at, ok := cfnAt(r, "Metadata", "aws:cdk:path").(string)
		if !ok {
			continue
		}
		parts := strings.Split(at, "/")
		if first {
			common, first = parts, false
			continue
		}
		n := 0
		for n < len(common) && n < len(parts) && common[n] == parts[n] {
			n++
		}
		common = common[:n]
	}
	words := []string{stack}
	for n := range min(2, len(common)) {
		words = append(words, strings.Join(common[:n+1], ""))
	}
	for i, word := range words {
		words[i] = notInID.ReplaceAllString(word, "")
	}
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	return slices.DeleteFunc(slices.Compact(words), func(word string) bool { return word == "" })
}

// notInID matches what the CDK leaves out of logical ids.
var notInID = regexp.MustCompile(`[^0-9A-Za-z]`)

// forget removes a stack's words, and the hash that follows in the same id, from the
// ids that the other template does not have.
func (c canonicaliser) forget(words []string, other json.RawMessage) error {
	var t struct {
		Resources map[string]json.RawMessage
	}
	if err := json.Unmarshal(other, &t); err != nil {
		return fmt.Errorf("reading a template: %w", err)
	}
	kept := map[string]bool{}
	for id := range t.Resources {
		kept[withoutHash(id)] = true
	}
	alternatives := make([]string, len(words))
	for i, word := range words {
		alternatives[i] = regexp.QuoteMeta(word)
	}
	if len(words) == 0 {
		return nil
	}
	// The hash of the construct that the id names is somewhere behind the words.
	pattern := regexp.MustCompile(`(?:` + strings.Join(alternatives, "|") + `)([0-9A-Za-z]*?)(?:[0-9A-F]{8}|$)`)
	fresh, shared := map[string]string{}, map[string]int{}
	for id, plain := range c.ids {
		fresh[id] = plain
		if !kept[plain] && !kept[withoutHash(id)] {
			fresh[id] = pattern.ReplaceAllString(withoutHash(id), "Stack$1")
		}
		shared[fresh[id]]++
	}
	for id, plain := range fresh {
		if shared[plain] == 1 {
			c.ids[id] = plain
		}
	}
	return nil
}

// hashed matches a logical id with the hashes that the CDK appends: eight
// digits derived from the construct's path and, for a function's version, an
// MD5 of the version's content.
var hashed = regexp.MustCompile(`^([0-9A-Za-z]+?)(?:[0-9A-F]{8}|[0-9a-f]{32})+$`)

func withoutHash(id string) string { return hashed.ReplaceAllString(id, "$1") }

func (c canonicaliser) resources(resources map[string]any) map[string]any {
	out := map[string]any{}
	for id, v := range resources {
		resource, ok := v.(map[string]any)
		if !ok {
			out[c.ids[id]] = c.value(v)
			continue
		}
		fresh := map[string]any{}
		for name, v := range resource {
			switch name {
			case "Metadata":
			case "DependsOn":
				fresh[name] = c.dependsOn(v)
			default:
				fresh[name] = c.value(v)
			}
		}
		out[c.ids[id]] = fresh
	}
	return out
}

// dependsOn sorts ids, because their order has no meaning.
func (c canonicaliser) dependsOn(v any) any {
	ids := []any{}
	for _, id := range cfnList(v) {
		if text, ok := id.(string); ok && c.ids[text] != "" {
			id = c.ids[text]
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b any) int { return strings.Compare(cfnText(a), cfnText(b)) })
	return ids
}

func (c canonicaliser) value(v any) any {
	if text, ok := subText(v); ok {
		text = c.placed(text)
		if strings.Contains(strings.ReplaceAll(text, "${!", ""), "${") {
			return map[string]any{"Fn::Sub": text}
		}
		return strings.ReplaceAll(text, "${!", "${")
	}
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = c.value(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[key] = c.value(e)
		}
		return out
	}
	return v
}

// subText writes a value that evaluates to a single text in the syntax of
// Fn::Sub. There, ${! stands for a ${ that does not begin a variable.
func subText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "${", "${!"), true
	case map[string]any:
		if len(v) != 1 {
			return "", false
		}
		if join, ok := v["Fn::Join"].([]any); ok {
			return subJoin(join)
		}
		if v["Ref"] != nil || v["Fn::GetAtt"] != nil || v["Fn::Sub"] != nil {
			return cfnIntrinsic(v)
		}
	}
	return "", false
}

func subJoin(join []any) (string, bool) {
	if len(join) != 2 {
		return "", false
	}
	delimiter, isText := join[0].(string)
	parts, isList := join[1].([]any)
	if !isText || !isList {
		return "", false
	}
	texts := make([]string, len(parts))
	for i, part := range parts {
		text, ok := subText(part)
		if !ok {
			return "", false
		}
		texts[i] = text
	}
	return strings.Join(texts, strings.ReplaceAll(delimiter, "${", "${!")), true
}

// placed replaces names with pseudo-parameters, and ids with ids without hashes.
func (c canonicaliser) placed(text string) string {
	return c.token.ReplaceAllStringFunc(text, func(token string) string {
		if name, ok := c.names[token]; ok {
			return name
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(token, "${"), "}")
		id, attribute, dotted := strings.Cut(inner, ".")
		plain, ok := c.ids[id]
		switch {
		case !ok:
			return token
		case dotted:
			return "${" + plain + "." + attribute + "}"
		}
		return "${" + plain + "}"
	})
}
