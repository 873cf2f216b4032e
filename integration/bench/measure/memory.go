package measure

import (
	"context"
	"time"
)

// Memory is what a program and its children held at most.
type Memory struct {
	Peak      int64 // bytes: anonymous and shared, in proportion (PSS); pages of files are left out
	Processes int   // at most at once
	Samples   int
}

// RunWatched is Run and looks at the memory of the program and of all processes below it every now and then. Looking
// takes time from the program: the sample is not one to compare.
func RunWatched(ctx context.Context, c Command, every time.Duration) (Sample, Memory, error) {
	var m Memory
	s, err := run(ctx, c, func(pid int, exited <-chan struct{}) { m = Watch(pid, every, exited) })
	return s, m, err
}

// Watch looks at the memory of a process and of all below it, until exited is closed.
func Watch(pid int, every time.Duration, exited <-chan struct{}) (m Memory) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		var sum int64
		processes := tree(pid)
		for _, p := range processes {
			sum += ownMemory(p)
		}
		m.Peak, m.Processes = max(m.Peak, sum), max(m.Processes, len(processes))
		m.Samples++
		select {
		case <-t.C:
		case <-exited:
			return m
		}
	}
}
