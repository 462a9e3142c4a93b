package logs

import "strings"

// compile turns a filter pattern of terms into a match function. A message
// matches if it has all plain terms and none of the terms after a minus. If
// terms begin with a question mark, a message matches if it has any of them. A
// term may be quoted. JSON, space-delimited and regular-expression patterns are
// refused.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html.
func compile(pattern string) (func(message string) bool, error) {
	rest := strings.TrimSpace(pattern)
	if strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, "%") {
		return nil, invalid("the embedded CloudWatch Logs supports filter patterns of terms only (a \"b c\" ?d -e), not %s", pattern)
	}
	var all, optional, none []string
	for rest != "" {
		list := &all
		switch rest[0] {
		case '?':
			list, rest = &optional, rest[1:]
		case '-':
			list, rest = &none, rest[1:]
		}
		var term string
		if strings.HasPrefix(rest, `"`) {
			var closed bool
			if term, rest, closed = strings.Cut(rest[1:], `"`); !closed {
				return nil, invalid("Invalid filter pattern: a quotation is not closed: %s", pattern)
			}
		} else {
			end := strings.IndexAny(rest, " \t")
			if end < 0 {
				end = len(rest)
			}
			term, rest = rest[:end], rest[end:]
		}
		if term == "" {
			return nil, invalid("Invalid filter pattern: a term is empty: %s", pattern)
		}
		*list = append(*list, term)
		rest = strings.TrimLeft(rest, " \t")
	}
	if len(optional) > 0 && len(all)+len(none) > 0 {
		return nil, invalid("the embedded CloudWatch Logs does not mix optional terms with others: %s", pattern)
	}
	return func(message string) bool {
		contains := func(term string) bool { return strings.Contains(message, term) }
		for _, term := range all {
			if !contains(term) {
				return false
			}
		}
		for _, term := range none {
			if contains(term) {
				return false
			}
		}
		for _, term := range optional {
			if contains(term) {
				return true
			}
		}
		return len(optional) == 0
	}, nil
}
