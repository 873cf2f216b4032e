package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/storage"
)

func gzipped(t testing.TB, parts ...string) string {
	var out bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&out)
		_, err := w.Write([]byte(p))
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func zstded(t testing.TB, parts ...string) string {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, p := range parts {
		out = enc.EncodeAll([]byte(p), out)
	}
	return string(out)
}

func TestArchives(t *testing.T) {
	one, two := "first\nsecond\r\nthi", "rd\n\nfifth"
	text := one + two
	for name, stored := range map[string]string{
		"x.gz": gzipped(t, one, two), "x.zst": zstded(t, one, two), "e.gz": gzipped(t, ""), "e.zst": zstded(t, ""), "0.gz": "", "0.zst": "",
	} {
		want := text
		if name[0] != 'x' {
			want = ""
		}
		b := newBucket(map[string]string{name: stored})
		for _, size := range []int64{1, 10, 1 << 20} {
			for _, batch := range []int{1, 7, 1 << 20} {
				opt := Options{Batch: batch}
				var got []record
				for _, s := range planAll(t, PlanOptions{SplitSize: size}, b.object(t, name)) {
					part, err := readAll(t, b, s, opt, tuning{chunk: 5, step: 3})
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, part...)
				}
				if wanted := wantLines("mem://b/"+name, want); !slices.Equal(got, wanted) {
					t.Errorf("%s: got %v want %v", name, got, wanted)
				}
				opt.Format = "files"
				s := planAll(t, PlanOptions{SplitSize: size, Format: "files"}, b.object(t, name), b.object(t, name))
				for _, s := range s {
					got, err := readAll(t, b, s, opt, usual)
					if err != nil || len(got) != len(s.Pieces) || got[0].text != want {
						t.Errorf("%s as a file: %v, %v", name, got, err)
					}
				}
			}
		}
	}
}

// Whatever is cut off or changed, the reader says so, and never gives a full count of wrong records.
func TestBrokenArchives(t *testing.T) {
	text := strings.Repeat("some text that goes on\n", 50)
	for name, stored := range map[string]string{"x.gz": gzipped(t, text), "x.zst": zstded(t, text)} {
		for n := 1; n < len(stored); n++ {
			b := newBucket(map[string]string{name: stored[:n]})
			s := planAll(t, PlanOptions{SplitSize: 1 << 20}, b.object(t, name))
			_, err := readAll(t, b, s[0], Options{}, usual)
			if !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "at byte ") {
				t.Fatalf("%s cut to %d of %d bytes: %v", name, n, len(stored), err)
			}
		}
		b := newBucket(map[string]string{name: stored + "trailing"})
		s := planAll(t, PlanOptions{SplitSize: 1 << 20}, b.object(t, name))
		if _, err := readAll(t, b, s[0], Options{}, usual); !errs.Is(err, errs.Corrupt) {
			t.Errorf("%s with something after it: %v", name, err)
		}
	}
}

// A few bytes that unfold to much are read in bounded memory.
func TestArchiveOfOneLongLine(t *testing.T) {
	b := newBucket(map[string]string{"x.gz": gzipped(t, strings.Repeat("a", 64<<20)+"\nend\n")})
	s := planAll(t, PlanOptions{SplitSize: 1 << 30}, b.object(t, "x.gz"))
	bad, largest := 0, 0
	opt := Options{MaxRecord: 1 << 20, OnBad: func(string, int64, []byte, error) { bad++ }, Buffer: func(n int) *rows.Records {
		largest = max(largest, n)
		return &rows.Records{Data: make([]byte, 0, n)}
	}}
	got, err := readAll(t, b, s[0], opt, usual)
	if err != nil || len(got) != 1 || got[0].off != 64<<20+1 || bad != 1 || largest > 1<<20 {
		t.Errorf("%v, %v, %d bad records, a buffer of %d bytes", got, err, bad, largest)
	}
	opt.OnBad = nil
	if _, err = readAll(t, b, s[0], opt, usual); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "x.gz: at byte 0") {
		t.Errorf("without OnBad: %v", err)
	}
	opt.Format, opt.OnBad = "files", func(object string, off int64, _ []byte, err error) { bad++ }
	if got, err = readAll(t, b, s[0], opt, usual); err != nil || len(got) > 0 || bad != 2 {
		t.Errorf("as a file: %v, %v, %d bad", got, err, bad)
	}
}

