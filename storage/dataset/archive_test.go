package dataset

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"compress/bzip2"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/zframes"
)

// framed packs each text as a frame, with a table of them.
func framed(t testing.TB, texts ...string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	var table zframes.Table
	for _, text := range texts {
		n := len(out)
		out = z.EncodeAll([]byte(text), out)
		table.Add(len(out)-n, len(text))
	}
	return string(table.Append(out))
}

// cutLines plans an object in splits of size bytes and reads them all.
func cutLines(t testing.TB, b *bucket, key string, size int64) (splits int, got []record) {
	t.Helper()
	opt := PlanOptions{SplitSize: size}
	objects := []Object{b.object(t, key)}
	if err := Probe(t.Context(), b, objects, opt); err != nil {
		t.Fatal(err)
	}
	plan := planAll(t, opt, objects...)
	for i, s := range plan {
		some, err := readAll(t, b, s, Options{Batch: 1 + i%50}, tuning{chunk: 64, small: 1, slack: 5, step: 7})
		if err != nil {
			t.Fatalf("split %d of %d, %+v: %v", i, len(plan), s, err)
		}
		got = append(got, some...)
	}
	return len(plan), got
}

// TestZstdSplitAnywhere: wherever the text is cut into frames, and these into splits, each line is read once, in order and
// with its place in the text.
func TestZstdSplitAnywhere(t *testing.T) {
	const text = "one\n\ntwo\r\nthree three three\n\n\nfour"
	for a := range len(text) + 1 {
		for _, second := range []int{a, a + 7} {
			c := min(second, len(text))
			b := newBucket(map[string]string{"x.zst": framed(t, text[:a], text[a:c], text[c:], "")})
			want := wantLines("mem://b/x.zst", text)
			size := int64(len(b.objects["x.zst"]))
			for _, split := range []int64{1, size / 2} {
				if n, got := cutLines(t, b, "x.zst", split); !slices.Equal(got, want) || split == 1 && n < 3 {
					t.Fatalf("frames of %d and %d bytes, %d splits:\n%v\nwant\n%v", a, c-a, n, got, want)
				}
			}
		}
	}
}

// TestZstdSplitWithoutTable: frames that no table lists are found, wherever they begin, and each line is read once and in order.
func TestZstdSplitWithoutTable(t *testing.T) {
	const text = "one\n\ntwo\r\nthree three three\n\n\nfour"
	for a := range len(text) + 1 {
		c := min(a+7, len(text))
		b := newBucket(map[string]string{"x.zst": zstded(t, text[:a], text[a:c], text[c:], "")})
		want := wantLines("mem://b/x.zst", text)
		size := int64(len(b.objects["x.zst"]))
		for _, split := range []int64{1, size / 2} {
			n, got := cutLines(t, b, "x.zst", split)
			same := slices.EqualFunc(got, want, func(g, w record) bool { return g.text == w.text })
			if !same || n < 2 {
				t.Fatalf("frames of %d and %d bytes, %d splits:\n%v\nwant\n%v", a, c-a, n, got, want)
			}
		}
	}
}

// TestFramesWithinText: text that holds a frame as it is, where a raw block shows it, may be cut there. Then the task before it says
// so: no line is lost without a word. Repacked, or in one task, it is read.
func TestFramesWithinText(t *testing.T) {
	inner := strings.Repeat(zstded(t, "zyxwvutsrqponm"), 20)
	raw := rawFrame(inner + "\n")
	b := newBucket(map[string]string{"x.zst": raw})
	for _, size := range []int64{int64(len(raw)) / 2, 1 << 20} {
		opt := PlanOptions{SplitSize: size}
		objects := []Object{b.object(t, "x.zst")}
		if err := Probe(t.Context(), b, objects, opt); err != nil {
			t.Fatal(err)
		}
		plan := planAll(t, opt, objects...)
		got, err := readAll(t, b, plan[0], Options{}, usual)
		switch {
		case len(plan) == 1 && (err != nil || len(got) != 1 || got[0].text != inner):
			t.Errorf("in one task: %d lines, %v", len(got), err)
		case len(plan) > 1 && (!errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), "mrctl repack")):
			t.Errorf("in %d: %v", len(plan), err)
		}
		if len(plan) > 1 != (size < 1<<20) {
			t.Errorf("splits of %d bytes: %d", size, len(plan))
		}
	}
}

// rawFrame is a frame of zstd whose one block is the text as it is (RFC 8878, section 3.1.1), and an empty one after it.
func rawFrame(text string) string {
	n := len(text)
	block := []byte{byte(n << 3), byte(n << 3 >> 8), byte(n << 3 >> 16)}
	return "\x28\xb5\x2f\xfd\x00\x58" + string(block) + text + "\x01\x00\x00"
}

