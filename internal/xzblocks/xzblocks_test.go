package xzblocks

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ulikunitz/xz"
)

// The archives in testdata are of the xz program: text in blocks of 1500 bytes with each check, in one block (`xz -9`), and in
// several streams (`xz --block-size`, `cat`) with padding between them; all but that one have dictionaries of 4 KiB.

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var archives = []string{"crc64.xz", "crc32.xz", "sha256.xz", "none.xz", "one.xz", "streams.xz"}

// TestWhole: archives are read as the text they were made of, however their bytes come.
func TestWhole(t *testing.T) {
	want := file(t, "text")
	for _, name := range archives {
		for how, in := range map[string]io.Reader{
			"at once":     bytes.NewReader(file(t, name)),
			"one by one":  iotest.OneByteReader(bytes.NewReader(file(t, name))),
			"with an EOF": iotest.DataErrReader(bytes.NewReader(file(t, name))),
		} {
			if got, err := io.ReadAll(NewReader(in)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %d bytes, %v", name, how, len(got), err)
			}
		}
		if err := iotest.TestReader(NewReader(bytes.NewReader(file(t, name))), want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParts: where blocks were found, any two places make a part, and parts that meet are the whole. Rest is what follows.
func TestParts(t *testing.T) {
	want := file(t, "text")
	for _, name := range archives {
		b := file(t, name)
		blocks, check, err := Find(bytes.NewReader(b), int64(len(b)))
		if err != nil || len(blocks) == 0 {
			t.Fatalf("%s: %d blocks, %v", name, len(blocks), err)
		}
		if few := len(blocks) < 4; few != (name == "one.xz") {
			t.Errorf("%s: %d blocks", name, len(blocks))
		}
		ends := append(blocks[1:len(blocks):len(blocks)], Block{int64(len(b)), int64(len(want))})
		blocks[0].Off = 0 // as the first piece of an archive begins
		for i, from := range blocks {
			for _, to := range ends[i:] {
				r := NewPart(bytes.NewReader(b[from.Off:]), from.Off, to.Off, check)
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, want[from.Text:to.Text]) {
					t.Fatalf("%s: blocks from %v to %v: %d bytes, %v", name, from, to, len(got), err)
				}
				r.Rest()
				if got, err = io.ReadAll(r); err != nil || !bytes.Equal(got, want[to.Text:]) {
					t.Fatalf("%s: after %v: %d bytes, %v", name, to, len(got), err)
				}
			}
		}
		// No block ends a byte before one begins, or after.
		for _, end := range ends[:len(ends)-1] {
			for _, off := range []int64{-1, 1} {
				if got, err := io.ReadAll(NewPart(bytes.NewReader(b), 0, end.Off+off, check)); err == nil {
					t.Errorf("%s: up to byte %d: %d bytes and no error", name, end.Off+off, len(got))
				}
			}
		}
	}
}

// TestHarm: an archive that is cut off anywhere, or one of whose bytes is another, is an error, or still the same text.
func TestHarm(t *testing.T) {
	want := file(t, "text")
	for _, name := range archives {
		if name == "one.xz" { // whose dictionary, of 64 MiB, would be made each time
			continue
		}
		b, step := file(t, name), 2
		if name == "crc32.xz" || name == "none.xz" || name == "sha256.xz" { // as the others but for the check
			step = 11
		}
		for n := 0; n < len(b); n += step {
			got, err := io.ReadAll(NewReader(bytes.NewReader(b[:n])))
			// Nothing says of streams, or of zeros behind one, how many there are.
			whole := n%4 == 0 && bytes.HasSuffix(bytes.TrimRight(b[:n], "\x00"), []byte("YZ"))
			if whole == (err != nil) {
				t.Errorf("%s, %d bytes of it: %d bytes of text, %v", name, n, len(got), err)
			}
			_, _, _ = Find(bytes.NewReader(b[:n]), int64(n))
			bad := bytes.Clone(b)
			bad[n] ^= 1 << (n / step % 8)
			got, err = io.ReadAll(NewReader(bytes.NewReader(bad)))
			if err == nil && !bytes.Equal(got, want) && name != "none.xz" {
				t.Errorf("%s, byte %d: other text", name, n)
			}
			if blocks, check, err := Find(bytes.NewReader(bad), int64(len(bad))); err == nil && len(blocks) > 0 {
				first := min(1, len(blocks)-1)
				_, _ = io.ReadAll(NewPart(bytes.NewReader(bad[blocks[first].Off:]), blocks[first].Off, int64(len(bad)), check))
			}
		}
	}
}

// TestRefused: what cannot be read, or would take too much memory, is told by what the archive says of itself.
func TestRefused(t *testing.T) {
	for name, want := range map[string]string{
		"x86.xz":  "a filter besides LZMA2",
		"dict.xz": "dictionary of 100663296 bytes",
	} {
		b := file(t, name)
		if name == "dict.xz" {
			// A block that says that it has 100 bytes of text gets a small dictionary whatever it asks for.
			if got, err := io.ReadAll(NewReader(bytes.NewReader(withText(t, b, 100)))); err != nil || len(got) != 100 {
				t.Errorf("%s with its length: %d bytes, %v", name, len(got), err)
			}
		}
		if _, err := io.ReadAll(NewReader(bytes.NewReader(b))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for name, b := range map[string]string{"nothing": "", "text": "no archive, but long enough to be one\n"} {
		if _, err := io.ReadAll(NewReader(strings.NewReader(b))); err == nil || err == io.EOF {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := Find(strings.NewReader(b), int64(len(b))); b != "" && err == nil {
			t.Errorf("%s has blocks", name)
		}
	}
}

// withText puts into the header of the first and only block of b how much text it has, as threads of xz do.
func withText(t *testing.T, b []byte, n byte) []byte {
	t.Helper()
	size := 4*int(b[12]) + 4
	head := append([]byte{b[12], b[13] | 0x80, n}, b[14:12+size-5]...)
	if b[12+size-5] != 0 {
		t.Fatal("the header has no byte to spare")
	}
	head = append(head, le32(crc32.ChecksumIEEE(head))...)
	return append(append(bytes.Clone(b[:12]), head...), b[12+size:]...)
}

// TestFindsNone: archives of many streams, or of several checks, or with an end of zeros, are left whole.
func TestFindsNone(t *testing.T) {
	one := file(t, "one.xz")
	for name, b := range map[string][]byte{
		"streams": bytes.Repeat(one, maxStreams+1),
		"checks":  append(bytes.Clone(one), file(t, "crc32.xz")...),
		"zeros":   append(bytes.Clone(one), make([]byte, maxPadding+8)...),
	} {
		if blocks, _, err := Find(bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %d blocks, %v", name, len(blocks), err)
		}
	}
	if blocks, _, err := Find(bytes.NewReader(nil), 0); len(blocks) != 0 || err != nil {
		t.Errorf("of nothing: %v, %v", blocks, err)
	}
}

// TestOtherWriter: what the library writes, with dictionaries of its own, is read.
func TestOtherWriter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 60_000)
	for i := range text {
		text[i] = "abcdefgh\n"[random.IntN(1+i%9)]
	}
	for _, c := range []xz.WriterConfig{{}, {DictCap: 4096}, {BlockSize: 10_000, CheckSum: xz.SHA256}, {NoCheckSum: true}} {
		var b bytes.Buffer
		w, err := c.NewWriter(&b)
		if err == nil {
			_, err = w.Write(text)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(NewReader(&b)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%+v: %d bytes, %v", c, len(got), err)
		}
	}
}

// TestChecks: their names go both ways.
func TestChecks(t *testing.T) {
	for _, c := range []Check{None, CRC32, CRC64, SHA256} {
		if got, ok := CheckOf(fmt.Sprint(c)); !ok || got != c {
			t.Errorf("%v: %v, %v", c, got, ok)
		}
	}
	if c, ok := CheckOf("md5"); ok {
		t.Errorf("md5 is %v", c)
	}
}

func FuzzReader(f *testing.F) {
	for _, name := range archives {
		f.Add(file(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := io.Copy(io.Discard, io.LimitReader(NewReader(bytes.NewReader(b)), 1<<20))
		if err == nil && n > 0 && len(b) < headSize+footSize {
			t.Errorf("%d bytes of text", n)
		}
		blocks, _, err := Find(bytes.NewReader(b), int64(len(b)))
		if err == nil && len(blocks) > len(b) {
			t.Errorf("%d blocks of %d bytes", len(blocks), len(b))
		}
	})
}

func BenchmarkReader(b *testing.B) {
	data := file(b, "crc64.xz")
	text := int64(len(file(b, "text")))
	b.SetBytes(text)
	for b.Loop() {
		if n, err := io.Copy(io.Discard, NewReader(bytes.NewReader(data))); err != nil || n != text {
			b.Fatal(n, err)
		}
	}
}
