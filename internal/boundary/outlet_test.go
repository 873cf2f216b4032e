package boundary

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
)

// dicePairs appends rows to a batch, as a job would: few or many, short or long, with or without values.
func dicePairs(r *rand.Rand, p *Pairs, parts bool) {
	key, val := r.IntN(20), r.IntN(20)
	if r.IntN(4) == 0 {
		val = 0
	}
	for range 1 + r.IntN(200) {
		p.Append(bytes.Repeat([]byte{byte(r.IntN(256))}, r.IntN(key+1)), bytes.Repeat([]byte{byte(r.IntN(256))}, r.IntN(val+1)))
		if parts {
			p.Parts = append(p.Parts, int32(r.IntN(2)))
		}
	}
	if r.IntN(20) == 0 {
		p.Append(make([]byte, r.IntN(20_000)), nil)
		if parts {
			p.Parts = append(p.Parts, 1)
		}
	}
}

// Whatever memory Send leaves, and however the next batch fits it, what arrives is what the same dice give elsewhere.
func TestPairsInMemoryThatSendLeft(t *testing.T) {
	const batches = 300
	onEach(t, func(t *testing.T, c carrier) {
		for _, parts := range []bool{false, true} {
			give := func(port MapPort) (*pluginv1.Counters, error) {
				r, p := rand.New(rand.NewPCG(1, 2)), &Pairs{}
				for range batches {
					dicePairs(r, p, parts)
					if err := port.Send(p); err != nil {
						return nil, err
					}
					if p.Len() != 0 || len(p.Keys)+len(p.Vals)+len(p.Parts) != 0 {
						return nil, fmt.Errorf("Send left %d rows", p.Len())
					}
				}
				return nil, nil
			}
			s := start(t, fake{mapf: give}.serve(t, c))
			r := rand.New(rand.NewPCG(1, 2))
			for n := 0; ; n++ {
				got, err := s.Recv()
				if errors.Is(err, io.EOF) && n == batches {
					break
				}
				if err != nil {
					t.Fatalf("batch %d: %v", n, err)
				}
				want := &Pairs{}
				dicePairs(r, want, parts)
				if !samePairs(got, want) {
					t.Fatalf("batch %d of %d rows is another, of %d rows", n, want.Len(), got.Len())
				}
			}
		}
	})
}

func samePairs(a, b *Pairs) bool {
	same := a.Len() == b.Len() && fmt.Sprint(a.Parts) == fmt.Sprint(b.Parts)
	for i := 0; same && i < a.Len(); i++ {
		same = bytes.Equal(a.Key(i), b.Key(i)) && bytes.Equal(a.Val(i), b.Val(i))
	}
	return same
}

// A batch that is lent lies in the worker's segment, and one that is given does not.
func TestLentAndGiven(t *testing.T) {
	onEach(t, func(t *testing.T, c carrier) {
		const batches = 4 * perWay
		var kept []*Input
		take := func(port MapPort) (*pluginv1.Counters, error) {
			p := &Pairs{}
			for n := 0; ; n++ {
				recv := port.Recv
				if n%2 == 0 {
					recv = port.Lend
				}
				in, err := recv()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					return nil, err
				}
				if n%2 == 1 {
					kept = append(kept, in)
				}
				p.Append(in.Data, nil)
			}
			return nil, port.Send(p)
		}
		w := fake{mapf: take}.serve(t, c)
		var batch [batches]string
		s := start(t, w)
		sent := make(chan error, 1)
		go func() {
			for i := range batch {
				batch[i] = fmt.Sprintf("batch %d", i)
				b := s.Buffer(20)
				b.Data = append(b.Data, batch[i]...)
				b.Off = append(b.Off, 0, int32(len(b.Data)))
				if err := s.Send(t.Context(), b); err != nil {
					sent <- err
					return
				}
			}
			sent <- s.CloseSend()
		}()
		got, err := s.Recv()
		if err != nil || <-sent != nil || got.Len() != batches {
			t.Fatalf("%v, %v", got, err)
		}
		for i, want := range batch {
			if string(got.Key(i)) != want {
				t.Errorf("batch %d was %q", i, got.Key(i))
			}
		}
		if _, err := s.Recv(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for i, in := range kept {
			if string(in.Data) != batch[2*i+1] || in.Number != uint64(2*i+1) {
				t.Errorf("batch %d that was kept is now %q", in.Number, in.Data)
			}
		}
	})
}
