package s3

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Data that is cut into chunks is decoded to the same data and trailer.
func TestChunksComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var coded, want bytes.Buffer
		for _, chunk := range rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 1, 50)).Draw(t, "chunks") {
			fmt.Fprintf(&coded, "%x%s\r\n%s\r\n", len(chunk), rapid.SampledFrom([]string{"", ";chunk-signature=00"}).Draw(t, "signature"), chunk)
			want.Write(chunk)
		}
		coded.WriteString("0\r\nx-amz-checksum-crc32: value\r\n" + rapid.SampledFrom([]string{"", "\r\n"}).Draw(t, "end"))
		data, trailer, err := decodeChunked(&coded)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, want.Bytes()) || trailer.Get("X-Amz-Checksum-Crc32") != "value" {
			t.Fatalf("%q, %v", data, trailer)
		}
	})
}

func FuzzDecodeChunked(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"))
	f.Add([]byte("ffffffffffffffff\r\n"))
	f.Add([]byte("0\r\na:b"))
	f.Fuzz(func(t *testing.T, body []byte) {
		data, _, err := decodeChunked(bytes.NewReader(body))
		if err == nil && len(data) >= len(body) {
			t.Errorf("%d bytes decoded from %d", len(data), len(body))
		}
	})
}
