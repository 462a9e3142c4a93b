package wire

import (
	"cmp"
	_ "embed"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/call"
)

// constraintData has the constraints of AWS's service models on the inputs of the
// operations that the embedded AWS has. The test TestConstraints in package localaws
// writes it. The enumerations are missing, because the SDK's types list them.
//
//go:embed constraints.tsv
var constraintData string

// models returns the constraints of each service, by signing name.
var models = sync.OnceValue(func() map[string]model {
	all := map[string]model{}
	var m model
	for line := range strings.Lines(constraintData) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case fields[0] == "service":
			m = model{inputs: map[string]string{}, shapes: map[string][]string{}}
			all[fields[1]] = m
		case fields[0] == "operation":
			m.inputs[fields[1]] = fields[2]
		default:
			m.shapes[fields[0]] = fields[1:]
		}
	}
	return all
})

// A model has the constraints of one service.
type model struct {
	inputs map[string]string   // the name of an operation's input
	shapes map[string][]string // a shape's kind and constraints
}

// Constrained returns the operations whose constraints are known, for each service.
func Constrained() map[string][]string {
	all := map[string][]string{}
	for name, m := range models() {
		for operation := range m.inputs {
			all[name] = append(all[name], operation)
		}
	}
	return all
}

// A check has the constraints on a value. A nil check accepts everything.
type check struct {
	min, max  int64 // of a length or a number
	pattern   *pattern
	enum      []string
	sensitive bool // the value must not be in a message

	members   []memberCheck // of a structure
	elem, key *check        // of a list or map
}

type memberCheck struct {
	name     string // in messages
	index    int
	required bool
	check    *check
}

// A pattern is compiled when it is first used.
type pattern struct {
	text    string // as AWS writes it
	compile func() *regexp.Regexp
}

func newPattern(text string) *pattern {
	return &pattern{text, sync.OnceValue(func() *regexp.Regexp {
		re, err := Pattern(text)
		if err != nil {
			// TestConstraints leaves out the patterns that can't be read.
			panic(err)
		}
		return re
	})}
}

