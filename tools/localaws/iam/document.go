package iam

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// A document is a policy document as far as its form is checked.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
type document struct {
	Version   string
	Statement statements
}

// statements may be written as one or as a list.
type statements []map[string]json.RawMessage

func (s *statements) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(b)), "{") {
		var one map[string]json.RawMessage
		if err := json.Unmarshal(b, &one); err != nil {
			return fmt.Errorf("reading the policy's statement: %w", err)
		}
		*s = statements{one}
		return nil
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("reading the policy's statements: %w", err)
	}
	*s = list
	return nil
}

// checkTrustPolicy refuses a document that can't say who may assume a role.
func checkTrustPolicy(text *string) error {
	return check(text, func(s map[string]json.RawMessage) string {
		switch {
		case !has(s, "Principal", "NotPrincipal"):
			return "Missing required field Principal"
		case has(s, "Resource", "NotResource"):
			return "Has prohibited field Resource"
		default:
			return ""
		}
	})
}

// checkPolicy refuses a document that can't be a policy of a role.
func checkPolicy(text *string) error {
	return check(text, func(s map[string]json.RawMessage) string {
		switch {
		case has(s, "Principal", "NotPrincipal"):
			return "Policy document should not specify a principal."
		case !has(s, "Resource", "NotResource"):
			return "Policy statement must contain resources."
		default:
			return ""
		}
	})
}

// check refuses what is no policy document, and a statement for which rule has
// an objection.
func check(text *string, rule func(map[string]json.RawMessage) string) error {
	var d document
	if err := json.Unmarshal([]byte(aws.ToString(text)), &d); err != nil {
		return malformed("This policy contains invalid Json")
	}
	switch d.Version {
	case "", "2008-10-17", "2012-10-17": // none means the first one
	default:
		return malformed("The policy must contain a valid version string")
	}
	if len(d.Statement) == 0 {
		return malformed("Syntax errors in policy.")
	}
	for _, s := range d.Statement {
		switch effect := string(s["Effect"]); {
		case effect != `"Allow"` && effect != `"Deny"`:
			return malformed("Syntax errors in policy.")
		case !has(s, "Action", "NotAction"):
			return malformed("Policy statement must contain actions.")
		}
		if objection := rule(s); objection != "" {
			return malformed(objection)
		}
	}
	return nil
}

func has(s map[string]json.RawMessage, names ...string) bool {
	for _, n := range names {
		if v, ok := s[n]; ok && string(v) != "null" && string(v) != "[]" && string(v) != `""` {
			return true
		}
	}
	return false
}

func malformed(message string) error {
	return &types.MalformedPolicyDocumentException{Message: aws.String(message)}
}

// size is a document's length as AWS's quotas count it, without white space.
func size(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// escape writes a document as IAM returns it, URL-encoded by RFC 3986.
func escape(text string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
}
