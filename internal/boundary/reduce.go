package boundary

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/internal/rows"
)

// ReduceStream is the worker's end of a reduce attempt. Send and CloseSend belong to one goroutine, Recv to another, as
// with MapStream. Close comes last.
type ReduceStream struct {
	stream   pluginv1.PluginService_ReduceClient
	ctx      context.Context // that NewReduce was given
	cancel   context.CancelFunc
	explain  func(error) error
	keys     []arrow.Field
	batches  *batchReader
	counters *pluginv1.Counters
	end      ending
	lease    *lease // nil: nothing is shared
	named

	out    sync.Mutex // held while a message is sent
	closed atomic.Bool
}

// NewReduce starts a reduce attempt of a stage. The rest is as for NewMap.
func NewReduce(ctx context.Context, c pluginv1.PluginServiceClient, shared *Segments, stage *pluginv1.Stage, start *pluginv1.ReduceStart, explain func(error) error) (*ReduceStream, error) {
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
	s := &ReduceStream{ctx: ctx, explain: explain, keys: keys.Fields(), batches: batches, lease: shared.lease(), end: ending{ch: make(chan struct{})}}
	ctx, s.cancel = context.WithCancel(ctx)
	if s.lease != nil {
		start = proto.CloneOf(start)
		start.Down, start.Up = s.lease.down, s.lease.up
	}
	if s.stream, err = c.Reduce(ctx, frame.Call()); err == nil {
		err = s.stream.Send(&pluginv1.ReduceRequest{Kind: &pluginv1.ReduceRequest_Start{Start: start}})
	}
	if err != nil {
		s.Close()
		return nil, explain(err)
	}
	if s.lease != nil {
		s.lease.start(ctx, func(c *pluginv1.Credit) error {
			return s.write(&pluginv1.ReduceRequest{Kind: &pluginv1.ReduceRequest_Credit{Credit: c}})
		})
	}
	return s, nil
}

func (s *ReduceStream) write(m *pluginv1.ReduceRequest) error {
	s.out.Lock()
	defer s.out.Unlock()
	return s.stream.Send(m)
}

// Send sends a batch of rows in key order; continues says that its first key is the last one of the batch before. The
// rows are copied: the batch is the caller's again. It blocks while the plugin is behind.
func (s *ReduceStream) Send(ctx context.Context, b *rows.Batch, continues bool) error {
	if b.Len() == 0 {
		return nil
	}
	if ctx != s.ctx { // that one ends the stream anyway
		defer context.AfterFunc(ctx, s.cancel)()
	}
	n := b.Len()
	place, err := s.lease.copy(s.stream.Context(), b)
	if err != nil {
		return s.end.why(ctx, io.EOF, s.explain) // the stream has ended
	}
	bodies := [][]byte{nil}
	if place == nil {
		b = clone(b)
		bodies = cut(batchBuffers(b)...)
	}
	lengths, total := lengthsOf(batchBuffers(b)...)
	head := &pluginv1.ReduceRequest{Body: bodies[0], Kind: &pluginv1.ReduceRequest_Batch{Batch: &pluginv1.GroupBatch{
		Buffers: &pluginv1.Buffers{Rows: uint32(n), Lengths: lengths}, Continues: continues, BodyLength: total, Place: place,
	}}}
	err = s.write(head)
	for _, body := range bodies[1:] {
		if err != nil {
			break
		}
		err = s.write(&pluginv1.ReduceRequest{Body: body})
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
	err := s.write(&pluginv1.ReduceRequest{Kind: &pluginv1.ReduceRequest_End{End: &pluginv1.End{}}})
	if err == nil && s.lease == nil { // else credits still go down
		err = s.stream.CloseSend()
	}
	s.closed.Store(err == nil)
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
	for {
		m, err := s.stream.Recv()
		if err != nil {
			return nil, s.lost(err)
		}
		switch k := m.GetKind().(type) {
		case *pluginv1.ReduceResponse_Done:
			if s.counters = k.Done.GetCounters(); s.counters == nil {
				s.counters = &pluginv1.Counters{}
			}
			return nil, io.EOF
		case *pluginv1.ReduceResponse_Failure:
			return nil, s.failed(k.Failure)
		case *pluginv1.ReduceResponse_Credit:
			if err := s.lease.credited(k.Credit); err != nil {
				return nil, blame(err)
			}
		case *pluginv1.ReduceResponse_Batch:
			if k.Batch.GetOutput() != 0 {
				if err := s.take(k.Batch, m.GetBody(), s.more); err != nil {
					return nil, err
				}
				continue
			}
			msg, err := s.message(k.Batch, m.GetBody())
			if err != nil {
				return nil, blame(err)
			}
			rec, err := s.batches.read(aligned(msg), k.Batch.GetRows())
			return rec, blame(err)
		default:
			return nil, blame(errs.New(errs.Corrupt, "a %T in a reduce stream", k))
		}
	}
}

// message gives the Arrow message of a batch, in memory that the plugin cannot reach.
func (s *ReduceStream) message(b *pluginv1.OutputBatch, body []byte) ([]byte, error) {
	lengths := []uint64{b.GetBodyLength()}
	var bufs [][]byte
	var err error
	if p := b.GetPlace(); p != nil {
		bufs, err = s.lease.take(p, lengths, nil) // not into the memory of the last: rows may be kept
	} else {
		bufs, err = join(lengths, lengths[0], body, s.more)
	}
	if err != nil {
		return nil, err
	}
	return bufs[0], nil
}

// more is the next message of a body that is longer than one.
func (s *ReduceStream) more() ([]byte, error) {
	m, err := s.stream.Recv()
	if err != nil {
		return nil, s.lost(err)
	}
	return m.GetBody(), nil
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

// Close ends the stream and gives its memory back. Nobody may use the stream then. Idempotent; of nil
// it does nothing.
func (s *ReduceStream) Close() {
	if s == nil {
		return
	}
	s.cancel()
	if s.lease != nil {
		s.lease.close(s.closed.Load() && s.counters != nil)
	}
}