var javaEscape = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`)

// Pattern compiles a pattern of AWS's models, which must match a whole text.
func Pattern(text string) (*regexp.Regexp, error) {
	return regexp.Compile(`^(?:` + javaEscape.ReplaceAllString(text, `\x{$1}`) + `)$`)
}

// A refusal says how a service refuses what violates its model.
type refusal struct {
	code string // ValidationException if it is empty
	// inputs says that messages name an operation's input before a member.
	inputs bool
	// plain says that messages are not in the words that the other services share.
	plain bool
	// ownMissing says that the service has its own words for a member that is missing.
	ownMissing bool
	// own has the operations whose inputs only the service itself checks.
	own map[string]bool
}

// refusals has those services that differ from the others.
var refusals = map[string]refusal{
	"apigateway":     {inputs: true, ownMissing: true},
	"apigatewayv2":   {code: "BadRequestException", ownMissing: true},
	"cloudformation": {code: "ValidationError"},
	"codedeploy":     {ownMissing: true},
	"dynamodb":       {ownMissing: true, own: set("BatchGetItem", "BatchWriteItem")},
	"ecr":            {code: "InvalidParameterException", plain: true},
	"iam":            {code: "ValidationError"},
	"logs":           {code: "InvalidParameterException"},
	"monitoring":     {code: "ValidationError"},
	"sns":            {code: "ValidationError"},
	"sqs":            {ownMissing: true},
	"sts":            {code: "ValidationError"},
}

// A checker makes the checks of one service.
type checker struct {
	model
	refusal
	made map[string]*check
}

// input returns the check of an operation's input.
func (c *checker) input(operation string, s *shape) *check {
	made := c.check(c.model.inputs[operation], s)
	if c.own[operation] || !made.useful(map[*check]bool{}) {
		return nil
	}
	return made
}

// check returns the check for a shape of AWS's model, whose SDK type is s.
func (c *checker) check(name string, s *shape) *check {
	if known, ok := c.made[name]; ok {
		return known
	}
	made := &check{min: math.MinInt64, max: math.MaxInt64, enum: enumeration(s.typ)}
	fields := c.shapes[name]
	if len(fields) == 0 {
		if len(made.enum) == 0 {
			return nil
		}
		return made
	}
	c.made[name] = made
	kind := strings.TrimSuffix(fields[0], "!")
	made.sensitive = kind != fields[0]
	fields = append(fields[1:], "", "", "")
	switch {
	case kind == "structure" && (s.kind == structure || s.kind == union):
		c.members(made, fields[0], s)
	case kind == "list" && s.kind == list:
		made.elem = c.check(fields[0], s.elem)
		made.bounds(fields[1])
	case kind == "map" && s.kind == dict:
		made.key = c.check(fields[0], &shape{typ: s.typ.Key()})
		made.elem = c.check(fields[1], s.elem)
		made.bounds(fields[2])
	case kind == "text" || kind == "number" || kind == "blob":
		made.bounds(fields[0])
		if fields[1] != "" {
			made.pattern = newPattern(fields[1])
		}
	}
	return made
}

func (c *checker) members(made *check, list string, s *shape) {
	// The members of a union are checked where the union is written.
	for part := range strings.FieldsSeq(list) {
		name, target, _ := strings.Cut(part, "=")
		required := strings.HasSuffix(name, "!") && !c.ownMissing
		name = strings.TrimSuffix(name, "!")
		i := slices.IndexFunc(s.fields, func(f field) bool {
			return strings.EqualFold(strings.TrimSuffix(s.typ.Field(f.index).Name, "_"), name)
		})
		if i < 0 {
			continue
		}
		made.members = append(made.members, memberCheck{
			name: lowerFirst(name), index: s.fields[i].index, required: required, check: c.check(target, s.fields[i].shape),
		})
	}
}

// enumeration returns the values of an SDK type that is an enumeration.
func enumeration(t reflect.Type) []string {
	if t == nil || t.Kind() != reflect.String {
		return nil
	}
	values := reflect.Zero(t).MethodByName("Values")
	if !values.IsValid() {
		return nil
	}
	list := values.Call(nil)[0]
	all := make([]string, list.Len())
	for i := range all {
		all[i] = list.Index(i).String()
	}
	return all
}

// bounds reads a range, of which either end may be missing: 1..64.
func (k *check) bounds(text string) {
	low, high, _ := strings.Cut(text, "..")
	if n, err := strconv.ParseInt(low, 10, 64); err == nil {
		k.min = n
	}
	if n, err := strconv.ParseInt(high, 10, 64); err == nil {
		k.max = n
	}
}

// useful reports whether a check can refuse anything. It drops what can't.
func (k *check) useful(seen map[*check]bool) bool {
	if k == nil {
		return false
	}
	if useful, ok := seen[k]; ok {
		return useful
	}
	seen[k] = false
	k.members = slices.DeleteFunc(k.members, func(m memberCheck) bool { return !m.check.useful(seen) && !m.required })
	for i, m := range k.members {
		if !m.check.useful(seen) {
			k.members[i].check = nil
		}
	}
	if !k.elem.useful(seen) {
		k.elem = nil
	}
	if !k.key.useful(seen) {
		k.key = nil
	}
	seen[k] = k.scalar() || len(k.members) > 0 || k.elem != nil || k.key != nil
	return seen[k]
}

// scalar reports whether the check refuses values by their length, size or text.
func (k *check) scalar() bool {
	return k.min != math.MinInt64 || k.max != math.MaxInt64 || k.pattern != nil || k.enum != nil
}

func lowerFirst(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}

// A violation is one constraint that a member does not satisfy.
type violation struct {
	path, constraint string
	text             string // with the value, as in 'x'; empty if the value is secret
}

// validate refuses an input that violates the constraints of AWS's model.
func (op *operation) validate(in reflect.Value, service string) error {
	if op.check == nil {
		return nil
	}
	var found []violation
	op.check.structure(in, "", &found)
	if len(found) == 0 {
		return nil
	}
	r := refusals[service]
	return &smithy.GenericAPIError{
		Code: cmp.Or(r.code, "ValidationException"), Message: r.message(op.name, found), Fault: smithy.FaultClient,
	}
}

// message writes violations in AWS's words.
func (r refusal) message(operation string, found []violation) string {
	if r.plain {
		// See https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html.
		reason := strings.TrimPrefix(found[0].constraint, "Member ")
		if text, ok := strings.CutPrefix(reason, patternWords); ok {
			reason = "must satisfy regular expression '" + text + "'"
		}
		return fmt.Sprintf("Invalid parameter at '%s' failed to satisfy constraint: '%s'", found[0].path, reason)
	}
	prefix, plural := "", ""
	if r.inputs {
		prefix = lowerFirst(operation) + "Input."
	}
	if len(found) > 1 {
		plural = "s"
	}
	parts := make([]string, len(found))
	for i, v := range found {
		parts[i] = fmt.Sprintf("Value%s at '%s%s' failed to satisfy constraint: %s", v.text, prefix, v.path, v.constraint)
	}
	return fmt.Sprintf("%d validation error%s detected: %s", len(found), plural, strings.Join(parts, "; "))
}

// patternWords begin a pattern in a message, behind "Member".
const patternWords = "must satisfy regular expression pattern: "

// structure checks the members of a structure.
func (k *check) structure(v reflect.Value, path string, found *[]violation) {
	for i := range k.members {
		m := &k.members[i]
		fv := v.Field(m.index)
		if absent(fv) {
			if m.required {
				*found = append(*found, violation{path + m.name, "Member must not be null", " null"})
			}
			continue
		}
		if m.check != nil {
			m.check.value(reflect.Indirect(fv), path+m.name, found)
		}
	}
}

// value checks a value that is present.
func (k *check) value(v reflect.Value, path string, found *[]violation) {
	for _, constraint := range k.broken(v) {
		*found = append(*found, violation{path, constraint, k.text(v)})
	}
	k.inside(v, path, found)
}

// inside checks what a structure, a list or a map contains.
func (k *check) inside(v reflect.Value, path string, found *[]violation) {
	switch {
	case v.Kind() == reflect.Struct && len(k.members) > 0:
		k.structure(v, path+".", found)
	case v.Kind() == reflect.Slice && k.elem != nil:
		k.items(v, path, found)
	case v.Kind() == reflect.Map && (k.key != nil || k.elem != nil):
		k.entries(v, path, found)
	}
}

// items checks the elements of a list. AWS names all constraints of an element that
// is no structure.
func (k *check) items(v reflect.Value, path string, found *[]violation) {
	for i := range v.Len() {
		item := reflect.Indirect(v.Index(i))
		if !item.IsValid() {
			continue
		}
		if len(k.elem.broken(item)) > 0 {
			*found = append(*found, violation{path, "Member must satisfy constraint: " + k.elem.all(), k.text(v)})
			return
		}
		k.elem.inside(item, path+"."+strconv.Itoa(i+1)+".member", found)
	}
}

func (k *check) entries(v reflect.Value, path string, found *[]violation) {
	for it := v.MapRange(); it.Next(); {
		if k.key != nil && len(k.key.broken(it.Key())) > 0 {
			*found = append(*found, violation{path, "Map keys must satisfy constraint: " + k.key.all(), k.text(v)})
			return
		}
		value := reflect.Indirect(it.Value())
		if k.elem == nil || !value.IsValid() {
			continue
		}
		if len(k.elem.broken(value)) > 0 {
			*found = append(*found, violation{path, "Map value must satisfy constraint: " + k.elem.all(), k.text(v)})
			return
		}
		k.elem.inside(value, path+"."+it.Key().String()+".member", found)
	}
}

// broken returns the constraints that a value violates.
func (k *check) broken(v reflect.Value) []string {
	if !k.scalar() {
		return nil
	}
	var constraints []string
	size, ok := int64(0), true
	noun := "length"
	switch v.Kind() {
	case reflect.String:
		size = length(v.String())
	case reflect.Slice, reflect.Map:
		size = int64(v.Len())
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		size, noun = v.Int(), "value"
		if size == call.Zero {
			size = 0
		}
	default:
		ok = false
	}
	if ok && size < k.min {
		constraints = append(constraints, fmt.Sprintf("Member must have %s greater than or equal to %d", noun, k.min))
	}
	if ok && size > k.max {
		constraints = append(constraints, fmt.Sprintf("Member must have %s less than or equal to %d", noun, k.max))
	}
	if v.Kind() != reflect.String {
		return constraints
	}
	if k.pattern != nil && !k.pattern.compile().MatchString(v.String()) {
		constraints = append(constraints, "Member "+patternWords+k.pattern.text)
	}
	if k.enum != nil && !slices.Contains(k.enum, v.String()) {
		constraints = append(constraints, "Member must satisfy enum value set: ["+strings.Join(k.enum, ", ")+"]")
	}
	return constraints
}

// all lists the constraints of a list's elements or a map's keys.
func (k *check) all() string {
	var constraints []string
	if k.max != math.MaxInt64 {
		constraints = append(constraints, fmt.Sprintf("Member must have length less than or equal to %d", k.max))
	}
	if k.min != math.MinInt64 {
		constraints = append(constraints, fmt.Sprintf("Member must have length greater than or equal to %d", k.min))
	}
	if k.pattern != nil {
		constraints = append(constraints, "Member "+patternWords+k.pattern.text)
	}
	if k.enum != nil {
		constraints = append(constraints, "Member must satisfy enum value set: ["+strings.Join(k.enum, ", ")+"]")
	}
	return "[" + strings.Join(constraints, ", ") + "]"
}

// length counts as Java does: in UTF-16 code units.
func length(text string) (n int64) {
	for _, r := range text {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}

// maxValueText limits the value in a message.
const maxValueText = 1024

// text returns a value as it is in a message, or nothing if it is secret.
func (k *check) text(v reflect.Value) string {
	if k.sensitive || k.elem != nil && k.elem.sensitive || k.key != nil && k.key.sensitive {
		return ""
	}
	text := valueText(v)
	if len(text) > maxValueText {
		text = strings.ToValidUTF8(text[:maxValueText], "") + "..."
	}
	return " '" + text + "'"
}

func valueText(v reflect.Value) string {
	v = reflect.Indirect(v)
	switch {
	case !v.IsValid():
		return "null"
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return fmt.Sprintf("java.nio.HeapByteBuffer[pos=0 lim=%d cap=%[1]d]", v.Len())
	case v.Kind() == reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = valueText(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case v.Kind() == reflect.Map:
		var parts []string
		for _, key := range sortedKeys(v) {
			parts = append(parts, key.String()+"="+valueText(v.MapIndex(key)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case v.Kind() == reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !absent(v.Field(i)) {
				parts = append(parts, lowerFirst(f.Name)+"="+valueText(v.Field(i)))
			}
		}
		return v.Type().Name() + "(" + strings.Join(parts, ", ") + ")"
	case v.Kind() == reflect.String:
		return v.String()
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	default:
		return fmt.Sprint(v.Interface())
	}
}
