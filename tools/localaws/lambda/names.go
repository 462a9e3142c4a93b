package lambda

import (
	"regexp"
	"strings"
)

// latest is the qualifier of the version that can be modified.
const latest = "$LATEST"

var (
	functionName  = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	qualifierName = regexp.MustCompile(`^(\$LATEST|[a-zA-Z0-9-_]{1,128})$`)
	aliasName     = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	versionNumber = regexp.MustCompile(`^[0-9]+$`)
)

// A reference names a function and, if the qualifier is not empty, a version or
// alias of it.
type reference struct{ name, qualifier string }

// parse reads a function name in any of its forms: name, account:function:name
// or ARN, each with or without a qualifier. The qualifier may also be given
// separately.
// See https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html.
func (s *Service) parse(name, qualifier *string) (reference, error) {
	if name == nil || *name == "" {
		return reference{}, missing("functionName")
	}
	rest := *name
	if strings.HasPrefix(rest, "arn:") {
		parts := strings.SplitN(rest, ":", 7)
		if len(parts) < 7 || parts[2] != "lambda" || parts[5] != "function" {
			return reference{}, badName(*name)
		}
		if parts[3] != s.account.Region {
			return reference{}, notFound("Functions from '%s' are not reachable in this region ('%s')", parts[3], s.account.Region)
		}
		if parts[4] != s.account.ID {
			return reference{}, notFound("Function not found: %s", *name)
		}
		rest = parts[6]
	} else if i := strings.Index(rest, ":function:"); i >= 0 {
		if rest[:i] != s.account.ID {
			return reference{}, notFound("Function not found: %s", *name)
		}
		rest = rest[i+len(":function:"):]
	}
	var r reference
	var inName bool
	r.name, r.qualifier, inName = strings.Cut(rest, ":")
	if !functionName.MatchString(r.name) || inName && !qualifierName.MatchString(r.qualifier) {
		return reference{}, badName(*name)
	}
	if qualifier != nil && *qualifier != "" {
		if !qualifierName.MatchString(*qualifier) {
			return reference{}, validation(`Value '%s' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)`, *qualifier)
		}
		if inName && r.qualifier != *qualifier {
			return reference{}, invalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		r.qualifier = *qualifier
	}
	return r, nil
}

func badName(name string) error {
	return validation(`Value '%s' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`, name)
}

// arn returns the ARN of a function, or of a version or alias of it.
func (s *Service) arn(name, qualifier string) string {
	arn := s.account.ARN("lambda", "function:"+name)
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return arn
}

// find returns the function that r names. s.mu is held.
func (s *Service) find(r reference) (*function, error) {
	f, ok := s.functions[r.name]
	if !ok {
		return nil, notFound("Function not found: %s", s.arn(r.name, r.qualifier))
	}
	return f, nil
}

// resolve returns the version that r names. An alias stands for its main
// version. s.mu is held.
func (s *Service) resolve(r reference) (*function, *version, error) {
	f, err := s.find(r)
	if err != nil {
		return nil, nil, err
	}
	number := r.qualifier
	if a, ok := f.aliases[number]; ok {
		number = a.version
	}
	v := f.version(number)
	if v == nil {
		return nil, nil, notFound("Function not found: %s", s.arn(r.name, r.qualifier))
	}
	return f, v, nil
}
