package apigatewayv2

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// checkCORS checks CORS settings. It returns nil for settings that set nothing.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html.
func checkCORS(c *types.Cors) (*types.Cors, error) {
	if c == nil || c.AllowCredentials == nil && c.MaxAge == nil && len(c.AllowHeaders)+len(c.AllowMethods)+len(c.AllowOrigins)+len(c.ExposeHeaders) == 0 {
		return nil, nil
	}
	if aws.ToBool(c.AllowCredentials) && (slices.Contains(c.AllowOrigins, "*") || slices.Contains(c.AllowHeaders, "*") || slices.Contains(c.AllowMethods, "*")) {
		return nil, invalid("Invalid CORS configuration: allowCredentials can't be used with * as an allowed origin, header or method")
	}
	for _, origin := range c.AllowOrigins {
		if origin != "*" && !strings.Contains(origin, "://") {
			return nil, invalid("Invalid format for origin %s", origin)
		}
	}
	if c.MaxAge != nil && (*c.MaxAge < -1 || *c.MaxAge > 86400) {
		return nil, invalid("Invalid CORS configuration: maxAge must be between -1 and 86400")
	}
	return c, nil
}

// crossOrigin returns the value of Access-Control-Allow-Origin for a request, or ""
// if a page of its origin may not read the response.
func crossOrigin(c *types.Cors, r *http.Request) string {
	origin := r.Header.Get("Origin")
	if c == nil || origin == "" {
		return ""
	}
	for _, allowed := range c.AllowOrigins {
		switch scheme, any := strings.CutSuffix(allowed, "://*"); {
		case allowed == "*":
			return "*"
		case allowed == origin, any && strings.HasPrefix(origin, scheme+"://"):
			return origin
		}
	}
	return ""
}

// allow sets the headers that make a browser show the response to a page.
func allow(c *types.Cors, h http.Header, origin string) {
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if origin != "*" {
		h.Add("Vary", "Origin")
	}
	if aws.ToBool(c.AllowCredentials) {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ","))
	}
}

// isPreflight reports whether a browser asks what a page may do.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers a browser's question without any route.
func preflight(w http.ResponseWriter, c *types.Cors, r *http.Request) {
	h := w.Header()
	if origin := crossOrigin(c, r); origin != "" {
		allow(c, h, origin)
		if len(c.AllowMethods) > 0 {
			h.Set("Access-Control-Allow-Methods", strings.Join(c.AllowMethods, ","))
		}
		if len(c.AllowHeaders) > 0 {
			h.Set("Access-Control-Allow-Headers", strings.Join(c.AllowHeaders, ","))
		}
		if c.MaxAge != nil {
			h.Set("Access-Control-Max-Age", strconv.Itoa(int(*c.MaxAge)))
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
