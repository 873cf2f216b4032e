package lease

import "time"

// instant is a point in time on this machine's own clock. Go's monotonic clock stands still while the machine sleeps,
// and a laptop that slept would believe its lease; so the time asleep is taken along and counted. The wall clock is
// never asked: it jumps.
type instant struct {
	at     time.Time     // with its monotonic reading
	asleep time.Duration // of the machine, since it booted
}

// clock reads the time; tests replace asleep.
type clock struct{ asleep func() time.Duration }

func (c clock) now() instant { return instant{time.Now(), c.asleep()} }

// since is how long ago i was, sleep included.
func (c clock) since(i instant) time.Duration {
	d := time.Since(i.at)
	// The two clocks behind asleep are not read at once; what is less than this is their jitter.
	if s := c.asleep() - i.asleep; s > 10*time.Millisecond {
		d += s
	}
	return d
}
