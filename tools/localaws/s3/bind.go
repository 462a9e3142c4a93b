package s3

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// queryMembers are the input members that S3 reads from the query string.
var queryMembers = map[string]string{
	"BucketRegion":               "bucket-region",
	"ContinuationToken":          "continuation-token",
	"Delimiter":                  "delimiter",
	"EncodingType":               "encoding-type",
	"FetchOwner":                 "fetch-owner",
	"KeyMarker":                  "key-marker",
	"Marker":                     "marker",
	"MaxBuckets":                 "max-buckets",
	"MaxKeys":                    "max-keys",
	"MaxParts":                   "max-parts",
	"MaxUploads":                 "max-uploads",
	"PartNumber":                 "partNumber",
	"PartNumberMarker":           "part-number-marker",
	"Prefix":                     "prefix",
	"ResponseCacheControl":       "response-cache-control",
	"ResponseContentDisposition": "response-content-disposition",
	"ResponseContentEncoding":    "response-content-encoding",
	"ResponseContentLanguage":    "response-content-language",
	"ResponseContentType":        "response-content-type",
	"ResponseExpires":            "response-expires",
	"StartAfter":                 "start-after",
	"UploadId":                   "uploadId",
	"UploadIdMarker":             "upload-id-marker",
	"VersionId":                  "versionId",
	"VersionIdMarker":            "version-id-marker",
}

// headerMembers are the members whose header is not x-amz- plus their name.
var headerMembers = map[string]string{
	"AcceptRanges":       "Accept-Ranges",
	"CacheControl":       "Cache-Control",
	"ContentDisposition": "Content-Disposition",
	"ContentEncoding":    "Content-Encoding",
	"ContentLanguage":    "Content-Language",
	"ContentLength":      "Content-Length",
	"ContentMD5":         "Content-Md5",
	"ContentRange":       "Content-Range",
	"ContentType":        "Content-Type",
	"ETag":               "ETag",
	"Expires":            "Expires",
	"ExpiresString":      "Expires",
	"IfMatch":            "If-Match",
	"IfModifiedSince":    "If-Modified-Since",
	"IfNoneMatch":        "If-None-Match",
	"IfUnmodifiedSince":  "If-Unmodified-Since",
	"LastModified":       "Last-Modified",
	"Location":           "Location",
	"Range":              "Range",

	"AnnotationDirective":            "X-Amz-Object-Annotation-Directive",
	"BucketKeyEnabled":               "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled",
	"CopySourceSSECustomerAlgorithm": "X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm",
	"CopySourceSSECustomerKey":       "X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key",
	"CopySourceSSECustomerKeyMD5":    "X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key-Md5",
	"ExpectedSourceBucketOwner":      "X-Amz-Source-Expected-Bucket-Owner",
	"MpuObjectSize":                  "X-Amz-Mp-Object-Size",
	"ObjectLockEnabledForBucket":     "X-Amz-Bucket-Object-Lock-Enabled",
	"ObjectLockLegalHoldStatus":      "X-Amz-Object-Lock-Legal-Hold",
	"PartsCount":                     "X-Amz-Mp-Parts-Count",
	"SSECustomerAlgorithm":           "X-Amz-Server-Side-Encryption-Customer-Algorithm",
	"SSECustomerKey":                 "X-Amz-Server-Side-Encryption-Customer-Key",
	"SSECustomerKeyMD5":              "X-Amz-Server-Side-Encryption-Customer-Key-Md5",
	"SSEKMSEncryptionContext":        "X-Amz-Server-Side-Encryption-Context",
	"SSEKMSKeyId":                    "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
	"Size":                           "X-Amz-Object-Size",
	"TagCount":                       "X-Amz-Tagging-Count",
}

// headerName returns the header of a member. A member that is not in
// headerMembers has x-amz- plus its name: ObjectLockMode becomes
// X-Amz-Object-Lock-Mode.
func headerName(member string) string {
	if name, ok := headerMembers[member]; ok {
		return name
	}
	var name strings.Builder
	name.WriteString("x-amz")
	lower := true
	for _, r := range member {
		if unicode.IsUpper(r) && lower {
			name.WriteByte('-')
		}
		lower = unicode.IsLower(r)
		name.WriteRune(r)
	}
	return http.CanonicalHeaderKey(name.String())
}

const metadataPrefix = "X-Amz-Meta-"

