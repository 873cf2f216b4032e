package reduceside

import (
	"context"
	"io"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/worker/duplex"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/table"
)

// throughPlugin streams groups to the plugin and writes what comes back.
func (r *reduction) throughPlugin(ctx context.Context, in runs.Stream, part table.PartWriter, named *table.Named) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	id := r.t.ID
	p, err := r.d.Reduce(ctx, &pluginv1.ReduceStart{
		Id:         &pluginv1.TaskID{Job: id.GetJob(), Stage: id.GetStage(), Task: id.GetTask(), Attempt: id.GetAttempt()},
		Partitions: uint32(r.t.Partitions), Memory: uint64(r.t.Memory / 2),
	})
	if err != nil {
		return err
	}
	if err := named.Take(r.t.Stage, p); err != nil {
		return err
	}
	send := func() error { return r.send(ctx, in, p) }
	if err := duplex.Run(ctx, cancel, send, func() error { return r.receive(p, part) }); err != nil {
		return err
	}
	c := p.Counters()
	r.tally.User, r.tally.PairsOut = c.GetUser(), c.GetRowsOut()
	return nil
}

// send gathers pairs into batches. A batch ends when the next pair would make it too large, in the middle of a group or
// not; a larger pair has a batch to itself.
func (r *reduction) send(ctx context.Context, in runs.Stream, p Reducer) error {
	var b rows.Batch
	var before last
	var held int64
	defer func() { r.t.Budget.Give(held) }()
	flush := func() error {
		n := int64(cap(b.Keys) + cap(b.Vals) + 4*(cap(b.KeyOff)+cap(b.ValOff)) + cap(before.key))
		r.t.Budget.Take(n - held)
		held = n
		if b.Len() == 0 {
			return nil
		}
		continues := before.is(b.Key(0))
		before.set(b.Key(b.Len() - 1))
		if err := p.Send(ctx, &b, continues); err != nil {
			return err
		}
		if b.Bytes() > r.batch() {
			b = rows.Batch{} // a pair of unusual size has gone through
		}
		b.Reset()
		return nil
	}
	for {
		pair, err := r.next(ctx, in)
		if err != nil {
			return err
		}
		if pair == nil {
			break
		}
		if b.Len() > 0 && b.Bytes()+len(pair.Key)+len(pair.Val)+8 > r.batch() {
			if err := flush(); err != nil {
				return err
			}
		}
		b.Append(pair.Key, pair.Val)
	}
	if err := flush(); err != nil {
		return err
	}
	return p.CloseSend()
}

// receive writes the plugin's rows to the part.
func (r *reduction) receive(p Reducer, part table.PartWriter) error {
	for {
		b, err := p.Recv()
		if err == io.EOF { // a wrapped EOF is a stream cut short, not its end
			return nil
		}
		if err != nil {
			return err
		}
		r.tally.RowsOut += uint64(b.NumRows())
		err = part.Write(b)
		b.Release()
		if err != nil {
			return err
		}
	}
}
