package jobs

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/combine"
)

// Folds of values that are no 64-bit integers go through a table of package combine, in which pairs wait a little before
// they are folded.

// foldTable is the table of one attempt and what belongs to it.
type foldTable[V any] struct {
	*combine.Table[V]
	from *foldTables[V]
	into func(acc, v *V, fresh bool)
	held int // bytes of values beyond the table itself, where V has any; those that wait too
}

// foldTables keeps the tables of attempts that are over for those to come, as sumTables does.
type foldTables[V any] struct {
	mu   sync.Mutex
	free []*combine.Table[V] // guarded by mu; empty ones
}

func (f *foldTables[V]) get(limit int) *foldTable[V] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.free); n > 0 {
		t := f.free[n-1]
		f.free = f.free[:n-1]
		t.SetLimit(limit)
		return &foldTable[V]{Table: t, from: f}
	}
	return &foldTable[V]{Table: combine.New[V](limit), from: f}
}

// put gives a table back.
func (f *foldTables[V]) put(t *combine.Table[V]) {
	t.Drop()
	t.Reset()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.free) < maxFree {
		f.free = append(f.free, t)
		return
	}
	t.Close()
}

// addFold emits into the table of folds. The values in it are its own: the user may reuse what he emitted.
func addFold[V any](e *emitter[V], c *Combiner[V]) func(key string, v V) {
	if e.sums != nil {
		e.foldWords(c.fold)
		return addWord(e)
	}
	t, fold := e.folds, c.fold
	t.into = c.into
	if t.into == nil {
		t.into = func(acc, v *V, fresh bool) {
			if fresh {
				*acc = *v
			} else {
				*acc = fold(*acc, *v)
			}
		}
	}
	if e.vals.Refers() {
		return addOwn(e)
	}
	return func(key string, v V) {
		e.pairs++
		if e.passes(key) {
			e.put(key, v)
			return
		}
		if t.Add(key, v) {
			e.settle()
		}
	}
}

// addOwn is addFold where a V refers to other memory, which counts too.
func addOwn[V any](e *emitter[V]) func(key string, v V) {
	t, vals, into := e.folds, e.vals, e.folds.into
	if vals.Sized() {
		t.into = func(acc, v *V, fresh bool) {
			before := vals.Size(*v)
			if !fresh {
				before += vals.Size(*acc)
			}
			into(acc, v, fresh)
			t.held += vals.Size(*acc) - before
		}
	}
	return func(key string, v V) {
		e.pairs++
		if e.passes(key) {
			e.put(key, v)
			return
		}
		v = vals.Clone(v)
		t.held += vals.Size(v)
		if t.Add(key, v) || t.held > e.memory {
			e.settle()
		}
	}
}

// settle folds the pairs that wait into the table, which it makes room in first.
func (e *emitter[V]) settle() {
	t := e.folds
	if e.gate.Judges(t.Len()) {
		e.judge()
	}
	for !t.Fits() {
		e.full()
	}
	e.fold()
	if t.held > e.memory {
		e.full()
	}
}

// fold runs the user's function. Its panic is not the failure of the record at hand, but of pairs that came before.
func (e *emitter[V]) fold() {
	t := e.folds
	defer func() {
		if r := recover(); r != nil {
			e.foldFailed(t.Last(), r)
			t.Drop()
		}
	}()
	t.Settle(t.into)
}

// foldFailed notes a panic of the user's fold.
func (e *emitter[V]) foldFailed(key []byte, r any) {
	if e.err != nil {
		return
	}
	f := panicked(r)
	f.Key = bytes.Clone(key)
	f.Text = fmt.Sprintf("while values of key %s were combined: %s", codec.KeyText(e.keys, f.Key), f.Text)
	e.err = f
}

// judge empties the table if it does not pay, and reports that it does.
func (e *emitter[V]) judge() (pays bool) {
	pairs := e.pairs - uint64(e.folds.Waits()) // those that wait are not among its keys
	if e.gate.Judge(pairs, e.folds.Len()) {
		return true
	}
	e.flush()
	e.gate.Restart(pairs)
	return false
}

// full is called when the table takes no new key: it grows, or is emptied.
func (e *emitter[V]) full() {
	t := e.folds
	if keys := t.Len(); e.judge() && (t.held+t.Bytes() > e.memory || !t.Grow()) {
		e.flush()
		e.gate.Emptied(e.pairs-uint64(t.Waits()), keys)
	}
}

// flush empties the table into batches.
func (e *emitter[V]) flush() {
	t := e.folds
	for key, v := range t.All {
		e.put(textOf(key), *v)
		if t.held > 0 {
			t.held -= e.vals.Size(*v)
		}
	}
	t.Reset()
}
