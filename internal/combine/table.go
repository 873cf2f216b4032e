// Package combine is the table in which a map function's pairs meet before they leave the process, for values of any type
// and any fold (package foldtable serves plain sums). Most of the time of an aggregating job is spent here, so it is a
// room of its own.
//
// A probe of a large table is three cache misses one after the other: the place that the hash names, the entry it points
// to, the rest of its key. So pairs are queued and settled by the batch, in three rounds: all places are touched, then all
// entries, and only then are keys compared and values folded. The misses of a round overlap.
//
// A place is a word: the upper half of the hash, and where the entry lies. Entries lie in one stretch of memory in the
// order in which their keys came,
//
//	cell | length of the key, 4 bytes | key | up to 7 bytes of nothing
//
// so that growing moves words, and emptying the table reads memory in order. The cell is the value, or, where values hold
// Go pointers, which only memory of the Go heap may, the number of the value in a slice. All else is free of pointers and
// lies outside the heap once it is large, in huge pages: page walks would cost as much as the misses.
package combine

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"reflect"
	"runtime"
	"unsafe"
)

// MaxKey is the longest key a Table takes, in bytes; longer ones gain nothing by being combined.
const MaxKey = 1 << 12

const (
	queueLen   = 256      // pairs that wait, at most
	queueBytes = 16 << 10 // of keys and of values, from which on no more are let wait
	minPlaces  = 1 << 10
	slack      = 64 // bytes after the last entry: an entry is touched at its second line too
	align      = 8
)

// Table folds values by key. It does not grow by itself: Add says when the pairs that wait are to be settled; where they
// do not Fit, call Grow first, or take what is in it and Reset. It is not safe for concurrent use.
//
// Invariant: Len < len(places), so that a probe always ends.
type Table[V any] struct {
	seed maphash.Seed // its own, so that nobody outside can choose keys that collide
	max  int

	// Pairs that wait: key i is keys[ends[i]:ends[i+1]].
	keys  []byte
	ends  [queueLen + 1]uint32
	vals  []V
	waits int
	last  int // of them, the one that into was given last

	places *memory // words; 0 is free
	shift  uint    // 64 - log2(places)
	n      int

	entries *memory
	used    int // bytes of them
	head    int // bytes before a key
	apart   []V // the values, if they hold pointers
	inline  bool

	touched uint64 // keeps loads that are made for their misses alone
}

// New makes a table that holds at most max bytes, what is being copied included; it takes at least what its queue needs
// to be settled, about 100 KiB. It starts small.
func New[V any](max int) *Table[V] {
	t := &Table[V]{seed: maphash.MakeSeed(), max: max, inline: !hasPointers(reflect.TypeFor[V]())}
	t.vals = make([]V, min(queueLen, 1+queueBytes/(t.size()+1)))
	t.head = 4 + 4
	if t.inline {
		t.head = (t.size()+3)&^3 + 4
	}
	t.places = allocate(8 * minPlaces)
	t.entries = allocate(1 << bits.Len(uint(align+queueBytes+MaxKey+len(t.vals)*(t.head+align)+slack)))
	t.shaped()
	t.Reset()
	// A table that nobody closes gives its memory back when it is collected.
	runtime.AddCleanup(t, func(m [2]*memory) { m[0].release(); m[1].release() }, [2]*memory{t.places, t.entries})
	return t
}

// shaped notes the number of places.
func (t *Table[V]) shaped() { t.shift = uint(64 - bits.TrailingZeros(uint(len(t.places.words())))) }

func (t *Table[V]) size() int { return int(unsafe.Sizeof(*new(V))) }

// room is how many keys the table takes: 5/8 of its places.
func (t *Table[V]) room() int { return len(t.places.b) / 64 * 5 }

// SetLimit changes how many bytes the table holds at most. It does not give up what it holds.
func (t *Table[V]) SetLimit(max int) { t.max = max }

// Len is the number of keys, without those that wait.
func (t *Table[V]) Len() int { return t.n }

// Waits is the number of pairs that wait.
func (t *Table[V]) Waits() int { return t.waits }

// Bytes is what the table holds.
func (t *Table[V]) Bytes() int {
	return len(t.places.b) + len(t.entries.b) + cap(t.keys) + (len(t.vals)+cap(t.apart))*t.size()
}

// Add lets a pair wait. The key, of at most MaxKey bytes, is copied. It reports that the pairs that wait are due; the next
// Add needs them settled.
func (t *Table[V]) Add(key string, v V) (due bool) {
	w := t.waits
	t.keys = append(t.keys, key...)
	t.vals[w] = v
	t.waits = w + 1
	t.ends[w+1] = uint32(len(t.keys))
	return w+1 == len(t.vals) || len(t.keys) >= queueBytes
}

// Fits reports that the table has room for the pairs that wait, should all their keys be new.
func (t *Table[V]) Fits() bool { return t.n+t.waits <= t.room() && t.needs() <= len(t.entries.b) }

// needs is how many bytes of entries there may be after settling.
func (t *Table[V]) needs() int { return t.used + len(t.keys) + t.waits*(t.head+align) + slack }

