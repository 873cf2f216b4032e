package dataset

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/mrctl/mrctl/internal/bzblocks/bztest"
)

// sealed are archives of a text, whose formats have checksums, each of several parts; and the bytes at which they may end so
// that nothing shows it: formats whose archives may follow each other do not say how many there are.
func sealed(t testing.TB, texts ...string) map[string]string {
	var packed strings.Builder
	for _, text := range texts {
		w := lz4.NewWriter(&packed)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all := strings.Join(texts, "")
	return map[string]string{
		"a.gz": gzipped(t, texts...), "b.zst": zstded(t, texts...), "c.zst": framed(t, texts...), "d.lz4": packed.String(),
		"f.xz": xzed(t, 15, texts...), "e.bz2": string(bztest.Compress([]byte(all), 20)) + string(bztest.Compress([]byte("and more\n"), 20)),
	}
}

// linesOf plans an object in splits of size bytes and reads all of them.
func linesOf(t testing.TB, key, body string, size int64) (text string, err error) {
	t.Helper()
	b := newBucket(map[string]string{key: body})
	opt := PlanOptions{SplitSize: size}
	objects := []Object{b.object(t, key)}
	if err := Probe(t.Context(), b, objects, opt); err != nil {
		return "", err
	}
	for _, s := range planAll(t, opt, objects...) {
		some, err := readAll(t, b, s, Options{}, usual)
		if err != nil {
			return text, err
		}
		for _, r := range some {
			text += r.text + "\n"
		}
	}
	return text, nil
}

// TestFlippedBits: an archive with a bit that is another gives its text all the same, where the bit says nothing of it, or an
// error with its name; in one go and in splits.
func TestFlippedBits(t *testing.T) {
	const first, second = "one\ntwo two two\nthree\n", "four\nfive, which is longer\n"
	for key, body := range sealed(t, first, second) {
		want, err := linesOf(t, key, body, 1<<20)
		if err != nil || !strings.HasPrefix(want, first+second) {
			t.Fatalf("%s: %q, %v", key, want, err)
		}
		refused := 0
		for at := range len(body) {
			bad := []byte(body)
			bad[at] ^= 1 << (at % 8)
			size := []int64{30, 1 << 20}[at/8%2]
			got, err := linesOf(t, key, string(bad), size)
			if err != nil && !strings.Contains(err.Error(), "mem://b/"+key) || err == nil && got != want {
				t.Errorf("%s, byte %d of %d, bit %d, splits of %d: %q, %v", key, at, len(body), at%8, size, got, err)
			}
			if err != nil {
				refused++
			}
		}
		if refused < len(body)/2 {
			t.Errorf("%s: only %d of %d are refused", key, refused, len(body))
		}
	}
}

// TestCutShort: an archive that ends early is an error with its name, except between two archives that lie in one object:
// there it is a shorter archive, of whole ones.
func TestCutShort(t *testing.T) {
	const first, second = "one\ntwo two two\nthree\n", "four\nfive, which is longer\n"
	for key, body := range sealed(t, first, second) {
		var whole []int
		for n := range len(body) {
			size := []int64{30, 1 << 20}[n%2]
			got, err := linesOf(t, key, body[:n], size)
			switch {
			case err != nil && !strings.Contains(err.Error(), "mem://b/"+key):
				t.Errorf("%s, %d of %d bytes: %v", key, n, len(body), err)
			case err == nil && n > 0 && got != first && got != first+second:
				t.Errorf("%s, %d of %d bytes, splits of %d: %q", key, n, len(body), size, got)
			case err == nil && n > 0:
				whole = append(whole, n)
			}
		}
		if want := map[string]int{"c.zst": 2}[key]; len(whole) != max(1, want) {
			t.Errorf("%s: it is read where it ends at %v of %d", key, whole, len(body))
		}
	}
}

// TestFlippedBitsUnseen: of zstd without checksums the text may be another, but it is read or refused by name.
func TestFlippedBitsUnseen(t *testing.T) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	body := enc.EncodeAll([]byte(strings.Repeat("some text that repeats\n", 3)+"and some that does not\n"), nil)
	for at := range len(body) * 8 {
		bad := slices.Clone(body)
		bad[at/8] ^= 1 << (at % 8)
		if _, err := linesOf(t, "x.zst", string(bad), 1<<20); err != nil && !strings.Contains(err.Error(), "mem://b/x.zst") {
			t.Errorf("byte %d, bit %d: %v", at/8, at%8, err)
		}
	}
}

// TestFlippedBitsOfTables: a table with a bit that is another has as many rows as before, of which some may be bad, or is an error
// with its name. Only a footer of Arrow may be changed, in few places, into one that lists no rows: nothing else tells it.
func TestFlippedBitsOfTables(t *testing.T) {
	schema, batches, want := people(2)
	for key, body := range tables(t, schema, batches) {
		refused := 0
		for at := range len(body) {
			flipped := []byte(body)
			flipped[at] ^= 1 << (at % 8)
			b := newBucket(map[string]string{key: string(flipped)})
			got, bad, err := readRows(t, b, planAll(t, PlanOptions{Format: "auto", SplitSize: 1 << 20}, b.object(t, key)), Options{Format: "auto"}, 1<<10)
			switch {
			case err != nil && !strings.Contains(err.Error(), "mem://b/"+key):
				t.Errorf("%s, byte %d of %d: %v", key, at, len(body), err)
			case err != nil:
				refused++
			case len(got)+len(bad) != len(want) && (key != "b.arrow" || len(got) > 0 || at < len(body)-len(magic)-500):
				t.Errorf("%s, byte %d of %d, bit %d: %d rows and %d bad ones, not %d", key, at, len(body), at%8, len(got), len(bad), len(want))
			}
		}
		if refused < len(body)/4 {
			t.Errorf("%s: only %d of %d are refused", key, refused, len(body))
		}
	}
}

// TestTablesCutShort: a table that ends early is an error with its name. The end of a stream need not be marked, so that one
// may end after any of its batches.
func TestTablesCutShort(t *testing.T) {
	schema, batches, want := people(3)
	for key, body := range tables(t, schema, batches) {
		var whole []int
		for n := 1; n < len(body); n++ {
			b := newBucket(map[string]string{key: body[:n]})
			got, bad, err := readRows(t, b, planAll(t, PlanOptions{Format: "auto", SplitSize: 1 << 20}, b.object(t, key)), Options{Format: "auto"}, 1<<10)
			switch {
			case err != nil && strings.Contains(err.Error(), "mem://b/"+key):
			case err == nil && len(bad) == 0 && key == "c.arrows" && len(got)%5 == 0:
				whole = append(whole, len(got))
			default:
				t.Errorf("%s, %d of %d bytes: %d rows, %v", key, n, len(body), len(got), err)
			}
		}
		if key == "c.arrows" && (len(whole) == 0 || whole[len(whole)-1] != len(want)) {
			t.Errorf("%s: where it is read it has %v rows", key, whole)
		}
	}
}
