package pace

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

const size = 32 << 20 // much more than the 4 MiB at which Go collects by itself

// allocate makes garbage of n bytes and says how many collections that took.
func allocate(n int) uint32 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var garbage [][]byte // on the heap: what it holds is
	for range n >> 17 {
		garbage = append(garbage[:0], make([]byte, 1<<17))
	}
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(garbage)
	return after.NumGC - before.NumGC
}

func TestLate(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	runtime.GC()
	plain := allocate(10 * size)
	runtime.GC() // one that is under way would be counted below
	b := Late(size)
	if n := allocate(size / 2); n != 0 {
		t.Errorf("%d collections before the first is due", n)
	}
	runtime.GC()
	for deadline := time.Now().Add(time.Minute); live() < size; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the ballast never came")
		}
	}
	runtime.GC() // the ballast is found alive
	with := allocate(10 * size)
	if percent := debug.SetGCPercent(100); percent != 100 {
		t.Errorf("GOGC=%d is left behind", percent)
	}
	if 2*with >= plain {
		t.Errorf("%d collections with ballast, %d without", with, plain)
	}
	runtime.KeepAlive(b)
}

func live() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestGOGCIsRespected(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	b := Late(size)
	if got := debug.SetGCPercent(50); got != 50 {
		t.Errorf("GOGC=%d, was 50", got)
	}
	runtime.KeepAlive(b)
}

// What is chosen after Late, and before its first collection, is left as it is.
func TestALaterChoiceIsRespected(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	b := Late(size)
	debug.SetGCPercent(40)
	runtime.GC()
	for deadline := time.Now().Add(time.Minute); live() < size; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the ballast never came")
		}
	}
	for range 2 {
		runtime.GC() // whatever the first one set off has run by then
	}
	if got := debug.SetGCPercent(100); got != 40 {
		t.Errorf("GOGC=%d, was set to 40", got)
	}
	runtime.KeepAlive(b)
}
