package enclose

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// choices returns the namespaces to try. Root keeps all users that it has, so that it can
// go on giving files to them. Others may only keep themselves.
func choices() [][]identities {
	own := []identities{{os.Geteuid(), 1}, {os.Getegid(), 1}}
	if os.Geteuid() != 0 {
		return [][]identities{own}
	}
	users, err := mapped("/proc/self/uid_map")
	if err != nil {
		return [][]identities{own}
	}
	groups, err := mapped("/proc/self/gid_map")
	if err != nil {
		return [][]identities{own}
	}
	return [][]identities{{users, groups}, own}
}

// mapped returns the first range of a map of users or groups, which has root.
func mapped(file string) (identities, error) {
	text, err := os.ReadFile(file) // #nosec G304 -- of /proc
	if err != nil {
		return identities{}, err
	}
	var inside, outside, size int
	if _, err := fmt.Sscan(string(text), &inside, &outside, &size); err != nil {
		return identities{}, err
	}
	return identities{inside, size}, nil
}

// attributes makes a process end with this one, in a user namespace if there is one.
func attributes(namespace []identities) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if len(namespace) == 0 {
		return attr
	}
	own(attr, namespace)
	// It makes networks, and moves threads there.
	attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN}
	return attr
}

// own gives a process a user namespace of its own.
func own(attr *syscall.SysProcAttr, namespace []identities) {
	all := func(i identities) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: i.first, HostID: i.first, Size: i.size}}
	}
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings, attr.GidMappings = all(namespace[0]), all(namespace[1])
	// Only who may keep other groups may leave its own.
	attr.GidMappingsEnableSetgroups = slices.ContainsFunc(namespace, func(i identities) bool { return i.size > 1 })
}
