package where

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	got, err := parseStat("4711 (a) b (c) S 4700 1 1 0 -1 4194560 1 2 3 4 150 25 9 9 20 0 1 0 987654 1 2 3\n")
	if want := (stat{name: "a) b (c", state: "S", parent: 4700, ticks: 175, start: 987654}); err != nil || got != want {
		t.Errorf("parseStat = %+v, %v, want %+v", got, err, want)
	}
	for _, broken := range []string{"", "1 2 3", "1 (a) S 2", "1 (a) S x 1 1 0 -1 0 1 2 3 4 150 25 9 9 20 0 1 0 987654"} {
		if _, err := parseStat(broken); err == nil {
			t.Errorf("parseStat(%q) succeeded", broken)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/args"
	if err := os.WriteFile(file, []byte("-p\nexample.com/x\na.go\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want []string }{
		{[]string{"compile", "@" + file}, []string{"compile", "-p", "example.com/x", "a.go"}},
		{[]string{"compile", "@" + file + ".gone"}, []string{"compile", "@" + file + ".gone"}},
		{[]string{"npm", "@" + file}, []string{"npm", "@" + file}},
		{[]string{"compile", "-p", "x"}, []string{"compile", "-p", "x"}},
	} {
		if diff := cmp.Diff(tt.want, arguments(tt.args)); diff != "" {
			t.Errorf("arguments(%q) (-want +got):\n%s", tt.args, diff)
		}
	}
}

func names(processes []Process) []string {
	var all []string
	for _, p := range processes {
		all = append(all, p.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// shell runs a shell and an orphan, which was started by another one that has
// ended. Both end when seen does.
func shell(ctx context.Context, seen <-chan struct{}) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", "(cat <&3 &); read x <&3; exit 0")
	cmd.ExtraFiles = []*os.File{reader}
	if err := cmd.Start(); err != nil {
		return err
	}
	select {
	case <-seen:
	case <-ctx.Done():
	}
	return errors.Join(writer.Close(), cmd.Wait(), reader.Close())
}

// TestWatch watches real processes. What accounting writes is made up: there is
// one accounting file in the whole system, which may be in use.
func TestWatch(t *testing.T) {
	started := binary.LittleEndian.AppendUint32(nil, uint32(clock.System().Now().Unix())) // #nosec G115 -- as the kernel does
	pid := binary.LittleEndian.AppendUint32(nil, uint32(os.Getpid()))                     // #nosec G115 -- as the kernel does
	accounted := slices.Concat([]byte{0, 3}, make([]byte, 14), []byte{1, 0, 0, 0}, pid, started, make([]byte, 20), []byte("accounted\x00"), make([]byte, 6))
	for _, tt := range []struct {
		name    string
		refused error
		data    []byte
		want    []string
		missing string
	}{
		{"permitted", nil, accounted, []string{"accounted", "cat", "sh"}, ""},
		{"not permitted", syscall.EPERM, nil, []string{"cat", "sh"}, syscall.EPERM.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan struct{})
			both := sync.OnceFunc(func() { close(seen) })
			switched := []string{}
			w := watcher{
				clock: clock.System(),
				account: func(file string) error {
					switched = append(switched, filepath.Base(file))
					if file == "" || tt.refused != nil {
						return tt.refused
					}
					return os.WriteFile(file, tt.data, 0o600)
				},
				looked: func(l *looker) {
					if found := names(l.processes()); slices.Contains(found, "cat") && slices.Contains(found, "sh") {
						both()
					}
				},
			}
			failure := errors.New("as run returned it")
			processes, missing, err := w.watch(t.Context(), func(ctx context.Context) error {
				if err := shell(ctx, seen); err != nil {
					t.Error(err)
				}
				return failure
			})
			if !errors.Is(err, failure) {
				t.Errorf("watch = %v", err)
			}
			if !strings.Contains(missing, tt.missing) || (missing == "") != (tt.missing == "") {
				t.Errorf("missing is %q, want %q in it", missing, tt.missing)
			}
			found := names(descendants(processes, os.Getpid()).processes)
			for _, want := range tt.want {
				if !slices.Contains(found, want) {
					t.Errorf("found %q, want %q among them", found, want)
				}
			}
			if off := len(switched) == 2 && switched[1] == "."; off != (tt.refused == nil) {
				t.Errorf("accounting was switched with %q", switched)
			}
		})
	}
}
