// Package pace slows the garbage collector down in a process whose heap is small beside what it lets pass by.
//
// By itself Go collects for the first time when 4 MiB have been allocated, and from then on whenever the heap has doubled.
// A process that lives for 50 ms spends several of them on collecting next to nothing; one whose few live objects see
// megabytes of batches pass by collects after every few of them.
package pace

import (
	"runtime"
	"runtime/debug"
)

// usual is at how many bytes the first collection comes at GOGC=100 (runtime: heapMinimum).
const usual = 4 << 20

// Ballast counts as live, once there has been a collection, so that as much again may be allocated between two of them.
// It is never touched and takes no memory.
type Ballast struct{ mass []byte }

// Late makes the first collection come when size bytes (at least 4 MiB) are allocated, and from then on ballast of that
// size count, for as long as what it returns is kept alive. Where GOGC is set it does nothing: somebody knows better.
func Late(size int) *Ballast {
	b, late := &Ballast{}, 100*(size/usual)
	if set := debug.SetGCPercent(late); set != 100 {
		debug.SetGCPercent(set)
		return b
	}
	runtime.SetFinalizer(&sentinel{}, func(*sentinel) {
		b.mass = make([]byte, size)
		if set := debug.SetGCPercent(100); set != late { // somebody has chosen another meanwhile
			debug.SetGCPercent(set)
		}
	})
	return b
}

// sentinel is garbage that the first collection finds. Its pointer keeps it out of the blocks that small objects without
// pointers share, and live with each other.
type sentinel struct{ _ *byte }
