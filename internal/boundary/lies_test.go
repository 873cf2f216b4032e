package boundary

import (
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
)

// honestOnStream sends a pair by the stream, and is done.
func honestOnStream(s pluginv1.PluginService_MapServer) error {
	return errors.Join(s.Send(pairOnStream(func(*pluginv1.PairBatch) {})), s.Send(done()))
}

// pairOnStream is a pair of one byte each, changed.
func pairOnStream(change func(b *pluginv1.PairBatch)) *pluginv1.MapResponse {
	b := &pluginv1.PairBatch{Buffers: &pluginv1.Buffers{Rows: 1, Lengths: []uint64{8, 1, 8, 1}}, BodyLength: 18}
	change(b)
	m := batch(b)
	m.Body = append(append(int32Bytes([]int32{0, 1}), 'k'), append(int32Bytes([]int32{0, 1}), 'v')...)
	return m
}

// A plugin that lies on the plain stream loses its attempt, as one that lies of segments does.
func TestLiesOnTheStream(t *testing.T) {
	for name, lie := range map[string]*pluginv1.MapResponse{
		"longer than the body":  pairOnStream(func(b *pluginv1.PairBatch) { b.Buffers.Lengths[1], b.BodyLength = 9, 26 }),
		"shorter than the body": pairOnStream(func(b *pluginv1.PairBatch) { b.Buffers.Lengths[3], b.BodyLength = 0, 17 }),
		"lengths that wrap":     pairOnStream(func(b *pluginv1.PairBatch) { b.Buffers.Lengths[1] = ^uint64(0) }),
		"another sum":           pairOnStream(func(b *pluginv1.PairBatch) { b.BodyLength = 1 << 40 }),
		"more rows":             pairOnStream(func(b *pluginv1.PairBatch) { b.Buffers.Rows = 1 << 31 }),
		"fewer buffers":         pairOnStream(func(b *pluginv1.PairBatch) { b.Buffers.Lengths, b.BodyLength = []uint64{8, 10}, 18 }),
		"no such partition":     pairOnStream(func(b *pluginv1.PairBatch) { b.Partition = 2 }),
		"a place, with no memory": pairOnStream(func(b *pluginv1.PairBatch) {
			b.Place = &pluginv1.Place{Offsets: []uint64{0, 8, 16, 24}}
		}),
		"a credit, with no memory": credit(0),
		"nothing at all":           {},
	} {
		t.Run(name, func(t *testing.T) {
			lying := true
			h := &hostile{mapf: func(_ *hostile, _ *pluginv1.MapStart, _ *pluginv1.InputBatch, s pluginv1.PluginService_MapServer) error {
				if !lying {
					return honestOnStream(s)
				}
				return errors.Join(s.Send(lie), s.Send(done()))
			}}
			w := wire{PluginServiceClient: serve(t, h)}
			if _, _, err := drive(t, start(t, w), records("x")); errs.KindOf(err) != errs.UserCode {
				t.Errorf("ends with %v", err)
			}
			lying = false
			if got, _, err := drive(t, start(t, w), records("x")); err != nil || len(got) != 1 || string(got[0].Key(0)) != "k" {
				t.Errorf("the next attempt: %v, %v", got, err)
			}
		})
	}
}

// A plugin that dies with segments in its hands takes them along, and nothing else.
func TestDeathWithSegments(t *testing.T) {
	died := status.Error(codes.Unavailable, "the process is gone")
	h := &hostile{mapf: func(h *hostile, start *pluginv1.MapStart, _ *pluginv1.InputBatch, s pluginv1.PluginService_MapServer) error {
		h.write(start.GetUp()[0], 'k', 'v')
		return errors.Join(s.Send(batch(pair(start.GetUp()[0], 0))), died)
	}}
	w := h.serve(t)
	before := w.shared.unused()
	s := start(t, w)
	if _, _, err := drive(t, s, records("a"), records("b")); errs.KindOf(err) == errs.Other || err == nil {
		t.Errorf("ends with %v", err)
	}
	s.Close()
	if left := w.shared.unused(); left != before-2*perWay {
		t.Errorf("%d segments of %d are left", left, before)
	}
	h.mapf = honest
	if got, sent, err := drive(t, start(t, w), records("x")); sent != nil || err != nil || len(got) != 1 {
		t.Errorf("the next attempt: %v, %v, %v", got, sent, err)
	}
}

// A plugin may write into a segment at the very moment the worker reads it. What is checked is then what is used: a batch
// is whole, or refused.
func TestWritesWhileItIsRead(t *testing.T) {
	const rows = 500
	h := &hostile{mapf: func(h *hostile, start *pluginv1.MapStart, _ *pluginv1.InputBatch, s pluginv1.PluginService_MapServer) error {
		good, bad := make([]int32, rows+1), make([]int32, rows+1)
		for i := range good {
			good[i], bad[i] = int32(i), int32(1<<30-i)
		}
		id := start.GetUp()[0]
		mem := h.region.Segment(id)
		data := make([]byte, rows)
		place := lay(id, mem, int32Bytes(good), data)
		place.Offsets = append(place.Offsets, place.Offsets...) // values are the keys
		var scribbling sync.WaitGroup
		stop := make(chan struct{})
		scribbling.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					copy(mem, int32Bytes(bad))
					copy(mem, int32Bytes(good))
				}
			}
		})
		defer scribbling.Wait()
		defer close(stop)
		b := &pluginv1.PairBatch{Place: place, Buffers: &pluginv1.Buffers{Rows: rows, Lengths: []uint64{4 * (rows + 1), rows, 4 * (rows + 1), rows}}}
		if err := s.Send(batch(b)); err != nil {
			return err
		}
		select {
		case <-s.Context().Done(): // refused
		case <-time.After(20 * time.Millisecond): // or taken
		}
		return s.Send(done())
	}}
	w := h.serve(t)
	for range 2*spare + 2 { // segments run out in the end, if all are refused
		s := start(t, w)
		if s.lease == nil {
			break
		}
		if err := s.Send(t.Context(), records("x")); err != nil {
			t.Fatal(err)
		}
		p, err := s.Recv()
		switch {
		case err == nil:
			for i := range p.Len() {
				if len(p.Key(i)) > rows || len(p.Val(i)) > rows {
					t.Fatalf("row %d is larger than its batch", i)
				}
			}
		case errors.Is(err, io.EOF) || errs.KindOf(err) != errs.UserCode:
			t.Fatalf("ends with %v", err)
		}
		s.Close()
	}
}
