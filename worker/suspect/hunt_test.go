package suspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/worker/pluginhost"
)

// fragile is a plugin that does not survive some lines: "die", "panic", "hang" and, on purpose, "refuse".
type fragile struct {
	ctx    context.Context
	in     chan *rows.Records
	moved  chan struct{}
	done   atomic.Uint64
	killed chan struct{}
}

func (f *fragile) Send(ctx context.Context, b *rows.Records) error {
	select {
	case f.in <- b:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *fragile) Recv() (*boundary.Pairs, error) {
	for n := uint64(0); ; {
		var b *rows.Records
		select {
		case b = <-f.in:
		case <-f.ctx.Done():
			return nil, errs.E(errs.Canceled, "", "", f.ctx.Err())
		}
		for i := range b.Len() {
			switch text := string(b.Data[b.Off[i]:b.Off[i+1]]); strings.TrimSpace(text) {
			case "die":
				return nil, errs.E(errs.UserCode, "plugin", "", fmt.Errorf("%w: it exited with status 7", pluginhost.ErrDied))
			case "panic":
				return nil, errs.E(errs.UserCode, "map", "", &boundary.Failure{Text: "panic: oh", Stack: "here", HasRecord: true, Row: uint64(i)})
			case "refuse":
				return nil, errs.E(errs.UserCode, "map", "", &boundary.Failure{Text: "no", HasRecord: true, Row: uint64(i)})
			case "hang":
				select {
				case <-f.killed:
				case <-f.ctx.Done():
				}
				return nil, errs.New(errs.Canceled, "ended")
			}
		}
		n += uint64(b.Len())
		f.done.Store(n)
		select {
		case f.moved <- struct{}{}:
		default:
		}
	}
}

func (f *fragile) Done() uint64           { return f.done.Load() }
func (f *fragile) Moved() <-chan struct{} { return f.moved }
func (f *fragile) Close()                 {}

// split is batches of lines, of one object.
func split(batches [][]string) func(context.Context) (*rows.Records, error) {
	off := int64(0)
	return func(context.Context) (*rows.Records, error) {
		if len(batches) == 0 {
			return nil, io.EOF
		}
		b := &rows.Records{Off: []int32{0}, Terminated: true, Origins: []rows.Origin{{Object: "in", Offset: off}}}
		for _, line := range batches[0] {
			b.Data = append(append(b.Data, line...), '\n')
			b.Off = append(b.Off, int32(len(b.Data)))
		}
		off += int64(len(b.Data))
		batches = batches[1:]
		return b, nil
	}
}

func hunt(batches [][]string) Hunt {
	var last *fragile
	return Hunt{Next: split(batches), Most: 1 << 30, Limit: time.Second,
		Open: func(ctx context.Context) (Stream, error) {
			last = &fragile{ctx: ctx, in: make(chan *rows.Records), moved: make(chan struct{}, 1), killed: make(chan struct{})}
			return last, nil
		},
		Kill: func() error { close(last.killed); return nil },
	}
}

// TestHunt: of any split the records that kill are named, with their place, their text and what they do, and no others.
func TestHunt(t *testing.T) {
	says := map[string]string{"die": "status 7", "panic": "oh", "hang": "--record-timeout"}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var batches [][]string
		var want []uint64
		var places []int64
		n, off, skipped := uint64(0), int64(0), []Found(nil)
		from := uint64(rng.IntN(200))
		for range rng.IntN(5) {
			var lines []string
			for range rng.IntN(400) {
				line := "fine"
				if rng.IntN(100) == 0 {
					line = []string{"die", "panic", "hang"}[rng.IntN(3)]
					switch {
					case n < from: // nobody looks there
					case rng.IntN(4) == 0:
						skipped = append(skipped, Found{Ordinal: n})
					default:
						want, places = append(want, n), append(places, off)
					}
				}
				lines = append(lines, line)
				n, off = n+1, off+int64(len(line))+1
			}
			batches = append(batches, lines)
		}
		flat := slices.Concat(batches...)
		synctest.Test(t, func(t *testing.T) {
			h := hunt(batches)
			h.From, h.Skip = from, skipped
			found, unsure, err := h.Run(t.Context())
			if err != nil || unsure != 0 || len(found) != len(want) {
				t.Fatalf("seed %d: %d found, want %d; %d unsure, %v", seed, len(found), len(want), unsure, err)
			}
			for i, f := range found {
				line := flat[f.Ordinal]
				if f.Ordinal != want[i] || int64(f.Bad.Offset) != places[i] || f.Bad.Object != "in" || string(f.Bad.Record) != line ||
					!strings.Contains(f.Bad.Error, says[line]) || f.Hung != (line == "hang") {
					t.Fatalf("seed %d: %+v, want record %d", seed, f, want[i])
				}
			}
		})
	}
}

func TestHuntStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hunt([][]string{{"fine", "die", "fine", "panic", "die"}, {"die"}})
		h.Most = 2
		found, _, err := h.Run(t.Context())
		if err != nil || len(found) != 2 || found[1].Ordinal != 3 {
			t.Errorf("%v, %v", found, err)
		}
		// What the function returns on purpose is the attempt's failure, not a record to leave out.
		_, _, err = hunt([][]string{{"fine", "refuse"}}).Run(t.Context())
		if f := (*boundary.Failure)(nil); !errors.As(err, &f) || f.Text != "no" {
			t.Errorf("%v", err)
		}
		h = hunt([][]string{{"fine"}})
		gone := errors.New("gone")
		h.Open = func(context.Context) (Stream, error) { return nil, gone }
		if _, _, err := h.Run(t.Context()); !errors.Is(err, gone) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		h = hunt([][]string{{"fine", "hang"}})
		h.Limit = 0
		go func() {
			synctest.Wait()
			cancel(gone)
		}()
		if _, _, err := h.Run(ctx); !errors.Is(err, gone) {
			t.Errorf("%v", err)
		}
	})
}

func TestMerge(t *testing.T) {
	list := func(ordinals ...uint64) (out []Found) {
		for _, o := range ordinals {
			out = append(out, Found{Ordinal: o})
		}
		return out
	}
	for _, c := range [][3][]Found{
		{nil, nil, {}},
		{list(1, 5), nil, list(1, 5)},
		{nil, list(2), list(2)},
		{list(1, 5, 9), list(2, 6, 10, 11), list(1, 2, 5, 6, 9, 10, 11)},
	} {
		if got := Merge(c[0], c[1]); fmt.Sprint(got) != fmt.Sprint(c[2]) {
			t.Errorf("%v and %v: %v", c[0], c[1], got)
		}
	}
}
