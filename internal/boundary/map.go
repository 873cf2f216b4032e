package boundary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
	"github.com/mrctl/mrctl/internal/rows"
)

// MapStream is the worker's end of a map attempt. Buffer, Send and CloseSend belong to one goroutine, Recv to another,
// and Recv must be called until it returns an error: a plugin that cannot write does not read. Close comes last.
type MapStream struct {
	stream  pluginv1.PluginService_MapClient
	ctx     context.Context // that NewMap was given
	cancel  context.CancelFunc
	explain func(error) error
	parts   uint32
	lease   *lease // nil: nothing is shared

	done     atomic.Uint64 // records the plugin says it is through with
	moved    chan struct{} // capacity 1: done has changed
	onBad    func([]*pluginv1.BadRecord)
	counters *pluginv1.Counters
	end      ending
	named
	own [mostBuffers][]byte // where batches are copied out of segments

	out    sync.Mutex // held while a message is sent
	closed atomic.Bool

	mu      sync.Mutex
	origins []placed // guarded by mu; of batch i at i
	kept    int      // guarded by mu; bytes of offsets held in origins
	oldest  int      // guarded by mu; the first batch whose offsets are still held
	keep    int      // bytes of offsets that origins may hold
}

// placed is where the rows of a batch came from. Its offsets are forgotten when it is old.
type placed struct{ rows.Records }

// keepOffsets is how many bytes of offsets of sent batches are kept, to name the place of a record that fails. It is
// more than a plugin can have before it, so that records that were set aside long ago have their place too; an attempt with
// little memory keeps fewer, down to what the plugin can have.
const (
	keepOffsets = 16 << 20
	keepAtLeast = 1 << 20
)

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

// NewMap starts a map attempt, with segments of shared where there are any; nil shares nothing. The stream ends with
// ctx. explain, when not nil, turns an error of the transport into one that says what became of the plugin.
func NewMap(ctx context.Context, c pluginv1.PluginServiceClient, shared *Segments, start *pluginv1.MapStart, explain func(error) error) (*MapStream, error) {
	if explain == nil {
		explain = errs.FromStatus
	}
	s := &MapStream{ctx: ctx, explain: explain, parts: start.GetPartitions(), lease: shared.lease(), end: ending{ch: make(chan struct{})},
		keep: keepOffsets, moved: make(chan struct{}, 1)}
	if m := start.GetMemory(); m > 0 {
		s.keep = int(min(max(m/16, keepAtLeast), keepOffsets))
	}
	ctx, s.cancel = context.WithCancel(ctx)
	if s.lease != nil {
		start = proto.CloneOf(start)
		start.Down, start.Up = s.lease.down, s.lease.up
	}
	var err error
	if s.stream, err = c.Map(ctx, frame.Call()); err == nil {
		err = s.stream.Send(&pluginv1.MapRequest{Kind: &pluginv1.MapRequest_Start{Start: start}})
	}
	if err != nil {
		s.Close()
		return nil, explain(err)
	}
	if s.lease != nil {
		s.lease.start(ctx, func(c *pluginv1.Credit) error {
			return s.write(&pluginv1.MapRequest{Kind: &pluginv1.MapRequest_Credit{Credit: c}})
		})
	}
	return s, nil
}

func (s *MapStream) write(m *pluginv1.MapRequest) error {
	s.out.Lock()
	defer s.out.Unlock()
	err := s.stream.Send(m)
	giveWay(afterSend)
	return err
}

// Batch is how many bytes of data a batch should be made for.
func (s *MapStream) Batch() int {
	if s == nil || s.lease == nil {
		return BatchSize
	}
	return min(s.lease.dataRoom(), BatchSize)
}

// Buffer gives memory for a batch of n bytes of data, in the transport's memory: Data has that capacity and length 0.
// Where that is shared it blocks until the plugin has given some back, and Off has all the capacity it may have. nil:
// the stream has ended.
func (s *MapStream) Buffer(n int) *rows.Records {
	if s.lease != nil && n <= s.lease.dataRoom() {
		return s.lease.records(s.stream.Context())
	}
	return &rows.Records{Data: make([]byte, 0, n), Off: make([]int32, 0, 1+n/64)}
}

// Send hands a batch over; its memory is the stream's from here on. It blocks while the plugin is behind. When the
// plugin has ended the attempt, the error is what Recv returns.
func (s *MapStream) Send(ctx context.Context, r *rows.Records) error {
	place, err := s.lease.place(r)
	if err != nil || r.Len() == 0 {
		return err
	}
	s.remember(r, place != nil)
	bufs := recordBuffers(r)
	lengths, total := lengthsOf(bufs...)
	bodies := [][]byte{nil}
	if place == nil {
		bodies = cut(bufs...)
	}
	head := &pluginv1.MapRequest{Body: bodies[0], Kind: &pluginv1.MapRequest_Batch{Batch: &pluginv1.InputBatch{
		Buffers:    &pluginv1.Buffers{Rows: uint32(r.Len()), Lengths: lengths},
		Format:     pluginv1.InputBatch_FORMAT_STRINGS,
		Terminated: r.Terminated, BodyLength: total, Place: place,
	}}}
	if ctx != s.ctx { // that one ends the stream anyway
		defer context.AfterFunc(ctx, s.cancel)()
	}
	err = s.write(head)
	for _, body := range bodies[1:] {
		if err != nil {
			break
		}
		err = s.write(&pluginv1.MapRequest{Body: body})
	}
	return s.sent(ctx, err)
}

