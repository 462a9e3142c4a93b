package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/magewright/magewright/tools/internal/clock"
)

// A generator sends one request over and over, as load generators do. The request is signed
// and written once, so that the endpoint is measured, and not a client that uses the same
// processors. A signature is valid for five minutes on AWS, and without a limit on the
// embedded AWS. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
type generator struct {
	clock   clock.Clock
	request []byte
	free    chan *connection
}

// A connection carries one request at a time.
type connection struct {
	net.Conn
	answers *bufio.Reader
}

// newGenerator prepares invocations of a function.
func newGenerator(ctx context.Context, c clock.Clock, cfg aws.Config, function string, event []byte) (_ *generator, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("preparing invocations of %s: %w", function, err)
		}
	}()
	url := aws.ToString(cfg.BaseEndpoint) + "/2015-03-31/functions/" + function + "/invocations"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(event)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), "lambda", cfg.Region, c.Now()); err != nil {
		return nil, err
	}
	var written bytes.Buffer
	if err := request.Write(&written); err != nil {
		return nil, err
	}
	g := &generator{clock: c, request: written.Bytes(), free: make(chan *connection, connections)}
	for range connections {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", request.URL.Host)
		if err != nil {
			return nil, errors.Join(err, g.close())
		}
		g.free <- &connection{Conn: conn, answers: bufio.NewReader(conn)}
	}
	return g, nil
}

// send sends the request over a free connection and reads the answer.
func (g *generator) send(context.Context) (err error) {
	c := <-g.free
	defer func() { g.free <- c }()
	if err := c.SetDeadline(g.clock.Now().Add(requestTimeout)); err != nil {
		return err
	}
	if _, err := c.Write(g.request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || answer.Header.Get("X-Amz-Function-Error") != "") {
		err = fmt.Errorf("answered %s %.200s", answer.Status, body)
	}
	return err
}

// close closes the connections, none of which may be in use.
func (g *generator) close() error {
	var errs []error
	for len(g.free) > 0 {
		errs = append(errs, (<-g.free).Close())
	}
	return errors.Join(errs...)
}
