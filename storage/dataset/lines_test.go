package dataset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mrctl/mrctl/internal/rows"
)

var nasty = []string{
	"", "\n", "\r\n", "\r", "a", "a\n", "a\r\n", "a\r", "\n\n\n", "\r\n\r\n", "\r\r\n", "\n\r", "a\rb\n", "ab\r\ncd\nef",
	"a\n\nb\n", "\x00\n\x00\x00\na\x00b", "\xff\xfe\n\xc3\n\xa9\n", "one\r\ntwo\nthree\r\nfour\n", "no end\nat all\r",
	"0123456789abcdef0123456789abcdef\nx\n", "x\n0123456789abcdef0123456789abcdef", "\n0123456789abcdef\r\n\r\n",
	"a\r\nb\r\nc\r\nd\ne\nf\n", strings.Repeat("\n", 40), strings.Repeat("ab\r\n", 12),
}

// Every way to cut an input, and every size of the buffers on the way, gives the lines of the plain reading.
func TestLinesEverySplit(t *testing.T) {
	tunes := []tuning{
		usual,
		{chunk: 1, small: 1, slack: 0, step: 1},
		{chunk: 3, small: 0, slack: 2, step: 2},
		{chunk: 7, small: 4, slack: 1, step: 5},
	}
	for i, body := range nasty {
		b := newBucket(map[string]string{"x": body})
		want := wantLines("mem://b/x", body)
		for size := int64(1); size <= int64(len(body))+2; size++ {
			splits := planAll(t, PlanOptions{SplitSize: size}, b.object(t, "x"))
			for k, tune := range tunes {
				for _, opt := range []Options{{}, {Terminated: true}, {Batch: 1}, {Batch: 5, Terminated: true}, {Batch: 8, ReadAhead: 4}, {Batch: 16, Buffer: fewRows}} {
					var got []record
					for _, s := range splits {
						part, err := readAll(t, b, s, opt, tune)
						if err != nil {
							t.Fatal(err)
						}
						got = append(got, part...)
					}
					if !slices.Equal(got, want) {
						t.Fatalf("input %d %q, split size %d, tuning %d, batch %d, terminated %v:\n got %v\nwant %v",
							i, body, size, k, opt.Batch, opt.Terminated, got, want)
					}
				}
			}
		}
	}
}

// fewRows is a buffer whose rows are bounded.
func fewRows(n int) *rows.Records {
	return &rows.Records{Data: make([]byte, 0, n+3), Off: make([]int32, 0, 4)}
}

// The same over several objects packed together, drawn at random.
func TestLinesRandom(t *testing.T) {
	const alphabet = "ab\n\n\r\x00\xff"
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		b := newBucket(nil)
		var objects []Object
		var want []record
		for i := range 1 + rnd.IntN(6) {
			body := make([]byte, rnd.IntN(60))
			for j := range body {
				body[j] = alphabet[rnd.IntN(len(alphabet))]
			}
			key := fmt.Sprintf("k%d", i)
			b.set(key, string(body))
			objects = append(objects, b.object(t, key))
			want = append(want, wantLines("mem://b/"+key, string(body))...)
		}
		tune := tuning{chunk: 1 + rnd.Int64N(20), small: rnd.Int64N(20), slack: rnd.Int64N(10), step: 1 + rnd.IntN(20)}
		opt := Options{Batch: 1 + rnd.IntN(40), Terminated: rnd.IntN(2) == 0, ReadAhead: 1 + rnd.Int64N(100)}
		var got []record
		for _, s := range planAll(t, PlanOptions{SplitSize: 1 + rnd.Int64N(80)}, objects...) {
			part, err := readAll(t, b, s, opt, tune)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, part...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n got %v\nwant %v", seed, got, want)
		}
	}
}

// A line that is too long is told of once, by the split that holds its first byte, and is all that is missing.
func TestLinesTooLong(t *testing.T) {
	body := "ok\n12345\n123456\r\n1234567890123456789\n\n12345\r\nlast-one-is-too-long"
	for size := int64(1); size <= int64(len(body))+1; size++ {
		for batch := 1; batch < 40; batch += 3 {
			b := newBucket(map[string]string{"x": body})
			var got []string
			var bad []int64
			for _, s := range planAll(t, PlanOptions{SplitSize: size}, b.object(t, "x")) {
				opt := Options{MaxRecord: 5, Batch: batch, OnBad: func(object string, off int64, _ []byte, err error) {
					if object != "mem://b/x" || err == nil {
						t.Errorf("bad record of %q: %v", object, err)
					}
					bad = append(bad, off)
				}}
				part, err := readAll(t, b, s, opt, tuning{chunk: 4, step: 3, slack: 2})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range part {
					got = append(got, r.text)
				}
			}
			if want := []string{"ok", "12345", "", "12345"}; !slices.Equal(got, want) {
				t.Fatalf("split size %d, batch %d: %q", size, batch, got)
			}
			if want := []int64{9, 17, 45}; !slices.Equal(bad, want) {
				t.Fatalf("split size %d, batch %d: bad records at %d", size, batch, bad)
			}
		}
	}
}

// A long line asks for one buffer of its size and takes no other with it.
func TestLongLine(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 3<<20/16) + "tail"
	b := newBucket(map[string]string{"x": "first\n" + long + "\nlast\n"})
	var asked []int
	opt := Options{Buffer: func(n int) *rows.Records {
		asked = append(asked, n)
		return &rows.Records{Data: make([]byte, 0, n)}
	}}
	s := planAll(t, PlanOptions{SplitSize: 1 << 30}, b.object(t, "x"))
	got, err := readAll(t, b, s[0], opt, usual)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].text != "first" || got[1].text != long || got[2].text != "last" {
		t.Fatalf("%d records", len(got))
	}
	if want := []int{1 << 20, 1 << 20, len(long) + 1}; !slices.Equal(asked, want) {
		t.Errorf("buffers of %d bytes were asked for, want %d", asked, want)
	}
	if got[2].off != int64(len(long))+7 {
		t.Errorf("the last line begins at %d", got[2].off)
	}
}
