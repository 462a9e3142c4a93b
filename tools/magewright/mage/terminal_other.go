//go:build !unix

package main

// foreground reports that Ctrl-C reaches Mage as well, as it does in a console.
func foreground() bool { return true }

// lock locks nothing.
func lock(string) (unlock func(), err error) { return func() {}, nil }
