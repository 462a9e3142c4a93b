package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
)

// serve answers the invocations of the Runtime API, one after another. It speaks
// what it needs of HTTP by itself: with net/http the program is nearly three
// times as large, and each test carries it through clients and servers that the
// race detector watches byte by byte.
// See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
func serve(handle func([]byte) (response, error)) {
	api := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	conn, err := net.Dial("tcp", api)
	if err != nil {
		fail(err)
	}
	c := &client{api: api, conn: conn, reader: textproto.NewReader(bufio.NewReader(conn))}
	const invocation = "/2018-06-01/runtime/invocation/"
	for {
		header, event := c.do("GET", invocation+"next", "", nil)
		id := header.Get("Lambda-Runtime-Aws-Request-Id")
		switch said, err := handle(event); {
		case err != nil:
			c.do("POST", invocation+id+"/error", "Content-Type: application/json\r\n",
				encode(map[string]string{"errorMessage": err.Error(), "errorType": "errorString"}))
		case said.stream != nil:
			chunks := make([]byte, 0, 64)
			for _, piece := range said.stream {
				chunks = fmt.Appendf(chunks, "%x\r\n%s\r\n", len(piece), piece)
			}
			c.do("POST", invocation+id+"/response",
				"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n", append(chunks, "0\r\n\r\n"...))
		default:
			c.do("POST", invocation+id+"/response", "Content-Type: application/json\r\n", encode(said))
		}
	}
}

type client struct {
	api    string
	conn   net.Conn
	reader *textproto.Reader
}

// do sends a request and returns its answer. A body is sent with its length,
// unless a header says that it is in chunks already.
func (c *client) do(method, path, headers string, body []byte) (textproto.MIMEHeader, []byte) {
	if !strings.Contains(headers, "chunked") {
		headers += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	if _, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s", method, path, c.api, headers, body); err != nil {
		fail(err)
	}
	status, err := c.reader.ReadLine()
	if err != nil {
		fail(err)
	}
	if !strings.HasPrefix(status, "HTTP/1.1 2") {
		fail(fmt.Errorf("the Runtime API answers %q", status))
	}
	header, err := c.reader.ReadMIMEHeader()
	if err != nil {
		fail(err)
	}
	return header, c.body(header)
}

func (c *client) body(header textproto.MIMEHeader) []byte {
	if header.Get("Transfer-Encoding") != "chunked" {
		length, _ := strconv.Atoi(header.Get("Content-Length")) // none is none
		return c.read(length)
	}
	var body []byte
	for {
		line, err := c.reader.ReadLine()
		if err != nil {
			fail(err)
		}
		length, err := strconv.ParseInt(line, 16, 32)
		if err != nil {
			fail(err)
		}
		body = append(body, c.read(int(length))...)
		if _, err := c.reader.ReadLine(); err != nil {
			fail(err)
		}
		if length == 0 {
			return body
		}
	}
}

func (c *client) read(length int) []byte {
	data := make([]byte, length)
	if _, err := io.ReadFull(c.reader.R, data); err != nil {
		fail(err)
	}
	return data
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		fail(err)
	}
	return data
}

// fail ends the process, as a runtime does that can't go on.
func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
