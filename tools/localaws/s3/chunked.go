package s3

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"
)

// payload reads the body of a request. It decodes the transfer coding
// aws-chunked, and adds the trailing checksum that the request announced to the
// request's header. The body fails where a chunk is not signed as it must be: see
// package sigv4.
// See https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html.
func payload(r *http.Request) ([]byte, error) {
	declared := r.Header.Get("X-Amz-Content-Sha256")
	if !strings.HasPrefix(declared, "STREAMING-") && !contentCoding(r.Header, "aws-chunked") {
		data, err := readAll(r.Body, r.ContentLength)
		if err != nil {
			return nil, err
		}
		if len(declared) == 2*sha256.Size {
			if got := sha256.Sum256(data); !strings.EqualFold(hex.EncodeToString(got[:]), declared) {
				return nil, fail("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
			}
		}
		return data, nil
	}
	data, trailer, err := decodeChunked(r.Body)
	if err != nil {
		return nil, err
	}
	if length := r.Header.Get("X-Amz-Decoded-Content-Length"); length != "" && length != strconv.Itoa(len(data)) {
		return nil, fail("IncompleteBody", "The request announced %s bytes and sent %d", length, len(data))
	}
	for _, name := range strings.Split(r.Header.Get("X-Amz-Trailer"), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		value := trailer.Get(name)
		if value == "" {
			return nil, fail("MalformedTrailerError", "The request contained trailing data that was not well-formed: %s is missing", name)
		}
		r.Header.Set(name, value)
	}
	dropCoding(r.Header, "aws-chunked")
	return data, nil
}

// believed limits the number of bytes that are allocated at once because of an
// announced length.
const believed = 64 << 20

// readAll reads a body up to the size limit. Allocating the announced length,
// in bytes, avoids repeated copying while the buffer grows.
func readAll(r io.Reader, announced int64) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	// The data is already in memory and not shared.
	if b, ok := r.(*body); ok {
		return b.data, nil
	}
	data := bytes.NewBuffer(make([]byte, 0, min(max(announced, 0), believed)+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(r, MaxObjectSize+1)); err != nil {
		return nil, fail("IncompleteBody", "reading the request's body: %v", err)
	}
	if data.Len() > MaxObjectSize {
		return nil, tooLarge()
	}
	return data.Bytes(), nil
}

func tooLarge() error {
	return fail("EntityTooLarge", "Your proposed upload exceeds the embedded S3's limit of %d bytes", MaxObjectSize)
}

// A body is a request body that has already been read.
type body struct {
	*bytes.Reader
	data []byte
}

func newBody(data []byte) *body { return &body{Reader: bytes.NewReader(data), data: data} }

// decodeChunked reads an aws-chunked body and its trailing headers.
func decodeChunked(r io.Reader) ([]byte, http.Header, error) {
	malformed := func(err error) error {
		if signature, ok := errors.AsType[smithy.APIError](err); ok {
			return fail("SignatureDoesNotMatch", "%s", signature.ErrorMessage())
		}
		return fail("IncompleteBody", "The request body's aws-chunked coding is not well-formed: %v", err)
	}
	in := bufio.NewReader(r)
	var data bytes.Buffer
	for {
		line, err := readLine(in)
		if err != nil {
			return nil, nil, malformed(err)
		}
		digits, _, _ := strings.Cut(line, ";")
		size, err := strconv.ParseUint(digits, 16, 63)
		if err != nil {
			return nil, nil, malformed(err)
		}
		if size > MaxObjectSize || data.Len()+int(size) > MaxObjectSize { // #nosec G115 -- the first test bounds it
			return nil, nil, tooLarge()
		}
		if size == 0 {
			break
		}
		if _, err := io.CopyN(&data, in, int64(size)); err != nil { // #nosec G115 -- bounded above
			return nil, nil, malformed(err)
		}
		if end, err := readLine(in); err != nil {
			return nil, nil, malformed(err)
		} else if end != "" {
			return nil, nil, malformed(errors.New("the length of a chunk differs from its size"))
		}
	}
	trailer := http.Header{}
	for {
		line, err := readLine(in)
		if line == "" {
			// Some clients leave out the empty line at the very end.
			if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return data.Bytes(), trailer, nil
			}
			return nil, nil, malformed(err)
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			return nil, nil, malformed(errors.New("a trailing header without a colon"))
		}
		trailer.Set(strings.TrimSpace(name), strings.TrimSpace(value))
		if err != nil {
			return data.Bytes(), trailer, nil
		}
	}
}

// maxLine limits a chunk's first line and a trailing header.
const maxLine = 8 << 10

// readLine returns a line without its newline. If the last line has no newline,
// it returns the line with io.EOF.
func readLine(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return "", errors.New("a line is too long")
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return strings.TrimRight(string(line), "\r\n"), err
		}
	}
}

func contentCoding(h http.Header, coding string) bool {
	for c := range strings.SplitSeq(h.Get("Content-Encoding"), ",") {
		if strings.TrimSpace(c) == coding {
			return true
		}
	}
	return false
}

func dropCoding(h http.Header, coding string) {
	var kept []string
	for c := range strings.SplitSeq(h.Get("Content-Encoding"), ",") {
		if c = strings.TrimSpace(c); c != "" && c != coding {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		h.Del("Content-Encoding")
		return
	}
	h.Set("Content-Encoding", strings.Join(kept, ","))
}
