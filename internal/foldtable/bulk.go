package foldtable

import "unsafe"

// AddAll adds under many keys, which lie in data: key i is data[at[i*stride]:at[i*stride+1]]. With a stride of 1 at is the
// offsets of an Arrow column; with one of 2 it is pairs of bounds, which may leave gaps and come in any order. vals[i]
// is added under key i; nil vals are as many ones. It gives the number of keys it took. That is less than all when the
// table is Full, which is to Grow, or to be drained, before the rest, or else before a key of more than longest bytes.
func (t *Table) AddAll(data []byte, at []int32, stride int, vals []int64, longest int) (taken int) {
	rows := 0
	if len(at) > 1 {
		rows = (len(at)-2)/stride + 1
	}
	for taken < rows && !t.full {
		n, some := min(rows-taken, queueLen-t.waits), vals
		if vals != nil {
			some = vals[taken : taken+n]
		}
		taken += t.enqueue(data, at[taken*stride:], stride, some, n)
		if t.waits == queueLen {
			t.flush()
			continue
		}
		if taken == rows {
			break
		}
		// The queue has room and there are keys: the next one does not fit a slot.
		key := data[at[taken*stride]:at[taken*stride+1]]
		if len(key) > longest {
			break
		}
		v := int64(1)
		if vals != nil {
			v = vals[taken]
		}
		t.addLong(textOf(key), v)
		taken++
	}
	return taken
}

func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
