// Package cuts finds the keys at which a sorted result is cut into parts of about equal size, from samples of its pieces.
//
// A piece (what one map attempt put out) is sorted, and sampled where it is written: a sample is the keys at which steps of
// the piece begin, and the bytes of each step. Choose takes the samples of all pieces for the whole. With
//
//	W  the bytes of all pieces
//	S  the largest step of each piece, added up
//	H  the bytes of the pairs of that key which has most
//
// no part is larger than W/parts + 2*S + H. The pairs of a key are never in two parts, so one with more than its share
// makes a larger part, and others smaller, or empty.
//
// Keys are compared as bytes. No cut is longer than MaxKey: keys that agree so far are not told apart.
package cuts

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
)

// MaxKey is how many bytes of a key are looked at.
const MaxKey = 64

// Sample says how the keys of a sorted piece are spread: Bytes[i] are the bytes of its pairs from Keys[i] on, as far as
// Keys[i+1]; the last ones as far as its end. Keys ascend and have at most MaxKey bytes.
type Sample struct {
	Keys  [][]byte
	Bytes []int64
}

// Thin makes a sample one that takes about so many bytes, at least one step, by making steps of several. They stay about
// equal.
func (s Sample) Thin(room int) Sample {
	size := 0
	var total int64
	for i, k := range s.Keys {
		size += len(k) + 4
		total += s.Bytes[i]
	}
	if size <= room {
		return s
	}
	steps := int64(max(len(s.Keys)*max(room, 0)/size, 1))
	var thin Sample
	var sum int64
	for i, k := range s.Keys {
		if n := int64(len(thin.Keys)); n == 0 || n < steps && sum >= total/steps*n {
			thin.Keys, thin.Bytes = append(thin.Keys, k), append(thin.Bytes, 0)
		}
		thin.Bytes[len(thin.Bytes)-1] += s.Bytes[i]
		sum += s.Bytes[i]
	}
	return thin
}

// Encode gives the sample as bytes: of each step the length of its key, the key, and its bytes, numbers as uvarints.
func (s Sample) Encode() []byte {
	var b []byte
	for i, k := range s.Keys {
		b = binary.AppendUvarint(b, uint64(len(k)))
		b = append(b, k...)
		b = binary.AppendUvarint(b, uint64(s.Bytes[i]))
	}
	return b
}

// Decode is the way back.
func Decode(b []byte) (Sample, error) {
	bad := errors.New("a sample of keys is cut short")
	var s Sample
	for len(b) > 0 {
		k, n := binary.Uvarint(b)
		if n <= 0 || k > MaxKey || uint64(len(b)-n) < k {
			return Sample{}, bad
		}
		key := b[n : n+int(k)]
		b = b[n+int(k):]
		size, n := binary.Uvarint(b)
		if n <= 0 || size > 1<<62 {
			return Sample{}, bad
		}
		b = b[n:]
		s.Keys, s.Bytes = append(s.Keys, key), append(s.Bytes, int64(size))
	}
	return s, nil
}

// Choose gives the parts-1 keys at which the parts after the first begin, in ascending order. Where there are fewer keys than
// parts, or one has more than a part's share, some are equal: nothing is between them, and those parts are empty.
func Choose(samples []Sample, parts int) [][]byte {
	type step struct {
		key   []byte
		bytes int64
	}
	var all []step
	var total int64
	for _, s := range samples {
		for i, k := range s.Keys {
			all = append(all, step{k, s.Bytes[i]})
			total += s.Bytes[i]
		}
	}
	slices.SortFunc(all, func(a, b step) int { return bytes.Compare(a.key, b.key) })
	list := make([][]byte, 0, max(parts-1, 0))
	// below is what the samples say lies before the key of all[at], upTo what lies before the next key.
	at, next := 0, 0
	var below, upTo int64
	advance := func() {
		at, below = next, upTo
		for next < len(all) && bytes.Equal(all[next].key, all[at].key) {
			upTo += all[next].bytes
			next++
		}
	}
	advance()
	for i := 1; i < parts; i++ {
		want := share(total, i, parts)
		for next < len(all) && upTo-want <= want-below {
			advance()
		}
		if len(all) == 0 {
			list = append(list, []byte{})
		} else {
			list = append(list, all[at].key)
		}
	}
	return list
}

// share is total*i/parts without overflow.
func share(total int64, i, parts int) int64 {
	n := int64(parts)
	return total/n*int64(i) + total%n*int64(i)/n
}
