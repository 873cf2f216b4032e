package wordcount

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// plain is the twin: what the fast programs must equal, for any bytes.
func plain(text []byte) map[string]int64 {
	counts := map[string]int64{}
	blank := func(r rune) bool { return r <= ' ' }
	for line := range bytes.SplitSeq(text, []byte("\n")) { // short pieces: FieldsFunc would decode, but no rune <= ' ' hides in others
		for _, w := range bytes.FieldsFunc(line, blank) {
			counts[string(w)]++
		}
	}
	return counts
}

func counted(c *Counter) map[string]int64 {
	counts := map[string]int64{}
	c.Each(func(w []byte, n int64) { counts[string(w)] += n })
	return counts
}

func diff(t *testing.T, what string, got, want map[string]int64) {
	t.Helper()
	for w, n := range want {
		if got[w] != n {
			t.Errorf("%s: %.40q counted %d times, want %d", what, w, got[w], n)
			return
		}
	}
	for w, n := range got {
		if want[w] != n {
			t.Errorf("%s: %.40q counted %d times, want %d", what, w, n, want[w])
			return
		}
	}
}

// texts are shapes that a fast tokeniser gets wrong.
func texts() map[string]string {
	r := rand.New(rand.NewPCG(1, 2))
	m := map[string]string{
		"empty":       "",
		"blanks":      strings.Repeat(" \n\t\x00", 30),
		"one":         "a",
		"no newline":  strings.Repeat("word ", 20) + "end",
		"crlf":        strings.Repeat("a bc\r\n", 20),
		"utf-8":       strings.Repeat("häß €uro 日本語 \xff\x80 ", 20),
		"nul":         strings.Repeat("a\x00b ", 20),
		"huge word":   "x " + strings.Repeat("y", 3*readSize) + " x",
		"huge blanks": "x" + strings.Repeat(" ", 3*readSize) + "x",
	}
	var lengths, many, hot strings.Builder
	for n := range 80 {
		lengths.WriteString(strings.Repeat("q", n) + " " + strings.Repeat("q", n) + "  ")
	}
	for i := range 60_000 {
		many.WriteString(strconv.Itoa(i*i) + " ")
		hot.WriteString(strconv.Itoa(int(r.ExpFloat64()*20)) + "\n")
	}
	m["every length"], m["many words"], m["frequent words"] = lengths.String(), many.String(), hot.String()
	return m
}

func TestFastEqualsPlain(t *testing.T) {
	for name, text := range texts() {
		want := plain([]byte(text))
		for _, huge := range []bool{false, true} {
			c := NewCounter(huge)
			if err := c.Read(iotest.HalfReader(strings.NewReader(text))); err != nil {
				t.Fatal(err)
			}
			diff(t, fmt.Sprintf("%s, huge %v", name, huge), counted(c), want)
			c.Close()
		}
	}
}

func TestThreadsEqualPlain(t *testing.T) {
	for name, text := range texts() {
		path := filepath.Join(t.TempDir(), "text")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		chunks := []int{100_000, 1 << 20}
		if len(text) < 10_000 { // borders everywhere in a word
			chunks = []int{1, 2, 3, 7, 16, 17, 64, 1000}
		}
		for _, chunk := range chunks {
			c, err := countFile(path, 3, false, chunk)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, fmt.Sprintf("%s, chunks of %d", name, chunk), counted(c), plain([]byte(text)))
		}
	}
}

func TestNaiveIsWhatTheOthersCount(t *testing.T) {
	for name, text := range texts() {
		if name == "utf-8" || name == "nul" || name == "blanks" {
			continue // the fast programs are for text in ASCII
		}
		got, err := Naive(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		diff(t, name, got, plain([]byte(text)))
	}
}

func TestTableGrows(t *testing.T) {
	tab := newTable(3, &pages{})
	want := map[string]int64{}
	for i := range 5000 {
		w := strconv.Itoa(i % 3000)
		tab.add(keyOf([]byte(w)), keyOf([]byte(w)).hash(), 2)
		want[w] += 2
	}
	got := map[string]int64{}
	var buf [wordSize]byte
	for i := range tab.slots {
		if s := &tab.slots[i]; s.count > 0 {
			got[string(s.bytes(&buf))] = s.count
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("%d words, want %d", len(got), len(want))
	}
}

func TestMergeAndWrite(t *testing.T) {
	a, b := NewCounter(false), NewCounter(false)
	a.Add([]byte("x y a-word-that-is-too-long-for-a-slot"))
	b.Add([]byte("y z a-word-that-is-too-long-for-a-slot"))
	a.Merge(b)
	diff(t, "merged", counted(a), map[string]int64{"x": 1, "y": 2, "z": 1, "a-word-that-is-too-long-for-a-slot": 2})
	var out strings.Builder
	if err := a.Write(&out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n"); got != 4 || !strings.Contains(out.String(), "y\t2\n") {
		t.Errorf("wrote %q", out.String())
	}
	if err := a.Write(failing{}); err == nil {
		t.Error("an error of writing was dropped")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestErrorsOfReadingAreReported(t *testing.T) {
	if err := NewCounter(false).Read(iotest.ErrReader(os.ErrPermission)); err == nil {
		t.Error("an error of reading was dropped")
	}
	if _, err := CountFile(filepath.Join(t.TempDir(), "none"), 1, false); err == nil {
		t.Error("a missing file was counted")
	}
}

func FuzzFastEqualsPlain(f *testing.F) {
	f.Add([]byte("a bb ccc\n dddd\teeeeeeee ffffffffffffffff ggggggggggggggggg"))
	c := NewCounter(false)
	f.Fuzz(func(t *testing.T, text []byte) {
		clear(c.all.slots)
		c.all.used = 0
		clear(c.all.long)
		c.Add(text)
		diff(t, "fuzz", counted(c), plain(text))
	})
}
