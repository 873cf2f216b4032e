package jobs

import (
	"reflect"
	"sync"
	"unsafe"

	"github.com/mrctl/mrctl/internal/foldtable"
)

// Sums of 64-bit integers, the combiner of every count, go through a table made for them (package foldtable), and so do
// other folds of such integers; folds of all else go through package combine (folds.go). The two obey the same protocol:
// full, then grow or empty.

// sumTable is the table of one attempt and who empties it.
type sumTable struct {
	*foldtable.Table
	from   *sumTables
	before uint64 // Adds when the attempt began
}

// sumTables keeps the tables of attempts that are over for those to come: their memory has been touched, and that costs
// as much as using it.
type sumTables struct {
	mu   sync.Mutex
	free []*foldtable.Table // guarded by mu; empty ones
}

// maxFree is how many tables are kept: attempts run side by side in so many slots at most as machines commonly have.
const maxFree = 8

func (s *sumTables) get(limit int) *sumTable {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		t := s.free[n-1]
		s.free = s.free[:n-1]
		t.SetLimit(limit)
		return &sumTable{t, s, t.Adds()}
	}
	return &sumTable{foldtable.New(limit), s, 0}
}

// put gives an empty table back.
func (s *sumTables) put(t *foldtable.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < maxFree {
		s.free = append(s.free, t)
		return
	}
	t.Close()
}

// isWord says that V is a 64-bit integer, of whichever name.
func isWord[V any]() bool {
	switch k := reflect.TypeFor[V]().Kind(); k {
	case reflect.Int64, reflect.Uint64:
		return true
	case reflect.Int, reflect.Uint:
		return unsafe.Sizeof(0) == 8
	default:
		return false
	}
}

// foldWords makes the table of sums fold by the user's function.
func (e *emitter[V]) foldWords(fold func(acc, v V) V) {
	// V is a 64-bit integer, so the two functions are called alike.
	e.sums.Folds(*(*func(acc, v int64) int64)(unsafe.Pointer(&fold)), e.foldFailed)
}

// addWord emits into the table of sums. It is addSum for V a 64-bit integer: adding wraps around alike, signed or not.
func addWord[V any](e *emitter[V]) func(key string, v V) {
	add := e.sums.Adder(func(key string, v int64) {
		if e.passes(key) {
			e.pairs++
			e.put(key, *(*V)(unsafe.Pointer(&v)))
			if e.gate.Shut == 0 {
				e.sums.Shut(false)
			}
		} else if e.sums.Add(key, v) {
			e.fullSums()
		}
	}, e.fullSums)
	// V is a 64-bit integer, so the two functions are called alike.
	return *(*func(string, V))(unsafe.Pointer(&add))
}

// fullSums is full for the table of sums.
func (e *emitter[V]) fullSums() {
	t, keys, pairs := e.sums.Table, e.sums.Used(), e.emitted()
	switch {
	case !e.gate.Judge(pairs, keys):
		e.flushSums()
		e.gate.Restart(pairs)
	case !t.Grow():
		e.flushSums()
		e.gate.Emptied(pairs, keys)
	}
	t.Shut(e.gate.Shut > 0)
}

// emitted is how many pairs the user's function has emitted.
func (e *emitter[V]) emitted() uint64 {
	if e.sums == nil {
		return e.pairs
	}
	return e.pairs + e.sums.Adds() - e.sums.before
}

// release gives the table of an attempt back, of whichever kind, whatever became of the attempt.
func (e *emitter[V]) release() {
	if e.folds != nil {
		e.folds.from.put(e.folds.Table)
		e.folds = nil
	}
	if e.sums == nil {
		return
	}
	_ = e.sums.Drain(func([]byte, int64) error { return nil })
	e.sums.Shut(false)
	e.sums.Folds(nil, nil)
	e.sums.from.put(e.sums.Table)
	e.sums = nil
}

// flushSums empties the table into batches.
func (e *emitter[V]) flushSums() {
	_ = e.sums.Drain(func(key []byte, v int64) error {
		e.put(textOf(key), *(*V)(unsafe.Pointer(&v)))
		return nil // put keeps its error in e.err
	})
}
