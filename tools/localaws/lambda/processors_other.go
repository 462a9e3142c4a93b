//go:build !linux

package lambda

// Only Linux lets a program choose its processors.
type processors struct{}

func allowedProcessors() *processors { return &processors{} }

func (*processors) limit(int) {}
