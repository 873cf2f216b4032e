package boundary

import (
	"bytes"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// outlet gives a plugin memory for the pairs it gathers: a segment, so that the batch need not be copied there. A batch
// that outgrows its share of the segment, or was begun elsewhere, is copied into another.
type outlet struct {
	in *inlet[*pluginv1.MapRequest]

	held bool // id is neither free nor with the worker: a batch is being written in it
	id   uint32
	own  Pairs // memory of the plugin's own, from before it had segments
}

// place says where a batch lies for the worker to take. nil: it is to go by the stream, and lies in no segment.
func (o *outlet) place(p *Pairs) (*pluginv1.Place, error) {
	bufs := pairBuffers(p)
	if place := o.whole(bufs); place != nil {
		o.held = false
		return place, nil
	}
	// Some of it may lie in the segment at hand all the same, so that one is not written over.
	id, mem, ok, err := o.in.segment(room(bufs...))
	if err != nil {
		return nil, err
	}
	if !ok {
		o.leave(p, bytes.Clone)
		return nil, nil
	}
	place := lay(id, mem, bufs...)
	o.own = *p
	o.leave(&o.own, func([]byte) []byte { return nil })
	return place, nil
}

// whole is the place of a batch all of which lies in the segment at hand; else nil.
func (o *outlet) whole(bufs [][]byte) *pluginv1.Place {
	if !o.held {
		return nil
	}
	place := &pluginv1.Place{Segment: o.id, Offsets: make([]uint64, 0, len(bufs))}
	for _, b := range bufs {
		id, at, ok := o.in.region.Find(b)
		if !ok || id != o.id {
			return nil
		}
		place.Offsets = append(place.Offsets, at)
	}
	return place
}

// leave lets the segment at hand go, and puts in the place of each buffer of p that lies in it what instead makes of it.
func (o *outlet) leave(p *Pairs, instead func([]byte) []byte) {
	if !o.held {
		return
	}
	here := func(b []byte) bool {
		_, _, ok := o.in.region.Find(b)
		return ok
	}
	for _, b := range []*[]byte{&p.Keys, &p.Vals} {
		if here(*b) {
			*b = instead(*b)
		}
	}
	for _, b := range []*[]int32{&p.KeyOff, &p.ValOff, &p.Parts} {
		if here(int32Bytes((*b)[:cap(*b)])) {
			*b, _ = int32s(instead(int32Bytes(*b))) // whole integers
		}
	}
	o.in.unused(o.id)
	o.held = false
}

// next empties a batch that has been placed and gives it memory for another one like it: a segment, when one is back,
// unless that would be waiting for the worker in vain.
func (o *outlet) next(p *Pairs) error {
	var of [mostBuffers]int
	lengths := of[:0]
	for _, b := range pairBuffers(p) {
		lengths = append(lengths, len(b))
	}
	if id, mem, ok, err := o.in.segment(0); err != nil {
		return err
	} else if ok {
		if *p, ok = carve(mem, lengths); ok {
			o.id, o.held = id, true
			return nil
		}
		o.in.unused(id)
	}
	*p, o.own = o.own, Pairs{}
	p.Reset()
	p.Parts, p.Sorted, p.Partition = p.Parts[:0], false, 0
	return nil
}

// carve cuts a segment up for a batch like one whose buffers had these lengths: each gets as much, and an equal share of
// the rest. Buffers begin at multiples of 8 bytes. ok is false where the rest is no room to speak of.
func carve(mem []byte, lengths []int) (p Pairs, ok bool) {
	rest := len(mem)
	for _, n := range lengths {
		rest -= n
	}
	more := rest / len(lengths) &^ 7
	if more < 16 {
		return p, false
	}
	data := func(i int) []byte {
		n := lengths[i]&^7 + more
		b := mem[:0:n]
		mem = mem[n:]
		return b
	}
	integers := func(i int) []int32 {
		b := data(i)
		off, _ := int32s(b[:cap(b)]) // aligned, and whole
		return off[:0]
	}
	p.KeyOff, p.Keys, p.ValOff, p.Vals = integers(0), data(1), integers(2), data(3)
	if len(lengths) > 4 {
		p.Parts = integers(4)
	}
	return p, true
}
