package enclose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Network is a network namespace whose only interface is loopback. What runs there reaches
// nothing but the ports that Listen opens: no other machine, and nothing that listens on this
// one. It implements [isolation.Isolation].
//
// See https://man7.org/linux/man-pages/man7/network_namespaces.7.html.
type Network struct {
	namespace int          // a file descriptor
	users     []identities // if no files are hidden
	files     *files       // nil if this system can't hide any
	requests  chan func()
	done      chan struct{}
	close     sync.Once
}

// NewNetwork makes a network. This program must be in a user namespace that [Run] has made,
// or it may not. What runs there finds the places in the user's home, and no other files of it.
func NewNetwork(ctx context.Context, places ...string) (*Network, error) {
	n := &Network{requests: make(chan func()), done: make(chan struct{})}
	if home, err := os.UserHomeDir(); err == nil {
		if home, err = filepath.EvalSymlinks(home); err == nil && home != "/" && !within(os.TempDir(), home) {
			if n.files, err = newFiles(home, append(inHome(ctx, home), places...)); err != nil {
				return nil, err
			}
		}
	}
	made := make(chan error)
	go func() {
		// The thread is never unlocked, so that it ends here and nothing else runs on it.
		runtime.LockOSThread()
		err := n.enterNew()
		made <- err
		for err == nil {
			select {
			case request := <-n.requests:
				request()
			case <-n.done:
				return
			}
		}
	}()
	if err := <-made; err != nil {
		return nil, err
	}
	if n.files != nil {
		if err := unreadable(); err != nil {
			return nil, errors.Join(err, n.Close())
		}
		return n, nil
	}
	// What runs there gets a user namespace of its own, from which it can't read or change
	// this program. It begins as a copy of all memory of this one, so the other way is faster.
	for _, users := range choices() {
		probe := exec.Command("true")
		probe.SysProcAttr = &syscall.SysProcAttr{}
		own(probe.SysProcAttr, users)
		if err := probe.Run(); err == nil {
			n.users = users
			return n, nil
		}
	}
	return nil, errors.Join(errors.New("making a network: no program gets a user namespace of its own"), n.Close())
}

// unreadable keeps other programs of the user from reading or changing this one. Landlock
// alone does not keep those from it that a thread of this program starts, because that thread
// sees as little as they do. See https://man7.org/linux/man-pages/man2/ptrace.2.html.
func unreadable() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hiding this program from functions and builds: %w", err)
	}
	return nil
}

// enterNew takes the calling thread to the network.
func (n *Network) enterNew() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("making a network: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("making a network: %w", err)
	}
	namespace, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making a network: %w", err)
	}
	n.namespace = namespace
	return nil
}

// loopbackUp starts the loopback interface of the calling thread's network.
func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq("lo")
	if err == nil {
		request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
	}
	return errors.Join(err, unix.Close(socket))
}

// Enter implements [isolation.Isolation].
func (n *Network) Enter() error {
	if err := unix.Setns(n.namespace, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering the network of functions and builds: %w", err)
	}
	if err := n.files.restrict(); err != nil {
		return fmt.Errorf("hiding files from functions and builds: %w", err)
	}
	if n.files != nil {
		// Root could read this program all the same.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_PTRACE, 0, 0, 0); err != nil && os.Geteuid() == 0 {
			return fmt.Errorf("hiding this program from functions and builds: %w", err)
		}
	}
	// What the thread starts has no use for the rights with which it came here.
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("entering the network of functions and builds: %w", err)
	}
	return nil
}

// Prepare implements [isolation.Isolation].
func (n *Network) Prepare(cmd *exec.Cmd) {
	if n.files != nil {
		return
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	own(cmd.SysProcAttr, n.users)
}

// Listen implements [isolation.Isolation].
func (n *Network) Listen(ctx context.Context, address string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	for {
		outer, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		inner, err := n.listenInside(ctx, outer.Addr().String())
		if err == nil {
			return both(outer, inner), nil
		}
		if err = errors.Join(err, outer.Close()); port != "0" || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listening in the network of functions and builds: %w", err)
		}
		// A program there has just taken this port. It gets no requests for others.
	}
}

func (n *Network) listenInside(ctx context.Context, address string) (net.Listener, error) {
	type result struct {
		listener net.Listener
		err      error
	}
	got := make(chan result, 1)
	select {
	case n.requests <- func() {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		got <- result{l, err}
	}:
		r := <-got
		return r.listener, r.err
	case <-n.done:
		return nil, net.ErrClosed
	}
}

// Share lets programs in the network reach what listens on a port of this machine's loopback.
func (n *Network) Share(ctx context.Context, port string) error {
	address := net.JoinHostPort("127.0.0.1", port)
	l, err := n.listenInside(ctx, address)
	if err != nil {
		return fmt.Errorf("sharing port %s with functions and builds: %w", port, err)
	}
	go func() {
		for {
			near, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go relay(ctx, near, address)
			}
		}
	}()
	context.AfterFunc(ctx, func() { _ = l.Close() })
	return nil
}

// relay connects a program in the network with an address outside of it, until one of them
// ends.
func relay(ctx context.Context, near net.Conn, address string) {
	far, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		// Nobody listens there, as the program notices.
		_ = near.Close()
		return
	}
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			done <- struct{}{}
		}()
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	_, _ = near.Close(), far.Close()
}

// HidesFiles reports whether programs in the network find only a part of the user's home.
func (n *Network) HidesFiles() bool { return n.files != nil }

// Close ends the network. Programs that are still there reach nothing any more once what
// listens for them is closed. n may be nil.
func (n *Network) Close() error {
	if n == nil {
		return nil
	}
	var err error
	n.close.Do(func() {
		close(n.done)
		err = errors.Join(unix.Close(n.namespace), n.files.close())
	})
	return err
}

// A joint is one listener of two.
type joint struct {
	net.Listener // whose address it has

	other    net.Listener
	accepted chan accepted
	closed   chan struct{}
	once     sync.Once
}

type accepted struct {
	conn net.Conn
	err  error
}

func both(a, b net.Listener) *joint {
	j := &joint{Listener: a, other: b, accepted: make(chan accepted), closed: make(chan struct{})}
	for _, l := range []net.Listener{a, b} {
		go j.pass(l)
	}
	return j
}

func (j *joint) pass(l net.Listener) {
	for {
		conn, err := l.Accept()
		select {
		case j.accepted <- accepted{conn, err}:
		case <-j.closed:
			if conn != nil {
				// Its client notices.
				_ = conn.Close()
			}
			return
		}
	}
}

func (j *joint) Accept() (net.Conn, error) {
	select {
	case a := <-j.accepted:
		return a.conn, a.err
	case <-j.closed:
		return nil, net.ErrClosed
	}
}

func (j *joint) Close() error {
	err := net.ErrClosed
	j.once.Do(func() {
		close(j.closed)
		err = errors.Join(j.Listener.Close(), j.other.Close())
	})
	return err
}
