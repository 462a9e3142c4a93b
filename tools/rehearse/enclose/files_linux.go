package enclose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/localaws/isolation"
)

// files are those files that functions and builds may use: all that are not in the user's
// home, and a few that are. Linux calls this Landlock: see
// https://docs.kernel.org/userspace-api/landlock.html.
type files struct{ ruleset int }

// needed is the version of Landlock from which on files may be moved between directories.
const needed = 2

// all returns the rights that a version of Landlock knows. Those of directories are not for
// files.
func all(version int) (rights, ofFiles uint64) {
	ofFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	if version >= 3 {
		ofFiles |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	rights = ofFiles | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER
	return rights, ofFiles
}

// newFiles returns the files that are not in a home, and those below the places in it. It
// returns nil if this system can't hide any.
func newFiles(home string, places []string) (_ *files, err error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || version < needed {
		return nil, nil
	}
	rights, ofFiles := all(int(version))
	attr := unix.LandlockRulesetAttr{Handled_access_fs: rights}
	if version >= 6 {
		// Nor does a build end processes of others, or talk to them by sockets without a file.
		attr.Scoped = unix.LANDLOCK_SCOPE_SIGNAL | unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	for dir := home; dir != "/"; dir = filepath.Dir(dir) {
		siblings, err := os.ReadDir(filepath.Dir(dir))
		if err != nil {
			// What is beside it is unknown, as where these files are hidden from this program.
			return nil, nil //nolint:nilerr,nilnil // see above
		}
		for _, s := range siblings {
			if s.Name() != filepath.Base(dir) {
				places = append(places, filepath.Join(filepath.Dir(dir), s.Name()))
			}
		}
	}
	ruleset, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0) // #nosec G103 -- the call takes a structure
	if errno != 0 {
		return nil, fmt.Errorf("hiding files: %w", errno)
	}
	f := &files{int(ruleset)}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(f.ruleset))
		}
	}()
	for _, place := range places {
		if err := f.allow(place, rights, ofFiles); err != nil {
			return nil, fmt.Errorf("hiding all files but %s: %w", place, err)
		}
	}
	return f, nil
}

// allow lets programs use a file, or a directory and all that is in it. What does not exist
// is left out.
func (f *files) allow(place string, rights, ofFiles uint64) error {
	fd, err := unix.Open(place, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	var stat unix.Stat_t
	if err = unix.Fstat(fd, &stat); err == nil {
		if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
			rights = ofFiles
		}
		attr := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}                                                                     // #nosec G115 -- a file descriptor
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(f.ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0) // #nosec G103 -- the call takes a structure
		if errno != 0 {
			err = errno
		}
	}
	return errors.Join(err, unix.Close(fd))
}

// restrict hides all other files from the calling thread, and from what it starts.
func (f *files) restrict() error {
	if f == nil {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(f.ruleset), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func (f *files) close() error {
	if f == nil {
		return nil
	}
	return unix.Close(f.ruleset)
}

// tools are programs that builds need, wherever the user has installed them.
var tools = []string{"go", "node", "npm", "npx", "git", "bash", "sh", "python3", "mage", "aws"}

// inHome returns what functions and builds use of a home: the caches and the tools that a
// build's own home leads to, Go's directories, and those of programs.
func inHome(ctx context.Context, home string) []string {
	var places []string
	// What does not exist yet would stay hidden. This program and npm, which it runs, make
	// these directories later, and builds use them too.
	made := []string{filepath.Join(home, ".npm")}
	for _, name := range isolation.SharedOfHome {
		places = append(places, filepath.Join(home, name))
	}
	if settings, err := os.UserConfigDir(); err == nil {
		for _, name := range isolation.SharedSettings {
			places = append(places, filepath.Join(settings, name))
			made = append(made, filepath.Join(settings, name))
		}
	}
	if gos, err := gocmd.In("").Output(ctx, "env", "GOROOT", "GOCACHE", "GOMODCACHE", "GOPATH"); err == nil {
		for line := range strings.Lines(gos) {
			places = append(places, filepath.SplitList(strings.TrimSpace(line))...)
		}
	}
	places = append(places, os.TempDir())
	places = append(places, filepath.SplitList(os.Getenv("MAGEWRIGHT_FILES"))...)
	if cache, err := os.UserCacheDir(); err == nil {
		places, made = append(places, cache), append(made, cache)
	}
	for _, dir := range made {
		// Who can't make it can't use it either.
		_ = os.MkdirAll(dir, 0o700)
	}
	// Something that leads out of its directory is installed beside it, as in
	// ../lib/node_modules.
	for _, tool := range tools {
		if program, err := exec.LookPath(tool); err == nil {
			if program, err = filepath.EvalSymlinks(program); err == nil {
				places = append(places, program, filepath.Dir(filepath.Dir(program)))
			}
		}
	}
	places = append(places, filepath.SplitList(os.Getenv("PATH"))...)
	return slices.DeleteFunc(places, func(place string) bool {
		real, err := filepath.EvalSymlinks(place)
		// A place that contains the home would show all of it.
		return err != nil || within(real, home)
	})
}

// within reports whether a directory is or contains another one.
func within(dir, other string) bool {
	return strings.HasPrefix(other+"/", strings.TrimSuffix(dir, "/")+"/")
}
