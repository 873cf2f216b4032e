package recsort

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// plain is the twin: whole records, sorted stably by comparison.
func plain(records []byte) []byte {
	all := slices.Collect(slices.Chunk(records, Size))
	slices.SortStableFunc(all, func(a, b []byte) int { return bytes.Compare(a[:Key], b[:Key]) })
	return bytes.Join(all, nil)
}

func random(n int, seed uint64, alphabet int) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n*Size)
	for i := range b {
		b[i] = byte(r.IntN(alphabet))
	}
	return b
}

func TestEqualsPlain(t *testing.T) {
	equalPrefix := random(3000, 5, 256)
	for rec := range slices.Chunk(equalPrefix, Size) {
		copy(rec, "same....")
	}
	for name, records := range map[string][]byte{
		"none":         nil,
		"one":          random(1, 1, 256),
		"random":       random(20_000, 2, 256),
		"two bytes":    random(20_000, 3, 2),
		"equal keys":   random(5000, 4, 1),
		"equal prefix": equalPrefix,
		"sorted":       plain(random(1000, 6, 256)),
	} {
		in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(in, records, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := File(in, out); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, plain(records)) {
			t.Errorf("%s: not what a stable sort by comparison gives (%v)", name, err)
		}
	}
}

func TestRefusesBrokenRecords(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(in, make([]byte, Size+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := File(in, in+".out"); err == nil {
		t.Error("a record cut short was sorted")
	}
}

func BenchmarkOrder(b *testing.B) {
	records := random(1_000_000, 7, 256)
	b.SetBytes(int64(len(records)))
	for b.Loop() {
		order(records)
	}
}
