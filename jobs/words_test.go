package jobs

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// sameWords compares Words with strings.Fields, and with Words that is left early.
func sameWords(t *testing.T, s string) {
	t.Helper()
	want := strings.Fields(s)
	if got := slices.Collect(Words(s)); !slices.Equal(got, want) {
		t.Fatalf("words of %q\n got %q\nwant %q", s, got, want)
	}
	for w := range Words(s) {
		if w != want[0] {
			t.Fatalf("the first word of %q is %q, want %q", s, w, want[0])
		}
		break
	}
}

// Every space of Unicode, at every place relative to an 8-byte load, alone and in crowds.
func TestWordsAtEverySpace(t *testing.T) {
	var spaces []string
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.IsSpace(r) {
			spaces = append(spaces, string(r))
		}
	}
	if len(spaces) < 20 {
		t.Fatalf("%d spaces found", len(spaces))
	}
	for _, sp := range spaces {
		for n := range 20 {
			x := strings.Repeat("x", n)
			for _, s := range []string{x + sp, sp + x, x + sp + "y", x + sp + sp + "é" + sp, x + sp[:len(sp)-1], x + sp[:len(sp)-1] + "z"} {
				sameWords(t, s)
			}
		}
	}
}

// Every pair of bytes, so that no byte is taken for another because of its neighbour.
func TestWordsOfEveryPair(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			sameWords(t, "abc"+string([]byte{byte(a), byte(b)})+"def")
		}
	}
}

func TestWordsOfRandomBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	alphabet := []byte{' ', '\t', '\n', 0, 8, 14, 0x1f, 0x21, 'a', 0x80, 0x85, 0xa0, 0xc2, 0xe1, 0x9a, 0xe2, 0x81, 0x9f, 0xe3, 0xaf, 0xff, 0xa8, 0x8a, 0x8b}
	for range 200_000 {
		b := make([]byte, rng.IntN(40))
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		sameWords(t, string(b))
	}
	for range 20_000 {
		var s strings.Builder
		for range rng.IntN(20) {
			s.WriteRune(rune(rng.IntN(0x3100)))
		}
		sameWords(t, s.String())
	}
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"", "a b", "\u2003x\u00a0", "\xe2\xc2\x85", "the quick  brown\tfox\r\n"} {
		f.Add(s)
	}
	f.Fuzz(sameWords)
}

func TestWordsDoNotAllocate(t *testing.T) {
	line := "the quick brown fox jumps over the lazy dog and runs away"
	n := 0
	if a := testing.AllocsPerRun(100, func() {
		for w := range Words(line) {
			n += len(w)
		}
	}); a != 0 {
		t.Errorf("%v allocations a line", a)
	}
}

var sink int

func BenchmarkWords(b *testing.B) {
	lines := map[string]string{
		"ascii": strings.Repeat("the quick brown fox jumps over a lazy dog ", 3),
		"utf8":  strings.Repeat("größe ändert über straße naïve café ", 3),
	}
	for name, line := range lines {
		if !utf8.ValidString(line) {
			b.Fatal(name)
		}
		words := len(strings.Fields(line))
		each := func(b *testing.B, name string, f func()) {
			b.Run(name, func(b *testing.B) {
				b.SetBytes(int64(len(line)))
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*words), "ns/word")
			})
		}
		each(b, name+"/Words", func() {
			for w := range Words(line) {
				sink += len(w)
			}
		})
		each(b, name+"/FieldsSeq", func() {
			for w := range strings.FieldsSeq(line) {
				sink += len(w)
			}
		})
		each(b, name+"/Fields", func() {
			for _, w := range strings.Fields(line) {
				sink += len(w)
			}
		})
	}
}
