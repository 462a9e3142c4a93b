package main

import "net/http"

// spoil never answers.
func spoil(http.Handler) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { select {} })
}
