package worker

import (
	"testing"
	"time"
)

// A worker looks for the next leader often while one is about to come, and seldom when there has been none for long.
func TestPausesBetweenSessions(t *testing.T) {
	for _, x := range []struct {
		since, settles time.Duration
	}{{0, eagerPause}, {eagerFor - 1, eagerPause}, {eagerFor, longestPause}, {time.Since(time.Time{}), longestPause}} {
		pause := firstPause
		for range 20 {
			next := longer(pause, x.since)
			if next > 2*pause {
				t.Errorf("%v after %v", next, pause)
			}
			pause = next
		}
		if pause != x.settles {
			t.Errorf("%v after a leader was lost the pause grows to %v, want %v", x.since, pause, x.settles)
		}
	}
}
