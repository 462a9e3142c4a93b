package lambda

import "golang.org/x/sys/unix"

// processors are the processors that this program may run on. Functions get
// them in turn, so that none is idle while another runs several functions.
type processors struct {
	numbers []int
	next    int
}

// allowedProcessors returns none if the host does not report them. Functions
// are not limited then.
func allowedProcessors() *processors {
	p := &processors{}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return p
	}
	for i, left := 0, set.Count(); left > 0; i++ {
		if set.IsSet(i) {
			p.numbers = append(p.numbers, i)
			left--
		}
	}
	return p
}

// limit restricts the processes that this thread starts to n processors.
func (p *processors) limit(n int) {
	if len(p.numbers) == 0 {
		return
	}
	var set unix.CPUSet
	for range min(n, len(p.numbers)) {
		set.Set(p.numbers[p.next])
		p.next = (p.next + 1) % len(p.numbers)
	}
	// An error means that the host has just taken these processors away. The
	// previous process's processors are then just as good.
	_ = unix.SchedSetaffinity(0, &set)
}
