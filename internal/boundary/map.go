package boundary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/internal/rows"
)

// MapStream is the worker's end of a map attempt. Buffer, Send and CloseSend belong to one goroutine, Recv to another,
// and Recv must be called until it returns an error: a plugin that cannot write does not read.
type MapStream struct {
	stream  pluginv1.PluginService_MapClient
	cancel  context.CancelFunc
	explain func(error) error
	parts   uint32

	done     atomic.Uint64 // records the plugin says it is through with
	counters *pluginv1.Counters
	end      ending

	mu      sync.Mutex
	origins []placed // guarded by mu; of batch i at i
	kept    int      // guarded by mu; bytes of offsets held in origins
	oldest  int      // guarded by mu; the first batch whose offsets are still held
}

// placed is where the rows of a batch came from. Its offsets are forgotten when it is old.
type placed struct{ rows.Records }

// keepOffsets is how many bytes of offsets of sent batches are kept, to name the place of a record that fails. It is
// more than a plugin can have before it.
const keepOffsets = 16 << 20

// ending is how a stream ended, told once, for whoever sends when it does.
type ending struct {
	once sync.Once
	ch   chan struct{}
	err  error
}

func (e *ending) set(err error) error {
	e.once.Do(func() {
		e.err = err
		close(e.ch)
	})
	return e.err
}

