// Package rows is the shape in which key-value pairs move through the engine: two Arrow binary columns by their raw
// buffers. Keys and values are encoded (see internal/codec); a batch never looks inside them.
package rows

// Batch is a block of pairs. Row i has key Keys[KeyOff[i]:KeyOff[i+1]] and value Vals[ValOff[i]:ValOff[i+1]].
// The zero value is an empty batch ready for Append.
type Batch struct {
	KeyOff []int32 // rows+1 entries, or none in an empty batch; may start above 0
	Keys   []byte
	ValOff []int32 // as KeyOff
	Vals   []byte
}

// Len is the number of rows.
func (b *Batch) Len() int {
	if len(b.KeyOff) == 0 {
		return 0
	}
	return len(b.KeyOff) - 1
}

// Key is the key of row i; it aliases the batch.
func (b *Batch) Key(i int) []byte { return b.Keys[b.KeyOff[i]:b.KeyOff[i+1]:b.KeyOff[i+1]] }

// Val is the value of row i; it aliases the batch.
func (b *Batch) Val(i int) []byte { return b.Vals[b.ValOff[i]:b.ValOff[i+1]:b.ValOff[i+1]] }

// Bytes is the size of the keys, values and offsets, in bytes.
func (b *Batch) Bytes() int { return len(b.Keys) + len(b.Vals) + 4*(len(b.KeyOff)+len(b.ValOff)) }

// Append adds a copy of one pair. The caller keeps Keys and Vals below 1 GiB each (offsets are int32).
func (b *Batch) Append(key, val []byte) {
	if len(b.KeyOff) == 0 {
		b.KeyOff = append(b.KeyOff, 0)
		b.ValOff = append(b.ValOff, 0)
	}
	b.Keys = append(b.Keys, key...)
	b.Vals = append(b.Vals, val...)
	b.KeyOff = append(b.KeyOff, int32(len(b.Keys)))
	b.ValOff = append(b.ValOff, int32(len(b.Vals)))
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.KeyOff, b.Keys, b.ValOff, b.Vals = b.KeyOff[:0], b.Keys[:0], b.ValOff[:0], b.Vals[:0]
}