// bind fills the input of an operation from a request.
func (op *operation) bind(r *http.Request, query url.Values, bucketName, key string, target any) error {
	data, err := payload(r)
	if err != nil {
		return err
	}
	in := reflect.ValueOf(target).Elem()
	for i := range in.NumField() {
		field := in.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		text, found := "", false
		switch {
		case field.Name == op.input:
			if err := bindBody(data, in.Field(i)); err != nil {
				return err
			}
			continue
		case field.Name == "Metadata":
			if metadata := metadataOf(r.Header); len(metadata) > 0 {
				in.Field(i).Set(reflect.ValueOf(metadata))
			}
			continue
		case field.Name == "Bucket":
			text, found = bucketName, true
		case field.Name == "Key" && op.scope == inObject:
			text, found = key, true
		case field.Name == "ContentLength":
			text, found = strconv.Itoa(len(data)), true
		case field.Name == "ChecksumAlgorithm":
			text = r.Header.Get("X-Amz-Sdk-Checksum-Algorithm")
			if text == "" {
				text = r.Header.Get("X-Amz-Checksum-Algorithm")
			}
			text = strings.ToUpper(text)
			found = text != ""
		case queryMembers[field.Name] != "":
			text, found = query.Get(queryMembers[field.Name]), query.Has(queryMembers[field.Name])
		default:
			text = strings.Join(r.Header.Values(headerName(field.Name)), ",")
			found = text != ""
		}
		if !found {
			continue
		}
		if err := setText(in.Field(i), text); err != nil {
			return fail("InvalidArgument", "%s: %v", field.Name, err)
		}
	}
	return nil
}

func metadataOf(h http.Header) map[string]string {
	metadata := map[string]string{}
	for name, values := range h {
		if key, ok := strings.CutPrefix(name, metadataPrefix); ok {
			metadata[strings.ToLower(key)] = strings.Join(values, ",")
		}
	}
	return metadata
}

// bindBody sets the member that is the request's body.
func bindBody(data []byte, member reflect.Value) error {
	switch {
	case member.Kind() == reflect.Interface:
		member.Set(reflect.ValueOf(newBody(data)))
	case member.Type() == reflect.TypeFor[*string]():
		text := string(data)
		member.Set(reflect.ValueOf(&text))
	case len(bytes.TrimSpace(data)) > 0:
		return decodeXML(data, member)
	}
	return nil
}

// setText sets a member from a header, a query parameter or an element.
func setText(member reflect.Value, text string) error {
	if member.Kind() == reflect.Pointer {
		value := reflect.New(member.Type().Elem())
		if err := setText(value.Elem(), text); err != nil {
			return err
		}
		member.Set(value)
		return nil
	}
	switch member.Kind() {
	case reflect.String:
		member.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return err
		}
		member.SetBool(b)
	case reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, member.Type().Bits())
		if err != nil {
			return err
		}
		member.SetInt(n)
	case reflect.Struct:
		t, err := parseTime(text)
		if err != nil {
			return err
		}
		member.Set(reflect.ValueOf(t))
	// This is a list in a header.
	case reflect.Slice:
		for item := range strings.SplitSeq(text, ",") {
			value := reflect.New(member.Type().Elem()).Elem()
			if err := setText(value, strings.TrimSpace(item)); err != nil {
				return err
			}
			member.Set(reflect.Append(member, value))
		}
	default:
		return fmt.Errorf("a %s can't be read from text", member.Type())
	}
	return nil
}

func parseTime(text string) (time.Time, error) {
	if t, err := http.ParseTime(text); err == nil {
		return t.UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err
}

// answer writes the output of an operation. An error means that the client has
// gone away.
func (op *operation) answer(w http.ResponseWriter, output any) error {
	out := reflect.ValueOf(output).Elem()
	for i := range out.NumField() {
		field := out.Type().Field(i)
		if field.Name == "ResultMetadata" || field.Name == op.output || !field.IsExported() || out.Field(i).IsZero() {
			continue
		}
		if op.root != "" && op.output == "" && !slices.Contains(op.extra, field.Name) {
			// This member is part of the body.
			continue
		}
		if field.Name == "Metadata" {
			for key, value := range out.Field(i).Interface().(map[string]string) {
				w.Header().Set(metadataPrefix+key, value)
			}
			continue
		}
		w.Header().Set(headerName(field.Name), textOf(out.Field(i), field.Name == "ObjectLockRetainUntilDate"))
	}
	status := http.StatusOK
	if op.status != 0 {
		status = op.status
	}
	if w.Header().Get("Content-Range") != "" {
		status = http.StatusPartialContent
	}
	switch {
	case op.output == "Policy":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, err := io.WriteString(w, out.FieldByName("Policy").Elem().String())
		return err
	case op.output == "Body":
		w.WriteHeader(status)
		_, err := io.Copy(w, out.FieldByName("Body").Interface().(io.Reader))
		return err
	case op.root == "":
		w.WriteHeader(status)
		return nil
	}
	value := out
	if op.output != "" {
		value = out.FieldByName(op.output)
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, err := w.Write(encodeXML(op.root, value, op.extra))
	return err
}

// textOf returns a member in the form that headers use.
func textOf(member reflect.Value, iso bool) string {
	if member.Kind() == reflect.Pointer {
		member = member.Elem()
	}
	if t, ok := member.Interface().(time.Time); ok {
		if iso {
			return t.UTC().Format(isoTime)
		}
		return t.UTC().Format(http.TimeFormat)
	}
	return fmt.Sprint(member.Interface())
}
