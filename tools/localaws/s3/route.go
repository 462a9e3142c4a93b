package s3

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// An operation describes the HTTP form of one of the service's methods.
type operation struct {
	method string
	scope  scope
	query  string // a required query parameter, or parameter=value
	header string // a required header
	status int    // status of a success; zero means 200

	input  string   // the input field that is the body
	root   string   // the root element of the response's body; none if empty
	output string   // the output field that is the root; empty means the whole output
	extra  []string // output fields that are headers even though there is a root

	call func(s *Service, ctx context.Context, bind func(in any) error) (out any, err error)
}

type scope int

const (
	inAccount scope = iota
	inBucket
	inObject
)

// calls adapts a method to operation.call.
func calls[I, O any](method func(*Service, context.Context, *I) (*O, error)) func(*Service, context.Context, func(any) error) (any, error) {
	return func(s *Service, ctx context.Context, bind func(any) error) (any, error) {
		in := new(I)
		if err := bind(in); err != nil {
			return nil, err
		}
		return method(s, ctx, in)
	}
}

// operations are tried in order, so more specific ones come first.
var operations = []operation{
	{method: "GET", scope: inAccount, root: "ListAllMyBucketsResult", call: calls((*Service).ListBuckets)},

	{method: "GET", scope: inBucket, query: "location", root: "LocationConstraint", output: "LocationConstraint", call: calls((*Service).GetBucketLocation)},
	{method: "GET", scope: inBucket, query: "versioning", root: "VersioningConfiguration", call: calls((*Service).GetBucketVersioning)},
	{method: "PUT", scope: inBucket, query: "versioning", input: "VersioningConfiguration", call: calls((*Service).PutBucketVersioning)},
	{method: "GET", scope: inBucket, query: "policy", output: "Policy", call: calls((*Service).GetBucketPolicy)},
	{method: "PUT", scope: inBucket, query: "policy", input: "Policy", status: 204, call: calls((*Service).PutBucketPolicy)},
	{method: "DELETE", scope: inBucket, query: "policy", status: 204, call: calls((*Service).DeleteBucketPolicy)},
	{method: "GET", scope: inBucket, query: "encryption", root: "ServerSideEncryptionConfiguration", output: "ServerSideEncryptionConfiguration", call: calls((*Service).GetBucketEncryption)},
	{method: "PUT", scope: inBucket, query: "encryption", input: "ServerSideEncryptionConfiguration", call: calls((*Service).PutBucketEncryption)},
	{method: "DELETE", scope: inBucket, query: "encryption", status: 204, call: calls((*Service).DeleteBucketEncryption)},
	{method: "GET", scope: inBucket, query: "publicAccessBlock", root: "PublicAccessBlockConfiguration", output: "PublicAccessBlockConfiguration", call: calls((*Service).GetPublicAccessBlock)},
	{method: "PUT", scope: inBucket, query: "publicAccessBlock", input: "PublicAccessBlockConfiguration", call: calls((*Service).PutPublicAccessBlock)},
	{method: "DELETE", scope: inBucket, query: "publicAccessBlock", status: 204, call: calls((*Service).DeletePublicAccessBlock)},
	{method: "GET", scope: inBucket, query: "object-lock", root: "ObjectLockConfiguration", output: "ObjectLockConfiguration", call: calls((*Service).GetObjectLockConfiguration)},
	{method: "PUT", scope: inBucket, query: "object-lock", input: "ObjectLockConfiguration", call: calls((*Service).PutObjectLockConfiguration)},
	{method: "GET", scope: inBucket, query: "lifecycle", root: "LifecycleConfiguration", call: calls((*Service).GetBucketLifecycleConfiguration)},
	{method: "PUT", scope: inBucket, query: "lifecycle", input: "LifecycleConfiguration", call: calls((*Service).PutBucketLifecycleConfiguration)},
	{method: "DELETE", scope: inBucket, query: "lifecycle", status: 204, call: calls((*Service).DeleteBucketLifecycle)},
	{method: "GET", scope: inBucket, query: "tagging", root: "Tagging", call: calls((*Service).GetBucketTagging)},
	{method: "PUT", scope: inBucket, query: "tagging", input: "Tagging", status: 204, call: calls((*Service).PutBucketTagging)},
	{method: "DELETE", scope: inBucket, query: "tagging", status: 204, call: calls((*Service).DeleteBucketTagging)},
	{method: "GET", scope: inBucket, query: "ownershipControls", root: "OwnershipControls", output: "OwnershipControls", call: calls((*Service).GetBucketOwnershipControls)},
	{method: "PUT", scope: inBucket, query: "ownershipControls", input: "OwnershipControls", call: calls((*Service).PutBucketOwnershipControls)},
	{method: "DELETE", scope: inBucket, query: "ownershipControls", status: 204, call: calls((*Service).DeleteBucketOwnershipControls)},
	{method: "GET", scope: inBucket, query: "logging", root: "BucketLoggingStatus", call: calls((*Service).GetBucketLogging)},
	{method: "PUT", scope: inBucket, query: "logging", input: "BucketLoggingStatus", call: calls((*Service).PutBucketLogging)},
	{method: "GET", scope: inBucket, query: "notification", root: "NotificationConfiguration", call: calls((*Service).GetBucketNotificationConfiguration)},
	{method: "PUT", scope: inBucket, query: "notification", input: "NotificationConfiguration", call: calls((*Service).PutBucketNotificationConfiguration)},
	{method: "GET", scope: inBucket, query: "uploads", root: "ListMultipartUploadsResult", call: calls((*Service).ListMultipartUploads)},
	{method: "GET", scope: inBucket, query: "versions", root: "ListVersionsResult", call: calls((*Service).ListObjectVersions)},
	{method: "GET", scope: inBucket, query: "list-type=2", root: "ListBucketResult", call: calls((*Service).ListObjectsV2)},
	{method: "GET", scope: inBucket, root: "ListBucketResult", call: calls((*Service).ListObjects)},
	{method: "POST", scope: inBucket, query: "delete", input: "Delete", root: "DeleteResult", call: calls((*Service).DeleteObjects)},
	{method: "PUT", scope: inBucket, input: "CreateBucketConfiguration", call: calls((*Service).CreateBucket)},
	{method: "DELETE", scope: inBucket, status: 204, call: calls((*Service).DeleteBucket)},
	{method: "HEAD", scope: inBucket, call: calls((*Service).HeadBucket)},

	{method: "GET", scope: inObject, query: "tagging", root: "Tagging", extra: []string{"VersionId"}, call: calls((*Service).GetObjectTagging)},
	{method: "PUT", scope: inObject, query: "tagging", input: "Tagging", call: calls((*Service).PutObjectTagging)},
	{method: "DELETE", scope: inObject, query: "tagging", status: 204, call: calls((*Service).DeleteObjectTagging)},
	{method: "GET", scope: inObject, query: "retention", root: "Retention", output: "Retention", call: calls((*Service).GetObjectRetention)},
	{method: "PUT", scope: inObject, query: "retention", input: "Retention", call: calls((*Service).PutObjectRetention)},
	{method: "GET", scope: inObject, query: "legal-hold", root: "LegalHold", output: "LegalHold", call: calls((*Service).GetObjectLegalHold)},
	{method: "PUT", scope: inObject, query: "legal-hold", input: "LegalHold", call: calls((*Service).PutObjectLegalHold)},
	{method: "POST", scope: inObject, query: "uploads", root: "InitiateMultipartUploadResult", extra: []string{"ChecksumAlgorithm", "ChecksumType", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"}, call: calls((*Service).CreateMultipartUpload)},
	{method: "PUT", scope: inObject, query: "partNumber", header: "X-Amz-Copy-Source", root: "CopyPartResult", output: "CopyPartResult", call: calls((*Service).UploadPartCopy)},
	{method: "PUT", scope: inObject, query: "partNumber", input: "Body", call: calls((*Service).UploadPart)},
	{method: "POST", scope: inObject, query: "uploadId", input: "MultipartUpload", root: "CompleteMultipartUploadResult", extra: []string{"VersionId", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"}, call: calls((*Service).CompleteMultipartUpload)},
	{method: "DELETE", scope: inObject, query: "uploadId", status: 204, call: calls((*Service).AbortMultipartUpload)},
	{method: "GET", scope: inObject, query: "uploadId", root: "ListPartsResult", call: calls((*Service).ListParts)},
	{method: "PUT", scope: inObject, header: "X-Amz-Copy-Source", root: "CopyObjectResult", output: "CopyObjectResult", call: calls((*Service).CopyObject)},
	{method: "PUT", scope: inObject, input: "Body", call: calls((*Service).PutObject)},
	{method: "GET", scope: inObject, output: "Body", call: calls((*Service).GetObject)},
	{method: "HEAD", scope: inObject, call: calls((*Service).HeadObject)},
	{method: "DELETE", scope: inObject, status: 204, call: calls((*Service).DeleteObject)},
}

// match finds the operation for a request. An unknown query parameter is an
// error, because it may request something entirely different.
func match(method string, in scope, query url.Values, header http.Header) (*operation, error) {
	for i := range operations {
		op := &operations[i]
		name, value, valued := strings.Cut(op.query, "=")
		if op.method != method || op.scope != in ||
			name != "" && (!query.Has(name) || valued && query.Get(name) != value) ||
			op.header != "" && header.Get(op.header) == "" {
			continue
		}
		for parameter := range query {
			if parameter != name && !knownParameter(parameter) {
				return nil, fail("NotImplemented", "The query parameter %q is not supported by the embedded S3", parameter)
			}
		}
		return op, nil
	}
	return nil, fail("MethodNotAllowed", "The specified method is not allowed against this resource: %s", method)
}

// ignoredInURL reports whether S3 ignores a parameter of a presigned URL. The SDK for
// JavaScript puts the checksum of an empty body into the URL of an upload, because it does
// not know the body yet.
func ignoredInURL(name string) bool {
	return strings.HasPrefix(name, "x-amz-checksum-") && name != "x-amz-checksum-mode" || name == "x-amz-sdk-checksum-algorithm"
}

// knownParameter reports whether a query parameter is a member of an input, or
// part of a presigned URL's signature.
func knownParameter(name string) bool {
	if name == "x-id" || name == "list-type" || strings.HasPrefix(strings.ToLower(name), "x-amz-") {
		return true
	}
	for _, parameter := range queryMembers {
		if parameter == name {
			return true
		}
	}
	return slices.Contains([]string{"AWSAccessKeyId", "Signature", "Expires"}, name)
}

// ServeHTTP answers S3's REST API. It accepts path-style URLs (/bucket/key) and
// host names of the form bucket.s3.... Whoever calls it has checked the signature.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := newID()[:16]
	w.Header().Set("X-Amz-Request-Id", requestID)
	w.Header().Set("X-Amz-Id-2", requestID)
	w.Header().Set("Server", "AmazonS3")
	if err := s.serve(w, r); err != nil {
		s.answerError(w, r, requestID, err)
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) error {
	r = r.Clone(r.Context())
	bucketName, key := split(r)
	in := inObject
	switch {
	case bucketName == "":
		in = inAccount
	case key == "":
		in = inBucket
	}
	query := r.URL.Query()
	// A presigned URL has its headers in the query.
	for name, values := range query {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !ignoredInURL(lower) && r.Header.Get(name) == "" {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	op, err := match(r.Method, in, query, r.Header)
	if err != nil {
		return err
	}
	out, err := op.call(s, r.Context(), func(target any) error {
		if err := op.bind(r, query, bucketName, key, target); err != nil {
			return err
		}
		return s.authorize(r.Context(), target)
	})
	if err != nil {
		return err
	}
	if in != inAccount {
		w.Header().Set("X-Amz-Bucket-Region", s.account.Region)
	}
	if err := op.answer(w, out); err != nil {
		// The status has been sent, so the error can't be reported to the client.
		s.account.Log.DebugContext(r.Context(), "the client went away", "error", err)
	}
	return nil
}

// authorize decides whether the signer of a request may call the operation that
// an input belongs to.
func (s *Service) authorize(ctx context.Context, in any) error {
	if s.Authorize == nil {
		return nil
	}
	name := strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input")
	err := s.Authorize(ctx, "s3", name, in)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fail("AccessDenied", "%s", api.ErrorMessage())
	}
	return err
}

// split returns the bucket and key of a request.
func split(r *http.Request) (bucketName, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if name, rest, ok := strings.Cut(r.Host, ".s3."); ok && rest != "" {
		return name, path
	}
	bucketName, key, _ = strings.Cut(path, "/")
	return bucketName, key
}

// Refuse answers a request whose signature is wrong, with S3's codes and statuses.
// See https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
func (s *Service) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code, known := map[string]string{
			"InvalidSignatureException": "SignatureDoesNotMatch", "UnrecognizedClientException": "InvalidAccessKeyId", "ExpiredTokenException": "ExpiredToken",
			"MissingAuthenticationToken": "AccessDenied", "IncompleteSignatureException": "AuthorizationHeaderMalformed", "IncompleteSignature": "AuthorizationHeaderMalformed",
		}[api.ErrorCode()]
		if known {
			err = &smithy.GenericAPIError{Code: code, Message: api.ErrorMessage(), Fault: smithy.FaultClient}
		}
	}
	s.answerError(w, r, newID()[:16], err)
}

// answerError writes S3's error document.
func (s *Service) answerError(w http.ResponseWriter, r *http.Request, requestID string, err error) {
	code, message, status := "InternalError", err.Error(), http.StatusInternalServerError
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code, message, status = api.ErrorCode(), api.ErrorMessage(), http.StatusBadRequest
	}
	if listed, ok := statuses[code]; ok {
		status = listed
	}
	details, _ := errors.AsType[detailed](err)
	for _, h := range details.headers {
		w.Header().Set(h[0], h[1])
	}
	if r.Method == http.MethodHead || status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	var document bytes.Buffer
	writeElements(&document, "Error", slices.Concat([][2]string{{"Code", code}, {"Message", message}}, details.elements, [][2]string{
		{"Resource", r.URL.Path}, {"RequestId", requestID}, {"HostId", requestID},
	}))
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if _, err := w.Write(document.Bytes()); err != nil {
		s.account.Log.DebugContext(r.Context(), "the client went away", "error", err)
	}
}