// CloseSend says that there are no more batches.
func (s *MapStream) CloseSend() error {
	err := s.write(&pluginv1.MapRequest{Kind: &pluginv1.MapRequest_End{End: &pluginv1.End{}}})
	if err == nil && s.lease == nil { // else credits still go down
		err = s.stream.CloseSend()
	}
	s.closed.Store(err == nil)
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

// Recv gives the next batch of pairs, valid until the next call, and io.EOF once the plugin is done and all is well. A failure of the user's
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
			s.advance(k.Progress.GetRecords())
		case *pluginv1.MapResponse_Bad:
			if s.onBad != nil {
				s.onBad(k.Bad.GetRecords())
			}
		case *pluginv1.MapResponse_Done:
			if s.counters = k.Done.GetCounters(); s.counters == nil {
				s.counters = &pluginv1.Counters{}
			}
			s.advance(max(s.done.Load(), s.counters.GetRecordsIn()))
			return nil, io.EOF
		case *pluginv1.MapResponse_Failure:
			return nil, s.failed(k.Failure)
		case *pluginv1.MapResponse_Credit:
			if err := s.lease.credited(k.Credit); err != nil {
				return nil, blame(err)
			}
		case *pluginv1.MapResponse_Rows:
			if err := s.take(k.Rows, m.GetBody(), s.more); err != nil {
				return nil, err
			}
		case *pluginv1.MapResponse_Batch:
			bufs, err := s.buffers(k.Batch, m.GetBody())
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

// buffers gives the buffers of a batch, in memory that the plugin cannot reach.
func (s *MapStream) buffers(b *pluginv1.PairBatch, body []byte) ([][]byte, error) {
	if p := b.GetPlace(); p != nil {
		return s.lease.take(p, b.GetBuffers().GetLengths(), s.own[:])
	}
	return join(b.GetBuffers().GetLengths(), b.GetBodyLength(), body, s.more)
}

// more is the next message of a body that is longer than one.
func (s *MapStream) more() ([]byte, error) {
	m, err := s.stream.Recv()
	if err != nil {
		return nil, s.lost(err)
	}
	return m.GetBody(), nil
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

// Done is how many records the plugin has last said it is through with; of nil none.
func (s *MapStream) Done() uint64 {
	if s == nil {
		return 0
	}
	return s.done.Load()
}

// Moved gives a token when Done has changed since the last one.
func (s *MapStream) Moved() <-chan struct{} { return s.moved }

func (s *MapStream) advance(records uint64) {
	s.done.Store(records)
	select {
	case s.moved <- struct{}{}:
	default: // whoever waits has not looked since the last change
	}
}

// OnBad makes f hear of records that the plugin has set aside, as they come, on the goroutine that receives. It is set
// before the first Recv.
func (s *MapStream) OnBad(f func([]*pluginv1.BadRecord)) { s.onBad = f }

// Close ends the stream and gives its memory back. Nobody may use the stream then, nor a batch from Buffer. Idempotent; of nil
// it does nothing.
func (s *MapStream) Close() {
	if s == nil {
		return
	}
	s.cancel()
	if s.lease != nil {
		s.lease.close(s.closed.Load() && s.counters != nil)
	}
}

// remember keeps what Where needs of a batch, and drops the offsets of the oldest ones. shared says that the batch lies
// in memory that others will use.
func (s *MapStream) remember(r *rows.Records, shared bool) {
	off := r.Off
	if shared {
		off = slices.Clone(off)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.origins = append(s.origins, placed{rows.Records{Off: off, Origins: r.Origins, Starts: r.Starts}})
	for s.kept += 4*len(r.Off) + 8*len(r.Starts); s.kept > s.keep && s.oldest < len(s.origins)-1; s.oldest++ {
		old := &s.origins[s.oldest]
		s.kept -= 4*len(old.Off) + 8*len(old.Starts)
		old.Off, old.Starts = nil, nil
	}
}

// Place gives the object and byte offset of a record, if they are still known.
func (s *MapStream) Place(batch, row uint64) (object string, off int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if batch >= uint64(len(s.origins)) || row >= uint64(s.origins[batch].Len()) {
		return "", 0, false
	}
	return s.origins[batch].Where(int(row))
}

// Where names the place of a record for people: its object and byte offset, as exactly as is still known.
func (s *MapStream) Where(batch, row uint64) string {
	if object, off, ok := s.Place(batch, row); ok {
		return fmt.Sprintf("%s at byte %d", object, off)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if batch >= uint64(len(s.origins)) || len(s.origins[batch].Origins) == 0 {
		return fmt.Sprintf("record %d of batch %d", row, batch)
	}
	p := s.origins[batch]
	near := p.Origins[0]
	for _, o := range p.Origins {
		if uint64(o.Row) <= row {
			near = o
		}
	}
	return fmt.Sprintf("%s, %d records after byte %d", near.Object, int64(row)-int64(near.Row), near.Offset)
}

func validUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
