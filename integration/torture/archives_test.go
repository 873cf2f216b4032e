package torture

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

var archiveCases = []Case{
	{Name: "a gzip cut anywhere", Answer: "the job fails and names the file; the rows before the cut are not a result", Bound: 2 * time.Minute, Run: cutGzip},
	{Name: "a gzip with a wrong bit", Answer: "the job fails and names the file", Run: wrongGzip},
	{Name: "gzip of several members", Answer: "all members are read; what follows them is an error", Run: manyMembers},
	{Name: "a zstd cut anywhere", Answer: "the job fails and names the file", Run: cutZstd},
	{Name: "a zstd with too wide a window", Answer: "the job fails and says so, without taking the memory", Run: wideWindow},
	{Name: "an archive that is none", Answer: "the job fails and names the file; --decompress none reads it", Run: noArchive},
	{Name: "a small zip bomb", Answer: "a line, or a file, that does not end is set aside in bounded memory", Run: func(r *room) { bomb(r, 512<<20, 64<<20) }},
	{Name: "a zip bomb", Answer: "the same for 16 GiB in 16 MB", Bound: 4 * time.Minute, Large: true, Run: func(r *room) { bomb(r, 16<<30, 64<<20) }},
}

// gzipped compresses what has been read from text.
func gzipped(r *room, text io.Reader) string {
	r.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.Copy(w, text); err != nil {
		r.Fatal(err)
	}
	if err := w.Close(); err != nil {
		r.Fatal(err)
	}
	return b.String()
}

// numbered is text of n lines and its rows.
func numbered(n int) (text string, rows []string) {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
		rows = append(rows, fmt.Sprintf("line %d\t1", i))
	}
	return b.String(), rows
}

func cutGzip(r *room) {
	text, want := numbered(5000)
	whole := gzipped(r, strings.NewReader(text))
	r.run("lines", r.file("whole.gz", whole)).gives(want...)
	for i, n := range []int{1, 9, 10, 11, len(whole) / 2, len(whole) - 9, len(whole) - 8, len(whole) - 1} {
		name := fmt.Sprintf("cut%d.gz", i)
		r.run("lines", r.file(name, whole[:n])).fails(1, name)
		if r.Failed() {
			r.Fatalf("cut at byte %d of %d", n, len(whole))
		}
	}
	r.run("lines", r.file("nothing.gz", "")).gives()
}

func wrongGzip(r *room) {
	text, _ := numbered(5000)
	whole := []byte(gzipped(r, strings.NewReader(text)))
	for i, at := range []int{0, 2, len(whole) / 3, len(whole) - 8, len(whole) - 2} {
		bad := bytes.Clone(whole)
		bad[at] ^= 4
		name := fmt.Sprintf("bad%d.gz", i)
		r.run("lines", r.file(name, string(bad))).fails(1, name)
	}
}

func manyMembers(r *room) {
	both := gzipped(r, strings.NewReader("a\nb")) + gzipped(r, strings.NewReader("c\nd\n")) + gzipped(r, strings.NewReader(""))
	r.run("lines", r.file("members.gz", both)).gives("a\t1", "bc\t1", "d\t1")
	r.run("lines", r.file("tail.gz", both+"garbage")).fails(1, "tail.gz")
}

func cutZstd(r *room) {
	text, want := numbered(5000)
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		r.Fatal(err)
	}
	whole := string(enc.EncodeAll([]byte(text), nil))
	r.run("lines", r.file("whole.zst", whole)).gives(want...)
	for i, n := range []int{3, len(whole) / 2, len(whole) - 1} {
		name := fmt.Sprintf("cut%d.zst", i)
		r.run("lines", r.file(name, whole[:n])).fails(1, name)
	}
}

// wideWindow is a frame that may refer back farther than the zstd program takes without being asked.
func wideWindow(r *room) {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(256<<20), zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		r.Fatal(err)
	}
	if _, err := io.Copy(w, zeros(16<<20)); err != nil {
		r.Fatal(err)
	}
	if err := w.Close(); err != nil {
		r.Fatal(err)
	}
	r.run("lines", r.file("wide.zst", b.String()), "--memory", "64MiB", "--slots", "1").fails(1, "wide.zst", "window")
	r.within(64 << 20)
}

func noArchive(r *room) {
	in := r.file("text.gz", "just\ntext\n")
	r.run("lines", in).fails(1, "text.gz")
	r.run("lines", in, "--decompress", "none").gives("just\t1", "text\t1")
}

// zeros are n bytes without an end of line, behind a line and before another.
func zeros(n int64) io.Reader {
	return io.MultiReader(strings.NewReader("before\n"), io.LimitReader(zero{}, n), strings.NewReader("\nafter\n"))
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func bomb(r *room, size, memory int64) {
	in := r.file("bomb.gz", gzipped(r, zeros(size)))
	flags := []string{"--memory", fmt.Sprint(memory), "--slots", "1"}
	e := r.run("lines", in, flags...)
	e.gives("before\t1", "after\t1")
	e.counted("map.bad_records", 1)
	r.within(memory)
	e = r.run("sizes", in, append(flags, "--input-format", "files")...)
	e.gives()
	e.counted("map.bad_records", 1)
	r.within(memory)
	r.run("sizes", in, append(flags, "--input-format", "files", "--max-bad-records", "0")...).fails(1, "bomb.gz", "largest record")
}
