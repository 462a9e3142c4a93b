package types

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/internal/cfnschema"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

//go:embed recorded.txt
var recordedForms string

// recordedTypes returns the types that the embedded AWS records and does not run. A
// recorded resource has the id and the attributes that AWS would give it. They depend
// on nothing but the stack's name, the logical id and the properties that can't be
// updated, so that they are the same in each rehearsal.
func recordedTypes(a account.Account) []resource.Type {
	var all []resource.Type
	for line := range strings.Lines(recordedForms) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, readForm(line).resourceType(a))
		}
	}
	return all
}

// A recordedForm says which ids and attributes the resources of a type have.
//
// Braces stand for values: {name} is the property that names the resource, or a
// generated name, {ref} the value of Ref, {logical} the logical id, {account} and
// {region}, {hex17} 17 random hexadecimal digits ({hex17b} are others), {Property} a
// property, {Property:other} another form if there is none, {last Property} the part
// behind its last slash, {after TEXT Property} the part behind a text, and
// {Property?value:one|other} a choice. Brackets around a form make it a list.
type recordedForm struct {
	typ        string
	property   string // that names the resource, or empty
	limit      int    // of a generated name
	lower      bool   // names are in lower case
	ref        string
	attributes map[string]string
}

func readForm(line string) recordedForm {
	fields := strings.Split(line, " | ")
	f := recordedForm{typ: fields[0], ref: fields[2], limit: 255, attributes: map[string]string{}}
	names := strings.Fields(fields[1])
	if names[0] == "lower" {
		f.lower, names = true, names[1:]
	}
	if names[0] != "-" {
		f.property = names[0]
	}
	if len(names) > 1 {
		f.limit, _ = strconv.Atoi(names[1])
	}
	for _, field := range fields[3:] {
		name, form, _ := strings.Cut(field, "=")
		f.attributes[name] = form
	}
	return f
}

func (f recordedForm) resourceType(a account.Account) resource.Type {
	known, _ := cfnschema.Lookup(f.typ)
	made := func(_ context.Context, r *resource.Request) (*resource.Result, error) {
		result := f.result(a, r)
		if result == nil {
			return nil, fmt.Errorf("recording %s: its properties are not known", r.LogicalID)
		}
		return result, nil
	}
	// A resource whose name is taken does not become another one.
	identifier := ""
	if f.property != "" && (f.ref == "{name}" || strings.HasSuffix(f.ref, ":{name}")) {
		identifier = f.property
	}
	return resource.Type{
		Name: f.typ, Recorded: true, Properties: known.Properties, CreateOnly: known.CreateOnly,
		Attributes: slices.Sorted(maps.Keys(f.attributes)), Identifier: identifier,
		Foresee: func(r *resource.Request) *resource.Result { return f.result(a, r) },
		Create:  made, Update: made,
		Delete: func(context.Context, *resource.Request) error { return nil },
	}
}

// result returns the id and the attributes of a resource. It is nil if the id depends
// on properties that are not known yet; attributes that do are left out.
func (f recordedForm) result(a account.Account, r *resource.Request) *resource.Result {
	e := evaluation{form: f, account: a, request: r}
	known, _ := cfnschema.Lookup(f.typ)
	for _, name := range known.CreateOnly {
		e.unknown = e.unknown || template.HasUnknown(r.Properties[name])
	}
	id, ok := e.text(f.ref)
	if !ok {
		return nil
	}
	e.ref = id
	result := &resource.Result{PhysicalID: id, Attributes: map[string]any{}}
	for name, form := range f.attributes {
		inner, list := strings.CutPrefix(form, "[")
		text, ok := e.text(strings.TrimSuffix(inner, "]"))
		switch {
		case !ok:
		case !list:
			result.Attributes[name] = text
		case text == "":
			result.Attributes[name] = []any{}
		default:
			var values []any
			for v := range strings.SplitSeq(text, ",") {
				values = append(values, v)
			}
			result.Attributes[name] = values
		}
	}
	return result
}

// An evaluation fills the braces of one resource's forms.
type evaluation struct {
	form    recordedForm
	account account.Account
	request *resource.Request
	ref     string
	unknown bool // a property is that random parts depend on
}

// text returns a form with its braces filled. It reports whether all values are known.
func (e evaluation) text(form string) (string, bool) {
	var b strings.Builder
	for {
		open := strings.IndexByte(form, '{')
		if open < 0 {
			b.WriteString(form)
			return b.String(), true
		}
		b.WriteString(form[:open])
		end := closing(form[open:])
		value, ok := e.value(form[open+1 : open+end])
		if !ok {
			return "", false
		}
		b.WriteString(value)
		form = form[open+end+1:]
	}
}

