package access

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed operations.tsv
var operationsTable string

//go:embed keys.tsv
var keysTable string

// An operation says what a caller of an operation must be allowed to do. An
// operation that needs several actions has several.
type operation struct {
	action    string
	resources []expression
	// none says that everyone may call it, and service that the service itself
	// asks the guard.
	none, service bool
	passes        []pass
	keys          []keyField
}

// An expression is how fields of the input name resources of a kind, for example
// function(FunctionName,Qualifier).
type expression struct {
	kind   string
	fields []string
}

// A pass is a field with the ARN of a role that the operation passes to a
// service. It needs iam:PassRole.
type pass struct{ field, service string }

// A keyField is a field of the input that is a condition key.
type keyField struct{ key, field string }

// waiting has the services whose operations have no rows yet, by signing name,
// with the prefix of their actions. Their actions are evaluated by name: a
// statement that allows the action applies whatever its resource is, and the
// report says so. A test holds that the operations of all other services have
// rows.
var waiting = map[string]string{
	"apigateway":   "apigateway",
	"apigatewayv2": "apigateway",
	"execute-api":  "execute-api",
}

// operations returns the rows of the table by service and operation.
var operations = sync.OnceValue(func() map[string][]*operation {
	keys := map[string][]keyField{}
	for fields := range rows(keysTable) {
		for service := range strings.SplitSeq(fields[0], ",") {
			keys[service] = append(keys[service], keyField{strings.ToLower(fields[1]), fields[2]})
		}
	}
	all := map[string][]*operation{}
	for fields := range rows(operationsTable) {
		o := &operation{action: fields[2], keys: keys[fields[0]]}
		switch fields[3] {
		case "none":
			o.none = true
		case "service":
			o.service = true
		case "*":
			o.resources = []expression{{kind: "*"}}
		default:
			for text := range strings.FieldsSeq(fields[3]) {
				kind, arguments, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
				o.resources = append(o.resources, expression{kind, strings.Split(arguments, ",")})
			}
		}
		if len(fields) > 4 {
			for text := range strings.SplitSeq(fields[4], ",") {
				field, service, _ := strings.Cut(text, "=")
				o.passes = append(o.passes, pass{field, service})
			}
		}
		name := fields[0] + " " + fields[1]
		all[name] = append(all[name], o)
	}
	return all
})

// rows returns the fields of each line of a table, without its comments.
func rows(table string) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(table) {
			if fields := strings.Split(strings.TrimRight(line, "\n"), "\t"); !strings.HasPrefix(line, "#") && !yield(fields) {
				return
			}
		}
	}
}
