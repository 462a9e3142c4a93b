package codebuild

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// place returns the empty directory that a build runs in, and a function to
// call afterwards. The directory belongs to the build's project and action. If
// another build uses it, for example one of another endpoint, the build gets a
// different directory.
func (s *Service) place(b *build) (dir string, leave func() error) {
	if dir, leave, err := s.stablePlace(b); err == nil {
		return dir, leave
	} else if !errors.Is(err, errTaken) {
		s.account.Log.Warn("making a build's directory", "build", *b.api.Id, "error", err)
	}
	dir = filepath.Join(s.account.Dir, "codebuild", *b.project.Name, b.uuid)
	return dir, func() error { return removeAll(dir) }
}

// errTaken says that a directory is in use.
var errTaken = errors.New("another build uses the directory")

func (s *Service) stablePlace(b *build) (string, func() error, error) {
	if s.deps.Dir == "" {
		return "", nil, errTaken
	}
	name := *b.project.Name
	if b.pipeline != nil {
		// A project that CloudFormation creates has another name the next time.
		name = b.pipeline.PipelineName + "-" + b.pipeline.ActionName
	}
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == 0 {
			return '-'
		}
		return r
	}, name)
	place := filepath.Join(s.deps.Dir, "builds", name)
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return "", nil, err
	}
	unlock, err := lock(place + ".lock")
	if err != nil {
		return "", nil, err
	}
	// A killed build leaves its files behind.
	if err := removeAll(place); err != nil {
		return "", nil, errors.Join(err, unlock())
	}
	return place, func() error { return errors.Join(removeAll(place), unlock()) }, nil
}
