package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"
)

// What X-Amz-Content-Sha256 says of a body whose chunks are signed one by one, each
// with the signature of the one before. The second also signs what follows the chunks.
// See https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html.
const (
	streaming        = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingTrailer = streaming + "-TRAILER"
)

// chunks passes on a body of signed chunks as it is, and fails where a chunk does not
// have the signature that it must have.
type chunks struct {
	in       *bufio.Reader
	body     io.Closer
	key      []byte
	scope    string // time and scope, a line each
	previous string // signature
	trailer  bool   // what follows the chunks is signed, too

	out     bytes.Buffer // read, and not passed on yet
	left    int64        // bytes of the chunk that were not read yet
	sum     hash.Hash    // of the chunk
	claimed string       // the chunk's signature
	err     error        // what Read returns when out is empty
}

func newChunks(body io.ReadCloser, key []byte, at, scope, seed string, trailer bool) *chunks {
	return &chunks{in: bufio.NewReader(body), body: body, key: key, scope: at + "\n" + scope + "\n", previous: seed, trailer: trailer}
}

// Close closes the body.
func (c *chunks) Close() error { return c.body.Close() }

// Read implements [io.Reader]. Nobody reads to the end unless all signatures are right.
func (c *chunks) Read(p []byte) (int, error) {
	for c.out.Len() == 0 && c.err == nil {
		c.err = c.next()
	}
	if c.out.Len() == 0 {
		return 0, c.err
	}
	return c.out.Read(p)
}

// next reads a piece of the body.
func (c *chunks) next() error {
	if c.sum == nil {
		return c.begin()
	}
	if c.left > 0 {
		piece := make([]byte, min(c.left, 64<<10))
		n, err := io.ReadFull(c.in, piece)
		c.left -= int64(n)
		_, _ = c.sum.Write(piece[:n]) // never fails
		c.out.Write(piece[:n])
		return err
	}
	end, err := c.line()
	if err != nil {
		return err
	}
	if err := c.check("AWS4-HMAC-SHA256-PAYLOAD", c.claimed, hexHash(nil)+"\n"+hex.EncodeToString(c.sum.Sum(nil))); err != nil {
		return err
	}
	c.sum = nil
	c.out.WriteString(end)
	return nil
}

// begin reads the first line of a chunk. The last chunk has no bytes, and the trailing
// headers follow it.
func (c *chunks) begin() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	digits, extension, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ";")
	size, err := strconv.ParseInt(digits, 16, 63)
	if err != nil || size < 0 {
		return invalid("The size of a chunk, %q, is not a hexadecimal number.", digits)
	}
	claimed, ok := strings.CutPrefix(extension, "chunk-signature=")
	if !ok {
		return invalid("A chunk has no signature.")
	}
	c.out.WriteString(line)
	if size > 0 {
		c.left, c.sum, c.claimed = size, sha256.New(), claimed
		return nil
	}
	if err := c.check("AWS4-HMAC-SHA256-PAYLOAD", claimed, hexHash(nil)+"\n"+hexHash(nil)); err != nil {
		return err
	}
	return c.end()
}

// end reads what follows the chunks.
func (c *chunks) end() error {
	rest, err := io.ReadAll(io.LimitReader(c.in, maxTrailer+1))
	if err != nil {
		return err
	}
	if len(rest) > maxTrailer {
		return invalid("The trailing headers have more than %d bytes.", maxTrailer)
	}
	var canonical strings.Builder
	claimed := ""
	for line := range strings.Lines(string(rest)) {
		name, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case !found:
		case name == "x-amz-trailer-signature":
			claimed = strings.TrimSpace(value)
		default:
			canonical.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
		}
	}
	if c.trailer {
		if err := c.check("AWS4-HMAC-SHA256-TRAILER", claimed, hexHash([]byte(canonical.String()))); err != nil {
			return err
		}
	} else if canonical.Len() > 0 {
		return invalid("Trailing headers follow the chunks, and are not signed.")
	}
	c.out.Write(rest)
	return io.EOF
}

// maxTrailer limits what follows the chunks.
const maxTrailer = 16 << 10

// check compares a signature with the one that a text must have after the one before.
func (c *chunks) check(kind, claimed, text string) error {
	want := hex.EncodeToString(mac(c.key, kind+"\n"+c.scope+c.previous+"\n"+text))
	if subtle.ConstantTimeCompare([]byte(claimed), []byte(want)) != 1 {
		return mismatch()
	}
	c.previous = want
	return nil
}

// line reads a line with its end.
func (c *chunks) line() (string, error) {
	line, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", invalid("A line between chunks is too long.")
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return string(line), err
}
