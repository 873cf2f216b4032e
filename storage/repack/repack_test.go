package repack

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/zframes"
	"github.com/mrctl/mrctl/storage"
	"github.com/mrctl/mrctl/storage/mem"
)

// TestPack: what is packed is the text, in frames of the size that was asked for, each of which ends with a line if one ends
// near enough, and whose table says where they are.
func TestPack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, n := range []int{0, 1, 64, 65, 1000, 5000} {
		for _, threads := range []int{1, 3} {
			text := make([]byte, n)
			for i := range text {
				text[i] = "abcdefgh\n"[rng.IntN(9)]
				if i%16 == 0 {
					text[i] = '\n'
				}
			}
			if n == 1000 {
				text = bytes.ReplaceAll(text, []byte("\n"), []byte("x")) // no line ends
			}
			const most = 64
			var out bytes.Buffer
			r, err := pack(t.Context(), &out, iotest.HalfReader(bytes.NewReader(text)), threads, most)
			if err != nil {
				t.Fatal(err)
			}
			frames, err := zframes.Read(bytes.NewReader(out.Bytes()), int64(out.Len()))
			if err != nil || len(frames) != r.Frames || r.Bytes != int64(out.Len()) || r.Text != int64(n) {
				t.Fatalf("%d bytes: %+v, %d frames, %v", n, r, len(frames), err)
			}
			if got, err := z.DecodeAll(out.Bytes(), nil); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%d bytes became %d, %v", n, len(got), err)
			}
			for i, f := range frames {
				got, err := z.DecodeAll(out.Bytes()[f.Off:], nil)
				if err != nil || !bytes.Equal(got, text[f.Text:]) {
					t.Fatalf("frame %d: %v", i, err)
				}
				if i > 0 && n != 1000 && text[f.Text-1] != '\n' {
					t.Errorf("frame %d begins within a line", i)
				}
			}
		}
	}
}

// TestWriteAllOrNothing: what cannot be read to its end leaves nothing, and what is there stays.
func TestWriteAllOrNothing(t *testing.T) {
	store := mem.New()
	broken := errors.New("broken")
	_, err := Write(t.Context(), store, "a.zst", io.MultiReader(strings.NewReader("text\n"), iotest.ErrReader(broken)), 2)
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := store.Stat(t.Context(), "a.zst"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("something was left: %v", err)
	}
	if _, err := Write(t.Context(), store, "a.zst", strings.NewReader("one\n"), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), store, "a.zst", strings.NewReader("two\n"), 2); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second one: %v", err)
	}
}
