package frame

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
)

// sameMessage compares messages; an empty body is none.
func sameMessage(a, b *shufflev1.FetchResponse) bool {
	if len(a.Body) == 0 && len(b.Body) == 0 {
		a.Body, b.Body = nil, nil
	}
	return proto.Equal(a, b)
}

// counted is a pool that knows how many of its buffers are out.
type counted struct{ out int }

func (c *counted) Get(n int) *[]byte { c.out++; return Pool.Get(n) }
func (c *counted) Put(b *[]byte)     { c.out--; Pool.Put(b) }

// buffer makes a buffer of a counted pool.
func (c *counted) buffer(b []byte) mem.Buffer {
	p := c.Get(max(len(b), 2<<10)) // gRPC never gives smaller ones back
	*p = append((*p)[:0], b...)
	return mem.NewBuffer(p, c)
}

// TestLooseIsTheSameMessage: what either form writes the other reads, however the transport cuts it, and every buffer
// comes back.
func TestLooseIsTheSameMessage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	got := Loose{Head: new(shufflev1.FetchResponse)} // used again and again
	for _, n := range []int{0, 1, 127, 128, 1 << 14, 1<<14 + 1, MaxBody} {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(r.Uint32())
		}
		want := &shufflev1.FetchResponse{Run: 3, RangeLength: 1 << 40, End: true, Missing: "gone", At: 7, Body: body}
		wire, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var pool counted
		half := n / 2
		sent := Loose{Head: &shufflev1.FetchResponse{Run: 3, RangeLength: 1 << 40, End: true, Missing: "gone", At: 7}}
		sent.Body = append(sent.Body, pool.buffer(body[:half]), pool.buffer(body[half:]))
		data, err := codec{}.Marshal(&sent)
		if err != nil {
			t.Fatal(err)
		}
		sent.Free()
		if n > 4096 && pool.out == 0 {
			t.Errorf("%d bytes: the transport's buffers were given back before it was done", n)
		}
		var plain shufflev1.FetchResponse
		if err := proto.Unmarshal(data.Materialize(), &plain); err != nil || !proto.Equal(&plain, want) {
			t.Errorf("%d bytes: protobuf does not read it: %v", n, err)
		}
		data.Free()
		for _, cut := range []int{0, 1, len(wire) / 2, len(wire)} {
			data := mem.BufferSlice{pool.buffer(wire[:cut]), pool.buffer(wire[cut:])}
			err := codec{}.Unmarshal(data, &got)
			data.Free()
			m := proto.CloneOf(got.Head.(*shufflev1.FetchResponse))
			if len(m.Body) > 0 {
				t.Errorf("%d bytes cut at %d: the body lies in the head too", n, cut)
			}
			m.Body = got.Body.Materialize()
			if err != nil || !sameMessage(m, proto.CloneOf(want)) {
				t.Errorf("%d bytes cut at %d: %v", n, cut, err)
			}
		}
		got.Free()
		got.Free()
		if pool.out != 0 {
			t.Errorf("%d bytes: %d buffers are still out", n, pool.out)
		}
	}
}

// A field after the body, and a body in two parts, are protobuf as well.
func TestLooseReadsWhatOthersWrite(t *testing.T) {
	a, _ := proto.Marshal(&shufflev1.FetchResponse{Run: 1, Body: []byte("first")})
	b, _ := proto.Marshal(&shufflev1.FetchResponse{At: 9, Body: []byte("second")})
	c, _ := proto.Marshal(&shufflev1.FetchResponse{End: true})
	got := Loose{Head: new(shufflev1.FetchResponse)}
	if err := (codec{}).Unmarshal(mem.BufferSlice{mem.SliceBuffer(bytes.Join([][]byte{a, b, c}, nil))}, &got); err != nil {
		t.Fatal(err)
	}
	m := got.Head.(*shufflev1.FetchResponse)
	if m.Run != 1 || m.At != 9 || !m.End || string(got.Body.Materialize()) != "second" {
		t.Errorf("%v with %q", m, got.Body.Materialize())
	}
	if err := (codec{}).Unmarshal(nil, &got); err != nil || m.Run != 0 || len(got.Body) != 0 {
		t.Errorf("an empty message: %v, %v", m, err)
	}
}

func TestPoolKeepsSizes(t *testing.T) {
	for _, n := range []int{0, 1, 16 << 10, 16<<10 + 1, 100_000, 256 << 10, MaxBody, MaxBody + 1, 5 << 20} {
		b := Pool.Get(n)
		if len(*b) != n {
			t.Errorf("asked for %d bytes, got %d", n, len(*b))
		}
		*b = (*b)[:n/2] // as the transport cuts them
		Pool.Put(b)
		if again := Pool.Get(n); len(*again) != n {
			t.Errorf("asked again for %d bytes, got %d", n, len(*again))
		}
	}
}
