package boundary

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	pluginv1 "github.com/mrctl/mrctl/api/plugin/v1"
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/frame"
)

// What is cut is joined again, for buffers of all sizes, and no message is above its limit.
func TestCutAndJoin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	sizes := []int{0, 1, 100, small - 1, small, small + 1, frame.MaxBody - 1, frame.MaxBody, frame.MaxBody + 1, 3*frame.MaxBody + 7}
	for range 200 {
		buffers := make([][]byte, rng.IntN(6))
		for i := range buffers {
			buffers[i] = bytes.Repeat([]byte{byte(i + 1)}, sizes[rng.IntN(len(sizes))])
		}
		bodies := cut(buffers...)
		for _, b := range bodies {
			if len(b) > frame.MaxBody {
				t.Fatalf("a message of %d bytes", len(b))
			}
		}
		lengths, total := lengthsOf(buffers...)
		rest := bodies[1:]
		got, err := join(lengths, total, bodies[0], func() ([]byte, error) {
			if len(rest) == 0 {
				t.Fatal("join asks for more than there is")
			}
			b := rest[0]
			rest = rest[1:]
			return b, nil
		})
		if err != nil || len(rest) > 0 {
			t.Fatalf("%d messages left, %v", len(rest), err)
		}
		for i := range buffers {
			if !bytes.Equal(got[i], buffers[i]) {
				t.Fatalf("buffer %d of %d bytes became %d bytes", i, len(buffers[i]), len(got[i]))
			}
		}
	}
}

func TestJoinBelievesNothing(t *testing.T) {
	none := func() ([]byte, error) { return nil, errors.New("no more") }
	empty := func() ([]byte, error) { return nil, nil }
	long := func() ([]byte, error) { return make([]byte, 100), nil }
	for name, c := range map[string]struct {
		lengths []uint64
		total   uint64
		body    []byte
		next    func() ([]byte, error)
		want    string
	}{
		"too large a buffer":  {[]uint64{MaxBuffer + 1}, MaxBuffer + 1, nil, none, "above"},
		"the longest line":    {[]uint64{1<<30 + 2}, 1<<30 + 2, nil, none, "no more"},
		"sum overflows":       {[]uint64{1 << 63, 1 << 63}, 0, nil, none, "above"},
		"sum is wrong":        {[]uint64{3, 4}, 8, nil, none, "in a body of 8"},
		"breaks off":          {[]uint64{10}, 10, make([]byte, 5), none, "no more"},
		"empty messages":      {[]uint64{10}, 10, make([]byte, 5), empty, "empty message"},
		"too long":            {[]uint64{10}, 10, make([]byte, 11), none, "after the end"},
		"too long, in pieces": {[]uint64{10}, 10, make([]byte, 5), long, "after the end"},
		"something of zero":   {nil, 0, make([]byte, 5), none, "after the end"},
	} {
		if _, err := join(c.lengths, c.total, c.body, c.next); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestHostileOffsets(t *testing.T) {
	for name, c := range map[string]struct {
		off  []int32
		n    uint32
		data int
		ok   bool
	}{
		"good":                {[]int32{0, 1, 5}, 2, 5, true},
		"starts above 0":      {[]int32{2, 3}, 1, 3, true},
		"no rows":             {[]int32{0}, 0, 0, true},
		"too few":             {[]int32{0, 1}, 2, 5, false},
		"none":                {nil, 0, 0, false},
		"beyond the data":     {[]int32{0, 6}, 1, 5, false},
		"negative":            {[]int32{-1, 3}, 1, 5, false},
		"fall":                {[]int32{0, 4, 3}, 2, 5, false},
		"wrap around":         {[]int32{0, 1, -1 << 31, -1, 5}, 4, 5, false},
		"jump out and return": {[]int32{0, 1<<31 - 1, 5}, 2, 5, false},
	} {
		if _, err := column(int32Bytes(c.off), make([]byte, c.data), c.n); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPairs(f *testing.F) {
	f.Add(uint32(1), uint32(0), []byte{0, 0, 0, 0, 1, 0, 0, 0}, []byte("k"), []byte{0, 0, 0, 0, 1, 0, 0, 0}, []byte("v"), []byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, n, part uint32, ko, k, vo, v, parts []byte) {
		p, err := pairsOf(&pluginv1.PairBatch{Buffers: &pluginv1.Buffers{Rows: n}, Partition: part}, [][]byte{ko, k, vo, v, parts}, 4)
		if err != nil {
			if !errs.Is(err, errs.Corrupt) {
				t.Errorf("%v is not corrupt", err)
			}
			return
		}
		for i := range p.Len() { // none of it panics
			_, _, _ = p.Key(i), p.Val(i), p.Parts[i]
		}
	})
}
