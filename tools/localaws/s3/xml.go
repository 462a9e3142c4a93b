package s3

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// isoTime is the layout of times in S3's documents.
const isoTime = "2006-01-02T15:04:05.000Z"

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// lists names the list members whose element has another name than the member.
// Most of S3's lists are flat; a wrapped list has an element around its items.
var lists = map[string]struct {
	element string
	wrapped bool
}{
	"Buckets":                      {"Bucket", true},
	"Events":                       {"Event", false},
	"FilterRules":                  {"FilterRule", false},
	"LambdaFunctionConfigurations": {"CloudFunctionConfiguration", false},
	"QueueConfigurations":          {"QueueConfiguration", false},
	"TopicConfigurations":          {"TopicConfiguration", false},
	"DeleteMarkers":                {"DeleteMarker", false},
	"Errors":                       {"Error", false},
	"NoncurrentVersionTransitions": {"NoncurrentVersionTransition", false},
	"Objects":                      {"Object", false},
	"Parts":                        {"Part", false},
	"Rules":                        {"Rule", false},
	"TagSet":                       {"Tag", true},
	"Tags":                         {"Tag", false},
	"Transitions":                  {"Transition", false},
	"Uploads":                      {"Upload", false},
	"Versions":                     {"Version", false},
}

// elements names the members that are no lists and whose element has another name.
var elements = map[string]string{"LambdaFunctionArn": "CloudFunction", "MFADelete": "MfaDelete", "QueueArn": "Queue", "TopicArn": "Topic"}

// elementName returns the element name of a member that is not a list.
func elementName(member reflect.StructField) string {
	if member.Type == reflect.TypeFor[*types.S3KeyFilter]() {
		return "S3Key"
	}
	return cmp.Or(elements[member.Name], member.Name)
}

// encodeXML writes a document. For a struct, it writes the members as elements
// below root, except those in skip. For anything else, it writes the text.
func encodeXML(root string, value reflect.Value, skip []string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	b.WriteString("<" + root + ` xmlns="` + namespace + `">`)
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if value.Kind() == reflect.Struct {
		encodeMembers(&b, value, skip)
	} else {
		escape(&b, textOf(value, true))
	}
	b.WriteString("</" + root + ">")
	return b.Bytes()
}

func encodeMembers(b *bytes.Buffer, value reflect.Value, skip []string) {
members:
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" || value.Field(i).IsZero() {
			continue
		}
		for _, name := range skip {
			if name == field.Name {
				continue members
			}
		}
		member := value.Field(i)
		if member.Kind() != reflect.Slice {
			encodeElement(b, elementName(field), member)
			continue
		}
		list, ok := lists[field.Name]
		if !ok {
			list.element = field.Name
		}
		if list.wrapped {
			b.WriteString("<" + field.Name + ">")
		}
		for j := range member.Len() {
			encodeElement(b, list.element, member.Index(j))
		}
		if list.wrapped {
			b.WriteString("</" + field.Name + ">")
		}
	}
}

func encodeElement(b *bytes.Buffer, name string, value reflect.Value) {
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	b.WriteString("<" + name + ">")
	if value.Kind() == reflect.Struct && value.Type() != reflect.TypeFor[time.Time]() {
		encodeMembers(b, value, nil)
	} else {
		escape(b, textOf(value, true))
	}
	b.WriteString("</" + name + ">")
}

// writeElements writes a document of plain elements.
func writeElements(b *bytes.Buffer, root string, elements [][2]string) {
	b.WriteString(xml.Header)
	b.WriteString("<" + root + ">")
	for _, e := range elements {
		b.WriteString("<" + e[0] + ">")
		escape(b, e[1])
		b.WriteString("</" + e[0] + ">")
	}
	b.WriteString("</" + root + ">")
}

func escape(b *bytes.Buffer, text string) {
	// Writing to a bytes.Buffer never fails.
	_ = xml.EscapeText(b, []byte(text))
}

// decodeXML reads a document into a member, whatever the name of its root.
func decodeXML(data []byte, member reflect.Value) error {
	d := xml.NewDecoder(bytes.NewReader(data)) // #nosec G709 -- encoding/xml resolves no external entities
	for {
		token, err := d.Token()
		if err != nil {
			return fail("MalformedXML", "The XML you provided was not well-formed: %v", err)
		}
		if _, ok := token.(xml.StartElement); ok {
			break
		}
	}
	target := member
	if member.Kind() == reflect.Pointer {
		target = reflect.New(member.Type().Elem()).Elem()
	}
	if err := decodeElement(d, target, 0); err != nil {
		return fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema: %v", err)
	}
	if member.Kind() == reflect.Pointer {
		member.Set(target.Addr())
	}
	return nil
}

// decodeElement reads to the end of the element that has just been opened.
func decodeElement(d *xml.Decoder, target reflect.Value, depth int) error {
	if depth > 16 {
		return errors.New("it is nested too deeply")
	}
	if target.Kind() == reflect.Pointer {
		value := reflect.New(target.Type().Elem())
		if err := decodeElement(d, value.Elem(), depth+1); err != nil {
			return err
		}
		target.Set(value)
		return nil
	}
	if target.Kind() != reflect.Struct || target.Type() == reflect.TypeFor[time.Time]() {
		text, err := characters(d)
		if err != nil {
			return err
		}
		return setText(target, text)
	}
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if err := decodeMember(d, target, t.Name.Local, depth); err != nil {
				return err
			}
		}
	}
}

// decodeMember reads a struct member from the element that has just been opened.
func decodeMember(d *xml.Decoder, target reflect.Value, element string, depth int) error {
	for i := range target.NumField() {
		field := target.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		member := target.Field(i)
		if member.Kind() != reflect.Slice {
			if elementName(field) == element {
				return decodeElement(d, member, depth+1)
			}
			continue
		}
		list, ok := lists[field.Name]
		if !ok {
			list.element = field.Name
		}
		wrapped := list.wrapped || target.Type().Name() == "CreateBucketConfiguration"
		switch {
		case !wrapped && list.element == element:
			return appendElement(d, member, depth)
		case wrapped && field.Name == element:
			return decodeWrapped(d, member, list.element, depth)
		}
	}
	return fmt.Errorf("the element %s is not supported in %s", element, target.Type().Name())
}

func appendElement(d *xml.Decoder, list reflect.Value, depth int) error {
	item := reflect.New(list.Type().Elem()).Elem()
	if err := decodeElement(d, item, depth+1); err != nil {
		return err
	}
	list.Set(reflect.Append(list, item))
	return nil
}

func decodeWrapped(d *xml.Decoder, list reflect.Value, element string, depth int) error {
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if t.Name.Local != element {
				return fmt.Errorf("unexpected %s; only %s is allowed", t.Name.Local, element)
			}
			if err := appendElement(d, list, depth); err != nil {
				return err
			}
		}
	}
}

// characters reads the text of the element that has just been opened.
func characters(d *xml.Decoder) (string, error) {
	var text []byte
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return "", io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			return string(text), nil
		case xml.StartElement:
			return "", fmt.Errorf("unexpected element %s; text is expected", t.Name.Local)
		}
	}
}
