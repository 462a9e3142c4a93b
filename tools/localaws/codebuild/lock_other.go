//go:build !unix

package codebuild

// lock can't be had on this system: each build has a directory of its own.
func lock(string) (func() error, error) { return nil, errTaken }