// NewMap starts a map attempt. The stream ends with ctx. explain, when not nil, turns an error of the transport into
// one that says what became of the plugin.
func NewMap(ctx context.Context, c pluginv1.PluginServiceClient, start *pluginv1.MapStart, explain func(error) error) (*MapStream, error) {
	if explain == nil {
		explain = errs.FromStatus
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.Map(ctx, frame.Call())
	if err == nil {
		err = stream.Send(&pluginv1.MapRequest{Kind: &pluginv1.MapRequest_Start{Start: start}})
	}
	if err != nil {
		cancel()
		return nil, explain(err)
	}
	return &MapStream{stream: stream, cancel: cancel, explain: explain, parts: start.GetPartitions(), end: ending{ch: make(chan struct{})}}, nil
}

// Buffer gives memory for a batch of n bytes of data, in the transport's memory: Data has that capacity and length 0.
func (s *MapStream) Buffer(n int) *rows.Records {
	return &rows.Records{Data: make([]byte, 0, n), Off: make([]int32, 0, 1+n/64)}
}

// Send hands a batch over; its memory is the stream's from here on. It blocks while the plugin is behind. When the
// plugin has ended the attempt, the error is what Recv returns.
func (s *MapStream) Send(ctx context.Context, r *rows.Records) error {
	if r.Len() == 0 {
		return nil
	}
	s.remember(r)
	bufs := recordBuffers(r)
	lengths, total := lengthsOf(bufs...)
	bodies := cut(bufs...)
	head := &pluginv1.MapRequest{Body: bodies[0], Kind: &pluginv1.MapRequest_Batch{Batch: &pluginv1.InputBatch{
		Buffers:    &pluginv1.Buffers{Rows: uint32(r.Len()), Lengths: lengths},
		Format:     pluginv1.InputBatch_FORMAT_STRINGS,
		Terminated: r.Terminated, BodyLength: total,
	}}}
	defer context.AfterFunc(ctx, s.cancel)()
	err := s.stream.Send(head)
	for _, body := range bodies[1:] {
		if err != nil {
			break
		}
		err = s.stream.Send(&pluginv1.MapRequest{Body: body})
	}
	return s.sent(ctx, err)
}

// CloseSend says that there are no more batches.
func (s *MapStream) CloseSend() error {
	err := s.stream.Send(&pluginv1.MapRequest{Kind: &pluginv1.MapRequest_End{End: &pluginv1.End{}}})
	if err == nil {
		err = s.stream.CloseSend()
	}
	return s.sent(s.stream.Context(), err)
}

// sent gives the error of a send its reason: gRPC says io.EOF, and the receiver learns why.
func (s *MapStream) sent(ctx context.Context, err error) error { return s.end.why(ctx, err, s.explain) }

func (e *ending) why(ctx context.Context, err error, explain func(error) error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, io.EOF) {
		return explain(err)
	}
	select {
	case <-e.ch:
		if e.err != io.EOF {
			return e.err
		}
		return errs.New(errs.UserCode, "the plugin ended the attempt before its input did")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Recv gives the next batch of pairs, and io.EOF once the plugin is done and all is well. A failure of the user's
// function is an errs.UserCode error around a *Failure that names the record.
func (s *MapStream) Recv() (*Pairs, error) {
	p, err := s.recv()
	if err != nil {
		s.cancel()
		return nil, s.end.set(err)
	}
	return p, nil
}

func (s *MapStream) recv() (*Pairs, error) {
	for {
		m, err := s.stream.Recv()
		if err != nil {
			return nil, s.lost(err)
		}
		switch k := m.GetKind().(type) {
		case *pluginv1.MapResponse_Progress:
			s.done.Store(k.Progress.GetRecords())
		case *pluginv1.MapResponse_Done:
			s.counters = k.Done.GetCounters()
			return nil, io.EOF
		case *pluginv1.MapResponse_Failure:
			return nil, s.failed(k.Failure)
		case *pluginv1.MapResponse_Batch:
			bufs, err := join(k.Batch.GetBuffers().GetLengths(), k.Batch.GetBodyLength(), m.GetBody(), func() ([]byte, error) {
				m, err := s.stream.Recv()
				if err != nil {
					return nil, s.lost(err)
				}
				return m.GetBody(), nil
			})
			if err != nil {
				return nil, blame(err)
			}
			p, err := pairsOf(k.Batch, bufs, s.parts)
			return p, blame(err)
		default:
			return nil, blame(errs.New(errs.Corrupt, "a %T in a map stream", k))
		}
	}
}

func (s *MapStream) lost(err error) error {
	if errors.Is(err, io.EOF) {
		return errs.New(errs.UserCode, "the plugin ended the attempt without a word")
	}
	return s.explain(err)
}

// blame puts what a plugin sent wrongly on the plugin.
func blame(err error) error {
	if errs.Is(err, errs.Corrupt) {
		return errs.E(errs.UserCode, "plugin", "", err)
	}
	return err
}

func (s *MapStream) failed(f *pluginv1.Failure) error {
	fail := failureOf(f)
	if !f.GetHasRecord() {
		return errs.E(errs.UserCode, "map", "", fail)
	}
	return errs.E(errs.UserCode, "map", s.Where(f.GetBatch(), f.GetRow()), fail)
}

func failureOf(f *pluginv1.Failure) *Failure {
	return &Failure{Text: f.GetError(), Stack: f.GetStack(), HasRecord: f.GetHasRecord(), Batch: f.GetBatch(), Row: f.GetRow(), Key: f.GetKey()}
}

// Counters are what the plugin counted; valid after Recv has returned io.EOF.
func (s *MapStream) Counters() *pluginv1.Counters { return s.counters }

// Done is how many records the plugin says it is through with.
func (s *MapStream) Done() uint64 { return s.done.Load() }

// Close gives the stream up. It need not be called after Recv has returned an error.
func (s *MapStream) Close() { s.cancel() }

// remember keeps what Where needs of a batch, and drops the offsets of the oldest ones.
func (s *MapStream) remember(r *rows.Records) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.origins = append(s.origins, placed{rows.Records{Off: r.Off, Origins: r.Origins}})
	for s.kept += 4 * len(r.Off); s.kept > keepOffsets && s.oldest < len(s.origins)-1; s.oldest++ {
		s.kept -= 4 * len(s.origins[s.oldest].Off)
		s.origins[s.oldest].Off = nil
	}
}

// Where names the place of a record for people: its object and byte offset, as exactly as is still known.
func (s *MapStream) Where(batch, row uint64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if batch >= uint64(len(s.origins)) || len(s.origins[batch].Origins) == 0 {
		return fmt.Sprintf("record %d of batch %d", row, batch)
	}
	p := s.origins[batch]
	if row < uint64(p.Len()) {
		if object, off, ok := p.Where(int(row)); ok {
			return fmt.Sprintf("%s at byte %d", object, off)
		}
	}
	near := p.Origins[0]
	for _, o := range p.Origins {
		if uint64(o.Row) <= row {
			near = o
		}
	}
	return fmt.Sprintf("%s, %d records after byte %d", near.Object, int64(row)-int64(near.Row), near.Offset)
}

func validUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
