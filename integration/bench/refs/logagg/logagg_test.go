package logagg

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/mrctl/mrctl/integration/bench/gen"
)

func sums(t *Table) map[Key]Sums {
	m := map[Key]Sums{}
	t.Each(func(k Key, s Sums) { m[k] = s })
	return m
}

func logs(t testing.TB) []byte {
	path, err := gen.Ensure(t.Context(), t.TempDir(), gen.Spec{Kind: gen.Logs, Size: 5_000_000, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func line(path, status, size string) string {
	return fmt.Sprintf("1.2.3.4 - - [01/Mar/2026:00:00:00 +0000] \"GET %s HTTP/1.1\" %s %s \"-\" \"x\"\n", path, status, size)
}

func TestFastEqualsNaive(t *testing.T) {
	odd := line("/", "200", "-") + line("/", "404", "7") + "\n\"\n" + line("/"+strings.Repeat("long", 1<<20), "200", "1") +
		line("/1234567", "200", "0") + strings.TrimSuffix(line("/12345678", "200", "123456789012"), "\n")
	for name, text := range map[string]string{"generated": string(logs(t)), "odd": odd, "empty": ""} {
		want, err := Naive(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		fast := newTable(4)
		if err := fast.Read(iotest.HalfReader(strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, sums(fast)); d != "" {
			t.Errorf("%s: -naive +fast\n%.2000s", name, d)
		}
	}
}

func TestLinesCutShortAreLeftOut(t *testing.T) {
	whole := line("/p", "200", "1")
	fast := NewTable()
	for i := range strings.Index(whole, " 200 ") + len(" 200 ") {
		fast.line([]byte(whole[:i])) // must not panic
	}
	if got := sums(fast); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestWrite(t *testing.T) {
	fast := NewTable()
	if err := fast.Read(strings.NewReader(line("/a", "200", "5") + line("/a", "200", "6"))); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := fast.Write(&out); err != nil || out.String() != "200\t/a\t2\t11\n" {
		t.Errorf("wrote %q, %v", out.String(), err)
	}
}

func TestErrorsOfReadingAreReported(t *testing.T) {
	if err := NewTable().Read(iotest.ErrReader(os.ErrPermission)); err == nil {
		t.Error("an error of reading was dropped")
	}
}

func BenchmarkFast(b *testing.B) {
	text := logs(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := NewTable().Read(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
