package lambda

import "golang.org/x/sys/unix"

// processors are those on which this program may run. Functions get them in
// turn, so that none is idle while another has several to carry.
type processors struct {
	numbers []int
	next    int
}

// allowedProcessors returns none where the host doesn't say: functions are not
// limited then.
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

// limit makes the processes that this thread starts run on n processors.
func (p *processors) limit(n int) {
	if len(p.numbers) == 0 {
		return
	}
	var set unix.CPUSet
	for range min(n, len(p.numbers)) {
		set.Set(p.numbers[p.next])
		p.next = (p.next + 1) % len(p.numbers)
	}
	// It fails if the host has just taken these processors away. Those of the
	// process before are then as good.
	_ = unix.SchedSetaffinity(0, &set)
}
