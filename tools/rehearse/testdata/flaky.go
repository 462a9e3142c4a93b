package main

import (
	"net/http"
	"os"
	"sync/atomic"
)

// spoil crashes on each fifth request, in production only.
func spoil(next http.Handler) http.Handler {
	var served atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("STAGE") == "production" && served.Add(1)%5 == 0 {
			os.Exit(1)
		}
		next.ServeHTTP(w, r)
	})
}
