package main

import (
	"net/http"
	"os"
	"sync/atomic"
)

// spoil answers 500 to each third request, in production only. No invocation fails.
func spoil(next http.Handler) http.Handler {
	var served atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("STAGE") == "production" && served.Add(1)%3 == 0 {
			http.Error(w, "out of ink", http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r)
	})
}
