package boundary

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/shm"
)

// hostile is a plugin that speaks the wire by itself. It gets the start, the memory, and what was sent it first.
type hostile struct {
	pluginv1.UnimplementedPluginServiceServer
	region *shm.Region
	mapf   func(h *hostile, start *pluginv1.MapStart, first *pluginv1.InputBatch, s pluginv1.PluginService_MapServer) error
}

func (h *hostile) Map(s pluginv1.PluginService_MapServer) error {
	start, err := s.Recv()
	if err != nil {
		return err
	}
	first, err := s.Recv()
	if err != nil {
		return err
	}
	return h.mapf(h, start.GetStart(), first.GetBatch(), s)
}

// pair says that a pair of one byte each lies at a place, in this process's own segment.
func pair(segment uint32, at uint64) *pluginv1.PairBatch {
	return &pluginv1.PairBatch{
		Buffers: &pluginv1.Buffers{Rows: 1, Lengths: []uint64{8, 1, 8, 1}},
		Place:   &pluginv1.Place{Segment: segment, Offsets: []uint64{at, at + 8, at + 16, at + 24}},
	}
}

func (h *hostile) write(segment uint32, key, val byte) {
	mem := h.region.Segment(segment)
	lay(segment, mem, int32Bytes([]int32{0, 1}), []byte{key}, int32Bytes([]int32{0, 1}), []byte{val})
}

func batch(b *pluginv1.PairBatch) *pluginv1.MapResponse {
	return &pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Batch{Batch: b}}
}

func credit(ids ...uint32) *pluginv1.MapResponse {
	return &pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Credit{Credit: &pluginv1.Credit{Segments: ids}}}
}

func done() *pluginv1.MapResponse {
	return &pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Done{Done: &pluginv1.MapDone{}}}
}

func (h *hostile) serve(t *testing.T) wire {
	t.Helper()
	shared, err := NewSegments(2, 4096)
	if err != nil {
		t.Fatal(err)
	}
	if h.region, err = shared.Region().Again(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		shared.Close()
		_ = h.region.Close()
	})
	return wire{serve(t, h), shared}
}