func TestFixed(t *testing.T) {
	body := "aaabbbcccdddeee"
	for size := int64(1); size < 20; size++ {
		for batch := 1; batch < 20; batch += 2 {
			for _, buffer := range []func(int) *rows.Records{nil, fewRows} {
				b := newBucket(map[string]string{"x": body, "y": "fff", "z.gz": gzipped(t, "ggghhh")})
				var got []string
				o := PlanOptions{SplitSize: size, Format: "records:3"}
				for _, s := range planAll(t, o, b.object(t, "x"), b.object(t, "y"), b.object(t, "z.gz")) {
					part, err := readAll(t, b, s, Options{Format: "records:3", Batch: batch, Buffer: buffer}, tuning{chunk: 4, step: 3})
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range part {
						if r.object == "mem://b/x" && body[r.off:r.off+3] != r.text {
							t.Fatalf("%v is not there", r)
						}
						got = append(got, r.text)
					}
				}
				if want := "aaa bbb ccc ddd eee fff ggg hhh"; strings.Join(got, " ") != want {
					t.Fatalf("split size %d, batch %d: %q", size, batch, got)
				}
			}
		}
	}
	b := newBucket(map[string]string{"x.gz": gzipped(t, "aaab")})
	s := planAll(t, PlanOptions{SplitSize: 10, Format: "records:3"}, b.object(t, "x.gz"))
	if _, err := readAll(t, b, s[0], Options{Format: "records:3"}, usual); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "x.gz") {
		t.Errorf("a record cut off: %v", err)
	}
}

func TestFiles(t *testing.T) {
	b := newBucket(map[string]string{"a": "one\ntwo", "b": "", "c": strings.Repeat("c", 50), "d": "d", "e": strings.Repeat("e", 101)})
	var objects []Object
	for _, k := range []string{"a", "b", "c", "d", "e", "a"} {
		objects = append(objects, b.object(t, k))
	}
	for _, batch := range []int{1, 10, 58, 1000} {
		for _, buffer := range []func(int) *rows.Records{nil, fewRows} {
			var got, bad []string
			opt := Options{Format: "files", Batch: batch, MaxRecord: 100, Buffer: buffer}
			opt.OnBad = func(object string, off int64, _ []byte, _ error) { bad = append(bad, object) }
			for _, s := range planAll(t, PlanOptions{SplitSize: 60, Format: "files"}, objects...) {
				part, err := readAll(t, b, s, opt, tuning{chunk: 8})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range part {
					got = append(got, r.text)
				}
			}
			if want := []string{"one\ntwo", "", strings.Repeat("c", 50), "d", "one\ntwo"}; !slices.Equal(got, want) || !slices.Equal(bad, []string{"mem://b/e"}) {
				t.Fatalf("batch %d: %q, bad %q", batch, got, bad)
			}
		}
	}
}

func TestChangedInput(t *testing.T) {
	long := strings.Repeat("line\n", 100)
	for _, name := range []string{"x", "x.gz"} {
		for what, change := range map[string]func(*bucket){
			"grown":   func(b *bucket) { b.set(name, long+"more\n") },
			"edited":  func(b *bucket) { b.set(name, "L"+long[1:]) },
			"gone":    func(b *bucket) { delete(b.objects, name) },
			"emptied": func(b *bucket) { b.set(name, "") },
		} {
			b := newBucket(map[string]string{name: long})
			for _, s := range planAll(t, PlanOptions{SplitSize: 200}, b.object(t, name)) {
				change(b)
				_, err := readAll(t, b, s, Options{}, tuning{chunk: 50, step: 10, slack: 5})
				if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "mem://b/"+name) || !strings.Contains(err.Error(), "changed while the job ran") {
					t.Errorf("%s %s: %v", name, what, err)
				}
			}
		}
	}
}

// A file that shrinks under the reader, after it was opened, must not pass for a shorter one.
func TestShrinkingFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(name, bytes.Repeat([]byte("line\n"), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	var objects []Object
	for o, err := range Expand(t.Context(), disk{}, []string{name}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	s := planAll(t, PlanOptions{SplitSize: 1 << 20}, objects...)
	r, err := open(t.Context(), disk{}, s[0], Options{Batch: 100}, tuning{chunk: 1 << 20, small: 100, step: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 2000); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next(t.Context())
	}
	if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), name) {
		t.Errorf("%v", err)
	}
}

func TestReadErrorsKeepTheirKind(t *testing.T) {
	b := newBucket(map[string]string{"x": "a\nb\n", "x.gz": gzipped(t, "a\n")})
	for _, name := range []string{"x", "x.gz"} {
		s := planAll(t, PlanOptions{SplitSize: 10}, b.object(t, name))
		b.fail = func(op, key string) error { return errs.New(errs.Unavailable, "no answer") }
		if _, err := readAll(t, b, s[0], Options{}, usual); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "mem://b/"+name) {
			t.Errorf("%v", err)
		}
		b.fail = nil
	}
}

// A connection that breaks is not the end of the object, whatever the error wraps.
func TestBrokenConnection(t *testing.T) {
	for _, cause := range []error{fmt.Errorf("get: %w", io.EOF), io.ErrUnexpectedEOF} {
		for _, tune := range []tuning{usual, {chunk: 4, step: 2}} {
			b := &breaking{bucket: newBucket(map[string]string{"x": "one\ntwo\nthree\n"}), err: cause}
			s := planAll(t, PlanOptions{SplitSize: 100}, b.object(t, "x"))
			if _, err := readAll(t, b, s[0], Options{}, tune); !errs.Is(err, errs.Unavailable) || errors.Is(err, io.EOF) {
				t.Errorf("%v: %v", cause, err)
			}
		}
	}
}