// Grow makes room for more keys. It returns false, and does nothing, when that would pass the table's limit.
func (t *Table[V]) Grow() bool {
	places, entries := len(t.places.b), len(t.entries.b)
	more := t.Bytes()
	if t.n+t.waits > t.room() {
		places *= 2
		if places <= 1<<17 {
			places *= 2
		}
		more += places
	}
	if t.needs() > entries {
		entries *= 2
		more += entries
	}
	if !t.inline && t.n+t.waits > cap(t.apart) {
		more += 2 * cap(t.apart) * t.size()
	}
	if more > t.max || uint64(entries)/align > 1<<32 {
		return false
	}
	if entries > len(t.entries.b) {
		t.entries.grow(entries, t.used)
	}
	if places > len(t.places.b) {
		t.spread(places)
	}
	return true
}

// spread gives the table more places. Half a hash is enough to find a key's new one.
func (t *Table[V]) spread(size int) {
	old := t.places.replace(size)
	defer release(old)
	t.shaped()
	places := t.places.words()
	mask := uint64(len(places) - 1)
	for _, p := range words(old) {
		if p == 0 {
			continue
		}
		i := p >> t.shift
		for places[i&mask] != 0 {
			i++
		}
		places[i&mask] = p
	}
}

// Reset empties the table, but for the pairs that wait, and keeps its memory.
func (t *Table[V]) Reset() {
	clear(t.places.b)
	clear(t.apart)
	t.n, t.used, t.apart = 0, align, t.apart[:0] // no entry lies at 0, so that no place is 0
}

// Drop forgets the pairs that wait.
func (t *Table[V]) Drop() {
	if !t.inline {
		clear(t.vals[:t.waits])
	}
	t.keys, t.waits = t.keys[:0], 0
}

// Last is the key of the pair that was handed over last, for when that ended in a panic. It is valid until Drop.
func (t *Table[V]) Last() []byte { return t.keys[t.ends[t.last]:t.ends[t.last+1]] }

// Settle hands each pair that waits to into, together with the value under its key, which is zero if the key is new
// (fresh). The pointers are valid during the call. The pairs must Fit. Should into panic, Drop what is
// left of them before the next Add.
func (t *Table[V]) Settle(into func(acc, v *V, fresh bool)) {
	var hashes [queueLen]uint64
	n := t.waits
	places, mask := t.places.words(), uint64(len(t.places.words())-1)
	for i := range n {
		hashes[i&(queueLen-1)] = maphash.Bytes(t.seed, t.keys[t.ends[i]:t.ends[i+1]])
	}
	touched := uint64(0) // by loops with nothing else in them, so that as many loads as can be are under way
	for _, h := range hashes[:n] {
		touched |= places[h>>t.shift&mask]
	}
	for _, h := range hashes[:n] {
		at := uint64(uint32(places[h>>t.shift&mask])) * align
		touched |= uint64(t.entries.b[at]) | uint64(t.entries.b[at+slack-1])
	}
	t.touched = touched
	for i := range n {
		acc, fresh := t.find(hashes[i&(queueLen-1)], t.keys[t.ends[i]:t.ends[i+1]])
		t.last = i
		into(acc, &t.vals[i], fresh)
	}
	t.Drop()
}

// find gives the value of a key, a new one (fresh) if there is none.
func (t *Table[V]) find(hash uint64, key []byte) (val *V, fresh bool) {
	places := t.places.words()
	mask := uint64(len(places) - 1)
	for i := hash >> t.shift; ; i++ {
		p := places[i&mask]
		if p == 0 {
			places[i&mask] = hash&^(1<<32-1) | uint64(t.used/align)
			return t.insert(key), true
		}
		if (p^hash)>>32 != 0 {
			continue
		}
		at := uint64(uint32(p)) * align
		e := t.entries.b[at+uint64(t.head)-4:]
		if n := uint64(binary.NativeEndian.Uint32(e)); n == uint64(len(key)) && string(e[4:4+n]) == string(key) {
			return t.value(int(at)), false
		}
	}
}

// insert makes an entry with a zero value.
func (t *Table[V]) insert(key []byte) *V {
	at := t.used
	e := t.entries.b[at:]
	if t.inline {
		clear(e[:t.head])
	} else {
		binary.NativeEndian.PutUint32(e, uint32(len(t.apart)))
		t.apart = append(t.apart, *new(V))
	}
	binary.NativeEndian.PutUint32(e[t.head-4:], uint32(len(key)))
	copy(e[t.head:], key)
	t.used += (t.head + len(key) + align - 1) &^ (align - 1)
	t.n++
	return t.value(at)
}

func (t *Table[V]) value(at int) *V {
	cell := t.entries.b[at:]
	if t.inline {
		return (*V)(unsafe.Pointer(unsafe.SliceData(cell)))
	}
	return &t.apart[binary.NativeEndian.Uint32(cell)]
}

// All calls yield for each key but those that wait, in the order in which they came. The key is valid during the call.
func (t *Table[V]) All(yield func(key []byte, val *V) bool) {
	for at := align; at < t.used; {
		from := at + t.head
		end := from + int(binary.NativeEndian.Uint32(t.entries.b[from-4:]))
		if !yield(t.entries.b[from:end:end], t.value(at)) {
			return
		}
		at = (end + align - 1) &^ (align - 1)
	}
}

// Close gives the memory back. The table must not be used afterwards.
func (t *Table[V]) Close() {
	t.places.release()
	t.entries.release()
	runtime.KeepAlive(t) // not both here and in its cleanup
}

// hasPointers reports that values of a type hold Go pointers.
func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return t.Kind() >= reflect.Chan // and so is each kind after it: functions, interfaces, maps, pointers, slices, strings
}
