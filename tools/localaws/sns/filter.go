package sns

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/localaws/eventpattern"
)

// The scopes of a filter policy.
const (
	ofAttributes = "MessageAttributes"
	ofBody       = "MessageBody"
)

// A filter decides which messages a subscription gets. The zero filter lets all
// of them pass.
// See https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html.
type filter struct {
	policy  string
	pattern *eventpattern.Pattern
	scope   string // empty for the attributes
}

// maxKeys is the number of keys that a filter policy may have.
const maxKeys = 5

func (f *filter) setPolicy(text string) error {
	if text == "" || text == "{}" {
		f.policy, f.pattern = "", nil
		return nil
	}
	var keys map[string]any
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return invalid("FilterPolicy: failed to parse JSON: %v", err)
	}
	if len(keys) > maxKeys {
		return invalid("FilterPolicy: Filter policy can not have more than %d keys", maxKeys)
	}
	pattern, err := eventpattern.Compile(text)
	if err != nil {
		return invalid("FilterPolicy: %v", err)
	}
	f.policy, f.pattern = text, pattern
	return nil
}

// maxCombinations is the product of the numbers of values that a policy may have.
const maxCombinations = 150

// check refuses a policy that its scope does not allow: attributes have no members,
// and the number of combinations is limited.
// See https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html.
func (f *filter) check() error {
	if f.policy == "" {
		return nil
	}
	var keys map[string]any
	if err := json.Unmarshal([]byte(f.policy), &keys); err != nil {
		return invalid("FilterPolicy: failed to parse JSON: %v", err)
	}
	if f.scope != ofBody {
		for name, value := range keys {
			if _, nested := value.(map[string]any); nested {
				return invalid("FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy: %s", name)
			}
		}
	}
	if combinations(keys, 1) > maxCombinations {
		return invalid("FilterPolicy: Filter policy is too complex")
	}
	return nil
}

// combinations multiplies the numbers of values, each with the depth of its key.
func combinations(keys map[string]any, depth int) int {
	n := 1
	for _, value := range keys {
		switch v := value.(type) {
		case []any:
			n *= max(1, len(v)) * depth
		case map[string]any:
			n *= combinations(v, depth+1)
		}
		if n > maxCombinations {
			return n
		}
	}
	return n
}

func (f *filter) setScope(scope string) error {
	if !slices.Contains([]string{ofAttributes, ofBody}, scope) {
		return invalid("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", scope)
	}
	f.scope = scope
	return nil
}

// describe adds the attributes of the filter to those of a subscription.
func (f *filter) describe(attributes map[string]string) {
	if f.policy == "" {
		return
	}
	attributes["FilterPolicy"], attributes["FilterPolicyScope"] = f.policy, ofAttributes
	if f.scope != "" {
		attributes["FilterPolicyScope"] = f.scope
	}
}

// passes reports whether the subscription gets a message. A body that is no JSON
// object passes no policy.
func (f *filter) passes(m Message) bool {
	if f.pattern == nil {
		return true
	}
	if f.scope == ofBody {
		body, err := eventpattern.ParseJSON(m.Body)
		object, ok := body.(map[string]any)
		return err == nil && ok && f.pattern.Matches(object)
	}
	values := map[string]any{}
	for name, v := range m.Attributes {
		text := aws.ToString(v.StringValue)
		switch kind, _, _ := strings.Cut(aws.ToString(v.DataType), "."); {
		case aws.ToString(v.DataType) == "String.Array":
			if list, err := eventpattern.ParseJSON(text); err == nil {
				values[name] = list
			}
		case kind == "Number":
			values[name] = json.Number(text)
		case kind == "String":
			values[name] = text
		}
	}
	return f.pattern.Matches(values)
}