// breaking is a bucket whose bodies break after three bytes.
type breaking struct {
	*bucket
	err error
}

func (c *breaking) Source(uri string) (storage.Source, string, error) {
	_, key, err := c.bucket.Source(uri)
	return c, key, err
}

func (c *breaking) Open(ctx context.Context, key string, off, n int64, want storage.Version) (io.ReadCloser, storage.Info, error) {
	body, info, err := c.bucket.Open(ctx, key, off, n, want)
	if err != nil {
		return nil, info, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(body, 3), iotest.ErrReader(c.err)), body}, info, nil
}

// Closing and cancelling in the middle leave nothing behind, and say what happened.
func TestCloseEarly(t *testing.T) {
	b := newBucket(nil)
	var objects []Object
	for i := range 100 {
		key := fmt.Sprint(i)
		b.set(key, strings.Repeat("line\n", i))
		objects = append(objects, b.object(t, key))
	}
	s := planAll(t, PlanOptions{SplitSize: 1 << 20}, objects...)
	for n := range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := open(ctx, b, s[0], Options{Batch: 64}, tuning{chunk: 50, step: 10})
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if _, err := r.Next(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if n%2 == 0 {
			cancel()
			for err == nil {
				_, err = r.Next(ctx)
			}
			if !errs.Is(err, errs.Canceled) {
				t.Errorf("after the cancel: %v", err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(t.Context()); err == nil {
			t.Error("a closed reader goes on")
		}
		cancel()
	}
}

// gate is a bucket whose opens wait until several are under way.
type gate struct {
	*bucket
	arrived chan struct{}
	open    chan struct{}
}

func (g *gate) Source(uri string) (storage.Source, string, error) {
	_, key, err := g.bucket.Source(uri)
	return g, key, err
}

func (g *gate) Open(ctx context.Context, key string, off, n int64, want storage.Version) (io.ReadCloser, storage.Info, error) {
	g.arrived <- struct{}{}
	<-g.open
	return g.bucket.Open(ctx, key, off, n, want)
}

// Tiny objects are opened several at a time, and so are ranges of a large one that lies elsewhere. Otherwise all would
// wait here for ever, which synctest reports.
func TestOpensOverlap(t *testing.T) {
	many := newBucket(nil)
	var tiny []Object
	for i := range aheadRequests {
		many.set(fmt.Sprint(i), "line\n")
		tiny = append(tiny, many.object(t, fmt.Sprint(i)))
	}
	many.set("large", strings.Repeat("line\n", 1000))
	for name, objects := range map[string][]Object{"tiny": tiny, "large": {many.object(t, "large")}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				together := len(objects)
				if name == "large" {
					together = 4
				}
				g := &gate{bucket: many, arrived: make(chan struct{}, 100), open: make(chan struct{})}
				go func() {
					for range together {
						<-g.arrived
					}
					close(g.open)
				}()
				s := planAll(t, PlanOptions{SplitSize: 1 << 20}, objects...)
				if _, err := readAll(t, g, s[0], Options{ReadAhead: 400}, usual); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A receiver that is gone ends the reading.
func TestNoBuffer(t *testing.T) {
	b := newBucket(map[string]string{"x": "a\n"})
	s := planAll(t, PlanOptions{SplitSize: 10}, b.object(t, "x"))
	opt := Options{Buffer: func(int) *rows.Records { return nil }}
	if _, err := readAll(t, b, s[0], opt, usual); !errs.Is(err, errs.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	b := newBucket(map[string]string{"x": "a\n"})
	p := Piece{URI: "mem://b/x", Size: 2, Version: versionOf("a\n"), Len: 2}
	for _, c := range []struct {
		s    Split
		opt  Options
		want errs.Kind
	}{
		{Split{}, Options{Format: "avro"}, errs.Invalid},
		{Split{}, Options{MaxRecord: MaxRecord + 1}, errs.Invalid},
		{Split{}, Options{MaxRecord: 5, Format: "records:6"}, errs.Invalid},
		{Split{Pieces: []Piece{p}}, Options{}, errs.Corrupt},
		{Split{Pieces: []Piece{{URI: "x", Size: 1, Len: 2}}, Bytes: 2}, Options{}, errs.Corrupt},
	} {
		if _, err := Open(t.Context(), b, c.s, c.opt); !errs.Is(err, c.want) {
			t.Errorf("%v %+v: %v", c.s, c.opt, err)
		}
	}
	r, err := Open(t.Context(), b, Split{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context()); err == nil || r.Close() != nil {
		t.Error("an empty split has a batch")
	}
}

var _ Sources = (*bucket)(nil)
var _ storage.Source = (*bucket)(nil)
