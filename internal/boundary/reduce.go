package boundary

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/internal/rows"
)

// ReduceStream is the worker's end of a reduce attempt. Send and CloseSend belong to one goroutine, Recv to another, as
// with MapStream.
type ReduceStream struct {
	stream   pluginv1.PluginService_ReduceClient
	cancel   context.CancelFunc
	explain  func(error) error
	keys     []arrow.Field
	batches  *batchReader
	counters *pluginv1.Counters
	end      ending
}

// NewReduce starts a reduce attempt of a stage. ctx and explain are as for NewMap.
func NewReduce(ctx context.Context, c pluginv1.PluginServiceClient, stage *pluginv1.Stage, start *pluginv1.ReduceStart, explain func(error) error) (*ReduceStream, error) {
	if explain == nil {
		explain = errs.FromStatus
	}
	keys, err := codec.UnmarshalSchema(stage.GetKeySchema())
	if err != nil {
		return nil, errs.E(errs.UserCode, "plugin", "key schema", err)
	}
	out, err := codec.UnmarshalSchema(stage.GetOutputSchema())
	if err != nil {
		return nil, errs.E(errs.UserCode, "plugin", "output schema", err)
	}
	batches, err := newBatchReader(out)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.Reduce(ctx, frame.Call())
	if err == nil {
		err = stream.Send(&pluginv1.ReduceRequest{Kind: &pluginv1.ReduceRequest_Start{Start: start}})
	}
	if err != nil {
		cancel()
		return nil, explain(err)
	}
	return &ReduceStream{
		stream: stream, cancel: cancel, explain: explain, keys: keys.Fields(), batches: batches, end: ending{ch: make(chan struct{})},
	}, nil
}

// Send sends a batch of rows in key order; continues says that its first key is the last one of the batch before. The
// rows are copied: the batch is the caller's again. It blocks while the plugin is behind.
func (s *ReduceStream) Send(ctx context.Context, b *rows.Batch, continues bool) error {
	if b.Len() == 0 {
		return nil
	}
	own := clone(b)
	bufs := batchBuffers(own)
	lengths, total := lengthsOf(bufs...)
	bodies := cut(bufs...)
	head := &pluginv1.ReduceRequest{Body: bodies[0], Kind: &pluginv1.ReduceRequest_Batch{Batch: &pluginv1.GroupBatch{
		Buffers: &pluginv1.Buffers{Rows: uint32(b.Len()), Lengths: lengths}, Continues: continues, BodyLength: total,
	}}}
	defer context.AfterFunc(ctx, s.cancel)()
	err := s.stream.Send(head)
	for _, body := range bodies[1:] {
		if err != nil {
			break
		}
		err = s.stream.Send(&pluginv1.ReduceRequest{Body: body})
	}
	return s.end.why(ctx, err, s.explain)
}

// clone copies the rows of b, and only those; its offsets begin at 0.
func clone(b *rows.Batch) *rows.Batch {
	n := b.Len()
	column := func(off []int32, data []byte) ([]int32, []byte) {
		from, to := off[0], off[n]
		own := make([]int32, n+1)
		for i, o := range off[:n+1] {
			own[i] = o - from
		}
		return own, append(make([]byte, 0, to-from), data[from:to]...)
	}
	own := &rows.Batch{}
	own.KeyOff, own.Keys = column(b.KeyOff, b.Keys)
	own.ValOff, own.Vals = column(b.ValOff, b.Vals)
	return own
}

// CloseSend says that there are no more batches.
func (s *ReduceStream) CloseSend() error {
	err := s.stream.Send(&pluginv1.ReduceRequest{Kind: &pluginv1.ReduceRequest_End{End: &pluginv1.End{}}})
	if err == nil {
		err = s.stream.CloseSend()
	}
	return s.end.why(s.stream.Context(), err, s.explain)
}

// Recv gives the next rows of the result, and io.EOF once the plugin is done and all is well. A failure of the user's
// function is an errs.UserCode error around a *Failure that names the key.
func (s *ReduceStream) Recv() (arrow.RecordBatch, error) {
	rec, err := s.recv()
	if err != nil {
		s.cancel()
		return nil, s.end.set(err)
	}
	return rec, nil
}

func (s *ReduceStream) recv() (arrow.RecordBatch, error) {
	m, err := s.stream.Recv()
	if err != nil {
		return nil, s.lost(err)
	}
	switch k := m.GetKind().(type) {
	case *pluginv1.ReduceResponse_Done:
		s.counters = k.Done.GetCounters()
		return nil, io.EOF
	case *pluginv1.ReduceResponse_Failure:
		return nil, s.failed(k.Failure)
	case *pluginv1.ReduceResponse_Batch:
		total := k.Batch.GetBodyLength()
		bufs, err := join([]uint64{total}, total, m.GetBody(), func() ([]byte, error) {
			m, err := s.stream.Recv()
			if err != nil {
				return nil, s.lost(err)
			}
			return m.GetBody(), nil
		})
		if err != nil {
			return nil, blame(err)
		}
		rec, err := s.batches.read(aligned(bufs[0]), k.Batch.GetRows())
		return rec, blame(err)
	}
	return nil, blame(errs.New(errs.Corrupt, "a %T in a reduce stream", m.GetKind()))
}

func (s *ReduceStream) lost(err error) error {
	if errors.Is(err, io.EOF) {
		return errs.New(errs.UserCode, "the plugin ended the attempt without a word")
	}
	return s.explain(err)
}

func (s *ReduceStream) failed(f *pluginv1.Failure) error {
	on := ""
	if f.GetHasRecord() {
		on = "key " + codec.KeyText(s.keys, f.GetKey())
	}
	return errs.E(errs.UserCode, "reduce", on, failureOf(f))
}

// Counters are what the plugin counted; valid after Recv has returned io.EOF.
func (s *ReduceStream) Counters() *pluginv1.Counters { return s.counters }

// Close gives the stream up. It need not be called after Recv has returned an error.
func (s *ReduceStream) Close() { s.cancel() }
