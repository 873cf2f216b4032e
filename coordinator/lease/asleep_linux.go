package lease

import (
	"time"

	"golang.org/x/sys/unix"
)

// asleep is how long the machine has been suspended since it booted: CLOCK_BOOTTIME counts that, CLOCK_MONOTONIC does not.
func asleep() time.Duration {
	best, width := time.Duration(0), time.Duration(1<<63-1)
	// A reading during which this thread lost its processor is off by as long; a few tries find a narrow one.
	for try := 0; try < 5 && width > 100*time.Microsecond; try++ {
		before, boot, after := read(unix.CLOCK_MONOTONIC), read(unix.CLOCK_BOOTTIME), read(unix.CLOCK_MONOTONIC)
		if w := after - before; w < width {
			best, width = boot-before-w/2, w
		}
	}
	return best
}

func read(clock int32) time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(clock, &ts) != nil {
		return 0 // both clocks exist since Linux 2.6.39
	}
	return time.Duration(ts.Nano())
}