// closing returns the index of the brace that closes the first one.
func closing(text string) int {
	depth := 0
	for i, c := range text {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	panic("a form without its closing brace: " + text)
}

func (e evaluation) value(name string) (string, bool) {
	switch name {
	case "ref":
		return e.ref, true
	case "account":
		return e.account.ID, true
	case "region":
		return e.account.Region, true
	case "logical":
		return e.request.LogicalID, true
	case "generated":
		return e.generated(), !e.unknown
	case "name":
		if text, there, known := e.property(e.form.property); !known || there {
			return e.cased(text), known
		}
		return e.generated(), !e.unknown
	}
	if i := strings.IndexAny(name, "?:"); i >= 0 && name[i] == '?' {
		return e.choose(name[:i], name[i+1:])
	}
	if rest, ok := strings.CutPrefix(name, "last "); ok {
		text, known := e.value(rest)
		return text[strings.LastIndex(text, "/")+1:], known
	}
	if rest, ok := strings.CutPrefix(name, "after "); ok {
		mark, property, _ := strings.Cut(rest, " ")
		text, known := e.value(property)
		if _, after, found := strings.Cut(text, mark); found {
			text = after
		}
		return text, known
	}
	if name[0] >= 'a' && name[0] <= 'z' {
		return e.random(name), !e.unknown
	}
	property, other, _ := strings.Cut(name, ":")
	text, there, known := e.property(property)
	if !there && known {
		return e.text(other)
	}
	return text, known
}

// choose returns one of two forms: Property?value:one|other. Without a value, it
// depends on whether there is such a property.
func (e evaluation) choose(property, choice string) (string, bool) {
	value, forms, _ := strings.Cut(choice, ":")
	one, other, _ := strings.Cut(forms, "|")
	text, there, known := e.property(property)
	switch {
	case !known:
		return "", false
	case there && (value == "" || text == value):
		return e.text(one)
	}
	return e.text(other)
}

// property returns a property as text, whether there is one, and whether it is known.
func (e evaluation) property(name string) (text string, there, known bool) {
	v, there := e.request.Properties[name]
	switch v := v.(type) {
	case template.Unknown:
		return "", there, false
	case string:
		return v, there, true
	case bool:
		return strconv.FormatBool(v), there, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), there, true
	}
	return "", false, true
}

func (e evaluation) cased(text string) string {
	if e.form.lower {
		return strings.ToLower(text)
	}
	return text
}

// generated is as [generatedName], with a part that only looks random.
func (e evaluation) generated() string {
	whole := generatedName(e.request, e.form.limit)
	return e.cased(whole[:len(whole)-randomLength] + e.random("upper"+strconv.Itoa(randomLength)))
}

// alphabets are what random parts of ids consist of.
var alphabets = map[string]string{
	"hex":    "0123456789abcdef",
	"lower":  "0123456789abcdefghijklmnopqrstuvwxyz",
	"upper":  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	"alnum":  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
	"digits": "123456789",
}

// random returns a part of an id, such as hex17. It is always the same for a resource,
// and another one for a resource that replaces it.
func (e evaluation) random(kind string) string {
	digest := e.digest(kind)
	switch {
	case strings.HasPrefix(kind, "byte"):
		return strconv.Itoa(int(digest[0])%250 + 4)
	case kind == "uuid":
		h := hex.EncodeToString(digest)
		return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:32]
	}
	letters := strings.TrimRight(kind, "abcd")
	alphabet := strings.TrimRight(letters, "0123456789")
	n, err := strconv.Atoi(letters[len(alphabet):])
	if err != nil {
		panic("unknown value in a form: " + kind)
	}
	set := alphabets[alphabet]
	var b strings.Builder
	for i := range n {
		if i > 0 && i%len(digest) == 0 {
			next := sha256.Sum256(digest)
			digest = next[:]
		}
		b.WriteByte(set[int(digest[i%len(digest)])%len(set)])
	}
	return b.String()
}

func (e evaluation) digest(kind string) []byte {
	known, _ := cfnschema.Lookup(e.form.typ)
	fixed := []any{e.account.ID, e.account.Region, e.request.StackName, e.request.LogicalID, kind}
	for _, name := range known.CreateOnly {
		if v, ok := e.request.Properties[name]; ok {
			fixed = append(fixed, name, v)
		}
	}
	text, err := json.Marshal(fixed)
	if err != nil {
		// What came from a template can always be encoded.
		panic(err)
	}
	sum := sha256.Sum256(text)
	return sum[:]
}