// A plugin that breaks the rules of segments loses its attempt, and no more than that.
func TestHostilePlugins(t *testing.T) {
	type sent = func(start *pluginv1.MapStart, first *pluginv1.InputBatch) []*pluginv1.MapResponse
	one := func(f func(up uint32, b *pluginv1.PairBatch)) sent {
		return func(start *pluginv1.MapStart, _ *pluginv1.InputBatch) []*pluginv1.MapResponse {
			b := pair(start.GetUp()[0], 0)
			f(start.GetUp()[0], b)
			return []*pluginv1.MapResponse{batch(b)}
		}
	}
	for name, f := range map[string]sent{
		"no such segment":      one(func(_ uint32, b *pluginv1.PairBatch) { b.Place.Segment = 1 << 31 }),
		"another's segment":    one(func(up uint32, b *pluginv1.PairBatch) { b.Place.Segment = (up + 2*perWay) % (10 * 2 * perWay) }),
		"beyond the segment":   one(func(_ uint32, b *pluginv1.PairBatch) { b.Place.Offsets[1] = 4096 }),
		"a length that wraps":  one(func(_ uint32, b *pluginv1.PairBatch) { b.Buffers.Lengths[1] = ^uint64(0) - 7 }),
		"an offset that wraps": one(func(_ uint32, b *pluginv1.PairBatch) { b.Place.Offsets[3] = ^uint64(0) }),
		"too few places":       one(func(_ uint32, b *pluginv1.PairBatch) { b.Place.Offsets = b.Place.Offsets[:3] }),
		"too many buffers": one(func(_ uint32, b *pluginv1.PairBatch) {
			b.Place.Offsets, b.Buffers.Lengths = make([]uint64, 9), make([]uint64, 9)
		}),
		"other rows": one(func(_ uint32, b *pluginv1.PairBatch) { b.Buffers.Rows = 2 }),
		"a down segment": func(start *pluginv1.MapStart, _ *pluginv1.InputBatch) []*pluginv1.MapResponse {
			return []*pluginv1.MapResponse{batch(pair(start.GetDown()[0], 0))}
		},
		"given back twice": func(_ *pluginv1.MapStart, first *pluginv1.InputBatch) []*pluginv1.MapResponse {
			return []*pluginv1.MapResponse{credit(first.GetPlace().GetSegment()), credit(first.GetPlace().GetSegment())}
		},
		"given back, not held": func(start *pluginv1.MapStart, first *pluginv1.InputBatch) []*pluginv1.MapResponse {
			for _, id := range start.GetDown() {
				if id != first.GetPlace().GetSegment() {
					return []*pluginv1.MapResponse{credit(id)}
				}
			}
			return nil
		},
		"another's given back": func(start *pluginv1.MapStart, _ *pluginv1.InputBatch) []*pluginv1.MapResponse {
			return []*pluginv1.MapResponse{credit(start.GetUp()[0])}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &hostile{mapf: func(h *hostile, start *pluginv1.MapStart, first *pluginv1.InputBatch, s pluginv1.PluginService_MapServer) error {
				h.write(start.GetUp()[0], 'k', 'v')
				for _, m := range append(f(start, first), done()) {
					if err := s.Send(m); err != nil {
						return err
					}
				}
				return nil
			}}
			w := h.serve(t)
			before := w.shared.unused()
			_, _, err := drive(t, start(t, w), records("x"))
			if errs.KindOf(err) != errs.UserCode {
				t.Errorf("ends with %v", err)
			}
			// The next attempt of the same process does not notice, and has other segments.
			h.mapf = honest
			s := start(t, w)
			got, sent, err := drive(t, s, records("x"))
			if sent != nil || err != nil || len(got) != 1 || string(got[0].Key(0)) != "k" {
				t.Fatalf("the next attempt: %v, %v, %v", got, sent, err)
			}
			s.Close()
			if left := w.shared.unused(); left != before-2*perWay {
				t.Errorf("%d segments of %d are left", left, before)
			}
		})
	}
}

func (s *Segments) unused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.free)
}

// honest sends a pair, and is done when its input is.
func honest(h *hostile, start *pluginv1.MapStart, first *pluginv1.InputBatch, s pluginv1.PluginService_MapServer) error {
	id := start.GetUp()[0]
	h.write(id, 'k', 'v')
	if err := errors.Join(s.Send(credit(first.GetPlace().GetSegment())), s.Send(batch(pair(id, 0)))); err != nil {
		return err
	}
	for m, err := s.Recv(); m.GetEnd() == nil; m, err = s.Recv() {
		if err != nil {
			return err
		}
	}
	return s.Send(done())
}

