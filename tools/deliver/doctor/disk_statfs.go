//go:build linux || darwin

package doctor

import "golang.org/x/sys/unix"

// free returns how many bytes an ordinary user may still write to a directory's file system.
// See statvfs(3).
func free(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil // #nosec G115 -- sizes are not negative
}
