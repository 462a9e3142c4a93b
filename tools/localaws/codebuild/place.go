package codebuild

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// A place is the empty directory that a build runs in.
type place struct {
	dir string
	// kept is a directory beside it, for the files that the next build of the
	// project and action is likely to check out again. It is empty if there is none.
	kept   string
	unlock func() error
}

// place returns the place of a build. It belongs to the build's project and
// action. If another build uses it, for example one of another endpoint, the build
// gets a different one.
func (s *Service) place(b *build) place {
	p, err := s.stablePlace(b)
	if err == nil {
		return p
	}
	if !errors.Is(err, errTaken) {
		s.account.Log.Warn("making a build's directory", "build", *b.api.Id, "error", err)
	}
	return place{dir: filepath.Join(s.account.Dir, "codebuild", *b.project.Name, b.uuid), unlock: func() error { return nil }}
}

// leave removes what is in the place, and keeps the files of the checkout.
func (p place) leave(source string, checkedOut tree) error {
	if p.kept != "" && checkedOut.files != nil {
		// What can't be kept is not needed.
		if err := errors.Join(checkedOut.prune(source, 0o700), os.RemoveAll(p.kept)); err == nil {
			_ = os.Rename(source, p.kept)
		}
	}
	return errors.Join(removeAll(p.dir), p.unlock())
}

// errTaken says that a directory is in use.
var errTaken = errors.New("another build uses the directory")

func (s *Service) stablePlace(b *build) (place, error) {
	if s.deps.Dir == "" {
		return place{}, errTaken
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
	dir := filepath.Join(s.deps.Dir, "builds", name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return place{}, err
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return place{}, err
	}
	// A killed build leaves its files behind.
	if err := removeAll(dir); err != nil {
		return place{}, errors.Join(err, unlock())
	}
	return place{dir: dir, kept: dir + ".kept", unlock: unlock}, nil
}