// What the worker has received is its own: the plugin may scribble over the segment as it likes.
func TestWritesAfterHandingOver(t *testing.T) {
	scribbled := make(chan struct{})
	h := &hostile{mapf: func(h *hostile, start *pluginv1.MapStart, _ *pluginv1.InputBatch, s pluginv1.PluginService_MapServer) error {
		id := start.GetUp()[0]
		h.write(id, 'k', 'v')
		if err := s.Send(batch(pair(id, 0))); err != nil {
			return err
		}
		for m, err := s.Recv(); m.GetCredit() == nil; m, err = s.Recv() { // the worker is through with it
			if err != nil {
				return err
			}
		}
		for i := range h.region.Segment(id) {
			h.region.Segment(id)[i] = 0xff
		}
		close(scribbled)
		return s.Send(done())
	}}
	s := start(t, h.serve(t))
	if err := s.Send(t.Context(), records("x")); err != nil {
		t.Fatal(err)
	}
	p, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	<-scribbled
	if string(p.Key(0)) != "k" || string(p.Val(0)) != "v" {
		t.Errorf("the pair is now %q, %q", p.Key(0), p.Val(0))
	}
	if _, err := s.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// An attempt whose plugin gives nothing back ends with its context, and others of the process go on.
func TestNothingGivenBack(t *testing.T) {
	h := &hostile{mapf: func(h *hostile, start *pluginv1.MapStart, first *pluginv1.InputBatch, s pluginv1.PluginService_MapServer) error {
		if start.GetPartitions() > 0 { // the second attempt
			return honest(h, start, first, s)
		}
		<-s.Context().Done()
		return s.Context().Err()
	}}
	w := h.serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := NewMap(ctx, w, w.shared, &pluginv1.MapStart{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stuck := make(chan int)
	go func() {
		n := 0
		for b := s.Buffer(10); b != nil; b = s.Buffer(10) {
			b.Data, b.Off = append(b.Data, "x"...), append(b.Off, 0, 1)
			if s.Send(ctx, b) != nil {
				break
			}
			if n++; n == perWay {
				go cancel() // the next Buffer has nothing to wait for but this
			}
		}
		stuck <- n
	}()
	if _, err := s.Recv(); errs.KindOf(err) != errs.Canceled {
		t.Errorf("ends with %v", err)
	}
	if n := <-stuck; n != perWay {
		t.Errorf("%d batches went into %d segments", n, perWay)
	}
	s.Close()
	if got, sent, err := drive(t, start(t, w), records("x")); sent != nil || err != nil || len(got) != 1 {
		t.Errorf("the next attempt: %v, %v, %v", got, sent, err)
	}
}

// Attempts that end badly take their segments with them; those that find none left go by the stream.
func TestSegmentsRunOut(t *testing.T) {
	bad := &Failure{Text: "boom"}
	f := fake{mapf: func(port MapPort) (*pluginv1.Counters, error) {
		in, err := port.Recv()
		if err != nil {
			return nil, err
		}
		if string(in.Data) == "bad" {
			return nil, bad
		}
		p := &Pairs{}
		p.Append(in.Data, nil)
		if err := port.Send(p); err != nil {
			return nil, err
		}
		return echo(port)
	}}
	w := f.serve(t, carrier{segment: 4096})
	for i := range 2*spare + 2 {
		s := start(t, w)
		_, _, err := drive(t, s, records("bad"))
		if errs.KindOf(err) != errs.UserCode {
			t.Fatal(i, err)
		}
		s.Close()
	}
	if n := w.shared.unused(); n != 0 {
		t.Fatalf("%d segments are left", n)
	}
	s := start(t, w)
	got, sent, err := drive(t, s, records("a", "b"), records(strings.Repeat("x", 10<<10)))
	if sent != nil || err != nil || len(got) != 2 || !bytes.HasPrefix(got[0].Keys, []byte("ab")) {
		t.Errorf("%d batches, %v, %v", len(got), sent, err)
	}
	if s.lease != nil {
		t.Error("it has segments after all")
	}
}

// A batch that was filled in a segment and did not stay in it is sent all the same, and the segment is not lost.
func TestBatchesThatOutgrowTheirSegment(t *testing.T) {
	s := start(t, fake{mapf: echo}.serve(t, carrier{segment: 4096}))
	rows := make(chan int)
	go func() {
		n := 0
		defer func() { rows <- n }()
		for i := range 5 * perWay {
			b := s.Buffer(16)
			b.Off = append(b.Off, 0)
			for range 4000 * (i % 2) { // more rows than there is room for, and none
				b.Off = append(b.Off, 0)
				n++
			}
			if err := s.Send(t.Context(), b); err != nil {
				t.Error(err)
				return
			}
		}
		if err := s.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
	got := 0
	for {
		p, err := s.Recv()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		got += p.Len()
	}
	if sent := <-rows; got != sent || sent == 0 {
		t.Errorf("%d rows of %d", got, sent)
	}
}
