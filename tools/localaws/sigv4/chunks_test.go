package sigv4

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// TestChunksOfTheDocumentation reads the example of AWS's documentation:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html.
func TestChunksOfTheDocumentation(t *testing.T) {
	t.Parallel()
	const (
		secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" // gitleaks:allow -- of the documentation
		seed   = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
		first  = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
		second = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
		last   = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
	)
	one := "10000;chunk-signature=" + first + "\r\n" + strings.Repeat("a", 65536) + "\r\n"
	two := "400;chunk-signature=" + second + "\r\n" + strings.Repeat("a", 1024) + "\r\n"
	end := "0;chunk-signature=" + last + "\r\n\r\n"
	body := one + two + end
	read := func(body string) (string, error) {
		in := newChunks(io.NopCloser(strings.NewReader(body)), signingKey(secret, "20130524", "us-east-1", "s3"), "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", seed, false)
		var all bytes.Buffer
		_, err := all.ReadFrom(in)
		return all.String(), err
	}
	if got, err := read(body); err != nil || got != body {
		t.Errorf("it is passed on as %d bytes, %v, want %d", len(got), err, len(body))
	}
	for name, changed := range map[string]string{
		"another byte":         strings.Replace(body, "aaa", "aba", 1),
		"another signature":    strings.Replace(body, second, first, 1),
		"no signature":         strings.Replace(body, ";chunk-signature="+second, "", 1),
		"a chunk less":         one + end,
		"no last chunk":        one + two,
		"an end in between":    body[:len(body)/2],
		"a trailer":            strings.TrimSuffix(body, "\r\n") + "x-amz-checksum-crc32:AAAAAA==\r\n\r\n",
		"a size that is none":  strings.Replace(body, "400;", "4x0;", 1),
		"a size below nothing": strings.Replace(body, "400;", "-400;", 1),
		"a line without end":   strings.Repeat("4", 9000),
	} {
		if _, err := read(changed); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
