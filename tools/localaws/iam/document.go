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

// A document holds those parts of a policy document whose form is checked.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
type document struct {
	Version   string
	Statement statements
}

// statements are written as a single statement or as a list.
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

// checkTrustPolicy refuses a document that does not have the form of a trust
// policy, which says who may assume a role.
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

// checkPolicy refuses a document that does not have the form of a role's policy.
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

// check refuses text that is not a policy document, and statements for which
// rule returns an objection.
func check(text *string, rule func(map[string]json.RawMessage) string) error {
	var d document
	if err := json.Unmarshal([]byte(aws.ToString(text)), &d); err != nil {
		return malformed("This policy contains invalid Json")
	}
	switch d.Version {
	// A missing version means the first one.
	case "", "2008-10-17", "2012-10-17":
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

// size returns a document's length as AWS's quotas count it: without white space.
func size(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// escape encodes a document as IAM returns it: URL-encoded according to RFC 3986.
func escape(text string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
}
