package localaws

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/magewright/magewright/tools/localaws/loopback"
)

// guard refuses requests that a web page on this machine can make a browser send.
// A page may send a "simple" request anywhere, and after rebinding its own name to
// 127.0.0.1 it may read the answer too. Clients of AWS send no Origin, and address
// the endpoint by its own name.
//
// See https://fetch.spec.whatwg.org/#http-origin and
// https://www.w3.org/TR/fetch-metadata/.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch site := r.Header.Get("Sec-Fetch-Site"); {
		case !ownHost(r.Host):
			refuse(w, "The embedded AWS does not answer for the host "+r.Host+". Use the address that it printed.")
		case r.Header.Get("Origin") != "":
			refuse(w, "The embedded AWS does not answer web pages. This request is from "+r.Header.Get("Origin")+".")
		case site != "" && site != "none" && site != "same-origin":
			refuse(w, "The embedded AWS does not answer web pages. This request is from another site.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownHost reports whether a request is addressed to this machine: to a loopback
// address or localhost, or to a bucket below one of them.
func ownHost(host string) bool {
	if _, endpoint, ok := strings.Cut(host, ".s3."); ok { // a bucket's host
		host = endpoint
	}
	return loopback.Is(host)
}

func refuse(w http.ResponseWriter, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
	w.WriteHeader(http.StatusForbidden)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": "AccessDeniedException", "message": message}) // the client may be gone
}
