package frame

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	shufflev1 "github.com/mrctl/mrctl/api/shuffle/v1"
)

// TestFramesAreProtobuf: what the codec writes plain protobuf reads, and the other way round.
func TestFramesAreProtobuf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 127, 128, 1 << 14, MaxBody} {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(r.Uint32())
		}
		m := &shufflev1.FetchResponse{Run: 3, RangeLength: 1 << 40, End: true, Missing: "gone", At: 7, Body: body}
		data, err := codec{}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.Body, body) {
			t.Fatal("marshalling changed the message")
		}
		var plain, framed shufflev1.FetchResponse
		if err := proto.Unmarshal(data.Materialize(), &plain); err != nil || !proto.Equal(&plain, m) {
			t.Errorf("%d bytes: protobuf does not read it: %v", n, err)
		}
		wire, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{0, len(wire) / 2, len(wire)} { // as the transport hands it over: in pieces
			pieces := mem.BufferSlice{mem.SliceBuffer(wire[:cut]), mem.SliceBuffer(wire[cut:])}
			if err := (codec{}).Unmarshal(pieces, &framed); err != nil || !proto.Equal(&framed, m) {
				t.Errorf("%d bytes cut at %d: %v", n, cut, err)
			}
		}
	}
}

func TestMessagesWithoutABodyTravelToo(t *testing.T) {
	m := &shufflev1.FetchRequest{Job: "j", Partition: 4, Runs: []*shufflev1.RunRange{{Task: 1}}}
	data, err := codec{}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back shufflev1.FetchRequest
	if err := (codec{}).Unmarshal(data, &back); err != nil || !proto.Equal(&back, m) {
		t.Errorf("%v, %v", &back, err)
	}
	if _, err := (codec{}).Marshal("text"); err == nil {
		t.Error("a string was marshalled")
	}
}

func FuzzUnmarshal(f *testing.F) {
	wire, err := proto.Marshal(&shufflev1.FetchResponse{Run: 3, Missing: "gone", Body: []byte("body")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add([]byte{0x7a, 0xff})
	f.Fuzz(func(t *testing.T, wire []byte) {
		var plain, framed shufflev1.FetchResponse
		err := (codec{}).Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire)}, &framed)
		wantErr := proto.Unmarshal(wire, &plain)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("codec: %v, protobuf: %v", err, wantErr)
		} else if err == nil && !proto.Equal(&plain, &framed) {
			t.Fatalf("%v, want %v", &framed, &plain)
		}
		head := new(shufflev1.FetchResponse)
		loose := Loose{Head: head}
		half := len(wire) / 2
		err = (codec{}).Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire[:half]), mem.SliceBuffer(wire[half:])}, &loose)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("loose: %v, protobuf: %v", err, wantErr)
		} else if head.Body = loose.Body.Materialize(); err == nil && !sameMessage(head, &plain) {
			t.Fatalf("loose: %v, want %v", head, &plain)
		}
	})
}
