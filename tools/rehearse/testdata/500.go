package main

import "net/http"

// spoil answers 500 to everything.
func spoil(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "out of ink", http.StatusInternalServerError)
	})
}
