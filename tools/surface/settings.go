package surface

import (
	"errors"
	"go/ast"
	"reflect"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/surface/syntax"
)

// A Setting is a key of the CDK context. Keys in an object are separated by dots.
type Setting struct {
	Name, Type, Doc string
}

// Settings returns the fields of Settings in infra/settings, in their order there.
func (t Tree) Settings() ([]Setting, error) {
	files, err := t.parse(in("infra/settings"))
	if err != nil {
		return nil, err
	}
	structs := map[string]*ast.StructType{}
	for _, f := range files {
		ast.Inspect(f.file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					structs[spec.Name.Name] = s
				}
			}
			return true
		})
	}
	if structs["Settings"] == nil {
		return nil, errors.New("reading the settings: infra/settings has no type Settings")
	}
	return fields(structs, "Settings", "", ""), nil
}

// fields returns the fields of a struct that have a json name, including those
// of nested structs.
func fields(structs map[string]*ast.StructType, name, prefix, inherited string) []Setting {
	var settings []Setting
	doc := inherited
	for _, field := range structs[name].Fields.List {
		kind := syntax.TypeName(field.Type)
		// A comment applies to the fields directly below it, as in a group.
		if field.Doc != nil {
			doc = strings.Join(strings.Fields(field.Doc.Text()), " ")
		}
		if len(field.Names) == 0 && structs[kind] != nil {
			settings = append(settings, fields(structs, kind, prefix, inherited)...)
			continue
		}
		tag := ""
		if field.Tag != nil {
			tag, _ = strconv.Unquote(field.Tag.Value)
		}
		key, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		if key == "" || key == "-" {
			continue
		}
		if structs[kind] != nil {
			settings = append(settings, fields(structs, kind, prefix+key+".", doc)...)
			continue
		}
		settings = append(settings, Setting{prefix + key, kind, doc})
	}
	return settings
}