// xzed packs each text as a stream with blocks of size bytes of text.
func xzed(t testing.TB, size int, texts ...string) string {
	t.Helper()
	var b strings.Builder
	for _, text := range texts {
		w, err := xz.WriterConfig{BlockSize: int64(size), DictCap: 4096}.NewWriter(&b)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// TestXZSplitAnywhere: wherever the text is cut into streams and blocks, and these into splits, each line is read once, in order
// and with its place in the text.
func TestXZSplitAnywhere(t *testing.T) {
	const text = "one\n\ntwo\r\nthree three three\n\n\nfour"
	want := wantLines("mem://b/x.xz", text)
	for block := 1; block <= len(text); block++ {
		for _, a := range []int{len(text), block, len(text) / 2} {
			stored := xzed(t, block, text[:a], text[a:])
			b := newBucket(map[string]string{"x.xz": stored})
			for _, split := range []int64{1, 100, int64(len(stored)) / 2} {
				if n, got := cutLines(t, b, "x.xz", split); !slices.Equal(got, want) || split == 1 && n < len(text)/block {
					t.Fatalf("streams of %d and %d bytes, blocks of %d, %d splits:\n%v\nwant\n%v", a, len(text)-a, block, n, got, want)
				}
			}
		}
	}
}

// TestBzip2Split: where blocks begin in some splits and in others none, each line is read once and in order.
func TestBzip2Split(t *testing.T) {
	stored, err := os.ReadFile("../../internal/bzblocks/testdata/two.bz2")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(stored)))
	if err != nil {
		t.Fatal(err)
	}
	b := newBucket(map[string]string{"x.bz2": string(stored)})
	want := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, size := range []int64{90, 400} {
		n, got := cutLines(t, b, "x.bz2", size)
		if len(got) != len(want) || n != int(ceilDiv(int64(len(stored)), size)) {
			t.Fatalf("%d splits: %d lines, not %d", n, len(got), len(want))
		}
		for i := range got {
			if got[i].text != want[i] {
				t.Fatalf("%d splits, line %d: %v, want %q", n, i, got[i], want[i])
			}
		}
	}
}

// TestCutRows: rows of CSV and JSON lines of an archive that is cut, the header known to all pieces.
func TestCutRows(t *testing.T) {
	for name, texts := range map[string][]string{
		"a.csv.zst":   {"n,na", "me\n1,ann\n2,", "bob\n3,cy", "\n", "4,d"},
		"a.jsonl.zst": {`{"n":1,"name":"ann"}` + "\n", `{"n":2,"name":"bob"}` + "\n" + `{"n":3`, `,"name":"cy"}` + "\n", `{"n":4,"name":"d"}`},
	} {
		b := newBucket(map[string]string{name: framed(t, texts...)})
		opt := PlanOptions{Format: "auto:lines", SplitSize: 1}
		objects := []Object{b.object(t, name)}
		if err := Probe(t.Context(), b, objects, opt); err != nil {
			t.Fatal(err)
		}
		splits := planAll(t, opt, objects...)
		got, bad, err := readRows(t, b, splits, Options{Format: opt.Format}, 64)
		var list []person
		for _, g := range got {
			list = append(list, g.person)
		}
		if err != nil || len(bad) > 0 || len(splits) < len(texts) || fmt.Sprint(list) != "[{ann 1} {bob 2} {cy 3} {d 4}]" {
			t.Errorf("%s in %d splits: %v, bad %v, %v", name, len(splits), list, bad, err)
		}
	}
}

// TestArchivesThatAreNotCut: why, and what helps, is said when the job is planned; what cannot be read at all is refused.
func TestArchivesThatAreNotCut(t *testing.T) {
	var packed bytes.Buffer
	w := lz4.NewWriter(&packed)
	if _, err := io.WriteString(w, "a\nb\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	frames := framed(t, "1,2\n", "3,4\n")
	b := newBucket(map[string]string{"x.lz4": packed.String() + packed.String(), "x.gz": "xxxx", "x.zst": "not a table", "x.csv.zst": frames, "x.xz": xzed(t, 99, "a\nb\n"), "x.csv.xz": xzed(t, 4, "1,2\n3,4\n"), "bad.zst": frames[4:]})
	for _, x := range []struct{ key, format, want string }{
		{"x.lz4", "lines", "mrctl repack"}, {"x.gz", "lines", "mrctl repack"}, {"x.zst", "lines", "mrctl repack makes several"},
		{"x.csv.zst", "auto", "--csv-lines"}, {"x.csv.xz", "auto", "--csv-lines"}, {"x.xz", "lines", "xz -T0"}, {"x.gz", "records:2", "its records are no lines"},
	} {
		var warned []string
		opt := PlanOptions{Format: x.format, SplitSize: 1, Warn: func(s string) { warned = append(warned, s) }}
		objects := []Object{b.object(t, x.key)}
		if err := Probe(t.Context(), b, objects, opt); err != nil {
			t.Fatal(err)
		}
		if n := len(planAll(t, opt, objects...)); n != 1 || len(warned) != 1 || !strings.Contains(warned[0], x.want) || !strings.Contains(warned[0], x.key) {
			t.Errorf("%s: %d splits, %q", x.key, n, warned)
		}
	}
	if _, got := cutLines(t, b, "x.lz4", 1); fmt.Sprint(got) != fmt.Sprint(wantLines("mem://b/x.lz4", "a\nb\na\nb\n")) {
		t.Errorf("two archives of lz4 are %v", got)
	}
	err := Probe(t.Context(), b, []Object{b.object(t, "bad.zst")}, PlanOptions{SplitSize: 1})
	if !errs.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), "bad.zst") {
		t.Errorf("a table that is wrong: %v", err)
	}
}

// What is packed twice is unpacked once, and its name says what is left.
func TestPackedNames(t *testing.T) {
	for uri, want := range map[string]string{"/a/x.log": "/a/x.log.zst", "/a/x.log.gz": "/a/x.log.zst", "/a/x.zst": "/a/x.zst", "/a/x.gz.zst": "/a/x.gz.zst", "/a/x.zst.gz": "/a/x.zst.zst"} {
		if got, err := Packed(uri); got != want || err != nil {
			t.Errorf("%s: %s, %v", uri, got, err)
		}
	}
}
