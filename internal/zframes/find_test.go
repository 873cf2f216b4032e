package zframes

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func packed(t testing.TB, text string, o ...zstd.EOption) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, o...)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll([]byte(text), nil)
}

// noise is text that cannot be packed: its blocks are raw.
func noise(n int) string {
	random := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// reads counts the bytes that are read.
type reads struct {
	*bytes.Reader
	n int
}

func (r *reads) ReadAt(b []byte, off int64) (int, error) {
	r.n += len(b)
	return r.Reader.ReadAt(b, off)
}

// TestFind: the first frame after each place is found, whatever kind of frames they are, and nothing else.
func TestFind(t *testing.T) {
	streamed := func(text string) []byte { // without its length in the head, with a checksum
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b)
		if err == nil {
			_, err = io.WriteString(z, text)
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	skip := []byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 9, 9, 9, 9}
	parts := [][]byte{
		packed(t, "one\n"), skip, streamed(strings.Repeat("two\n", 100)), packed(t, ""), packed(t, noise(300_000)), skip,
		packed(t, strings.Repeat("\x00", 1<<20), zstd.WithEncoderCRC(false)), packed(t, "end"),
	}
	var all []byte
	var begins []int64
	for _, p := range parts {
		if !bytes.Equal(p, skip) && len(p) > 0 {
			begins = append(begins, int64(len(all)))
		}
		all = append(all, p...)
	}
	for _, from := range []int64{0, 1, 5, 40, 200, 100_000, int64(len(all)) - 1} {
		got, err := Find(bytes.NewReader(all), int64(len(all)), []int64{from}, MaxLook)
		next := slices.IndexFunc(begins, func(b int64) bool { return b >= from })
		if err != nil || next < 0 && len(got) > 0 || next >= 0 && (len(got) != 1 || got[0] != (Frame{begins[next], begins[next]})) {
			t.Errorf("from %d: %v, %v; frames begin at %v", from, got, err, begins)
		}
	}
	var every []int64
	for i := range int64(1000) {
		every = append(every, i)
	}
	got, err := Find(bytes.NewReader(all), int64(len(all)), every, MaxLook)
	before := begins[:slices.IndexFunc(begins, func(b int64) bool { return b >= 999 })+1]
	if err != nil || len(got) != len(before) {
		t.Errorf("at each of the first bytes: %v, %v, want %v", got, err, before)
	}
}

// TestFindNothing: of an archive of one long frame 16 MiB are looked at, and no more, however often it were to be cut.
func TestFindNothing(t *testing.T) {
	all := packed(t, noise(24<<20))
	for _, want := range [][]int64{{1 << 20, 18 << 20, 19 << 20}, {4 << 20, 6 << 20, 8 << 20, 10 << 20, 14 << 20, 18 << 20, 20 << 20, 22 << 20}} {
		in := &reads{Reader: bytes.NewReader(all)}
		got, err := Find(in, int64(len(all)), want, MaxLook)
		if err != nil || len(got) > 0 || in.n > MaxLook+4*chunk {
			t.Errorf("at %v: %v, %v, %d bytes read", want, got, err, in.n)
		}
	}
	if got, err := Find(bytes.NewReader(nil), 0, nil, MaxLook); err != nil || len(got) > 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

// TestFindLookalikes: the magic alone, or a head without blocks after it, is no frame.
func TestFindLookalikes(t *testing.T) {
	frame := string(packed(t, strings.Repeat("some text\n", 50)))
	magic := string(frameMagic)
	for name, middle := range map[string]string{
		"magic": magic, "magic twice": magic + magic, "magic and text": magic + "hello, this is no frame", "a frame cut off": frame[:len(frame)-6] + "xxxxxxxxxxx",
	} {
		all := "0123456789" + middle + "01234567890123456789"
		if got, err := Find(strings.NewReader(all), int64(len(all)), []int64{1}, MaxLook); err != nil || len(got) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestFindAmongMany: text that is full of magics costs no more reads than any.
func TestFindAmongMany(t *testing.T) {
	all := []byte(strings.Repeat(string(frameMagic)+"\xff", 1<<20))
	in := &reads{Reader: bytes.NewReader(all)}
	got, err := Find(in, int64(len(all)), []int64{10, 1 << 20, 2 << 20}, MaxLook)
	if err != nil || len(got) > 0 || in.n > 20*chunk {
		t.Errorf("%v, %v, %d bytes read", got, err, in.n)
	}
}

func FuzzFind(f *testing.F) {
	f.Add(append(packed(f, "abc"), packed(f, noise(2000))...), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, from uint16) {
		got, err := Find(bytes.NewReader(b), int64(len(b)), []int64{int64(from)}, MaxLook)
		if err != nil || len(got) > 1 || len(got) == 1 && !bytes.HasPrefix(b[got[0].Off:], frameMagic) {
			t.Errorf("%v, %v", got, err)
		}
	})
}
