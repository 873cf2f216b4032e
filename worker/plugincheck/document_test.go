package plugincheck

import (
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/codec"
	"github.com/mrctl/mrctl/internal/frame"
)

const document = "../../docs/plugin-protocol.md"

// TestDocumentExamples: each line "what = hex" of the document's blocks of bytes is what the code makes of it, and none is missing.
func TestDocumentExamples(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	in := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			in = line == "```bytes"
		case in && line != "":
			got = append(got, strings.Join(strings.Fields(line), " "))
		}
	}
	want := examples(t)
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("the document lacks: %s", w)
		}
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("the document has, and it is not so: %s", g)
		}
	}
}

func examples(t *testing.T) (out []string) {
	wire := encoding.GetCodecV2(frame.Name)
	message := func(name string, m proto.Message) {
		b, err := wire.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s = %x", name, b.Materialize()))
	}
	message("MapRequest start", &pluginv1.MapRequest{Kind: &pluginv1.MapRequest_Start{Start: &pluginv1.MapStart{
		Id: &pluginv1.TaskID{Job: "j", Task: 2}, Partitions: 4, Memory: 1 << 20}}})
	body := append(unhex(t, "000000000500000007000000"), "to beor"...)
	message("MapRequest batch", &pluginv1.MapRequest{Body: body, Kind: &pluginv1.MapRequest_Batch{Batch: &pluginv1.InputBatch{
		Buffers: &pluginv1.Buffers{Rows: 2, Lengths: []uint64{12, 7}}, Format: pluginv1.InputBatch_FORMAT_STRINGS, BodyLength: 19}}})
	message("MapRequest end", &pluginv1.MapRequest{Kind: &pluginv1.MapRequest_End{End: &pluginv1.End{}}})
	pairs := append(unhex(t, "0000000002000000"), "be"...)
	pairs = append(append(pairs, unhex(t, "0000000008000000")...), valueOf(t, int64(1))...)
	message("MapResponse batch", &pluginv1.MapResponse{Body: pairs, Kind: &pluginv1.MapResponse_Batch{Batch: &pluginv1.PairBatch{
		Buffers: &pluginv1.Buffers{Rows: 1, Lengths: []uint64{8, 2, 8, 8}}, BodyLength: 26}}})
	message("MapResponse done", &pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Done{Done: &pluginv1.MapDone{
		Counters: &pluginv1.Counters{RecordsIn: 2, PairsOut: 3}}}})
	message("MapResponse batch, map_only", &pluginv1.MapResponse{Body: append(unhex(t, "00000000000000000000000004000000"), "to b"...),
		Kind: &pluginv1.MapResponse_Batch{Batch: &pluginv1.PairBatch{Buffers: &pluginv1.Buffers{Rows: 1, Lengths: []uint64{8, 0, 8, 4}}, BodyLength: 20}}})
	rows := &pluginv1.OutputBatch{Rows: 3, BodyLength: 248, Output: 2}
	message("MapResponse rows, head", &pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Rows{Rows: rows}})
	message("ReduceResponse batch, head", &pluginv1.ReduceResponse{Kind: &pluginv1.ReduceResponse_Batch{Batch: rows}})
	message("MapResponse failure", &pluginv1.MapResponse{Kind: &pluginv1.MapResponse_Failure{Failure: &pluginv1.Failure{
		Error: "oh", HasRecord: true, Row: 1}}})

	add := func(name string, b []byte) { out = append(out, fmt.Sprintf("%s = %x", name, b)) }
	add(`key string "a\0b", alone`, keyOf(t, "a\x00b"))
	add(`key int64 -1`, keyOf(t, int64(-1)))
	add(`key float64 1.5`, keyOf(t, 1.5))
	add(`key (string "a\0b", string "")`, keyOf(t, struct{ A, B string }{"a\x00b", ""}))
	add(`key (string "é", int32 1)`, keyOf(t, struct {
		A string
		B int32
	}{"é", 1}))
	add(`value list of int8: 1, 2`, valueOf(t, []int8{1, 2}))
	for _, n := range []int{7, 1000} {
		out = append(out, fmt.Sprintf(`partition of string "the" among %d = %d`, n, codec.Partition([]byte("the"), n)))
	}
	out = append(out, fmt.Sprintf("cookie %s = %s", boundary.Handshake.MagicCookieKey, boundary.Handshake.MagicCookieValue))
	return out
}

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keyOf[T any](t *testing.T, v T) []byte {
	c, err := codec.ForKey[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c.Append(nil, v)
}

func valueOf[T any](t *testing.T, v T) []byte {
	c, err := codec.For[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c.Append(nil, v)
}
