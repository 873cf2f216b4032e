package output

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// unpacked is the text of a compressed part.
func unpacked(t *testing.T, f Format, body string) string {
	t.Helper()
	var r io.Reader
	var err error
	if strings.HasSuffix(string(f), ".gz") {
		r, err = gzip.NewReader(strings.NewReader(body))
	} else {
		var z *zstd.Decoder
		if z, err = zstd.NewReader(strings.NewReader(body)); err == nil {
			defer z.Close()
			r = z
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A compressed part is the compressed bytes of the plain one, with rows or without.
func TestCompressedParts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var words []any
	for range 1000 {
		words = append(words, anyText(r))
	}
	rows := table(t, words)
	for _, base := range []Format{TSV, JSONL, Records} {
		for _, suffix := range []Format{".gz", ".zst"} {
			for _, batches := range [][]arrow.RecordBatch{{rows, rows.NewSlice(7, 99)}, {rows.NewSlice(0, 0)}} {
				plain, packed := written(t, base, batches...), written(t, base+suffix, batches...)
				if got := unpacked(t, base+suffix, packed); got != plain {
					t.Errorf("%s%s: %d bytes, want %d", base, suffix, len(got), len(plain))
				}
				if len(plain) > 0 && len(packed) > len(plain) {
					t.Errorf("%s%s: %d bytes became %d", base, suffix, len(plain), len(packed))
				}
			}
		}
	}
}

// Frames depend on the text alone, not on how it came, and each has no more than frameBytes of it.
func TestFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	text := make([]byte, 2*frameBytes+frameBytes/3)
	for i := range text {
		text[i] = "abcdefgh"[r.IntN(8)]
	}
	for _, n := range []int{0, 1, frameBytes - 1, frameBytes, frameBytes + 1, len(text)} {
		var want string
		for _, most := range []int{n + 1, frameBytes / 7, 3 * frameBytes} {
			var out bytes.Buffer
			f, err := newFrames(&out)
			if err != nil {
				t.Fatal(err)
			}
			for from := 0; from < n; from += most {
				if _, err := f.Write(text[from:min(n, from+most)]); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = out.String()
			}
			if out.String() != want || unpacked(t, ".zst", want) != string(text[:n]) {
				t.Fatalf("%d bytes in pieces of %d: another file", n, most)
			}
			var h zstd.Header
			if err := h.Decode(out.Bytes()); err != nil || n >= 256 && h.FrameContentSize != uint64(min(n, frameBytes)) { // shorter ones go without
				t.Errorf("%d bytes: %+v, %v", n, h, err)
			}
		}
	}
}
