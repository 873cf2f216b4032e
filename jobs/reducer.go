package jobs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
)

// groups walks the rows of a reduce attempt key by key, across batches.
//
// Invariant: between calls the row at (batch, row) is the next one not given out, or batch is nil at the end or after
// an error.
type groups struct {
	port  boundary.ReducePort
	batch *boundary.Group
	row   int
	err   error
	key   []byte // of the current group, or of its first row where values are sorted
	group []byte // what all keys of the current group begin with; nil: they are key
	begun bool   // none of its values has been given out: the next row is its first
	over  bool   // the next row is known to be another group's
	in    uint64 // groups begun
}

// load gets batches until there is a row, or the end.
func (g *groups) load() {
	for g.err == nil && (g.batch == nil || g.row == g.batch.Len()) {
		b, err := g.port.Recv()
		if err != nil {
			g.batch = nil
			if g.err = err; errors.Is(err, io.EOF) {
				g.err = io.EOF
			}
			return
		}
		if b.Continues && b.Len() > 0 && (g.in == 0 || !g.has(b.Key(0))) {
			g.batch, g.err = nil, errs.New(errs.Corrupt, "a batch continues another key than the last")
			return
		}
		g.batch, g.row = b, 0
	}
}

// has reports whether a row with this key is of the current group.
func (g *groups) has(key []byte) bool {
	if g.group != nil {
		return bytes.HasPrefix(key, g.group)
	}
	return bytes.Equal(key, g.key)
}

// next begins the group of the next row. false means the end, or err.
func (g *groups) next() bool {
	if g.load(); g.batch == nil {
		return false
	}
	g.key = g.batch.Key(g.row)
	g.begun, g.over = true, false
	g.in++
	return true
}

// value gives the encoded value of the next row of the current group. Each key is compared once.
func (g *groups) value() (enc []byte, ok bool) {
	if g.over {
		return nil, false
	}
	if !g.begun {
		if g.batch == nil || g.row == g.batch.Len() {
			g.load()
		}
		if g.batch == nil || !g.has(g.batch.Key(g.row)) {
			g.over = true
			return nil, false
		}
	}
	g.begun = false
	g.row++
	return g.batch.Val(g.row - 1), true
}

// skip passes what is left of the current group.
func (g *groups) skip() {
	for {
		if _, ok := g.value(); !ok {
			return
		}
	}
}

// broken is the error that ended the rows, other than their good end.
func (g *groups) broken() error {
	if g.err == io.EOF {
		return nil
	}
	return g.err
}

// Reduce runs a reduce attempt.
func (p *program[In, K, V, Out]) Reduce(ctx context.Context, start *pluginv1.ReduceStart, port boundary.ReducePort) (*pluginv1.Counters, error) {
	a := &reduceAttempt[In, K, V, Out]{program: p, groups: groups{port: port}}
	a.ctx = context.WithValue(withSides(ctx, start.GetSides()), tallyKey{}, &a.tally)
	a.ctx, a.outs = newOutlets(a.ctx, p.outlets, port)
	if p.out != nil {
		a.rows = newRowWriter(p.out.layout, port.Batch(), port.Send, p.out.columns)
	} else {
		a.rows = newRowWriter(p.pairs.layout, port.Batch(), port.Send, p.pairs.keys, p.pairs.vals)
	}
	if err := guard(a.run, &a.goexit); err != nil {
		return nil, err
	}
	return &pluginv1.Counters{User: a.tally.sums(), GroupsIn: a.in, RowsOut: a.rows.rows}, nil
}

// reduceAttempt is the state of one reduce attempt.
type reduceAttempt[In, K, V, Out any] struct {
	*program[In, K, V, Out]
	groups
	ctx     context.Context
	tally   tally
	rows    *rowWriter
	outs    *outlets
	scratch []byte
	goexit  *boundary.Failure
}

// run reduces group by group. A panic is the failure of the key it happened at.
func (a *reduceAttempt[In, K, V, Out]) run() (err error) {
	returned := false
	defer func() {
		if !returned {
			a.goexit = a.atKey(panicked(recover()))
			err = a.goexit
		}
	}()
	group := a.reduceGroup()
	for a.next() {
		if err = group(); err == nil {
			a.skip()
			err = errors.Join(a.rows.err, a.outs.failed())
		}
		if err != nil {
			returned = true
			return err
		}
	}
	if err = a.broken(); err == nil {
		a.rows.send()
		err = errors.Join(a.rows.err, a.outs.finish())
	}
	returned = true
	return err
}

// reduceGroup is what is done to each group.
func (a *reduceAttempt[In, K, V, Out]) reduceGroup() func() error {
	switch {
	case a.job.Reduce != nil:
		return a.byUser()
	case a.job.Combine.IsSet():
		return a.byFold
	}
	return a.asIs
}

func (a *reduceAttempt[In, K, V, Out]) byUser() func() error {
	emit := func(row Out) {
		a.scratch = a.out.rows.Append(a.scratch[:0], row)
		a.rows.add(0, a.scratch)
		a.rows.end()
	}
	var decoding error // a range over values cannot return it
	values := iter.Seq[V](func(yield func(V) bool) {
		for decoding == nil {
			enc, ok := a.value()
			if !ok {
				return
			}
			v, err := a.vals.Decode(enc)
			if err != nil {
				decoding = errs.E(errs.Corrupt, "value", "", err)
				return
			}
			if !yield(v) {
				return
			}
		}
	})
	return func() error {
		key, err := a.groupKey()
		if err != nil {
			return errs.E(errs.Corrupt, "key", "", err)
		}
		err = a.job.Reduce(a.ctx, key, values, emit)
		switch {
		case a.broken() != nil:
			return a.broken() // the group was not whole: what Reduce made of it means nothing
		case decoding != nil:
			return decoding
		case err != nil:
			return a.atKey(&boundary.Failure{Text: err.Error()})
		}
		return nil
	}
}

// groupKey is the key of the group that has just begun.
func (a *reduceAttempt[In, K, V, Out]) groupKey() (key K, err error) {
	if a.sorted == nil {
		return a.keys.Decode(a.key)
	}
	key, a.group, err = a.sorted.split(a.key, a.group)
	return key, err
}

// byFold makes one row of a group: its key, and its values folded.
func (a *reduceAttempt[In, K, V, Out]) byFold() error {
	var acc V
	for n := 0; ; n++ {
		enc, ok := a.value()
		if !ok {
			break
		}
		v, err := a.vals.Decode(enc)
		if err != nil {
			return errs.E(errs.Corrupt, "value", "", err)
		}
		if n == 0 {
			acc = v
		} else {
			acc = a.job.Combine.fold(acc, v)
		}
	}
	if a.broken() != nil {
		return a.broken()
	}
	if a.job.unfold != nil {
		a.job.unfold.each(acc, a.pair)
		return nil
	}
	a.scratch = a.vals.Append(a.scratch[:0], acc)
	a.pair(a.scratch)
	return nil
}

// asIs makes a row of each value.
func (a *reduceAttempt[In, K, V, Out]) asIs() error {
	for {
		enc, ok := a.value()
		if !ok {
			return a.broken()
		}
		a.pair(enc)
	}
}

func (a *reduceAttempt[In, K, V, Out]) pair(val []byte) {
	a.rows.add(0, a.key)
	a.rows.add(1, val)
	a.rows.end()
}

func (a *reduceAttempt[In, K, V, Out]) atKey(f *boundary.Failure) *boundary.Failure {
	f.HasRecord, f.Key = true, a.key
	return f
}
