package sched

import "time"

// The containers here keep an item's position inside the item, so that it is removed without a search. A position is
// kept plus one: zero means not contained. Their order depends on the operations alone, never on a map's.

// heap is a binary heap of pointers.
type heap[T any] struct {
	items []T
	less  func(a, b T) bool
	at    func(T) *int
}

func (h *heap[T]) len() int { return len(h.items) }

func (h *heap[T]) has(x T) bool { return *h.at(x) != 0 }

func (h *heap[T]) top() (x T, ok bool) {
	if len(h.items) == 0 {
		return x, false
	}
	return h.items[0], true
}

// second is what would be on top if the top were removed.
func (h *heap[T]) second() (x T, ok bool) {
	switch {
	case len(h.items) < 2:
		return x, false
	case len(h.items) > 2 && h.less(h.items[2], h.items[1]):
		return h.items[2], true
	}
	return h.items[1], true
}

func (h *heap[T]) add(x T) {
	h.items = append(h.items, x)
	h.up(len(h.items) - 1)
}

// fix restores the order after x has changed.
func (h *heap[T]) fix(x T) { h.down(h.up(*h.at(x) - 1)) }

// remove takes x out if it is in.
func (h *heap[T]) remove(x T) {
	i := *h.at(x) - 1
	if i < 0 {
		return
	}
	last := len(h.items) - 1
	moved := h.items[last]
	var zero T
	h.items[last] = zero
	h.items = h.items[:last]
	*h.at(x) = 0
	if i < last {
		h.put(i, moved)
		h.fix(moved)
	}
}

func (h *heap[T]) put(i int, x T) {
	h.items[i] = x
	*h.at(x) = i + 1
}

func (h *heap[T]) up(i int) int {
	x := h.items[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(x, h.items[parent]) {
			break
		}
		h.put(i, h.items[parent])
		i = parent
	}
	h.put(i, x)
	return i
}

func (h *heap[T]) down(i int) {
	x := h.items[i]
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			break
		}
		if child+1 < len(h.items) && h.less(h.items[child+1], h.items[child]) {
			child++
		}
		if !h.less(h.items[child], x) {
			break
		}
		h.put(i, h.items[child])
		i = child
	}
	h.put(i, x)
}

// bag is a set of pointers that can be walked. Removing moves the last item into the gap.
type bag[T any] struct {
	items []T
	at    func(T) *int
}

func (b *bag[T]) len() int { return len(b.items) }

func (b *bag[T]) add(x T) {
	b.items = append(b.items, x)
	*b.at(x) = len(b.items)
}

func (b *bag[T]) remove(x T) {
	i := *b.at(x) - 1
	if i < 0 {
		return
	}
	last := len(b.items) - 1
	moved := b.items[last]
	b.items[i] = moved
	*b.at(moved) = i + 1
	var zero T
	b.items[last] = zero
	b.items = b.items[:last]
	*b.at(x) = 0
}

// list is a queue of things by the time they were last touched: touching moves to the end, so the head is the one
// untouched for longest. It serves limits that are the same for all, at O(1) where a heap of timers costs O(log n).
type list[T any] struct{ head, tail *node[T] }

// node is a thing's place in a list. It stays inside the thing.
type node[T any] struct {
	of         T
	at         time.Time // last touched
	prev, next *node[T]
	in         bool
}

// touch adds n, or moves it to the end. Invariant: times never go back, so the list stays sorted.
func (l *list[T]) touch(n *node[T], now time.Time) {
	l.remove(n)
	n.at, n.in, n.prev = now, true, l.tail
	if l.tail != nil {
		l.tail.next = n
	} else {
		l.head = n
	}
	l.tail = n
}

func (l *list[T]) remove(n *node[T]) {
	if !n.in {
		return
	}
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		l.head = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		l.tail = n.prev
	}
	n.prev, n.next, n.in = nil, nil, false
}
