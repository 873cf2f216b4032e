package streaming

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/rows"
)

// combiner is a map's port whose pairs go through a combine command before they leave: as many at a time as there is memory
// for, in key order.
type combiner struct {
	boundary.MapPort
	a     *attempt
	full  int // bytes of pairs to gather
	pairs rows.Batch
}

// Bounds of what is gathered for a call of the command, in bytes: fewer are not worth a process, and more do not make it
// combine much better.
const (
	leastGathered = 1 << 20
	mostGathered  = 32 << 20
)

func newCombiner(a *attempt, port boundary.MapPort, memory uint64) *combiner {
	if memory == 0 {
		memory = 4 * mostGathered
	}
	return &combiner{MapPort: port, a: a, full: int(min(max(memory/4, leastGathered), mostGathered))}
}

// Send gathers the pairs, and leaves the batch empty.
func (c *combiner) Send(b *boundary.Pairs) error {
	for i := range b.Len() {
		c.pairs.Append(b.Key(i), b.Val(i))
	}
	b.Keys, b.Vals, b.KeyOff, b.ValOff = b.Keys[:0], b.Vals[:0], b.KeyOff[:0], b.ValOff[:0]
	b.Parts = b.Parts[:0]
	if c.pairs.Bytes() < c.full {
		return nil
	}
	return c.flush()
}

// flush sends what has been gathered through the command.
func (c *combiner) flush() error {
	n := c.pairs.Len()
	if n == 0 {
		return nil
	}
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(x, y int32) int { return bytes.Compare(c.pairs.Key(int(x)), c.pairs.Key(int(y))) })
	f := c.a.framing()
	cmd, err := c.a.start("combine", c.a.Combine, f, c.Batch())
	if err != nil {
		return err
	}
	defer cmd.stop()
	p := pump{ctx: c.a.ctx, c: cmd, fetch: func() ([]byte, error) {
		if len(order) == 0 {
			return nil, io.EOF
		}
		buf := make([]byte, 0, chunk)
		for len(order) > 0 && len(buf) < chunk {
			i := int(order[0])
			buf = f.pair(buf, c.pairs.Key(i), c.pairs.Val(i))
			order = order[1:]
		}
		return buf, nil
	}}
	for {
		units, err := p.output()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := c.send(f, units); err != nil {
			return err
		}
	}
	c.a.finish(cmd)
	c.pairs.Reset()
	return nil
}

// chunk is how many bytes a command is given at a time.
const chunk = 256 << 10

// send sends units as pairs.
func (c *combiner) send(f framing, units []byte) error {
	var out boundary.Pairs
	for len(units) > 0 {
		unit, n := f.cut(units)
		key, val := f.split(unit)
		if out.Append(key, val); c.a.SortValues {
			out.Parts = append(out.Parts, int32(c.a.partition(key, int(c.a.parts))))
		}
		units = units[n:]
	}
	return c.MapPort.Send(&out)
}
