package codebuild

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/localaws/isolation"
)

// makeHome makes the HOME of a build, which has the caches and tools of this user and none of
// the user's secrets. Nothing that a build leaves there is found by another one.
func makeHome(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making a home for the build: %w", err)
	}
	user, err := os.UserHomeDir()
	if err != nil {
		// There is nothing to share.
		return nil //nolint:nilerr // see above
	}
	links := map[string]string{}
	for _, name := range isolation.SharedOfHome {
		links[name] = filepath.Join(user, name)
	}
	if settings, err := os.UserConfigDir(); err == nil {
		for _, name := range isolation.SharedSettings {
			links[filepath.Join(settingsBelowHome(), name)] = filepath.Join(settings, name)
		}
	}
	for name, users := range links {
		if err := share(users, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("sharing %s with the build: %w", users, err)
		}
	}
	settings, err := os.ReadFile(filepath.Join(user, ".npmrc")) // #nosec G304 -- of this user
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ".npmrc"), npmSettings(settings), 0o600)
	}
	if err != nil {
		return fmt.Errorf("giving npm's settings to the build: %w", err)
	}
	return nil
}

// settingsBelowHome returns where programs look for settings if no variable says so.
func settingsBelowHome() string {
	if runtime.GOOS == "darwin" {
		return "Library/Application Support"
	}
	return ".config"
}

// share makes a directory of the user appear in the home of a build.
func share(users, builds string) error {
	if _, err := os.Stat(users); err != nil {
		// The user has none.
		return nil //nolint:nilerr // see above
	}
	if err := os.MkdirAll(filepath.Dir(builds), 0o700); err != nil {
		return err
	}
	return os.Symlink(users, builds)
}

// npmSettings returns the lines of an .npmrc that say where packages are and how to get
// them, and none that has a token or a password.
func npmSettings(text []byte) []byte {
	var kept bytes.Buffer
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		name = strings.TrimSpace(name)
		// A setting below // is of one registry, and has its credentials.
		if name == "" || strings.HasPrefix(name, "//") || !command.Needs("npm_config_"+name) || withPassword(value) {
			continue
		}
		kept.WriteString(strings.TrimSpace(line) + "\n")
	}
	return kept.Bytes()
}

// withPassword reports whether a text is a URL that has a user.
func withPassword(text string) bool {
	u, err := url.Parse(strings.Trim(strings.TrimSpace(text), `"'`))
	return err == nil && u.User != nil
}
